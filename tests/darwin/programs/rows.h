/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.h - how the programs that look at a system row by row say what they find: in TAP.
 */
#ifndef TUNTAPD_TESTS_DARWIN_ROWS_H
#define TUNTAPD_TESTS_DARWIN_ROWS_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

static int rows, failures;

static void
row(const char *text, bool holds)
{
	printf("%sok %d - %s\n", holds ? "" : "not ", ++rows, text);
	fflush(stdout);
	failures += !holds;
}

/* Whether a call has failed, and with that errno; says what else it did. */
static bool
fails(long result, int error)
{
	if (result == -1 && errno == error) {
		return true;
	}
	printf("# result %ld, errno %d, not %d\n", result, errno, error);
	return false;
}

#endif
