/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pairends-linux.c - the two interfaces of a pair, on Linux: veth.  See pairends.h.
 *
 * Sources: drivers/net/veth.c; rtnetlink(7), IFLA_LINK: the index of the other end, in its own namespace.
 */
#include "pairends.h"

#include <errno.h>
#include <string.h>

const bool pairends_of_one_piece = true;

int
pairends_check_name(const struct netns *ns, const char *name)
{
	struct netif_status status;

	if (netif_find(ns->netif, name, &status) == 0) {
		errno = EBUSY;
		return -1;
	}
	return 0;
}

int
pairends_make(struct pair_record *r, struct netns *const ns[2], int (*write)(void *argument), void *argument)
{
	/* The daemon's own namespace, of which it has no descriptor, is the near end's, which needs none. */
	unsigned near = ns[1]->fd < 0 ? 1 : 0;
	struct netif_far_end far = {.netns_fd = ns[0] == ns[1] ? -1 : ns[1 - near]->fd, .mtu = r->mtu, .mac = r->ends[1 - near].mac,
	    .near_mtu = r->mtu, .near_mac = r->ends[near].mac};
	struct netif_status status;

	for (unsigned n = 0; n < 2; n++) {
		memcpy(r->ends[n].ifname, r->ends[n].name, sizeof(r->ends[n].ifname));
	}
	if (write(argument) < 0) {
		return -1;
	}
	memcpy(far.ifname, r->ends[1 - near].ifname, sizeof(far.ifname));
	if (netif_make_pair(ns[near]->netif, r->ends[near].ifname, &far) < 0) {
		errno = errno == EEXIST ? EBUSY : errno;
		return -1;
	}
	for (unsigned n = 0; n < 2; n++) {
		if (netif_find(ns[n]->netif, r->ends[n].ifname, &status) < 0) {
			return -1;
		}
		r->ends[n].ifindex = status.ifindex;
	}
	return 0;
}

bool
pairends_is(const struct pair_record *r, unsigned n, const struct netns *ns, const struct netif_status *status)
{
	const struct pair_end *end = &r->ends[n];

	if (strcmp(status->kind, "veth") != 0) {
		return false;
	}
	if (r->state == PAIR_MAKING) {
		return strcmp(status->ifname, end->ifname) == 0 && status->has_mac && memcmp(status->mac, end->mac, sizeof(end->mac)) == 0;
	}
	/* Of an end that has been moved the index may be another now. */
	return status->ifindex == end->ifindex && (status->far_ifindex == r->ends[1 - n].ifindex || r->ends[1 - n].netns == 0);
}
