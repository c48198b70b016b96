/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - the time for deadlines and intervals, which nobody sets: CLOCK_MONOTONIC.  In milliseconds: protocol/monotonic.h.
 */
#ifndef TUNTAPD_CLI_CLOCK_H
#define TUNTAPD_CLI_CLOCK_H

/* Seconds since some moment of its own. */
double clock_now_s(void);

#endif
