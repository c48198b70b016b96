/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link-veth.c - tun and tap devices by a pair of joined interfaces, relayed.
 *
 * Theory of operation.  The near end of a veth pair is the device's interface, in the opener's network namespace.  A relay
 * (relay.c) moves frames at the far end, which is in a namespace of its own that holds nothing else and that nobody but the relay is
 * in.  So the host's own stack, which would answer and duplicate what it hears at the far end, never hears it; nobody sees or deletes
 * the far end by mistake; and the kernel takes the pair away with the relay, whoever serves or does not.
 *
 * The far end's MTU is the largest there is, for good.  The kernel judges a frame by the MTU of the end that receives it, so toward the
 * program the far end must take what the near end may send, and from the program the near end's own MTU decides; a far end that followed
 * would be late, and lose frames of the new size.
 *
 * A tun's interface is Ethernet, too, and its relay keeps that from the program (ethertun.h).  It uses no ARP: so the kernel sends at once
 * whatever goes through it, as through a tun, asks nobody who has an address, and does not wait for a new IPv6 address of its own to
 * be found free (measured: with ARP 1 to 2 seconds).  Its MAC address is chosen here, so that the relay knows it before the first frame.
 * What Ethernet cannot hide: the interface has a MAC address and says BROADCAST, where a tun would say POINTOPOINT.
 *
 * A persistent pair's far end is in a namespace that a process holds which does nothing else (keeper.c); relays come into it, and it is
 * found by the number that the near end's namespace has for it.  While no relay is there the far end is down, so the near end has no
 * carrier.  It comes up before the relay is there, since no port can be opened on an interface that is down: what the kernel sends until
 * the relay listens, before the program has its device, is lost.
 *
 * Offloads are off at both ends: a program must see whole frames with their checksums done, not what a card would have finished.
 *
 * Sources: drivers/net/veth.c (veth_newlink, veth_xmit; is_skb_forwardable in net/core/dev.c), ethtool.h, rtnetlink(7); IFF_NOARP:
 * netdevice(7).
 */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keeper.h"
#include "link-relayed.h"
#include "log.h"
#include "mac.h"
#include "os.h"
#include "protocol/sys.h"
#include "relays.h"

#define FAR_IFNAME KEEPER_IFNAME
/* More than there are devices. */
#define NAME_NUMBERS_MAX (2 * DEVICE_PLACES_MAX)
#define FAR_MTU 65535 /* ETH_MAX_MTU */

/* What one end of a pair knows of the other. */
struct end {
	struct netif *netif; /* of its namespace */
	struct netif_status status; /* its own */
};

static const char *
veth_unavailable(void)
{
	int ns = os_netns_make();

	if (ns >= 0) {
		close(ns);
		return NULL;
	}
	return "the veth link needs the right to make network namespaces (CAP_SYS_ADMIN): start tuntapd as root, or use the link \"linux\"";
}

/* Whatever a kernel cannot switch off it does not have. */
static void
switch_offloads_off(int sock, const char *ifname)
{
	static const uint32_t commands[] = {ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct ethtool_value value = {.cmd = commands[i]};
		struct ifreq request = {0};

		snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
		request.ifr_data = (void *)&value;
		(void)ioctl(sock, SIOCETHTOOL, &request);
	}
}

/* In a namespace: a socket to configure interfaces there; -1 with errno. */
static int
socket_in(int ns)
{
	int back, sock;

	if (os_netns_enter(ns, &back) < 0) {
		return -1;
	}
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0) {
		sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* a kernel without IPv4 */
	}
	os_netns_leave(back);
	return sock;
}

/* The stack of the far end's namespace must not say a word.  Without IPv6, or where /proc is read-only, there is nothing to do. */
static void
silence_ipv6(int ns)
{
	static const char path[] = "/proc/sys/net/ipv6/conf/" FAR_IFNAME "/disable_ipv6";
	int back, fd;

	if (os_netns_enter(ns, &back) < 0) {
		return;
	}
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "1", 1);
		close(fd);
	}
	os_netns_leave(back);
}

