/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netif-darwin.c - interfaces by ioctl, sysctl, the routing socket and kernel events.
 *
 * Theory of operation.  Flags, MTU and addresses are set by ioctls, by name; all that is read comes from one sysctl, by index, whose answer
 * has the name, too.  News comes from a kernel-event socket, which needs no privilege and takes no account of names: an event has the
 * driver's name and the unit.  When it says that an interface is gone its index cannot be asked any more.  So each interface that was
 * found here by name is remembered, until it is gone.
 *
 * The kernel gives a new interface the index of an earlier one of its name, and an extension's node has the same name each time
 * (link-kext.c).  So what has happened is taken in before an interface that has just been made is remembered, and what has not been told
 * yet of that index is dropped: it is of the earlier one, whose end its device has learnt by being looked at before the open.  The end of
 * an interface is told before its driver hears of it, so it is among what is taken in (XNU bsd/net/dlil.c ifnet_detach_final).
 *
 * Events can be lost, without a word: a socket whose buffer is full drops them.  Its buffer is large, and each is a few dozen bytes.
 *
 * Sources: XNU bsd/net/if.c, bsd/netinet/in.c (in_control), bsd/netinet6/in6.c (in6_control), bsd/net/rtsock.c (sysctl_iflist2,
 * route_output), bsd/kern/kern_event.c, bsd/net/dlil.c (dlil_post_msg), bsd/net/net_kev.h.
 */
#include "netif.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/if_types.h>
#include <net/net_kev.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet6/in6_var.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/kern_event.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/sys_domain.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "netif-ioctl.h"
#include "protocol/devname.h"
#include "protocol/sys.h"

static_assert(sizeof(struct ifreq) == 32 && sizeof(struct ifaliasreq) == 64, "the kernel's layouts (LP64)");
static_assert(sizeof(struct in6_aliasreq) == 128 && SIOCAIFADDR_IN6 == 0x8080691aul, "the kernel's layout (LP64)");
static_assert(SIOCSKEVFILT == 0x800c6502ul, "the kernel's number");

/* Events that wait while the monitor is busy; the kernel's limit is 8 MiB for all of a socket. */
#define WATCH_BUFFER_BYTES (1024 * 1024)
/* An event's record: its header and what is known of it, which is less than this. */
#define EVENT_BYTES 1024
/* Taken in and not told yet. */
#define QUEUE_MAX 64
/* Interfaces that are remembered: one for each device, the ends of pairs, bridges and what else is in them. */
#define KNOWN_MAX (DEVICE_PLACES_MAX + 256)
/* ND6_INFINITE_LIFETIME, netinet6/nd6.h */
#define LIFETIME_INFINITE UINT32_MAX

struct known {
	uint32_t ifindex; /* 0: free */
	char ifname[IFNAMSIZ];
};

struct netif {
	int inet;   /* for ioctls of interfaces and IPv4 */
	int inet6;  /* for IPv6's; -1: there is none */
	int events;
	int route;
	int sequence; /* of requests on the routing socket */
	struct known known[KNOWN_MAX];
	unsigned queued, told; /* in the queue: how many, and how many of them are told */
	bool lost;             /* the queue was full */
	struct netif_event queue[QUEUE_MAX];
};

static int
open_socket(int domain, int type, int protocol)
{
	int fd = socket(domain, type, protocol);

	if (fd >= 0 && sys_set_cloexec(fd) < 0) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

static int
open_events(void)
{
	struct kev_request filter = {
		.vendor_code = KEV_VENDOR_APPLE, .kev_class = KEV_NETWORK_CLASS, .kev_subclass = KEV_ANY_SUBCLASS,
	};
	int fd = open_socket(PF_SYSTEM, SOCK_RAW, SYSPROTO_EVENT), bytes = WATCH_BUFFER_BYTES;

	if (fd < 0) {
		return -1;
	}
	if (ioctl(fd, SIOCSKEVFILT, &filter) < 0 || sys_set_nonblock(fd) < 0) {
		sys_close(fd);
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)); /* less only bears less news */
	return fd;
}

