/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-netlink.h - a request to rtnetlink(7): begun, filled, asked.
 */
#ifndef TUNTAPD_TESTS_DARWIN_STANDIN_NETLINK_H
#define TUNTAPD_TESTS_DARWIN_STANDIN_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

struct standin_netlink {
	struct nlmsghdr header;
	char rest[1024];
};

/* type: RTM_*; flags: NLM_F_*, besides those of a request that is answered; fixed: what follows the header (struct ifinfomsg). */
void standin_netlink_begin(struct standin_netlink *m, uint16_t type, uint16_t flags, const void *fixed, size_t bytes);
/* Adds an attribute; one that others go into is ended with what this has returned. */
void *standin_netlink_add(struct standin_netlink *m, uint16_t type, const void *data, size_t bytes);
void standin_netlink_end(struct standin_netlink *m, void *nest);
/* 0, or -1 with errno. */
int standin_netlink_ask(struct standin_netlink *m);

#endif
