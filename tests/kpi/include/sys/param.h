/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * param.h - priorities of sleepers (XNU bsd/sys/param.h).
 */
#ifndef TUNTAPD_KPI_SYS_PARAM_H
#define TUNTAPD_KPI_SYS_PARAM_H

#define PZERO 22
#define PCATCH 0x100 /* a signal ends the sleep */
#define PDROP 0x400  /* the mutex is not taken again */

#endif