struct netif *
netif_new(int ns)
{
	struct netif *n;

	if (ns >= 0) {
		errno = EINVAL; /* there is but one network here */
		return NULL;
	}
	n = calloc(1, sizeof(*n));
	if (n == NULL) {
		return NULL;
	}
	n->events = n->route = -1;
	n->inet6 = open_socket(AF_INET6, SOCK_DGRAM, 0);
	n->inet = open_socket(AF_INET, SOCK_DGRAM, 0);
	if (n->inet >= 0) {
		n->events = open_events();
		n->route = open_socket(PF_ROUTE, SOCK_RAW, 0);
	}
	/* What this one hears from others is of no use; its own answers come as results of write(2). */
	if (n->events < 0 || n->route < 0 || shutdown(n->route, SHUT_RD) < 0) {
		netif_free(n);
		return NULL;
	}
	return n;
}

void
netif_free(struct netif *n)
{
	if (n == NULL) {
		return;
	}
	for (unsigned i = 0; i < 4; i++) {
		int fd = (const int[]){n->inet, n->inet6, n->events, n->route}[i];

		if (fd >= 0) {
			sys_close(fd);
		}
	}
	free(n);
}

int
netif_watch_fd(const struct netif *n)
{
	return n->events;
}

struct ifreq
netif_request_of(const char *ifname)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, ifname, strnlen(ifname, sizeof(request.ifr_name) - 1));
	return request;
}

int
netif_result_of(int result)
{
	if (result < 0 && errno == ENXIO) {
		errno = ENODEV;
	}
	return result;
}

int
netif_socket(const struct netif *n)
{
	return n->inet;
}

int
netif_name_of(uint32_t ifindex, char ifname[IFNAMSIZ])
{
	memset(ifname, 0, IFNAMSIZ);
	return netif_result_of(if_indextoname(ifindex, ifname) != NULL ? 0 : -1);
}

static void
remember(struct netif *n, uint32_t ifindex, const char *ifname)
{
	struct known *place = NULL;

	for (unsigned i = 0; i < KNOWN_MAX; i++) {
		if (n->known[i].ifindex == ifindex) {
			place = &n->known[i];
			break;
		}
		if (n->known[i].ifindex == 0 && place == NULL) {
			place = &n->known[i];
		}
	}
	if (place != NULL) {
		place->ifindex = ifindex;
		memcpy(place->ifname, netif_request_of(ifname).ifr_name, sizeof(place->ifname));
	}
}

static struct known *
find_known(struct netif *n, const char *ifname)
{
	for (unsigned i = 0; i < KNOWN_MAX; i++) {
		if (n->known[i].ifindex != 0 && strncmp(n->known[i].ifname, ifname, IFNAMSIZ) == 0) {
			return &n->known[i];
		}
	}
	return NULL;
}

/* Bytes that a socket address takes in a message of the routing socket. */
static size_t
step_of(const struct sockaddr *address)
{
	return address->sa_len == 0 ? sizeof(uint32_t) : (address->sa_len + sizeof(uint32_t) - 1) & ~(sizeof(uint32_t) - 1);
}

/* The addresses that follow a message's header, by RTAX_*; NULL where there is none, or it does not lie within the message. */
static void
split_addresses(const char *at, const char *end, int present, const struct sockaddr *addresses[RTAX_MAX])
{
	memset(addresses, 0, RTAX_MAX * sizeof(addresses[0]));
	for (unsigned i = 0; i < RTAX_MAX; i++) {
		const struct sockaddr *address = (const struct sockaddr *)(const void *)at;

		if ((present & 1 << i) == 0) {
			continue;
		}
		/* Length and family at the least. */
		if (end - at < 2 || (size_t)(end - at) < step_of(address)) {
			return;
		}
		addresses[i] = address;
		at += step_of(address);
	}
}

/* The driver's name: the interface's without its unit. */
static void
take_stem(const char *ifname, char kind[16])
{
	size_t length = strcspn(ifname, "0123456789");

	memcpy(kind, ifname, length < 15 ? length : 15);
}

