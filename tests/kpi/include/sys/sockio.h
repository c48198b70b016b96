/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockio.h - ioctls of interfaces (XNU bsd/sys/sockio.h).
 */
#ifndef TUNTAPD_KPI_SYS_SOCKIO_H
#define TUNTAPD_KPI_SYS_SOCKIO_H

#include <net/if.h>
#include <sys/ioccom.h>

#define SIOCSIFADDR _IOW('i', 12, struct ifreq)
#define SIOCSIFFLAGS _IOW('i', 16, struct ifreq)
#define SIOCDIFADDR _IOW('i', 25, struct ifreq)
#define SIOCAIFADDR _IOW('i', 26, struct ifaliasreq)
#define SIOCADDMULTI _IOW('i', 49, struct ifreq)
#define SIOCDELMULTI _IOW('i', 50, struct ifreq)
#define SIOCSIFMTU _IOW('i', 52, struct ifreq)
#define SIOCSIFLLADDR _IOW('i', 60, struct ifreq)
#define SIOCGIFSTATUS _IOWR('i', 61, struct ifstat)

#endif
