/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uio.h - a read or write call's buffers (XNU bsd/sys/uio.h).
 */
#ifndef TUNTAPD_KPI_SYS_UIO_H
#define TUNTAPD_KPI_SYS_UIO_H

#include <sys/kernel_types.h>

user_ssize_t uio_resid(uio_t uio);
int uiomove(const char *from_or_to, int size, uio_t uio);

#endif
