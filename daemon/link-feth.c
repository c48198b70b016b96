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
 * The largest MTU is a setting of the machine (net.link.fake.max_mtu), which an interface takes over when it is made; so it is raised for
 * that moment, and put back.
 *
 * Names.  feth interfaces outlive whoever made them, until they are destroyed or the machine starts anew, and the kernel does not take
 * them away with the relay: so that is done when the relay ends, and by the next daemon for a relay that ended while none served.  Numbers
 * have five digits, since ZeroTier destroys all that have fewer; a far end's number is the near end's and 10000.  They are taken in turn,
 * because the kernel detaches an interface after the call that destroys it has returned.
 *
 * Sources: XNU bsd/net/if_fake.c (feth_ioctl, feth_set_drvspec, feth_output_common), bsd/net/if_fake_var.h, which is private: its
 * layout is repeated here.
 */
#include "link.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "link-relayed.h"
#include "log.h"
#include "protocol/sys.h"

#define NEAR_FIRST 10000
#define FAR_FIRST 20000
#define PAIRS 1024
/* The largest that an interface of this kind takes (if_fake.c FETH_MAX_MTU_MAX). */
#define FAR_MTU 16370
#define MAX_MTU_SETTING "net.link.fake.max_mtu"

/* if_fake_var.h */
#define IF_FAKE_S_CMD_SET_PEER 1
struct if_fake_request {
	uint64_t reserved[4]; /* 0 */
	union {
		char peer_name[IFNAMSIZ];
		uint8_t all[128];
	} u;
};

static_assert(sizeof(struct if_fake_request) == 160 && sizeof(struct ifdrv) == 40, "the kernel's layouts (LP64)");
static_assert(SIOCSDRVSPEC == 0x8028697bul && SIOCIFCREATE == 0xc0206978ul, "the kernel's numbers (LP64)");

static const char *
feth_unavailable(void)
{
	return NULL; /* part of every kernel since macOS 10.13 */
}

static int
open_inet(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd >= 0 && sys_set_cloexec(fd) < 0) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

/* The far end of the interface with that name, or false: it is none of ours. */
static bool
far_name(const char *near, char far[IFNAMSIZ])
{
	char *end;
	unsigned long number;

	if (strncmp(near, "feth", 4) != 0) {
		return false;
	}
	number = strtoul(near + 4, &end, 10);
	if (*end != '\0' || number < NEAR_FIRST || number >= NEAR_FIRST + PAIRS) {
		return false;
	}
	snprintf(far, IFNAMSIZ, "feth%lu", number - NEAR_FIRST + FAR_FIRST);
	return true;
}

static int
request_by_name(int sock, unsigned long what, const char *ifname, int value)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, ifname, strnlen(ifname, sizeof(request.ifr_name) - 1));
	if (what == SIOCSIFFLAGS) {
		request.ifr_flags = (short)value;
	} else if (what == SIOCSIFMTU) {
		request.ifr_mtu = value;
	}
	return ioctl(sock, what, &request);
}

static int
set_peer(int sock, const char *near, const char *far)
{
	struct if_fake_request peer = {0};
	struct ifdrv request = {.ifd_cmd = IF_FAKE_S_CMD_SET_PEER, .ifd_len = sizeof(peer), .ifd_data = &peer};

	memcpy(request.ifd_name, near, strnlen(near, sizeof(request.ifd_name) - 1));
	memcpy(peer.u.peer_name, far, strnlen(far, sizeof(peer.u.peer_name) - 1));
	return ioctl(sock, SIOCSDRVSPEC, &request);
}

/* The largest MTU that the interface takes, whatever the machine's setting has let it be. */
static int
set_largest_mtu(int sock, const char *ifname)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, ifname, strnlen(ifname, sizeof(request.ifr_name) - 1));
	if (ioctl(sock, SIOCGIFDEVMTU, &request) < 0) {
		return -1;
	}
	return request_by_name(sock, SIOCSIFMTU, ifname, request.ifr_devmtu.ifdm_max);
}

/* A fresh address, with the local bit and without the group bit: the driver's own is the same for a number, on each machine. */
static int
set_random_mac(int sock, const char *ifname)
{
	struct ifreq request = {.ifr_addr = {.sa_len = 6, .sa_family = AF_LINK}}; /* the length is the hardware address' own (net/if.c) */
	uint8_t mac[6];

	if (getentropy(mac, sizeof(mac)) < 0) {
		return -1;
	}
	mac[0] = (uint8_t)((mac[0] & ~1u) | 2u);
	memcpy(request.ifr_name, ifname, strnlen(ifname, sizeof(request.ifr_name) - 1));
	memcpy(request.ifr_addr.sa_data, mac, sizeof(mac));
	return ioctl(sock, SIOCSIFLLADDR, &request);
}

static void
destroy_pair(int sock, const char *near)
{
	char far[IFNAMSIZ];
	int saved = errno;

	if (far_name(near, far)) {
		(void)request_by_name(sock, SIOCIFDESTROY, near, 0);
		(void)request_by_name(sock, SIOCIFDESTROY, far, 0);
	}
	errno = saved;
}

