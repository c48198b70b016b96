/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vnode.h - flags of a read or write call (XNU bsd/sys/vnode.h).
 */
#ifndef TUNTAPD_KPI_SYS_VNODE_H
#define TUNTAPD_KPI_SYS_VNODE_H

#define IO_NDELAY 0x0010

#endif
