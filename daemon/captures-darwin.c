/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * captures-darwin.c - captures are not written for macOS yet, and say so.  See captures.h and capture.h.
 */
#include "captures.h"

#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>

#include "capture.h"
#include "log.h"

struct captures {
	int unused;
};

struct captures *
captures_new(struct event_base *base, int rundir)
{
	return calloc(1, sizeof(struct captures));
}

void
captures_free(struct captures *c)
{
	free(c);
}

int
captures_start(struct captures *c, const struct captures_start *how, int *client, uint32_t *linktype)
{
	errno = EOPNOTSUPP;
	return -1;
}

int
capture_run(void)
{
	log_errorx("captures are not there on macOS");
	return EX_UNAVAILABLE;
}
