/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - the time for deadlines and intervals, which nobody sets: CLOCK_MONOTONIC.
 */
#ifndef TUNTAPD_CLI_CLOCK_H
#define TUNTAPD_CLI_CLOCK_H

#include <stdint.h>

/* Since some moment of its own: seconds; whole milliseconds. */
double clock_now_s(void);
int64_t clock_now_ms(void);

#endif
