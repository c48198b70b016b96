/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worlds.h - fixtures, named for the world they build, whose end asserts that nothing is left.
 */
#ifndef TUNTAPD_TESTS_WORLDS_H
#define TUNTAPD_TESTS_WORLDS_H

#include <check.h>

#include "suite.h"
#include "daemon/device.h"

/* Identity of the daemon's own network namespace in tests. */
#define WORLD_NETNS 4711

/* A directory of its own under $TMPDIR, with its descriptor; the daemon's RUNDIR in tests. */
struct world {
	char dir[64];
	int dir_fd;
	unsigned fds_before;
	struct policy *policy; /* that of the table; may be changed while no device is open */
	struct journal *journal;
	struct netns_table *netns;
	struct devices *devices;
};

extern struct world world;

/* An empty RUNDIR. */
void world_of_a_rundir(void);
/* That, and a table of 16 tun and 16 tap devices, all closed, on the fake link. */
void world_of_closed_devices(void);
/* Ends either: everything is freed; asserts that no descriptor is left open. */
void world_end(void);

/* Forgets the table and makes a new one on the same RUNDIR, as the next daemon does. */
void world_restart_daemon(void);

/* A root peer; attaches a device; fails the test if that fails.  The descriptors are the caller's. */
struct device_attached world_attach(uint8_t kind, uint16_t unit);
/* The same with a chosen peer: returns errno, 0 on success. */
int world_try_attach(uint8_t kind, uint16_t unit, const struct os_peer *peer, uint64_t netns, struct device_attached *out);

/* Number of open descriptors of this process. */
unsigned count_fds(void);

#endif
