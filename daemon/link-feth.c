/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link-feth.c - tap devices of macOS, and tun devices where utun is not wanted, by a pair of fake Ethernet interfaces, relayed.
 *
 * Theory of operation.  Two feth interfaces that are each other's peer are a cable.  The near end is the device's interface; at the
 * far end a relay (relay.c) moves frames: it reads them with libpcap and sends them past BPF's limits (port-ndrv.c).  Nothing checks
 * that the end which receives is up; that the program's interface is down, the shim says.
 *
 * The far end is up, as the kernel wants of who sends, and its MTU is the largest, for good: toward the program the near end's own MTU
 * decides, and from it the shim's check.  The host's stack hears what arrives at the far end, but it has no address there.
 *
 * A tun's relay keeps Ethernet from the program (ethertun.h).  Here the interface asks for its neighbours, and the relay answers: with
 * IFF_NOARP the kernel would not ask, and not send either (bsd/netinet/in_arp.c arp_lookup_ip).
 *
 * Names.  feth interfaces outlive whoever made them, until they are destroyed or the machine starts anew, and the kernel does not take
 * them away with the relay: so that is done when the relay ends, and by the next daemon for a relay that ended while none served.  Which
 * numbers are ours, feth.h says; they are taken in turn, by the number of this open.  A pair is announced before it is made, since a
 * daemon that is killed in between leaves nobody else who knows of it.
 *
 * A persistent interface is a near end without a peer: so it has no active medium, and what the kernel sends is gone.  An open makes
 * the far end its peer, and the far end anew if somebody has destroyed it.
 *
 * Sources: XNU bsd/net/if_fake.c (feth_output_common).
 */
#include "link.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "feth.h"
#include "link-relayed.h"
#include "log.h"
#include "mac.h"
#include "protocol/sys.h"

static const char *
feth_unavailable(void)
{
	return NULL; /* part of every kernel since macOS 10.13 */
}

static void
destroy_pair(int sock, const char *near)
{
	char far[IFNAMSIZ];
	int saved = errno;

	if (feth_far_name(&feth_of_links, near, far)) {
		(void)feth_destroy(sock, near);
		(void)feth_destroy(sock, far);
	}
	errno = saved;
}

/* Of a link that makes a pair. */
struct announcement {
	const struct link_open *how;
	const struct link *link;
};

static int
announce(void *argument)
{
	const struct announcement *a = argument;

	return a->how->announce(a->how->argument, a->link);
}

/* The two ends are a cable, whose far end is ready. */
static int
join_ends(int sock, const char *near, const char *far)
{
	return feth_join(sock, near, far) < 0 || feth_set_mtu(sock, far, 0) < 0 || feth_bring_up(sock, far) < 0 ? -1 : 0;
}

static int
read_mac(const struct link *l, uint32_t ifindex, uint8_t *mac)
{
	struct netif_status near;

	if (netif_read(l->netns->netif, NULL, ifindex, false, &near) < 0 || !near.has_mac) {
		errno = ENXIO;
		return -1;
	}
	memcpy(mac, near.mac, sizeof(near.mac));
	return 0;
}

/* The pair, with its far end ready.  mac: a tun's is told its near end's; NULL: not.  0, or -1 with errno, and there is none. */
static int
make_pair(int sock, struct link *l, const struct link_open *how, char far[IFNAMSIZ], uint8_t *mac, struct netif_status *status)
{
	struct announcement announcement = {.how = how, .link = l};
	uint8_t fresh[6];

	if (feth_create_free(sock, &feth_of_links, l->open_number, l->ifname, far, announce, &announcement) < 0) {
		return -1;
	}
	if (join_ends(sock, l->ifname, far) < 0 || mac_make_random(fresh) < 0 || netif_find(l->netns->netif, l->ifname, status) < 0 ||
	    netif_set_mac(l->netns->netif, status->ifindex, fresh) < 0) {
		log_warn("%s: setting it up", l->ifname);
		destroy_pair(sock, l->ifname);
		errno = errno == EBUSY ? ENXIO : errno; /* it was a number that is free */
		return -1;
	}
	if (mac != NULL && read_mac(l, status->ifindex, mac) < 0) {
		destroy_pair(sock, l->ifname);
		return -1;
	}
	l->ifindex = status->ifindex;
	return 0;
}

/* The same for a near end that is there, and stays after an error. */
static int
join_pair(int sock, struct link *l, char far[IFNAMSIZ], uint8_t *mac, struct netif_status *status)
{
	if (!feth_far_name(&feth_of_links, l->ifname, far) || netif_find(l->netns->netif, l->ifname, status) < 0 ||
	    status->ifindex != l->ifindex) {
		errno = ENODEV; /* gone, or another of that name */
		return -1;
	}
	if (feth_create(sock, NULL, far) < 0 && errno != EEXIST) {
		return -1;
	}
	(void)feth_join(sock, l->ifname, "");
	return join_ends(sock, l->ifname, far) < 0 || (mac != NULL && read_mac(l, l->ifindex, mac) < 0) ? -1 : 0;
}

