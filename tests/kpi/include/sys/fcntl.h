/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fcntl.h - how a file is open, inside the kernel (XNU bsd/sys/fcntl.h).
 */
#ifndef TUNTAPD_KPI_SYS_FCNTL_H
#define TUNTAPD_KPI_SYS_FCNTL_H

#define FREAD 0x1
#define FWRITE 0x2
#define FNONBLOCK 0x4

#endif
