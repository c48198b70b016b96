/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * if.h - interfaces (XNU bsd/net/if.h): of what an ioctl carries, the part that a driver reads.
 */
#ifndef TUNTAPD_KPI_NET_IF_H
#define TUNTAPD_KPI_NET_IF_H

#include <sys/socket.h>

#define IFNAMSIZ 16
#define IFSTATMAX 800

#define IFF_UP 0x1
#define IFF_BROADCAST 0x2
#define IFF_POINTOPOINT 0x10
#define IFF_RUNNING 0x40
#define IFF_SIMPLEX 0x800
#define IFF_MULTICAST 0x8000

#pragma pack(4)
struct ifreq {
	char ifr_name[IFNAMSIZ];
	union {
		struct sockaddr ifru_addr;
		short ifru_flags;
		int ifru_mtu;
	} ifr_ifru;
#define ifr_addr ifr_ifru.ifru_addr
#define ifr_flags ifr_ifru.ifru_flags
#define ifr_mtu ifr_ifru.ifru_mtu
};

struct ifaliasreq {
	char ifra_name[IFNAMSIZ];
	struct sockaddr ifra_addr;
	struct sockaddr ifra_broadaddr;
	struct sockaddr ifra_mask;
};

struct ifstat {
	char ifs_name[IFNAMSIZ];
	char ascii[IFSTATMAX + 1];
};
#pragma pack()

#endif
