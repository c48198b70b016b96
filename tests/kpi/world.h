/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h - the fixture of these tests: the extension is loaded; afterwards it is unloaded, and nothing is left.
 *
 * Each test program is linked with one of the two extensions, tun's or tap's, and finds out which.
 */
#ifndef TUNTAPD_TESTS_KPI_WORLD_H
#define TUNTAPD_TESTS_KPI_WORLD_H

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kpi.h"

#define WORLD_MTU 1500

void world_learn_kind(void); /* first of all, in main() */
void world_loaded(void);
void world_unloaded(void);

bool world_is_tap(void);
const char *world_path(unsigned unit); /* "/dev/tap0" */
const char *world_name(unsigned unit); /* "tap0" */

struct kpi_file *world_open(int flags); /* unit 0, for both ways */
struct kpi_file *world_open_up(int flags);

/*
 * A packet of the world's kind: IPv4, of size bytes with its link header, with a number in it; and whether a packet is that one.
 * The part that is the stack's begins at world_link_bytes().
 */
size_t world_link_bytes(void);
void world_packet(uint8_t *packet, size_t size, uint32_t number);
uint32_t world_number(const uint8_t *packet); /* of a packet with its link header */
#define WORLD_LEAST 40 /* bytes of a packet with a number in it */

/* Waits for a condition, at most ten seconds. */
void world_wait(bool (*condition)(void), const char *what);
bool world_somebody_sleeps(void);
bool world_somebody_selects(void);
bool world_nobody_sleeps(void);

/* Errors by name. */
#define ASSERT_FAILS(call, error) \
	do { \
		errno = 0; \
		long result_ = (long)(call); \
		int errno_ = errno; \
		ck_assert_msg(result_ == -1 && errno_ == (error), "%s: %ld, %s; not %s", #call, result_, strerror(errno_), #error); \
	} while (0)

/* A claim of the contract (tests/conformance/rows.txt) and the case that proves it here. */
#define FOR_TUN 1u
#define FOR_TAP 2u
#define FOR_BOTH (FOR_TUN | FOR_TAP)
struct world_case {
	const char *row;
	const TTest **test; /* START_TEST's own variable */
	unsigned kinds;
};
extern const struct world_case world_cases[]; /* ended by a NULL row */

#endif
