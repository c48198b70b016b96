/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-events.c - kernel-event sockets and the routing socket, fed from and feeding rtnetlink(7).  See standin.h.
 *
 * An event socket is a netlink socket.  What Linux tells of an interface is compared with what it was told before, and each difference is
 * one record; a message stays in the socket until its last record has been read, so the socket is readable as long as there is one.
 *
 * On the routing socket only a route can be added; its answer is write's result.  It is a netlink socket, too, that hears nothing.
 *
 * Sources: darwin.md 1 ("How to hear that a utun is gone"); XNU bsd/sys/kern_event.h, bsd/net/net_kev.h, bsd/net/route.h, bsd/net/rtsock.c.
 */
#include "standin.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "standin-feth.h"
#include "standin-netlink.h"

#define SOCKETS_MAX 16
#define KNOWN_MAX 1024
#define RECORDS_MAX 8
#define MESSAGE_MAX 65536

#define SUBCLASS_INET 1
#define SUBCLASS_DL 2
#define SUBCLASS_INET6 6

struct known {
	uint32_t index; /* 0: free */
	uint32_t mtu;
	uint16_t flags;
	char name[16];
	uint8_t address[6];
};

/* struct kern_event_msg and struct net_event_data */
struct record {
	uint32_t total_bytes, vendor, class, subclass, id, code;
	uint32_t family, unit;
	char stem[16];
};
_Static_assert(sizeof(struct record) == 48, "the kernel's layouts");

struct events {
	int fd; /* 0: free */
	bool filtered;
	bool late; /* what there is has been denied once */
	uint32_t id;
	struct known known[KNOWN_MAX];
	struct record records[RECORDS_MAX]; /* of the message that is first in the socket */
	unsigned count, given;
};

static struct events *sockets[SOCKETS_MAX];

static struct events *
find_events(int fd)
{
	for (unsigned i = 0; i < SOCKETS_MAX; i++) {
		if (sockets[i] != NULL && sockets[i]->fd == fd) {
			return sockets[i];
		}
	}
	standin_refuse("descriptor %d is no event socket any more", fd);
}

static struct known *
find_known(struct events *e, uint32_t index)
{
	for (unsigned i = 0; i < KNOWN_MAX; i++) {
		if (e->known[i].index == index) {
			return &e->known[i];
		}
	}
	standin_refuse("too many interfaces");
}

/* The interfaces that are there when a socket is made are no news. */
static void
learn(struct events *e)
{
	struct if_nameindex *list = if_nameindex();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (const struct if_nameindex *one = list; one != NULL && one->if_index != 0; one++) {
		struct known *known = find_known(e, 0);
		struct ifreq in = {0};

		known->index = one->if_index;
		strncpy(known->name, one->if_name, sizeof(known->name) - 1);
		strcpy(in.ifr_name, known->name);
		if (ioctl(fd, SIOCGIFFLAGS, &in) == 0) {
			known->flags = standin_interface_flags(known->name, (uint16_t)in.ifr_flags);
		}
		if (ioctl(fd, SIOCGIFMTU, &in) == 0) {
			known->mtu = (uint32_t)in.ifr_mtu;
		}
		if (ioctl(fd, SIOCGIFHWADDR, &in) == 0) {
			memcpy(known->address, in.ifr_hwaddr.sa_data, 6);
		}
	}
	if_freenameindex(list);
	close(fd);
}

