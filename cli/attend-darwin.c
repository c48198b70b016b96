/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attend-darwin.c - programs as children are for pairs of interfaces, which are not written for macOS yet: pairing_make() has failed by
 * then.  See attend.h.
 */
#include "cli/attend.h"

#include <err.h>

#include "cli/exitcode.h"

void
attend_begin(struct attend *a)
{
}

int
attend_start(struct attend *a, const struct program *program, char **argv)
{
	warnx("this is not there on macOS");
	return EXIT_CODE_CANNOT_RUN;
}

void
attend_watch(struct attend *a, void (*after_reap)(void *argument))
{
}

int
attend_status(const struct attend *a, int *ended_by)
{
	*ended_by = 0;
	return EXIT_CODE_CANNOT_RUN;
}

void
attend_end_by_signal(int number)
{
}
