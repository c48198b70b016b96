/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * samples.h - what the daemon's devices do while somebody watches: looked at again and again, with
 * the rates between two looks and their history.
 *
 * A history belongs to one open of one device, and ends with it.  While no daemon serves, the
 * devices stay as they were last seen: they go on, and the next daemon shows them again.
 */
#ifndef TUNTAPD_CLI_SAMPLES_H
#define TUNTAPD_CLI_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "cli/graph.h"
#include "cli/query.h"
#include "cli/rate.h"
#include "protocol/message.h"

struct sample {
	struct message_device device;
	double seen_s; /* when, CLOCK_MONOTONIC */
	bool rated;    /* there are rates: this open was seen before, too, and a daemon serves */
	struct rate to_program;
	struct rate from_program;
	struct graph to_program_bytes; /* bytes a second; NAN for each look without a daemon */
	struct graph from_program_bytes;
};

struct samples {
	struct query query;
	bool one;             /* only the device id, in the caller's network namespace */
	struct device_id id;
	bool served;          /* a daemon answered at the last look */
	struct timespec time; /* of the last look, CLOCK_REALTIME */
	struct sample *items; /* in the daemon's order */
	size_t count;
};

/* one: NULL for all devices. */
void samples_start(struct samples *s, const char *socket_path, const struct device_id *one);
void samples_end(struct samples *s);

/*
 * Looks once; no answer is waited for longer than timeout_ms.  EXIT_CODE_OK, also where no daemon
 * serves; or the exit status for what waiting will not mend, and query_say(&s->query) says what.
 */
int samples_take(struct samples *s, int timeout_ms);

#endif
