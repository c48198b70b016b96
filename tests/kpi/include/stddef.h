/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stddef.h - sizes, and nothing.
 */
#ifndef TUNTAPD_KPI_STDDEF_H
#define TUNTAPD_KPI_STDDEF_H

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;
#define NULL ((void *)0)
#define offsetof(type, member) __builtin_offsetof(type, member)

#endif
