/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket.h - addresses (XNU bsd/sys/socket.h).
 */
#ifndef TUNTAPD_KPI_SYS_SOCKET_H
#define TUNTAPD_KPI_SYS_SOCKET_H

#include <sys/types.h>

#define AF_UNSPEC 0
#define AF_INET 2
#define AF_LINK 18
#define AF_INET6 30
#define PF_INET AF_INET
#define PF_INET6 AF_INET6

typedef uint8_t sa_family_t;

struct sockaddr {
	uint8_t sa_len;
	sa_family_t sa_family;
	char sa_data[14];
};

#endif
