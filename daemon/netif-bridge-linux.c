/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netif-bridge-linux.c - what of bridges needs no rtnetlink.  See netif.h.
 *
 * Which interfaces are wireless stands in sysfs alone: linux/if_arp.h has one type for all Ethernet.
 */
#include "netif.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSFS_NET "/sys/class/net"

void
netif_bridge_name(unsigned number, char ifname[MESSAGE_IFNAME_SIZE])
{
	snprintf(ifname, MESSAGE_IFNAME_SIZE, "ttdbr%u", number);
}

bool
netif_is_wireless_at(int sysfs, const char *ifname)
{
	static const char *const signs[] = {"wireless", "phy80211"};
	char path[MESSAGE_IFNAME_SIZE + 16];
	struct stat st;

	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", ifname, signs[i]);
		if (fstatat(sysfs, path, &st, 0) == 0) {
			return true;
		}
	}
	return false;
}

bool
netif_is_wireless(struct netif *n, const char *ifname)
{
	int sysfs = open(SYSFS_NET, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool result;

	if (sysfs < 0) {
		return false; /* the kernel's own refusal is what is left */
	}
	result = netif_is_wireless_at(sysfs, ifname);
	close(sysfs);
	return result;
}

uint32_t
netif_master(struct netif *n, const struct netif_status *status)
{
	return status->master;
}