static int
set_far_end(int ns, bool up)
{
	struct ifreq request = {.ifr_name = FAR_IFNAME};
	int sock = socket_in(ns), result, saved;

	if (sock < 0) {
		return -1;
	}
	silence_ipv6(ns);
	switch_offloads_off(sock, FAR_IFNAME);
	/* No ARP and no multicast of its own; what a frame's address is does not matter to who listens at the port. */
	request.ifr_flags = (short)((up ? IFF_UP : 0) | IFF_NOARP | IFF_BROADCAST);
	result = ioctl(sock, SIOCSIFFLAGS, &request);
	saved = errno;
	close(sock);
	errno = saved;
	return result;
}

static int
use_no_arp(int sock, const char *ifname)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", ifname);
	if (ioctl(sock, SIOCGIFFLAGS, &request) < 0) {
		return -1;
	}
	request.ifr_flags |= IFF_NOARP;
	return ioctl(sock, SIOCSIFFLAGS, &request);
}

static int
set_up_near_end(const struct link *l)
{
	int sock = socket_in(l->netns->fd), result;

	if (sock < 0) {
		return -1;
	}
	switch_offloads_off(sock, l->ifname);
	result = l->id.kind == DEVICE_TUN ? use_no_arp(sock, l->ifname) : 0;
	sys_close(sock);
	return result;
}

/* A pair whose near end has the name that is wanted, or the first free one of those that the linux link takes, too. */
static int
make_named_pair(struct link *l, const struct link_open *how, const struct netif_far_end *far)
{
	int result = -1;

	if (!how->kernel_name) {
		return netif_make_pair(l->netns->netif, l->ifname, far);
	}
	for (unsigned number = 0; number < NAME_NUMBERS_MAX; number++) {
		snprintf(l->ifname, sizeof(l->ifname), "ttd%u", number);
		result = netif_make_pair(l->netns->netif, l->ifname, far);
		if (result == 0 || errno != EEXIST) {
			break;
		}
	}
	return result;
}

/* The pair, with the far end ready in namespace ns; mac: of the near end, NULL: any.  0, or -1 with errno, and there is none. */
static int
make_pair(struct link *l, const struct link_open *how, int ns, const uint8_t *mac, struct netif_status *status)
{
	struct netif_far_end far = {.netns_fd = ns, .mtu = FAR_MTU, .ifname = FAR_IFNAME, .near_mac = mac};

	if (make_named_pair(l, how, &far) < 0) {
		errno = errno == EEXIST ? EBUSY : errno == EOPNOTSUPP ? ENXIO : errno;
		return -1;
	}
	if (netif_find(l->netns->netif, l->ifname, status) < 0) {
		return -1; /* taken away, or renamed, by somebody: with its namespace it goes */
	}
	l->ifindex = status->ifindex;
	return set_up_near_end(l) < 0 ? -1 : set_far_end(ns, !how->keep);
}

static void
veth_close(struct link *l)
{
	if (l->ifindex != 0 && netif_delete(l->netns->netif, l->ifindex) < 0 && errno != ENODEV) {
		log_warn("%s: taking the interface away", l->ifname);
	}
	l->ifindex = 0;
	link_relayed_end(l);
}

static bool
is_other_end(int ns, void *argument)
{
	const struct end *e = argument;
	int32_t number;

	return netif_peer_number(e->netif, ns, &number) == 0 && number == e->status.far_netns;
}

/* The namespace of a persistent pair's far end, and what the near end is now.  A descriptor, or -1 with errno. */
static int
open_far_namespace(const struct link *l, struct netif_status *status)
{
	struct end near = {.netif = l->netns->netif};
	uint64_t id;
	int ns = -1;

	if (netif_read(near.netif, NULL, l->ifindex, false, &near.status) < 0) {
		return -1;
	}
	if (near.status.far_netns >= 0) {
		ns = os_netns_search_by(is_other_end, &near, l->keeper, &id);
	}
	if (ns < 0) {
		log_warnx("%s: the process that keeps its far end cannot be found, or not be looked into (CAP_SYS_PTRACE)", l->ifname);
		errno = ENXIO;
		return -1;
	}
	*status = near.status;
	return ns;
}

static void
veth_leave(struct link *l)
{
	struct netif_status status;
	int saved = errno, ns;

	link_relayed_end(l);
	ns = open_far_namespace(l, &status);
	if (ns >= 0) {
		(void)set_far_end(ns, false);
		close(ns);
	}
	errno = saved;
}