int
standin_events_socket(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	struct events *e = calloc(1, sizeof(*e));
	unsigned place = 0;

	if (standin_fails("socket/events")) {
		free(e);
		return -1;
	}
	while (place < SOCKETS_MAX && sockets[place] != NULL) {
		place++;
	}
	if (e == NULL || place == SOCKETS_MAX) {
		standin_refuse("too many event sockets");
	}
	e->fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (e->fd < 0 || bind(e->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		standin_refuse("an event socket: %s", strerror(errno));
	}
	learn(e);
	sockets[place] = e;
	standin_set_kind(e->fd, &standin_events);
	return e->fd;
}

static void
forget_events(int fd)
{
	for (unsigned i = 0; i < SOCKETS_MAX; i++) {
		if (sockets[i] != NULL && sockets[i]->fd == fd) {
			free(sockets[i]);
			sockets[i] = NULL;
		}
	}
}

/* SIOCSKEVFILT: vendor Apple (1), class network (1), any subclass (0). */
static int
set_filter(int fd, uint32_t request, void *argument)
{
	const uint32_t *filter = argument;

	if (request != 0x800c6502) {
		errno = ENOTTY;
		return -1;
	}
	if (filter[0] != 1 || filter[1] != 1 || filter[2] != 0) {
		standin_refuse("SIOCSKEVFILT: %u, %u, %u", filter[0], filter[1], filter[2]);
	}
	if (standin_fails("ioctl/SIOCSKEVFILT")) {
		return -1;
	}
	find_events(fd)->filtered = true;
	return 0;
}

/* The name goes out as stem and unit. */
static void
add_record(struct events *e, const struct known *known, uint32_t subclass, uint32_t code)
{
	size_t stem = strcspn(known->name, "0123456789");
	struct record *record = &e->records[e->count++];

	*record = (struct record){.total_bytes = sizeof(*record), .vendor = 1, .class = 1, .subclass = subclass, .id = ++e->id,
	    .code = code, .unit = (uint32_t)atoi(known->name + stem)};
	memcpy(record->stem, known->name, stem);
}

static void
take_link(struct events *e, const struct nlmsghdr *m)
{
	const struct ifinfomsg *info = NLMSG_DATA(m);
	struct known *known = find_known(e, 0), now = {.index = (uint32_t)info->ifi_index};
	int left = (int)IFLA_PAYLOAD(m);
	uint16_t changed;

	if (info->ifi_family == AF_BRIDGE) {
		return; /* a bridge's port has come or gone, and not the interface */
	}
	for (unsigned i = 0; i < KNOWN_MAX; i++) {
		if (e->known[i].index == now.index) {
			known = &e->known[i];
		}
	}
	for (const struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_IFNAME) {
			strncpy(now.name, RTA_DATA(a), sizeof(now.name) - 1);
		} else if (a->rta_type == IFLA_MTU) {
			memcpy(&now.mtu, RTA_DATA(a), sizeof(now.mtu));
		} else if (a->rta_type == IFLA_ADDRESS && RTA_PAYLOAD(a) == 6) {
			memcpy(now.address, RTA_DATA(a), 6);
		}
	}
	if (standin_is_hidden(now.name)) {
		return;
	}
	now.flags = standin_interface_flags(now.name, (int)info->ifi_flags);
	if (m->nlmsg_type == RTM_DELLINK) {
		add_record(e, &now, SUBCLASS_DL, 10); /* KEV_DL_IF_DETACHING */
		add_record(e, &now, SUBCLASS_DL, 11); /* KEV_DL_IF_DETACHED */
		known->index = 0;
		return;
	}
	if (known->index == 0) {
		add_record(e, &now, SUBCLASS_DL, 9); /* KEV_DL_IF_ATTACHED */
		*known = now;
		return;
	}
	changed = known->flags ^ now.flags;
	if ((changed & ~IFF_RUNNING) != 0) {
		add_record(e, &now, SUBCLASS_DL, 1); /* KEV_DL_SIFFLAGS */
	}
	if ((changed & IFF_RUNNING) != 0) {
		add_record(e, &now, SUBCLASS_DL, (now.flags & IFF_RUNNING) != 0 ? 13 : 12); /* KEV_DL_LINK_ON, KEV_DL_LINK_OFF */
	}
	if (known->mtu != now.mtu) {
		add_record(e, &now, SUBCLASS_DL, 3); /* KEV_DL_SIFMTU */
	}
	if (memcmp(known->address, now.address, 6) != 0) {
		add_record(e, &now, SUBCLASS_DL, 16); /* KEV_DL_LINK_ADDRESS_CHANGED */
	}
	*known = now;
}

static void
take_address(struct events *e, const struct nlmsghdr *m)
{
	const struct ifaddrmsg *info = NLMSG_DATA(m);

	for (unsigned i = 0; i < KNOWN_MAX && m->nlmsg_type == RTM_NEWADDR; i++) {
		if (e->known[i].index == info->ifa_index) {
			/* KEV_INET_NEW_ADDR, KEV_INET6_NEW_USER_ADDR */
			add_record(e, &e->known[i], info->ifa_family == AF_INET ? SUBCLASS_INET : SUBCLASS_INET6, 1);
		}
	}
}

/* TUNTAPD_STANDIN_NEWS=late: what there is to read is not there at the first look, as if it had come just after. */
static bool
comes_late(struct events *e)
{
	const char *wanted = getenv("TUNTAPD_STANDIN_NEWS");

	if (wanted == NULL || strcmp(wanted, "late") != 0 || e->late) {
		return false;
	}
	e->late = true;
	errno = EAGAIN;
	return true;
}

static ssize_t
receive_event(int fd, const struct iovec *iov, int count, int flags)
{
	static _Alignas(struct nlmsghdr) char message[MESSAGE_MAX];
	const struct nlmsghdr *m = (const struct nlmsghdr *)(void *)message;
	struct events *e = find_events(fd);
	size_t bytes;
	ssize_t n;

	if (!e->filtered || count != 1) {
		standin_refuse("reading events without SIOCSKEVFILT");
	}
	while (e->given == e->count) {
		n = recv(fd, message, sizeof(message), MSG_PEEK | standin_message_flags(flags));
		if (n < 0 && errno == ENOBUFS) {
			continue; /* what is lost is lost without a word */
		}
		if (n < 0) {
			e->late = false;
			return -1;
		}
		if (comes_late(e)) {
			return -1;
		}
		e->given = e->count = 0;
		if (m->nlmsg_type == RTM_NEWLINK || m->nlmsg_type == RTM_DELLINK) {
			take_link(e, m);
		} else if (m->nlmsg_type == RTM_NEWADDR) {
			take_address(e, m);
		}
		if (e->count == 0) {
			(void)recv(fd, message, sizeof(message), 0);
		}
	}
	bytes = iov->iov_len < sizeof(struct record) ? iov->iov_len : sizeof(struct record);
	memcpy(iov->iov_base, &e->records[e->given++], bytes);
	if (e->given == e->count) {
		(void)recv(fd, message, sizeof(message), 0);
	}
	return (ssize_t)bytes;
}