/* A pair with numbers that are free; its names in l->ifname and far.  0, or -1 with errno, and there is none. */
static int
create_pair(int sock, struct link *l, char far[IFNAMSIZ])
{
	int saved;

	for (unsigned i = 0; i < PAIRS; i++) {
		snprintf(l->ifname, sizeof(l->ifname), "feth%u", NEAR_FIRST + (unsigned)((l->open_number + i) % PAIRS));
		(void)far_name(l->ifname, far);
		if (request_by_name(sock, SIOCIFCREATE, l->ifname, 0) < 0) {
			if (errno == EEXIST || errno == EBUSY) {
				continue;
			}
			return -1;
		}
		if (request_by_name(sock, SIOCIFCREATE, far, 0) == 0) {
			return 0;
		}
		/* The far end may be a stranger's: only what was made here is taken away again. */
		saved = errno;
		(void)request_by_name(sock, SIOCIFDESTROY, l->ifname, 0);
		errno = saved;
		if (errno != EEXIST && errno != EBUSY) {
			return -1;
		}
	}
	errno = EBUSY;
	return -1;
}

/* The same, with the largest MTU that there is. */
static int
create_wide_pair(int sock, struct link *l, char far[IFNAMSIZ])
{
	int before = 0, wide = FAR_MTU, result, saved;
	size_t size = sizeof(before);
	/* Up to macOS 10.14 there is no such setting, and the largest is the largest. */
	bool raise = sysctlbyname(MAX_MTU_SETTING, &before, &size, NULL, 0) == 0 && before < wide &&
	    sysctlbyname(MAX_MTU_SETTING, NULL, NULL, &wide, sizeof(wide)) == 0;

	result = create_pair(sock, l, far);
	saved = errno;
	if (raise) {
		(void)sysctlbyname(MAX_MTU_SETTING, NULL, NULL, &before, sizeof(before));
	}
	errno = saved;
	return result;
}

/* The pair, with its far end ready.  mac: a tun's is told its near end's; NULL: not.  0, or -1 with errno, and there is none. */
static int
make_pair(int sock, struct link *l, char far[IFNAMSIZ], uint8_t *mac, struct netif_status *status)
{
	struct netif_status near;

	if (create_wide_pair(sock, l, far) < 0) {
		return -1;
	}
	if (set_peer(sock, l->ifname, far) < 0 || set_largest_mtu(sock, far) < 0 || request_by_name(sock, SIOCSIFFLAGS, far, IFF_UP) < 0 ||
	    set_random_mac(sock, l->ifname) < 0 || netif_find(l->netns->netif, l->ifname, status) < 0) {
		log_warn("%s: setting it up", l->ifname);
		destroy_pair(sock, l->ifname);
		errno = errno == EBUSY ? ENXIO : errno; /* it was a number that is free */
		return -1;
	}
	if (mac != NULL) {
		if (netif_read(l->netns->netif, NULL, status->ifindex, false, &near) < 0 || !near.has_mac) {
			errno = ENXIO;
			destroy_pair(sock, l->ifname);
			return -1;
		}
		memcpy(mac, near.mac, sizeof(near.mac));
	}
	l->ifindex = status->ifindex;
	return 0;
}

/* Takes the pair away, whoever made it: the name says that it is one of ours. */
static void
feth_after_relay(struct link *l)
{
	int sock = open_inet();

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
	int sock = open_inet();

	link_relayed_end(l);
	if (sock < 0) {
		log_warn("%s: taking its far end away", l->ifname);
		return;
	}
	if (far_name(l->ifname, far)) {
		(void)request_by_name(sock, SIOCIFDESTROY, far, 0);
	}
	close(sock);
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

	if (how->given_fd >= 0 || how->join) {
		errno = EINVAL;
		return -1;
	}
	sock = open_inet();
	if (sock < 0) {
		return -1;
	}
	result = make_pair(sock, l, far, l->id.kind == DEVICE_TUN ? start.mac : NULL, status);
	sys_close(sock);
	if (result < 0) {
		/* What the kernel thinks of one of our own requests is nothing that the program has asked for. */
		errno = errno == EBUSY || errno == ENOMEM || errno == EMFILE || errno == ENFILE ? errno : ENXIO;
		return -1;
	}
	start.ifindex = l->ifindex;
	if (relays_start(l->relays, &start, &l->relay) < 0) {
		saved = errno;
		l->relay.pid = 0;
		feth_close(l);
		errno = saved;
		return -1;
	}
	*channel = -1;
	return 0;
}

static int
feth_adopt(struct link *l, struct netif_status *status)
{
	char far[IFNAMSIZ];
	bool is_there = link_relayed_read(l, status) == 0 && strcmp(status->ifname, l->ifname) == 0;

	if (!far_name(l->ifname, far)) {
		errno = ENODEV;
		return -1;
	}
	if (relays_adopt(l->relays, l->place, &l->relay) < 0) {
		l->relay.pid = 0;
	}
	if (is_there && l->relay.pid != 0) {
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
	.adopt = feth_adopt,
	.read = link_relayed_read,
	.look = link_relayed_look,
	.set_up = feth_set_up,
	.prove = link_relayed_prove,
	.after_relay = feth_after_relay,
	.after_interface = feth_after_interface,
	.close = feth_close,
};