static void
read_link(const struct if_msghdr2 *m, struct netif_status *status)
{
	const struct if_data64 *data = &m->ifm_data;
	const struct sockaddr *addresses[RTAX_MAX];
	const struct sockaddr_dl *link;

	status->ifindex = m->ifm_index;
	status->up = (m->ifm_flags & IFF_UP) != 0;
	status->carrier = (m->ifm_flags & IFF_RUNNING) != 0;
	status->stalled = status->up && !status->carrier;
	status->mtu = data->ifi_mtu;
	/* What the interface received is what the program, or the relay, wrote. */
	status->from_program = (struct message_counters){
		.packets = data->ifi_ipackets, .bytes = data->ifi_ibytes, .dropped = data->ifi_iqdrops + data->ifi_ierrors,
	};
	status->to_program = (struct message_counters){
		.packets = data->ifi_opackets, .bytes = data->ifi_obytes, .dropped = data->ifi_oerrors,
	};
	split_addresses((const char *)(m + 1), (const char *)m + m->ifm_msglen, m->ifm_addrs, addresses);
	link = (const struct sockaddr_dl *)(const void *)addresses[RTAX_IFP];
	if (link == NULL || link->sdl_family != AF_LINK ||
	    (size_t)link->sdl_len < offsetof(struct sockaddr_dl, sdl_data) + link->sdl_nlen + link->sdl_alen) {
		return;
	}
	memcpy(status->ifname, link->sdl_data, link->sdl_nlen < sizeof(status->ifname) ? link->sdl_nlen : sizeof(status->ifname) - 1);
	take_stem(status->ifname, status->kind);
	/* What a bridge takes (if_bridge.c bridge_ioctl_add). */
	status->ethernet = link->sdl_type == IFT_ETHER || link->sdl_type == IFT_L2VLAN || link->sdl_type == IFT_IEEE8023ADLAG;
	if (link->sdl_type == IFT_ETHER && link->sdl_alen == sizeof(status->mac)) {
		memcpy(status->mac, link->sdl_data + link->sdl_nlen, sizeof(status->mac));
		status->has_mac = true;
	}
}

/* Bits that are set from the front.  A mask is cut where its zeroes begin (sa_len), and may be of no family. */
static uint8_t
prefix_of(const struct sockaddr *mask, size_t offset, size_t bytes)
{
	unsigned bits = 0;

	for (size_t i = 0; mask != NULL && i < bytes && offset + i < mask->sa_len; i++) {
		uint8_t byte = ((const uint8_t *)mask)[offset + i];

		for (; (byte & 0x80) != 0; byte = (uint8_t)(byte << 1)) {
			bits++;
		}
		if (bits < 8 * (i + 1)) {
			break;
		}
	}
	return (uint8_t)bits;
}

static void
read_address(const struct ifa_msghdr *m, struct netif_status *status)
{
	const struct sockaddr *addresses[RTAX_MAX], *own, *other;
	struct message_address *out;
	size_t offset, bytes;

	split_addresses((const char *)(m + 1), (const char *)m + m->ifam_msglen, m->ifam_addrs, addresses);
	own = addresses[RTAX_IFA];
	other = addresses[RTAX_BRD];
	if (own != NULL && own->sa_family == AF_INET && own->sa_len >= sizeof(struct sockaddr_in)) {
		offset = offsetof(struct sockaddr_in, sin_addr);
		bytes = 4;
	} else if (own != NULL && own->sa_family == AF_INET6 && own->sa_len >= sizeof(struct sockaddr_in6)) {
		offset = offsetof(struct sockaddr_in6, sin6_addr);
		bytes = 16;
	} else {
		return;
	}
	status->addresses_total++;
	if (status->address_count == MESSAGE_ADDRESSES_MAX) {
		return;
	}
	out = &status->addresses[status->address_count++];
	memset(out, 0, sizeof(*out));
	out->family = bytes == 4 ? 4 : 6;
	out->prefix = prefix_of(addresses[RTAX_NETMASK], offset, bytes);
	memcpy(out->bytes, (const char *)own + offset, bytes);
	/* The kernel keeps the scope of a link-local address inside it (in6_recoverscope). */
	if (bytes == 16 && out->bytes[0] == 0xfe && (out->bytes[1] & 0xc0) == 0x80) {
		out->bytes[2] = out->bytes[3] = 0;
	}
	/* Of a point-to-point interface the other end stands where a broadcast address does. */
	out->peer = bytes == 4 && other != NULL && other->sa_family == AF_INET && other->sa_len >= sizeof(struct sockaddr_in) &&
	    out->prefix == 32 && memcmp((const char *)other + offset, out->bytes, bytes) != 0;
}

