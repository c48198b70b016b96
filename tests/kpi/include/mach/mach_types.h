/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mach_types.h - Mach's types: of them, those of kernel extensions.
 */
#ifndef TUNTAPD_KPI_MACH_MACH_TYPES_H
#define TUNTAPD_KPI_MACH_MACH_TYPES_H

#include <mach/kmod.h>

#endif
