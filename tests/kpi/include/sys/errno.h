/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errno.h - errors (XNU bsd/sys/errno.h): Darwin's numbers.
 */
#ifndef TUNTAPD_KPI_SYS_ERRNO_H
#define TUNTAPD_KPI_SYS_ERRNO_H

#define EPERM 1
#define ENOENT 2
#define EINTR 4
#define EIO 5
#define ENXIO 6
#define EBADF 9
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define ENODEV 19
#define EINVAL 22
#define ENOTTY 25
#define EAGAIN 35
#define EWOULDBLOCK EAGAIN
#define EMSGSIZE 40
#define EPROTONOSUPPORT 43
#define ENOTSUP 45
#define EAFNOSUPPORT 47
#define EADDRNOTAVAIL 49
#define ENETDOWN 50
#define ENOBUFS 55
#define ETIMEDOUT 60
#define EHOSTDOWN 64
#define EOPNOTSUPP 102
#define ERESTART (-1)    /* the call begins again */
#define EJUSTRETURN (-2) /* no error, and nothing more to do */

#endif