/* Reads what the sysctl says of one interface.  0, or -1 with errno ENODEV, ENOMEM. */
static int
read_by_index(uint32_t ifindex, bool addresses, struct netif_status *status)
{
	int mib[] = {CTL_NET, PF_ROUTE, 0, 0, NET_RT_IFLIST2, (int)ifindex};
	char *data = NULL, *larger;
	size_t bytes = 0;
	int result;

	memset(status, 0, sizeof(*status));
	/* It may grow between the two calls. */
	do {
		if (sysctl(mib, 6, NULL, &bytes, NULL, 0) < 0 || (larger = realloc(data, bytes + 1)) == NULL) {
			free(data);
			return netif_result_of(-1);
		}
		data = larger;
		result = sysctl(mib, 6, data, &bytes, NULL, 0);
	} while (result < 0 && errno == ENOMEM);
	for (size_t at = 0; result == 0 && at < bytes;) {
		const struct ifa_msghdr *m = (const struct ifa_msghdr *)(const void *)(data + at);

		/* Length, version and type begin every message. */
		if (bytes - at < sizeof(*m) || m->ifam_msglen < sizeof(*m) || m->ifam_msglen > bytes - at) {
			break;
		}
		if (m->ifam_type == RTM_IFINFO2 && m->ifam_msglen >= sizeof(struct if_msghdr2)) {
			read_link((const struct if_msghdr2 *)(const void *)m, status);
		} else if (m->ifam_type == RTM_NEWADDR && addresses && m->ifam_index == ifindex) {
			read_address(m, status);
		}
		at += m->ifam_msglen;
	}
	free(data);
	if (result == 0 && status->ifindex != ifindex) {
		errno = ENODEV;
		result = -1;
	}
	return result;
}

/* What an event says, of an interface that is remembered, joins the queue. */
static void
take_event(struct netif *n, const struct kern_event_msg *m, const struct net_event_data *about)
{
	struct netif_event *event = &n->queue[n->queued];
	char ifname[IFNAMSIZ + 12];
	struct known *known;

	/* The event has the driver's name, which is not ended where it fills its field. */
	snprintf(ifname, sizeof(ifname), "%.*s%u", IFNAMSIZ, about->if_name, about->if_unit);
	known = find_known(n, ifname);
	if (known == NULL) {
		return;
	}
	if (n->queued == QUEUE_MAX) {
		n->lost = true;
		return;
	}
	memset(event, 0, sizeof(*event));
	event->ifindex = known->ifindex;
	if (m->kev_subclass == KEV_DL_SUBCLASS && m->event_code == KEV_DL_IF_DETACHED) {
		event->type = NETIF_DEPARTED;
		known->ifindex = 0;
	} else if ((m->kev_subclass == KEV_INET_SUBCLASS && m->event_code == KEV_INET_NEW_ADDR) ||
	    (m->kev_subclass == KEV_INET6_SUBCLASS && m->event_code == KEV_INET6_NEW_USER_ADDR)) {
		event->type = NETIF_ADDRESS_ADDED;
	} else if (m->kev_subclass == KEV_DL_SUBCLASS && read_by_index(known->ifindex, false, &event->status) == 0) {
		event->type = NETIF_CHANGED;
	} else {
		return;
	}
	n->queued++;
}

/* Takes in what has happened.  0, or -1 with errno: the watch has failed. */
static int
take_events(struct netif *n)
{
	union {
		struct kern_event_msg message;
		char bytes[EVENT_BYTES];
	} record;
	ssize_t bytes;

	if (n->told == n->queued) {
		n->told = n->queued = 0;
	}
	while (n->queued < QUEUE_MAX) {
		bytes = recv(n->events, &record, sizeof(record), 0);
		if (bytes < 0 && errno == EINTR) {
			continue;
		}
		if (bytes <= 0) {
			return bytes < 0 && errno != EAGAIN ? -1 : 0;
		}
		if ((size_t)bytes >= KEV_MSG_HEADER_SIZE + sizeof(struct net_event_data)) {
			take_event(n, &record.message, (const struct net_event_data *)(const void *)record.message.event_data);
		}
	}
	return 0;
}

int
netif_next_event(struct netif *n, struct netif_event *event)
{
	if (n->told == n->queued) {
		if (n->lost) {
			n->lost = false;
			errno = ENOBUFS;
			return -1;
		}
		if (take_events(n) < 0) {
			return -1;
		}
	}
	if (n->told == n->queued) {
		return 0;
	}
	*event = n->queue[n->told++];
	return 1;
}

int
netif_read(struct netif *n, const char *ifname, uint32_t ifindex, bool addresses, struct netif_status *status)
{
	if (ifname != NULL) {
		ifindex = if_nametoindex(ifname);
		if (ifindex == 0) {
			return netif_result_of(-1);
		}
	}
	if (read_by_index(ifindex, addresses, status) < 0) {
		return -1;
	}
	/* One that an earlier daemon made. */
	if (find_known(n, status->ifname) == NULL) {
		remember(n, status->ifindex, status->ifname);
	}
	return 0;
}

