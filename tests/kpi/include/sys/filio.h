/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filio.h - ioctls of any file (XNU bsd/sys/filio.h).
 */
#ifndef TUNTAPD_KPI_SYS_FILIO_H
#define TUNTAPD_KPI_SYS_FILIO_H

#include <sys/ioccom.h>

#define FIONREAD _IOR('f', 127, int)
#define FIONBIO _IOW('f', 126, int)
#define FIOASYNC _IOW('f', 125, int)

#endif
