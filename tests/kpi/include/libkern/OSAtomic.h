/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * OSAtomic.h - counters that need no lock (XNU libkern/libkern/OSAtomic.h).
 */
#ifndef TUNTAPD_KPI_LIBKERN_OSATOMIC_H
#define TUNTAPD_KPI_LIBKERN_OSATOMIC_H

#include <stdint.h>

typedef int32_t SInt32;

/* All give the value from before. */
SInt32 OSIncrementAtomic(volatile SInt32 *address);
SInt32 OSDecrementAtomic(volatile SInt32 *address);
SInt32 OSAddAtomic(SInt32 amount, volatile SInt32 *address);

#endif