/* Takes in what has happened, and drops what is to be told of an index.  0, or -1 with errno. */
static int
drop_news(struct netif *n, uint32_t ifindex)
{
	unsigned kept;

	if (take_events(n) < 0) {
		return -1;
	}
	/* There may be more where the queue is full. */
	while (n->queued == QUEUE_MAX) {
		n->told = n->queued = 0;
		n->lost = true;
		if (take_events(n) < 0) {
			return -1;
		}
	}
	kept = n->told;
	for (unsigned i = n->told; i < n->queued; i++) {
		if (n->queue[i].ifindex != ifindex) {
			n->queue[kept++] = n->queue[i];
		}
	}
	n->queued = kept;
	return 0;
}

int
netif_find(struct netif *n, const char *ifname, struct netif_status *status)
{
	uint32_t ifindex = if_nametoindex(ifname);

	memset(status, 0, sizeof(*status));
	if (ifindex == 0) {
		return netif_result_of(-1);
	}
	if (drop_news(n, ifindex) < 0 || read_by_index(ifindex, false, status) < 0) {
		return -1;
	}
	remember(n, ifindex, ifname);
	return 0;
}

int
netif_set_up(struct netif *n, uint32_t ifindex, bool up)
{
	char ifname[IFNAMSIZ];
	struct ifreq request;

	if (netif_name_of(ifindex, ifname) < 0) {
		return -1;
	}
	request = netif_request_of(ifname);
	if (ioctl(n->inet, SIOCGIFFLAGS, &request) < 0) {
		return netif_result_of(-1);
	}
	request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	return netif_result_of(ioctl(n->inet, SIOCSIFFLAGS, &request));
}

int
netif_delete(struct netif *n, uint32_t ifindex)
{
	char ifname[IFNAMSIZ];
	struct ifreq request;

	if (netif_name_of(ifindex, ifname) < 0) {
		return -1;
	}
	request = netif_request_of(ifname);
	return netif_result_of(ioctl(n->inet, SIOCIFDESTROY, &request));
}

int
netif_set_mtu(struct netif *n, uint32_t ifindex, uint32_t mtu)
{
	char ifname[IFNAMSIZ];
	struct ifreq request;

	if (netif_name_of(ifindex, ifname) < 0) {
		return -1;
	}
	request = netif_request_of(ifname);
	request.ifr_mtu = (int)mtu;
	return netif_result_of(ioctl(n->inet, SIOCSIFMTU, &request));
}

int
netif_set_mac(struct netif *n, uint32_t ifindex, const uint8_t mac[6])
{
	char ifname[IFNAMSIZ];
	struct ifreq request;

	if (netif_name_of(ifindex, ifname) < 0) {
		return -1;
	}
	request = netif_request_of(ifname);
	/* Here the length is the hardware address' own (net/if.c SIOCSIFLLADDR). */
	request.ifr_addr.sa_len = 6;
	request.ifr_addr.sa_family = AF_LINK;
	memcpy(request.ifr_addr.sa_data, mac, 6);
	return netif_result_of(ioctl(n->inet, SIOCSIFLLADDR, &request));
}

int
netif_set_queue(struct netif *n, uint32_t ifindex, uint32_t packets)
{
	errno = EOPNOTSUPP; /* an interface's queue has no length that could be set */
	return -1;
}

/* A mask of so many bits. */
static void
fill_mask(uint8_t *mask, unsigned prefix, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		unsigned bits = prefix >= 8 * (i + 1) ? 8 : prefix > 8 * i ? (unsigned)(prefix - 8 * i) : 0;

		mask[i] = (uint8_t)(0xff00 >> bits);
	}
}

static void
fill_inet(struct sockaddr *address, const uint8_t bytes[4])
{
	struct sockaddr_in inet = {.sin_len = sizeof(inet), .sin_family = AF_INET};

	memcpy(&inet.sin_addr, bytes, 4);
	memcpy(address, &inet, sizeof(inet));
}

static void
fill_inet6(struct sockaddr_in6 *address, const uint8_t bytes[16])
{
	*address = (struct sockaddr_in6){.sin6_len = sizeof(*address), .sin6_family = AF_INET6};
	memcpy(&address->sin6_addr, bytes, 16);
}

