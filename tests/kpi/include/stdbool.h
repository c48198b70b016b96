/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stdbool.h - truth.
 */
#ifndef TUNTAPD_KPI_STDBOOL_H
#define TUNTAPD_KPI_STDBOOL_H

#define bool _Bool
#define true 1
#define false 0

#endif
