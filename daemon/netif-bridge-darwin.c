/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netif-bridge-darwin.c - bridges by the bridge interface's own requests.  See netif.h.
 *
 * Theory of operation.  A bridge is an interface that a name of its family makes, and all else is asked of it by name, with a command in
 * a driver's request.  An interface does not tell which bridge it is in; so all bridges are asked.
 *
 * Members go on with their addresses: what comes for a member's MAC address is the member's, from whichever side, and what the host
 * sends by it goes through the bridge (bridge_input_list, bridge_member_output).  So nothing is moved, and what has given a member its
 * address, a DHCP client or a person, finds it where it was.  For the same reason the bridge has a MAC address of its own, as the kernel
 * makes it, and never a member's: with that, and an address, it would take the member's frames.
 *
 * A bridge forwards once it is RUNNING, which SIOCSIFFLAGS alone makes it.  Its first member gives it the MTU, and another MTU is refused
 * after that; no spanning tree delays anything.
 *
 * An interface that is destroyed has no index any more when the call returns, but leaves its bridge later, in a thread of the kernel's
 * (ifnet_detach, ifnet_detach_final): such a member is none.
 *
 * Sources: XNU bsd/net/if_bridge.c (bridge_clone_create, bridge_ioctl, bridge_ioctl_add, bridge_ioctl_del, BRIDGE_IOCTL_GIFS),
 * bsd/net/dlil.c; bsd/net/if_bridgevar.h, which is private: its layouts are repeated here.
 */
#include "netif.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_media.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sockio.h>

#include "netif-ioctl.h"

/* Numbers of five digits, as for feths (feth.h): the system counts its own from 0 and from 100. */
#define FIRST_NUMBER 10000
/* Members that may have come between two questions. */
#define MORE_MEMBERS 8

/* if_bridgevar.h, packed to 4 bytes. */
#define BRDGADD 0
#define BRDGDEL 1
#define BRDGGIFS 6
#define IFBIF_SPAN 0x8
struct ifbreq {
	char ifsname[IFNAMSIZ];
	uint32_t ifsflags;
	uint32_t stp[2];
	uint8_t port[5];
	uint8_t pad[3];
	uint32_t addresses[3];
	uint8_t pad2[32];
};
struct __attribute__((packed, aligned(4))) ifbifconf {
	uint32_t length; /* bytes */
	struct ifbreq *members;
};

static_assert(sizeof(struct ifbreq) == 80 && sizeof(struct ifbifconf) == 12 && offsetof(struct ifbifconf, members) == 4 &&
    offsetof(struct ifbreq, addresses) == 36, "the kernel's layouts (LP64)");
static_assert(sizeof(struct ifdrv) == 40 && SIOCSDRVSPEC == 0x8028697bul && SIOCGDRVSPEC == 0xc028697bul, "the kernel's numbers (LP64)");
static_assert(sizeof(struct ifmediareq) == 44 && SIOCGIFMEDIA == 0xc02c6938ul && SIOCIFCREATE2 == 0xc020697aul,
    "the kernel's numbers (LP64)");

void
netif_bridge_name(unsigned number, char ifname[MESSAGE_IFNAME_SIZE])
{
	snprintf(ifname, MESSAGE_IFNAME_SIZE, "bridge%u", FIRST_NUMBER + number);
}

bool
netif_is_wireless(struct netif *n, const char *ifname)
{
	struct ifmediareq request = {0};

	memcpy(request.ifm_name, ifname, strnlen(ifname, sizeof(request.ifm_name) - 1));
	return ioctl(netif_socket(n), SIOCGIFMEDIA, &request) == 0 &&
	    (IFM_TYPE(request.ifm_current) == IFM_IEEE80211 || IFM_TYPE(request.ifm_active) == IFM_IEEE80211);
}

static int
ask_bridge(struct netif *n, unsigned long what, const char *bridge, unsigned long command, void *data, size_t bytes)
{
	struct ifdrv request = {.ifd_cmd = command, .ifd_len = bytes, .ifd_data = data};

	memcpy(request.ifd_name, bridge, strnlen(bridge, sizeof(request.ifd_name) - 1));
	return ioctl(netif_socket(n), what, &request);
}

static int
change_member(struct netif *n, const char *bridge, unsigned long command, const char *member)
{
	struct ifbreq request = {0};

	memcpy(request.ifsname, member, strnlen(member, sizeof(request.ifsname) - 1));
	if (ask_bridge(n, SIOCSDRVSPEC, bridge, command, &request, sizeof(request)) == 0) {
		return 0;
	}
	errno = errno == ENOENT || errno == ENXIO ? ENODEV : errno; /* of the member, of the bridge */
	return -1;
}