const struct standin_kind standin_events = {
	.name = "kernel events", .mode = 0140666, .type = SOCK_RAW, .receive = receive_event, .ioctl = set_filter, .forget = forget_events,
};

int
standin_routes_socket(void)
{
	int fd = standin_fails("socket/routes") ? -1 : socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	if (fd >= 0) {
		standin_set_kind(fd, &standin_routes);
	}
	return fd;
}

struct darwin_rt_message {
	uint16_t length;
	uint8_t version, type;
	uint16_t index, pad;
	int32_t flags, addresses, pid, sequence, error, use;
	uint32_t inits, metrics[14];
};
_Static_assert(sizeof(struct darwin_rt_message) == 92, "the kernel's layout");

/* The next sockaddr of a message; each takes a multiple of four bytes. */
static const uint8_t *
take_sockaddr(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *address = *at;
	size_t step = address < end && address[0] != 0 ? (address[0] + 3u) & ~3u : 4;

	if (address + step > end) {
		standin_refuse("a message of the routing socket is cut");
	}
	*at += step;
	return address;
}

/* RTM_ADD: destination, gateway (an address, or a link's index), netmask. */
static int
add_route(const struct darwin_rt_message *m)
{
	const uint8_t *at = (const uint8_t *)(m + 1), *end = (const uint8_t *)m + m->length;
	const uint8_t *destination = take_sockaddr(&at, end), *gateway = take_sockaddr(&at, end), *mask = take_sockaddr(&at, end);
	bool six = destination[1] == 30;
	size_t bytes = six ? 16 : 4, offset = six ? 8 : 4;
	struct rtmsg message = {.rtm_family = six ? AF_INET6 : AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
	    .rtm_scope = RT_SCOPE_LINK, .rtm_type = RTN_UNICAST};
	struct standin_netlink out;
	uint32_t index = m->index;

	if ((destination[1] != 2 && destination[1] != 30) || destination[0] != (six ? 28 : 16)) {
		standin_refuse("a route to an address of family %u, length %u", destination[1], destination[0]);
	}
	while (message.rtm_dst_len < 8 * bytes && offset + message.rtm_dst_len / 8u < mask[0] &&
	    (mask[offset + message.rtm_dst_len / 8u] & 0x80u >> message.rtm_dst_len % 8) != 0) {
		message.rtm_dst_len++;
	}
	if ((m->flags & 0x2) != 0) { /* RTF_GATEWAY */
		message.rtm_scope = RT_SCOPE_UNIVERSE;
		index = 0;
	} else if (gateway[1] == 18) {
		index = (uint32_t)gateway[2] | (uint32_t)gateway[3] << 8;
	} else {
		standin_refuse("a route without RTF_GATEWAY whose gateway is of family %u", gateway[1]);
	}
	standin_netlink_begin(&out, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &message, sizeof(message));
	standin_netlink_add(&out, RTA_DST, destination + offset, bytes);
	if ((m->flags & 0x2) != 0) {
		standin_netlink_add(&out, RTA_GATEWAY, gateway + offset, bytes);
	} else {
		standin_netlink_add(&out, RTA_OIF, &index, sizeof(index));
	}
	return standin_netlink_ask(&out);
}

/* route_output */
static ssize_t
send_route(int fd, const struct iovec *iov, int count, int flags)
{
	const struct darwin_rt_message *m = iov->iov_base;

	if (count != 1 || iov->iov_len < sizeof(*m) || m->length != iov->iov_len || m->version != 5 || m->type != 1 ||
	    m->addresses != 0x7 ||
	    (m->flags & ~(0x1 | 0x2 | 0x800)) != 0) {
		standin_refuse("a message of the routing socket of %zu bytes: type %u, version %u, addresses %#x, flags %#x", iov->iov_len,
		    m->type, m->version, (unsigned)m->addresses, (unsigned)m->flags);
	}
	if (geteuid() != 0) {
		errno = EACCES;
		return -1;
	}
	return standin_fails("write/RTM_ADD") || add_route(m) < 0 ? -1 : (ssize_t)iov->iov_len;
}

const struct standin_kind standin_routes = {.name = "the routing socket", .mode = 0140666, .type = SOCK_RAW, .send = send_route};
