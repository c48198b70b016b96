/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libkern.h - the kernel's small C library (XNU libkern/libkern/libkern.h).
 */
#ifndef TUNTAPD_KPI_LIBKERN_LIBKERN_H
#define TUNTAPD_KPI_LIBKERN_LIBKERN_H

#include <stddef.h>

int snprintf(char *to, size_t size, const char *format, ...) __attribute__((__format__(__printf__, 3, 4)));
/* The model's goes to its log, since a test's output is its result. */
int kpi_printf(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
#define printf kpi_printf

#endif