/* The members of a bridge, in *members, allocated.  How many; -1 with errno. */
static int
read_members(struct netif *n, const char *bridge, struct ifbreq **members)
{
	struct ifbifconf list = {0};

	*members = NULL;
	if (ask_bridge(n, SIOCGDRVSPEC, bridge, BRDGGIFS, &list, sizeof(list)) < 0) {
		return -1;
	}
	list.length += MORE_MEMBERS * (uint32_t)sizeof(struct ifbreq);
	*members = calloc(1, list.length);
	list.members = *members;
	if (*members == NULL || ask_bridge(n, SIOCGDRVSPEC, bridge, BRDGGIFS, &list, sizeof(list)) < 0) {
		return -1;
	}
	return (int)(list.length / sizeof(struct ifbreq));
}

/* The index of a member; 0: it is none, but a copy of what passes goes there, or it is being detached. */
static uint32_t
index_of(const struct ifbreq *member)
{
	char ifname[IFNAMSIZ];

	if ((member->ifsflags & IFBIF_SPAN) != 0) {
		return 0;
	}
	memcpy(ifname, member->ifsname, sizeof(ifname));
	ifname[sizeof(ifname) - 1] = '\0';
	return if_nametoindex(ifname);
}

int
netif_members(struct netif *n, uint32_t master, uint32_t members[], unsigned size)
{
	char bridge[IFNAMSIZ];
	struct ifbreq *list;
	unsigned found = 0;
	int count;

	if (netif_name_of(master, bridge) < 0) {
		return errno == ENODEV ? 0 : -1;
	}
	count = read_members(n, bridge, &list);
	for (int i = 0; i < count; i++) {
		uint32_t ifindex = index_of(&list[i]);

		if (ifindex != 0 && found < size) {
			members[found] = ifindex;
		}
		found += ifindex != 0;
	}
	free(list);
	return count < 0 ? netif_result_of(-1) : (int)found;
}

static bool
is_bridge(const char *ifname)
{
	return strncmp(ifname, "bridge", 6) == 0 && ifname[6] >= '0' && ifname[6] <= '9';
}

static bool
has_member(struct netif *n, const char *bridge, uint32_t ifindex)
{
	struct ifbreq *list;
	bool result = false;
	int count = read_members(n, bridge, &list);

	for (int i = 0; i < count && !result; i++) {
		result = index_of(&list[i]) == ifindex;
	}
	free(list);
	return result;
}

/* The bridge that an interface is in: its index, or 0. */
static uint32_t
find_bridge(struct netif *n, uint32_t ifindex)
{
	struct if_nameindex *all = if_nameindex();
	uint32_t found = 0;

	for (const struct if_nameindex *one = all; one != NULL && one->if_index != 0 && found == 0; one++) {
		if (is_bridge(one->if_name) && has_member(n, one->if_name, ifindex)) {
			found = one->if_index;
		}
	}
	if (all != NULL) {
		if_freenameindex(all);
	}
	return found;
}

uint32_t
netif_master(struct netif *n, const struct netif_status *status)
{
	return find_bridge(n, status->ifindex);
}

int
netif_make_bridge(struct netif *n, const char *ifname, const uint8_t mac[6], uint32_t mtu)
{
	struct ifreq request = netif_request_of(ifname);

	return ioctl(netif_socket(n), SIOCIFCREATE2, &request);
}

int
netif_set_master(struct netif *n, uint32_t ifindex, uint32_t master)
{
	char member[IFNAMSIZ], to[IFNAMSIZ], from[IFNAMSIZ];
	uint32_t now = find_bridge(n, ifindex);
	int saved;

	if (now == master) {
		return 0;
	}
	if (netif_name_of(ifindex, member) < 0 || (master != 0 && netif_name_of(master, to) < 0) ||
	    (now != 0 && (netif_name_of(now, from) < 0 || change_member(n, from, BRDGDEL, member) < 0))) {
		return -1;
	}
	if (master == 0 || change_member(n, to, BRDGADD, member) == 0) {
		return 0;
	}
	saved = errno;
	if (now != 0) {
		(void)change_member(n, from, BRDGADD, member);
	}
	errno = saved;
	return -1;
}

int
netif_move_addresses(struct netif *n, uint32_t from, uint32_t to)
{
	return 0; /* they are used where they are */
}
