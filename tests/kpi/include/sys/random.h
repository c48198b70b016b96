/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.h - random bytes (XNU bsd/sys/random.h).
 */
#ifndef TUNTAPD_KPI_SYS_RANDOM_H
#define TUNTAPD_KPI_SYS_RANDOM_H

#include <sys/types.h>

void read_random(void *buffer, u_int size);

#endif
