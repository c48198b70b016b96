/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * in6_var.h - IPv6 addresses of interfaces, for a compiler whose copy of Apple's headers lacks this one.
 *
 * Sources: bsd/netinet6/in6_var.h of XNU.  On a Mac the system's own comes first.
 */
#ifndef TUNTAPD_TESTS_DARWIN_IN6_VAR_H
#define TUNTAPD_TESTS_DARWIN_IN6_VAR_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/ioccom.h>
#include <time.h>

struct in6_addrlifetime {
	time_t ia6t_expire;
	time_t ia6t_preferred;
	uint32_t ia6t_vltime;
	uint32_t ia6t_pltime;
};

struct in6_aliasreq {
	char ifra_name[IFNAMSIZ];
	struct sockaddr_in6 ifra_addr;
	struct sockaddr_in6 ifra_dstaddr;
	struct sockaddr_in6 ifra_prefixmask;
	int ifra_flags;
	struct in6_addrlifetime ifra_lifetime;
};

#define SIOCAIFADDR_IN6 _IOW('i', 26, struct in6_aliasreq)

#endif
