/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ioccom.h - how an ioctl's number is made (XNU bsd/sys/ioccom.h).
 */
#ifndef TUNTAPD_KPI_SYS_IOCCOM_H
#define TUNTAPD_KPI_SYS_IOCCOM_H

#include <stdint.h>

#define IOCPARM_MASK 0x1fff
#define IOCPARM_LEN(x) (((x) >> 16) & IOCPARM_MASK)
#define IOC_VOID 0x20000000u
#define IOC_OUT 0x40000000u
#define IOC_IN 0x80000000u
#define IOC_INOUT (IOC_IN | IOC_OUT)
#define _IOC(inout, group, num, len) ((inout) | (((uint32_t)(len) & IOCPARM_MASK) << 16) | ((uint32_t)(group) << 8) | (num))
#define _IOR(g, n, t) _IOC(IOC_OUT, (g), (n), sizeof(t))
#define _IOW(g, n, t) _IOC(IOC_IN, (g), (n), sizeof(t))
#define _IOWR(g, n, t) _IOC(IOC_INOUT, (g), (n), sizeof(t))

#endif