static int
add_inet(struct netif *n, const char *ifname, const struct netif_address *a)
{
	struct ifaliasreq request = {0};
	uint8_t mask[4], broadcast[4];

	memcpy(request.ifra_name, netif_request_of(ifname).ifr_name, sizeof(request.ifra_name));
	fill_mask(mask, a->prefix, sizeof(mask));
	fill_inet(&request.ifra_addr, a->bytes);
	fill_inet(&request.ifra_mask, mask);
	if (a->has_peer) {
		fill_inet(&request.ifra_broadaddr, a->peer);
	} else if (a->broadcast) {
		for (unsigned i = 0; i < sizeof(broadcast); i++) {
			broadcast[i] = (uint8_t)(a->bytes[i] | (uint8_t)~mask[i]);
		}
		fill_inet(&request.ifra_broadaddr, broadcast);
	}
	return netif_result_of(ioctl(n->inet, SIOCAIFADDR, &request));
}

static int
add_inet6(struct netif *n, const char *ifname, const struct netif_address *a)
{
	struct in6_aliasreq request = {0};
	uint8_t mask[16];

	if (n->inet6 < 0) {
		errno = EOPNOTSUPP;
		return -1;
	}
	memcpy(request.ifra_name, netif_request_of(ifname).ifr_name, sizeof(request.ifra_name));
	fill_mask(mask, a->prefix, sizeof(mask));
	fill_inet6(&request.ifra_addr, a->bytes);
	fill_inet6(&request.ifra_prefixmask, mask);
	if (a->has_peer) {
		fill_inet6(&request.ifra_dstaddr, a->peer);
	}
	request.ifra_lifetime.ia6t_vltime = request.ifra_lifetime.ia6t_pltime = LIFETIME_INFINITE;
	return netif_result_of(ioctl(n->inet6, SIOCAIFADDR_IN6, &request));
}

int
netif_add_address(struct netif *n, uint32_t ifindex, const struct netif_address *address)
{
	char ifname[IFNAMSIZ];

	if (netif_name_of(ifindex, ifname) < 0) {
		return -1;
	}
	return address->family == 4 ? add_inet(n, ifname, address) : add_inet6(n, ifname, address);
}

/* A request to the routing socket: the header, then addresses, each at a multiple of four bytes. */
struct route_request {
	struct rt_msghdr header;
	char addresses[4 * sizeof(struct sockaddr_in6)];
};

static void
add_to_request(struct route_request *r, const void *address, size_t bytes)
{
	memcpy((char *)r + r->header.rtm_msglen, address, bytes);
	r->header.rtm_msglen = (u_short)(r->header.rtm_msglen + ((bytes + 3) & ~(size_t)3));
}

static void
add_internet(struct route_request *r, uint8_t family, const uint8_t *bytes)
{
	struct sockaddr inet;
	struct sockaddr_in6 inet6;

	if (family == 4) {
		fill_inet(&inet, bytes);
		add_to_request(r, &inet, sizeof(inet));
	} else {
		fill_inet6(&inet6, bytes);
		add_to_request(r, &inet6, sizeof(inet6));
	}
}

int
netif_add_route(struct netif *n, uint32_t ifindex, const struct netif_route *route)
{
	struct route_request r = {.header = {.rtm_version = RTM_VERSION, .rtm_type = RTM_ADD, .rtm_index = (u_short)ifindex,
	    .rtm_addrs = RTA_DST | RTA_GATEWAY | RTA_NETMASK, .rtm_seq = ++n->sequence}};
	struct sockaddr_dl link = {.sdl_len = sizeof(link), .sdl_family = AF_LINK, .sdl_index = (u_short)ifindex};
	uint8_t mask[16];

	r.header.rtm_msglen = offsetof(struct route_request, addresses);
	r.header.rtm_flags = RTF_UP | RTF_STATIC | (route->has_gateway ? RTF_GATEWAY : 0);
	fill_mask(mask, route->prefix, sizeof(mask));
	add_internet(&r, route->family, route->destination);
	if (route->has_gateway) {
		add_internet(&r, route->family, route->gateway);
	} else {
		add_to_request(&r, &link, sizeof(link));
	}
	add_internet(&r, route->family, mask);
	/* The kernel's errno is write(2)'s; another socket than ours could read the answer. */
	return write(n->route, &r, r.header.rtm_msglen) < 0 ? -1 : 0;
}

int
netif_peer_number(struct netif *n, int ns, int32_t *number)
{
	errno = EOPNOTSUPP; /* there is but one network */
	return -1;
}
