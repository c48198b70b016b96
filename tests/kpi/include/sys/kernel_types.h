/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel_types.h - the kernel's objects, whose insides a kernel extension does not see (XNU bsd/sys/kernel_types.h).
 */
#ifndef TUNTAPD_KPI_SYS_KERNEL_TYPES_H
#define TUNTAPD_KPI_SYS_KERNEL_TYPES_H

#include <sys/types.h>

struct ifnet;
struct ifaddr;
struct mbuf;
struct proc;
struct uio;

typedef struct ifnet *ifnet_t;
typedef struct ifaddr *ifaddr_t;
typedef struct mbuf *mbuf_t;
typedef struct proc *proc_t;
typedef struct uio *uio_t;

#endif
