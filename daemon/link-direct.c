/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link-direct.c - the part of a direct link that does not depend on its driver.  See link-direct.h.
 */
#include "link-direct.h"

#include <errno.h>
#include <fcntl.h>

#include "log.h"

int
link_direct_read(struct link *l, struct netif_status *status)
{
	return netif_read(l->netns->netif, NULL, l->ifindex, true, status);
}

int
link_direct_set_up(struct link *l)
{
	return netif_set_up(l->netns->netif, l->ifindex, true);
}

void
link_direct_take_down(struct link *l)
{
	if (l->ifindex != 0 && netif_set_up(l->netns->netif, l->ifindex, false) < 0 && errno != ENODEV) {
		log_warn("%s: taking the interface down", l->ifname);
	}
	l->ifindex = 0;
}

int
link_direct_open_flags(const struct link_open *how)
{
	int access = how->access == MESSAGE_ACCESS_READ ? O_RDONLY : how->access == MESSAGE_ACCESS_WRITE ? O_WRONLY : O_RDWR;

	return access | O_CLOEXEC | (how->nonblock ? O_NONBLOCK : 0);
}
