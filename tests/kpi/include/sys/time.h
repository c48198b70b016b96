/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * time.h - a span of time.
 */
#ifndef TUNTAPD_KPI_SYS_TIME_H
#define TUNTAPD_KPI_SYS_TIME_H

#include <sys/types.h>

struct timespec {
	long tv_sec;
	long tv_nsec;
};

#endif
