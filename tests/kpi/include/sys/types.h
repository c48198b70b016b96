/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types.h - the kernel's plain types (XNU bsd/sys/types.h, bsd/sys/_types).
 */
#ifndef TUNTAPD_KPI_SYS_TYPES_H
#define TUNTAPD_KPI_SYS_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef unsigned long u_long;
typedef uint8_t u_int8_t;
typedef uint16_t u_int16_t;
typedef uint32_t u_int32_t;
typedef uint64_t u_int64_t;
typedef char *caddr_t;
typedef int32_t dev_t;
typedef int32_t pid_t;
typedef uint32_t uid_t;
typedef uint32_t gid_t;
typedef long ssize_t;
typedef int errno_t;
typedef uint64_t user_addr_t;
typedef uint64_t user_size_t;
typedef int64_t user_ssize_t;

#define major(x) ((int32_t)(((uint32_t)(x) >> 24) & 0xff))
#define minor(x) ((int32_t)((x) & 0xffffff))
#define makedev(x, y) ((dev_t)(((uint32_t)(x) << 24) | (uint32_t)(y)))

#endif
