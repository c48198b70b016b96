/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.c - see clock.h.
 */
#include "clock.h"

#include <time.h>

double
clock_now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