/* Takes the pair away, whoever made it: the name says that it is one of ours. */
static void
feth_after_relay(struct link *l)
{
	int sock = feth_socket();

	if (sock < 0) {
		log_warn("%s: taking the interface away", l->ifname);
		return;
	}
	destroy_pair(sock, l->ifname);
	close(sock);
}

/*
 * Somebody has destroyed the near end.  The far one is there still, and a relay that hears nothing and sends to nobody: the program is told
 * by its end.
 */
static void
feth_after_interface(struct link *l)
{
	char far[IFNAMSIZ];
	int sock = feth_socket();

	link_relayed_end(l);
	if (sock < 0) {
		log_warn("%s: taking its far end away", l->ifname);
		return;
	}
	if (feth_far_name(&feth_of_links, l->ifname, far)) {
		(void)feth_destroy(sock, far);
	}
	close(sock);
}

static void
feth_leave(struct link *l)
{
	int saved = errno, sock;

	link_relayed_end(l);
	sock = feth_socket();
	if (sock >= 0) {
		(void)feth_join(sock, l->ifname, "");
		close(sock);
	}
	errno = saved;
}

/* Nothing takes a feth away but who destroys it. */
static int
feth_keep(struct link *l, int channel)
{
	feth_leave(l);
	return 0;
}

static void
feth_close(struct link *l)
{
	if (l->ifindex != 0) {
		feth_after_relay(l);
	}
	l->ifindex = 0;
	link_relayed_end(l);
}

static int
feth_open(struct link *l, const struct link_open *how, int *channel, struct netif_status *status)
{
	char far[IFNAMSIZ];
	struct relays_start start = {
		.place = l->place, .kind = l->id.kind, .open_number = l->open_number, .netns_fd = -1, .port_netns_fd = -1,
		.port_ifname = far, .access = how->access, .nonblock = how->nonblock,
	};
	int sock, saved, result;
	uint8_t *mac;

	if (how->given_fd >= 0) {
		errno = EINVAL;
		return -1;
	}
	sock = feth_socket();
	if (sock < 0) {
		return -1;
	}
	mac = l->id.kind == DEVICE_TUN ? start.mac : NULL;
	result = how->join ? join_pair(sock, l, far, mac, status) : make_pair(sock, l, how, far, mac, status);
	sys_close(sock);
	if (result < 0) {
		/* What the kernel thinks of one of our own requests is nothing that the program has asked for. */
		errno = errno == EBUSY || errno == ENOMEM || errno == EMFILE || errno == ENFILE ? errno : ENXIO;
		return -1;
	}
	start.ifindex = l->ifindex;
	*channel = -1;
	if (!how->keep && relays_start(l->relays, &start, &l->relay) < 0) {
		saved = errno;
		l->relay.pid = 0;
		if (!how->join) {
			feth_close(l);
		}
		errno = saved;
		return -1;
	}
	return 0;
}

static int
feth_adopt(struct link *l, struct netif_status *status)
{
	char far[IFNAMSIZ];
	bool is_there = link_relayed_read(l, status) == 0 && strcmp(status->ifname, l->ifname) == 0;

	if (!feth_far_name(&feth_of_links, l->ifname, far)) {
		errno = ENODEV;
		return -1;
	}
	if (relays_adopt(l->relays, l->place, &l->relay) < 0) {
		l->relay.pid = 0;
	}
	if (is_there && (l->relay.pid != 0 || l->kept)) {
		return 0;
	}
	/* One of the two ended while no daemon served. */
	if (is_there) {
		feth_after_relay(l);
	} else {
		feth_after_interface(l);
	}
	errno = ENODEV;
	return -1;
}

static int
feth_set_up(struct link *l)
{
	/* Also where an address has set UP alone: RUNNING, without which there is no ARP, comes with this call. */
	return netif_set_up(l->netns->netif, l->ifindex, true);
}

const struct link_ops link_feth = {
	.name = "feth",
	.kinds = 1u << DEVICE_TUN | 1u << DEVICE_TAP,
	.channel = CHANNEL_RELAYED,
	.unavailable = feth_unavailable,
	.open = feth_open,
	.keep = feth_keep,
	.leave = feth_leave,
	.adopt = feth_adopt,
	.read = link_relayed_read,
	.look = link_relayed_look,
	.set_up = feth_set_up,
	.prove = link_relayed_prove,
	.after_relay = feth_after_relay,
	.after_interface = feth_after_interface,
	.close = feth_close,
};
