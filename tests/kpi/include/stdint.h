/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stdint.h - integers of fixed width, as the compiler names them.
 */
#ifndef TUNTAPD_KPI_STDINT_H
#define TUNTAPD_KPI_STDINT_H

typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __INTPTR_TYPE__ intptr_t;
typedef __UINTPTR_TYPE__ uintptr_t;

#ifndef __UINT64_C
#define __UINT64_C(c) c##UL
#endif
#define UINT64_C(c) __UINT64_C(c)

#endif
