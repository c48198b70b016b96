/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * if_dl.h - an address of the link's (XNU bsd/net/if_dl.h).
 */
#ifndef TUNTAPD_KPI_NET_IF_DL_H
#define TUNTAPD_KPI_NET_IF_DL_H

#include <sys/types.h>

struct sockaddr_dl {
	u_char sdl_len;
	u_char sdl_family;
	u_short sdl_index;
	u_char sdl_type;
	u_char sdl_nlen;
	u_char sdl_alen;
	u_char sdl_slen;
	char sdl_data[12];
};

#define LLADDR(s) ((s)->sdl_data + (s)->sdl_nlen)

#endif