/* What is open's own: a fresh pair, or the one that is there.  The far end's namespace, or -1 with errno; mac: the near end's, of a tun. */
static int
get_pair(struct link *l, const struct link_open *how, uint8_t mac[ETHERTUN_MAC_BYTES], struct netif_status *status)
{
	bool is_tun = l->id.kind == DEVICE_TUN;
	int ns, result;

	if (how->join) {
		ns = open_far_namespace(l, status);
		result = ns < 0 ? -1 : set_far_end(ns, true);
		if (result == 0) {
			memcpy(mac, status->mac, sizeof(status->mac));
		}
	} else {
		ns = os_netns_make();
		errno = errno == EPERM ? ENXIO : errno;
		result = ns < 0 || (is_tun && mac_make_random(mac) < 0) ? -1 : make_pair(l, how, ns, is_tun ? mac : NULL, status);
	}
	if (result < 0 && ns >= 0) {
		sys_close(ns);
	}
	return result < 0 ? -1 : ns;
}

static int
veth_open(struct link *l, const struct link_open *how, int *channel, struct netif_status *status)
{
	struct relays_start start = {
		.place = l->place, .kind = l->id.kind, .open_number = l->open_number, .netns_fd = l->netns->fd,
		.port_ifname = FAR_IFNAME, .access = how->access, .nonblock = how->nonblock,
	};
	int saved;

	start.port_netns_fd = get_pair(l, how, start.mac, status);
	if (start.port_netns_fd >= 0 && how->keep) {
		*channel = start.port_netns_fd; /* with which it would go */
		return 0;
	}
	start.ifindex = l->ifindex;
	if (start.port_netns_fd < 0 || relays_start(l->relays, &start, &l->relay) < 0) {
		saved = errno;
		l->relay.pid = 0;
		if (!how->join) {
			veth_close(l);
		}
		if (start.port_netns_fd >= 0) {
			close(start.port_netns_fd);
		}
		errno = saved;
		return -1;
	}
	/* The relay's, or the keeper's, from here on. */
	close(start.port_netns_fd);
	*channel = -1;
	return 0;
}

static int
veth_keep(struct link *l, int channel)
{
	int root = relays_open_root(l->relays), result;

	if (root < 0) {
		return -1;
	}
	result = keeper_start(root, channel, &l->keeper);
	sys_close(root);
	return result;
}

static int
veth_adopt(struct link *l, struct netif_status *status)
{
	if (relays_adopt(l->relays, l->place, &l->relay) < 0) {
		l->relay.pid = 0;
	}
	if (l->relay.pid == 0 && !l->kept) {
		errno = ENODEV;
		return -1;
	}
	if (link_relayed_read(l, status) < 0) {
		return -1;
	}
	if (strcmp(status->kind, "veth") != 0) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

/* The port is joined to the interface, and its namespace has a number for the interface's. */
static int
veth_find(struct link *l, pid_t holder, struct link_place *where)
{
	int port_ns = l->relay.pid != 0 ? os_process_netns(l->relay.pid) : -1;
	struct end far = {.netif = port_ns >= 0 ? netif_new(port_ns) : NULL};

	where->netns_fd = -1;
	if (far.netif != NULL && netif_read(far.netif, FAR_IFNAME, 0, false, &far.status) == 0 && far.status.far_netns >= 0) {
		where->ifindex = far.status.far_ifindex;
		where->netns_fd = os_netns_search_by(is_other_end, &far, holder, &where->netns);
	}
	if (where->netns_fd >= 0 && l->netns != NULL && where->netns == l->netns->id) {
		close(where->netns_fd);
		where->netns_fd = -1;
	}
	netif_free(far.netif);
	if (port_ns >= 0) {
		close(port_ns);
	}
	errno = ENOENT;
	return where->netns_fd >= 0 ? 0 : -1;
}

static int
veth_set_up(struct link *l)
{
	return netif_set_up(l->netns->netif, l->ifindex, true);
}

const struct link_ops link_veth = {
	.name = "veth",
	.kinds = 1u << DEVICE_TUN | 1u << DEVICE_TAP,
	.channel = CHANNEL_RELAYED,
	.unavailable = veth_unavailable,
	.open = veth_open,
	.keep = veth_keep,
	.leave = veth_leave,
	.adopt = veth_adopt,
	.read = link_relayed_read,
	.find = veth_find,
	.look = link_relayed_look,
	.set_up = veth_set_up,
	.prove = link_relayed_prove,
	.close = veth_close,
};
