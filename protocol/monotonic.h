/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * monotonic.h - how time passes, for deadlines and intervals: clock_gettime(2), CLOCK_MONOTONIC, which nobody sets.
 */
#ifndef TUNTAPD_PROTOCOL_MONOTONIC_H
#define TUNTAPD_PROTOCOL_MONOTONIC_H

#include <stdint.h>
#include <time.h>

static inline int64_t
monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
