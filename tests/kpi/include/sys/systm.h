/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * systm.h - what has no other place (XNU bsd/sys/systm.h).
 */
#ifndef TUNTAPD_KPI_SYS_SYSTM_H
#define TUNTAPD_KPI_SYS_SYSTM_H

#include <sys/types.h>

int copyout(const void *from, user_addr_t to, size_t size);

#endif
