/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netif-linux.c - interfaces by rtnetlink.
 *
 * Theory of operation.  Two sockets: one for requests and their answers, blocking with a receive time-out, and one
 * that is a member of the link and address groups and is only ever read.  Answers are matched by sequence number.  A full event
 * queue shows as ENOBUFS on the event socket; the caller then reads every interface again.
 *
 * Trust.  Whoever rules a network namespace may send to the netlink sockets in it, and the namespace may be a stranger's.  Both sockets are
 * connected to the kernel, which so refuses what others send to them alone; what others send to a group is told by its sender's number,
 * passed over, and bounded.  Lengths are checked before use.
 *
 * Sources: rtnetlink(7), netlink(7); net/netlink/af_netlink.c (netlink_getsockbyportid: to a connected socket only its peer may send);
 * net/core/rtnetlink.c (IFLA_NEW_NETNSID or IFLA_NEW_IFINDEX in RTM_DELLINK marks a move; IFLA_LINK and IFLA_LINK_NETNSID of a veth are its
 * other end's); net/core/net_namespace.c (RTM_GETNSID: each namespace numbers the others that it has to do with, and a move gives the
 * target a number); drivers/net/tun.c tun_fill_info (IFLA_TUN_PERSIST).
 */
#include "netif.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "os.h"

/*
 * The kernel splits dumps at its own page-sized skbs.  A message about one interface is longer if the interface's user wants it so, by
 * alternative names; they stand behind all that is read here (net/core/rtnetlink.c rtnl_fill_ifinfo), and are cut off.
 */
#define ANSWER_BYTES 32768
/* Events that wait while the monitor is busy: some thousands of link changes. */
#define WATCH_BUFFER_BYTES (1024 * 1024)
/* Records of no interest that are passed over per call: the rest waits for the next. */
#define PASSED_OVER_MAX 256
/* The kernel answers at once; this only bounds a wait that should never be. */
#define ANSWER_TIMEOUT_S 2

struct netif {
	int request_fd;
	int watch_fd;
	uint32_t sequence;
	size_t watch_length; /* bytes in watch_buffer */
	size_t watch_offset; /* of the next message in it */
	_Alignas(struct nlmsghdr) char watch_buffer[ANSWER_BYTES];
	_Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
};

struct request {
	struct nlmsghdr header;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
		struct rtmsg route;
		struct rtgenmsg any;
	};
	char attributes[192];
};

static int
open_socket(unsigned groups)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups}, kernel = {.nl_family = AF_NETLINK};
	int fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups != 0 ? SOCK_NONBLOCK : 0), NETLINK_ROUTE);
	if (fd < 0) {
		return -1;
	}
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

struct netif *
netif_new(int ns)
{
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
	struct netif *n;
	int one = 1, bytes = WATCH_BUFFER_BYTES, back;

	n = calloc(1, sizeof(*n));
	if (n == NULL) {
		return NULL;
	}
	n->request_fd = n->watch_fd = -1;
	if (os_netns_enter(ns, &back) < 0) {
		goto fail;
	}
	/* A socket belongs to the namespace that it was made in, for good. */
	n->request_fd = open_socket(0);
	n->watch_fd = n->request_fd >= 0 ? open_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR) : -1;
	os_netns_leave(back);
	if (n->watch_fd < 0) {
		goto fail;
	}
	if (setsockopt(n->request_fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0) {
		goto fail;
	}
	/* So that the kernel honours the index in an address dump (since Linux 4.20); without it we filter ourselves. */
	(void)setsockopt(n->request_fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	/* FORCE passes net.core.rmem_max, with CAP_NET_ADMIN in the first user namespace; else what the host allows. */
	if (setsockopt(n->watch_fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0) {
		(void)setsockopt(n->watch_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	}
	return n;
fail:
	netif_free(n);
	return NULL;
}

void
netif_free(struct netif *n)
{
	int saved = errno;

	if (n == NULL) {
		return;
	}
	if (n->request_fd >= 0) {
		close(n->request_fd);
	}
	if (n->watch_fd >= 0) {
		close(n->watch_fd);
	}
	free(n);
	errno = saved;
}

int
netif_watch_fd(const struct netif *n)
{
	return n->watch_fd;
}

static void
read_link_info(const struct rtattr *info, struct netif_status *status)
{
	const struct rtattr *a, *data = NULL;
	int left = (int)RTA_PAYLOAD(info);

	for (a = RTA_DATA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_INFO_KIND) {
			size_t length = RTA_PAYLOAD(a);
			if (length > sizeof(status->kind) - 1) {
				length = sizeof(status->kind) - 1;
			}
			memcpy(status->kind, RTA_DATA(a), length);
		} else if (a->rta_type == IFLA_INFO_DATA) {
			data = a;
		}
	}
	if (data == NULL || strcmp(status->kind, "tun") != 0) {
		return;
	}
	left = (int)RTA_PAYLOAD(data);
	for (a = RTA_DATA(data); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_TUN_PERSIST && RTA_PAYLOAD(a) >= 1) {
			status->persist = *(const uint8_t *)RTA_DATA(a) != 0;
		}
	}
}

/* What a link message may say beside the interface's status. */
struct move {
	bool moved;
	int32_t netns;
	uint32_t ifindex;
};

static uint32_t
read_number(const struct rtattr *a)
{
	uint32_t number = 0;

	if (RTA_PAYLOAD(a) >= sizeof(number)) {
		memcpy(&number, RTA_DATA(a), sizeof(number));
	}
	return number;
}

/* Fills status from a link message; *move from a departure's. */
static void
read_link(const struct nlmsghdr *h, struct netif_status *status, struct move *move)
{
	const struct ifinfomsg *link = NLMSG_DATA(h);
	int left = (int)IFLA_PAYLOAD(h);

	memset(status, 0, sizeof(*status));
	*move = (struct move){.netns = -1, .ifindex = (uint32_t)link->ifi_index};
	status->far_netns = -1;
	status->ifindex = (uint32_t)link->ifi_index;
	status->up = (link->ifi_flags & IFF_UP) != 0;
	status->ethernet = link->ifi_type == ARPHRD_ETHER && (link->ifi_flags & IFF_LOOPBACK) == 0;
	for (const struct rtattr *a = IFLA_RTA(link); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		size_t length = RTA_PAYLOAD(a);
		const void *data = RTA_DATA(a);

		switch (a->rta_type & NLA_TYPE_MASK) {
		case IFLA_IFNAME:
			if (length > sizeof(status->ifname) - 1) {
				length = sizeof(status->ifname) - 1;
			}
			memcpy(status->ifname, data, length);
			break;
		case IFLA_MTU:
			status->mtu = read_number(a);
			break;
		case IFLA_LINK:
			status->far_ifindex = read_number(a);
			break;
		case IFLA_LINK_NETNSID:
			status->far_netns = (int32_t)read_number(a);
			break;
		case IFLA_ADDRESS:
			if (length == sizeof(status->mac)) {
				memcpy(status->mac, data, length);
				status->has_mac = true;
			}
			break;
		case IFLA_STATS64:
			/* Older kernels send a shorter struct; all that is read here is at its start. */
			if (length >= offsetof(struct rtnl_link_stats64, multicast)) {
				struct rtnl_link_stats64 stats;

				memset(&stats, 0, sizeof(stats));
				memcpy(&stats, data, length < sizeof(stats) ? length : sizeof(stats));
				status->from_program.packets = stats.rx_packets;
				status->from_program.bytes = stats.rx_bytes;
				status->from_program.dropped = stats.rx_dropped;
				status->to_program.packets = stats.tx_packets;
				status->to_program.bytes = stats.tx_bytes;
				status->to_program.dropped = stats.tx_dropped;
			}
			break;
		case IFLA_CARRIER:
			/* Whether the driver says so now; the flags tell it late, and not of an interface that is down. */
			status->carrier = length >= 1 && *(const uint8_t *)data != 0;
			break;
		case IFLA_MASTER:
			if (length >= sizeof(uint32_t)) {
				memcpy(&status->master, data, sizeof(uint32_t));
			}
			break;
		case IFLA_LINKINFO:
			read_link_info(a, status);
			break;
		case IFLA_NEW_NETNSID:
			move->moved = true;
			move->netns = (int32_t)read_number(a);
			break;
		case IFLA_NEW_IFINDEX:
			move->moved = true;
			move->ifindex = read_number(a);
			break;
		default:
			break;
		}
	}
}

static bool
link_message_ok(const struct nlmsghdr *h)
{
	return h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg));
}

/* What was received is one message that is longer than the buffer: it ends where the buffer does.  How much there is. */
static size_t
cut(char *buffer, size_t bytes)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)buffer;

	if (bytes <= ANSWER_BYTES) {
		return bytes;
	}
	if (h->nlmsg_len > ANSWER_BYTES) {
		h->nlmsg_len = ANSWER_BYTES;
	}
	return ANSWER_BYTES;
}

/* 1: watch_buffer has messages, perhaps none; 0: there are no more; -1 with errno. */
static int
receive_watch(struct netif *n)
{
	struct sockaddr_nl from = {0};
	socklen_t from_length = sizeof(from);
	ssize_t bytes;

	do {
		bytes = recvfrom(n->watch_fd, n->watch_buffer, sizeof(n->watch_buffer), MSG_TRUNC,
		    (struct sockaddr *)&from, &from_length);
	} while (bytes < 0 && errno == EINTR);
	n->watch_length = n->watch_offset = 0;
	if (bytes < 0) {
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
	}
	if (from.nl_pid != 0) {
		return 1; /* not the kernel */
	}
	n->watch_length = cut(n->watch_buffer, (size_t)bytes);
	return 1;
}

/* 1: *event is filled; 0: a message of no interest here. */
static int
read_event(const struct nlmsghdr *h, struct netif_event *event)
{
	struct move move;

	memset(event, 0, sizeof(*event));
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		/* Bridges announce their members' departure from them as AF_BRIDGE link messages. */
		if (!link_message_ok(h) || ((const struct ifinfomsg *)NLMSG_DATA(h))->ifi_family != AF_UNSPEC) {
			return 0;
		}
		read_link(h, &event->status, &move);
		event->ifindex = event->status.ifindex;
		event->netns = move.netns;
		event->new_ifindex = move.ifindex;
		if (h->nlmsg_type == RTM_NEWLINK) {
			event->type = NETIF_CHANGED;
		} else {
			event->type = move.moved ? NETIF_MOVED : NETIF_DEPARTED;
		}
		return 1;
	case RTM_NEWADDR:
		if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg))) {
			return 0;
		}
		event->type = NETIF_ADDRESS_ADDED;
		event->ifindex = ((const struct ifaddrmsg *)NLMSG_DATA(h))->ifa_index;
		return 1;
	default:
		return 0;
	}
}

int
netif_next_event(struct netif *n, struct netif_event *event)
{
	unsigned received = 0;

	for (;;) {
		const struct nlmsghdr *h;
		size_t left = n->watch_length - n->watch_offset;
		int result;

		h = (const struct nlmsghdr *)(const void *)(n->watch_buffer + n->watch_offset);
		if (left == 0 || !NLMSG_OK(h, left)) {
			result = received++ < PASSED_OVER_MAX ? receive_watch(n) : 0;
			if (result <= 0) {
				return result;
			}
			continue;
		}
		n->watch_offset += NLMSG_ALIGN(h->nlmsg_len) < left ? NLMSG_ALIGN(h->nlmsg_len) : left;
		if (read_event(h, event) == 1) {
			return 1;
		}
	}
}

static int
send_request(struct netif *n, struct request *r)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	r->header.nlmsg_seq = ++n->sequence;
	if (sendto(n->request_fd, r, r->header.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		return -1;
	}
	return 0;
}

typedef void (*on_answer)(const struct nlmsghdr *h, void *argument);

/* Receives until the answer to the last request is complete.  0, or -1 with the kernel's errno, or ETIMEDOUT. */
static int
receive_answer(struct netif *n, bool dump, on_answer handler, void *argument)
{
	for (;;) {
		ssize_t bytes = recv(n->request_fd, n->answer, sizeof(n->answer), MSG_TRUNC);
		const struct nlmsghdr *h;
		size_t left;

		if (bytes < 0) {
			if (errno == EINTR) {
				continue;
			}
			if (errno == EAGAIN || errno == EWOULDBLOCK) {
				errno = ETIMEDOUT;
			}
			return -1;
		}
		left = cut(n->answer, (size_t)bytes);
		for (h = (const struct nlmsghdr *)(const void *)n->answer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_seq != n->sequence) {
				continue; /* the rest of an earlier answer that timed out */
			}
			if (h->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *e = NLMSG_DATA(h);

				if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*e))) {
					errno = EBADMSG;
					return -1;
				}
				errno = -e->error;
				return e->error == 0 ? 0 : -1;
			}
			if (h->nlmsg_type == NLMSG_DONE) {
				return 0;
			}
			if (handler != NULL) {
				handler(h, argument);
			}
			if (!dump && handler != NULL) {
				return 0; /* a single answer that is not an error comes alone */
			}
		}
	}
}

static void
on_link(const struct nlmsghdr *h, void *argument)
{
	struct move move;

	if (h->nlmsg_type == RTM_NEWLINK && link_message_ok(h)) {
		read_link(h, argument, &move);
	}
}

static void
on_address(const struct nlmsghdr *h, void *argument)
{
	struct netif_status *status = argument;
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	const struct rtattr *local = NULL, *address = NULL, *chosen;
	struct message_address *out;
	size_t length;
	int left;

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) || m->ifa_index != status->ifindex ||
	    (m->ifa_family != AF_INET && m->ifa_family != AF_INET6)) {
		return;
	}
	left = (int)IFA_PAYLOAD(h);
	for (const struct rtattr *a = IFA_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFA_LOCAL) {
			local = a;
		} else if (a->rta_type == IFA_ADDRESS) {
			address = a;
		}
	}
	/* IFA_LOCAL is ours where both are given: IFA_ADDRESS is then the other end of a point-to-point pair (rtnetlink(7)). */
	chosen = local != NULL ? local : address;
	length = m->ifa_family == AF_INET ? 4 : 16;
	if (chosen == NULL || RTA_PAYLOAD(chosen) != length) {
		return;
	}
	status->addresses_total++;
	if (status->address_count == MESSAGE_ADDRESSES_MAX) {
		return;
	}
	out = &status->addresses[status->address_count++];
	memset(out, 0, sizeof(*out));
	out->family = m->ifa_family == AF_INET ? 4 : 6;
	out->prefix = m->ifa_prefixlen;
	out->peer = local != NULL && address != NULL && RTA_PAYLOAD(address) == length &&
	    memcmp(RTA_DATA(local), RTA_DATA(address), length) != 0;
	memcpy(out->bytes, RTA_DATA(chosen), length);
}

/* The largest requests here carry three addresses of 16 bytes. */
static void
add_attribute(struct request *r, unsigned short type, const void *data, size_t bytes)
{
	struct rtattr *a = (struct rtattr *)(void *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(bytes);
	memcpy(RTA_DATA(a), data, bytes);
	r->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

static void
add_name(struct request *r, const char *ifname)
{
	char name[MESSAGE_IFNAME_SIZE] = "";
	size_t length = strnlen(ifname, sizeof(name) - 1);

	memcpy(name, ifname, length);
	add_attribute(r, IFLA_IFNAME, name, length + 1);
}

int
netif_read(struct netif *n, const char *ifname, uint32_t ifindex, bool addresses, struct netif_status *status)
{
	struct request r = {0};

	memset(status, 0, sizeof(*status));
	r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.link));
	r.header.nlmsg_type = RTM_GETLINK;
	r.header.nlmsg_flags = NLM_F_REQUEST;
	r.link.ifi_family = AF_UNSPEC;
	if (ifname != NULL) {
		add_name(&r, ifname);
	} else {
		r.link.ifi_index = (int)ifindex;
	}
	if (send_request(n, &r) < 0 || receive_answer(n, false, on_link, status) < 0) {
		return -1;
	}
	if (status->ifindex == 0) {
		errno = EBADMSG;
		return -1;
	}
	if (!addresses) {
		return 0;
	}
	memset(&r, 0, sizeof(r));
	r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.address));
	r.header.nlmsg_type = RTM_GETADDR;
	r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	r.address.ifa_family = AF_UNSPEC;
	r.address.ifa_index = status->ifindex;
	if (send_request(n, &r) < 0) {
		return -1;
	}
	return receive_answer(n, true, on_address, status);
}

static void
on_peer_number(const struct nlmsghdr *h, void *argument)
{
	int32_t *number = argument;
	const struct rtattr *a;
	int left;

	if (h->nlmsg_type != RTM_NEWNSID || h->nlmsg_len < NLMSG_SPACE(sizeof(struct rtgenmsg))) {
		return;
	}
	left = (int)(h->nlmsg_len - NLMSG_SPACE(sizeof(struct rtgenmsg)));
	for (a = (const void *)((const char *)h + NLMSG_SPACE(sizeof(struct rtgenmsg))); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == NETNSA_NSID) {
			*number = (int32_t)read_number(a);
		}
	}
}

int
netif_peer_number(struct netif *n, int ns, int32_t *number)
{
	struct request r = {0};

	*number = -1;
	r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.any));
	r.header.nlmsg_type = RTM_GETNSID;
	r.header.nlmsg_flags = NLM_F_REQUEST;
	r.any.rtgen_family = AF_UNSPEC;
	add_attribute(&r, NETNSA_FD, &ns, sizeof(ns));
	return send_request(n, &r) < 0 ? -1 : receive_answer(n, false, on_peer_number, number);
}

int
netif_find(struct netif *n, const char *ifname, struct netif_status *status)
{
	struct ifreq request = {0};

	memset(status, 0, sizeof(*status));
	strncpy(request.ifr_name, ifname, sizeof(request.ifr_name) - 1);
	/* Any socket answers these (netdevice(7)); an RTM_GETLINK costs ten times as much. */
	if (ioctl(n->request_fd, SIOCGIFINDEX, &request) < 0) {
		return -1;
	}
	status->ifindex = (uint32_t)request.ifr_ifindex;
	if (ioctl(n->request_fd, SIOCGIFMTU, &request) < 0) {
		return -1;
	}
	status->mtu = (uint32_t)request.ifr_mtu;
	memcpy(status->ifname, request.ifr_name, sizeof(status->ifname));
	return 0;
}

/* Sends a request that is answered by an errno alone. */
static int
ask(struct netif *n, struct request *r)
{
	return send_request(n, r) < 0 ? -1 : receive_answer(n, false, NULL, NULL);
}

static int
change_link(struct netif *n, uint16_t type, uint32_t ifindex, unsigned flags, unsigned change)
{
	struct request r = {0};

	r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.link));
	r.header.nlmsg_type = type;
	r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	r.link.ifi_family = AF_UNSPEC;
	r.link.ifi_index = (int)ifindex;
	r.link.ifi_flags = flags;
	r.link.ifi_change = change;
	return ask(n, &r);
}

int
netif_set_up(struct netif *n, uint32_t ifindex, bool up)
{
	return change_link(n, RTM_NEWLINK, ifindex, up ? IFF_UP : 0, IFF_UP);
}

int
netif_delete(struct netif *n, uint32_t ifindex)
{
	return change_link(n, RTM_DELLINK, ifindex, 0, 0);
}

static int
set_link_attribute(struct netif *n, uint32_t ifindex, unsigned short type, const void *data, size_t bytes)
{
	struct request r = {0};

	r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.link));
	r.header.nlmsg_type = RTM_NEWLINK;
	r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	r.link.ifi_family = AF_UNSPEC;
	r.link.ifi_index = (int)ifindex;
	add_attribute(&r, type, data, bytes);
	return ask(n, &r);
}

int
netif_set_mtu(struct netif *n, uint32_t ifindex, uint32_t mtu)
{
	return set_link_attribute(n, ifindex, IFLA_MTU, &mtu, sizeof(mtu));
}

int
netif_set_mac(struct netif *n, uint32_t ifindex, const uint8_t mac[6])
{
	return set_link_attribute(n, ifindex, IFLA_ADDRESS, mac, 6);
}

int
netif_set_queue(struct netif *n, uint32_t ifindex, uint32_t packets)
{
	return set_link_attribute(n, ifindex, IFLA_TXQLEN, &packets, sizeof(packets));
}

/* *broadcast: the last address of the prefix. */
static void
broadcast_of(const struct netif_address *a, uint8_t broadcast[4])
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned kept = a->prefix >= 8 * (i + 1) ? 8 : a->prefix > 8 * i ? a->prefix - 8 * i : 0;

		broadcast[i] = (uint8_t)(a->bytes[i] | 0xffu >> kept);
	}
}

int
netif_add_address(struct netif *n, uint32_t ifindex, const struct netif_address *address)
{
	size_t bytes = address->family == 4 ? 4 : 16;
	struct request r = {0};
	uint8_t broadcast[4];

	r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.address));
	r.header.nlmsg_type = RTM_NEWADDR;
	r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	r.address.ifa_family = address->family == 4 ? AF_INET : AF_INET6;
	r.address.ifa_prefixlen = address->prefix;
	r.address.ifa_scope = RT_SCOPE_UNIVERSE;
	r.address.ifa_flags = address->at_once ? IFA_F_NODAD : 0;
	r.address.ifa_index = ifindex;
	add_attribute(&r, IFA_LOCAL, address->bytes, bytes);
	add_attribute(&r, IFA_ADDRESS, address->has_peer ? address->peer : address->bytes, bytes);
	if (address->broadcast) {
		broadcast_of(address, broadcast);
		add_attribute(&r, IFA_BROADCAST, broadcast, sizeof(broadcast));
	}
	return ask(n, &r);
}

int
netif_add_route(struct netif *n, uint32_t ifindex, const struct netif_route *route)
{
	size_t bytes = route->family == 4 ? 4 : 16;
	struct request r = {0};

	r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.route));
	r.header.nlmsg_type = RTM_NEWROUTE;
	r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	r.route.rtm_family = route->family == 4 ? AF_INET : AF_INET6;
	r.route.rtm_dst_len = route->prefix;
	r.route.rtm_table = RT_TABLE_MAIN;
	r.route.rtm_protocol = RTPROT_STATIC;
	r.route.rtm_type = RTN_UNICAST;
	/* Without a gateway all of an IPv4 destination is on the link itself; IPv6 knows no scopes of routes. */
	r.route.rtm_scope = route->family == 4 && !route->has_gateway ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	if (route->prefix > 0) {
		add_attribute(&r, RTA_DST, route->destination, bytes);
	}
	if (route->has_gateway) {
		add_attribute(&r, RTA_GATEWAY, route->gateway, bytes);
	}
	add_attribute(&r, RTA_OIF, &ifindex, sizeof(ifindex));
	return ask(n, &r);
}

/* Appends bytes to a request; returns where its room for them is. */
static void *
append(struct request *r, size_t bytes)
{
	void *at = (char *)r + NLMSG_ALIGN(r->header.nlmsg_len);

	r->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->header.nlmsg_len) + NLMSG_ALIGN(bytes));
	return at;
}

/* An attribute that holds others: those that are appended until it is ended. */
static struct rtattr *
begin_nest(struct request *r, unsigned short type)
{
	struct rtattr *a = append(r, RTA_LENGTH(0));

	a->rta_type = type;
	return a;
}

static void
end_nest(const struct request *r, struct rtattr *a)
{
	a->rta_len = (unsigned short)((const char *)r + NLMSG_ALIGN(r->header.nlmsg_len) - (const char *)a);
}

int
netif_make_pair(struct netif *n, const char *ifname, const struct netif_far_end *far)
{
	static const char kind[] = "veth";
	struct request r = {0};
	struct rtattr *info, *data, *peer;

	r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.link));
	r.header.nlmsg_type = RTM_NEWLINK;
	r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	r.link.ifi_family = AF_UNSPEC;
	add_name(&r, ifname);
	if (far->near_mtu != 0) {
		add_attribute(&r, IFLA_MTU, &far->near_mtu, sizeof(far->near_mtu));
	}
	if (far->near_mac != NULL) {
		add_attribute(&r, IFLA_ADDRESS, far->near_mac, 6);
	}
	info = begin_nest(&r, IFLA_LINKINFO);
	add_attribute(&r, IFLA_INFO_KIND, kind, strlen(kind));
	data = begin_nest(&r, IFLA_INFO_DATA);
	peer = begin_nest(&r, VETH_INFO_PEER);
	memset(append(&r, sizeof(struct ifinfomsg)), 0, sizeof(struct ifinfomsg));
	add_attribute(&r, IFLA_IFNAME, far->ifname, strlen(far->ifname) + 1);
	if (far->mtu != 0) {
		add_attribute(&r, IFLA_MTU, &far->mtu, sizeof(far->mtu));
	}
	if (far->mac != NULL) {
		add_attribute(&r, IFLA_ADDRESS, far->mac, 6);
	}
	if (far->netns_fd >= 0) {
		add_attribute(&r, IFLA_NET_NS_FD, &far->netns_fd, sizeof(far->netns_fd));
	}
	end_nest(&r, peer);
	end_nest(&r, data);
	end_nest(&r, info);
	return ask(n, &r);
}

int
netif_make_bridge(struct netif *n, const char *ifname, const uint8_t mac[6], uint32_t mtu)
{
	static const char kind[] = "bridge";
	static const uint32_t no_delay;
	struct request r = {0};
	struct rtattr *info, *data;

	r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.link));
	r.header.nlmsg_type = RTM_NEWLINK;
	r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	r.link.ifi_family = AF_UNSPEC;
	add_name(&r, ifname);
	add_attribute(&r, IFLA_ADDRESS, mac, 6);
	add_attribute(&r, IFLA_MTU, &mtu, sizeof(mtu));
	info = begin_nest(&r, IFLA_LINKINFO);
	add_attribute(&r, IFLA_INFO_KIND, kind, strlen(kind));
	data = begin_nest(&r, IFLA_INFO_DATA);
	add_attribute(&r, IFLA_BR_FORWARD_DELAY, &no_delay, sizeof(no_delay));
	end_nest(&r, data);
	end_nest(&r, info);
	return ask(n, &r);
}

int
netif_set_master(struct netif *n, uint32_t ifindex, uint32_t master)
{
	return set_link_attribute(n, ifindex, IFLA_MASTER, &master, sizeof(master));
}

struct members {
	uint32_t master;
	uint32_t *found;
	unsigned size;
	int count;
};

static void
on_member(const struct nlmsghdr *h, void *argument)
{
	struct members *m = argument;
	struct netif_status status;
	struct move move;

	if (h->nlmsg_type != RTM_NEWLINK || !link_message_ok(h)) {
		return;
	}
	read_link(h, &status, &move);
	if (status.master != m->master) {
		return;
	}
	if ((unsigned)m->count < m->size) {
		m->found[m->count] = status.ifindex;
	}
	m->count++;
}

int
netif_members(struct netif *n, uint32_t master, uint32_t members[], unsigned size)
{
	struct members m = {.master = master, .found = members, .size = size};
	struct request r = {0};

	r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.link));
	r.header.nlmsg_type = RTM_GETLINK;
	r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	r.link.ifi_family = AF_UNSPEC;
	return send_request(n, &r) < 0 || receive_answer(n, true, on_member, &m) < 0 ? -1 : m.count;
}

/* What is to be moved: messages of dumps, one after the other, as the kernel made them. */
struct moving {
	uint32_t from, to;
	char *messages;
	size_t bytes, room;
	bool is_full;
};

/* The most that is moved at once.  More than a thousand routes: who has them has a routing daemon to make them. */
#define MOVING_BYTES (256 * 1024)

static void
keep_message(struct moving *m, const struct nlmsghdr *h)
{
	size_t bytes = NLMSG_ALIGN(h->nlmsg_len);

	if (m->room - m->bytes < bytes) {
		m->is_full = true;
		return;
	}
	memset(m->messages + m->bytes, 0, bytes);
	memcpy(m->messages + m->bytes, h, h->nlmsg_len);
	m->bytes += bytes;
}

/* A uint32_t attribute's value; 0: there is none. */
static uint32_t
value_of(const struct rtattr *a, int left, unsigned short type)
{
	uint32_t value = 0;

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == type && RTA_PAYLOAD(a) >= sizeof(value)) {
			memcpy(&value, RTA_DATA(a), sizeof(value));
		}
	}
	return value;
}

static void
on_moving_address(const struct nlmsghdr *h, void *argument)
{
	const struct ifaddrmsg *a = NLMSG_DATA(h);
	struct moving *m = argument;

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*a)) || a->ifa_index != m->from ||
	    (a->ifa_family != AF_INET && a->ifa_family != AF_INET6)) {
		return;
	}
	/* Link-local ones are the kernel's; so are the temporary and the announced ones, which have the same flag or a manager. */
	if (a->ifa_family == AF_INET6 && (a->ifa_scope == RT_SCOPE_LINK ||
	    (value_of(IFA_RTA(a), (int)IFA_PAYLOAD(h), IFA_FLAGS) & (IFA_F_TEMPORARY | IFA_F_MANAGETEMPADDR)) != 0)) {
		return;
	}
	keep_message(m, h);
}

static void
on_moving_route(const struct nlmsghdr *h, void *argument)
{
	const struct rtmsg *route = NLMSG_DATA(h);
	struct moving *m = argument;

	if (h->nlmsg_type != RTM_NEWROUTE || h->nlmsg_len < NLMSG_LENGTH(sizeof(*route)) || route->rtm_type != RTN_UNICAST ||
	    (route->rtm_flags & RTM_F_CLONED) != 0 || route->rtm_protocol == RTPROT_KERNEL || route->rtm_protocol == RTPROT_RA ||
	    value_of(RTM_RTA(route), (int)RTM_PAYLOAD(h), RTA_OIF) != m->from) {
		return;
	}
	keep_message(m, h);
}

static int
dump_moving(struct netif *n, uint16_t type, unsigned char family, on_answer handler, struct moving *m)
{
	struct request r = {0};

	r.header.nlmsg_type = type;
	r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (type == RTM_GETADDR) {
		r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.address));
		r.address.ifa_family = family;
	} else {
		r.header.nlmsg_len = NLMSG_LENGTH(sizeof(r.route));
		r.route.rtm_family = family;
	}
	return send_request(n, &r) < 0 ? -1 : receive_answer(n, true, handler, m);
}

/* Sends a kept message again, as a request of that type about interface ifindex. */
static int
ask_again(struct netif *n, const struct nlmsghdr *kept, uint16_t type, uint16_t flags, uint32_t ifindex)
{
	union {
		struct nlmsghdr header;
		char bytes[4096];
	} r = {0};
	bool is_address = kept->nlmsg_type == RTM_NEWADDR;
	size_t fixed = NLMSG_LENGTH(is_address ? sizeof(struct ifaddrmsg) : sizeof(struct rtmsg)), left;
	const struct rtattr *a;

	if (kept->nlmsg_len > sizeof(r)) {
		errno = EMSGSIZE;
		return -1;
	}
	memcpy(&r, kept, fixed);
	r.header.nlmsg_type = type;
	r.header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r.header.nlmsg_len = (uint32_t)NLMSG_ALIGN(fixed);
	if (is_address) {
		((struct ifaddrmsg *)NLMSG_DATA(&r.header))->ifa_index = ifindex;
	} else {
		((struct rtmsg *)NLMSG_DATA(&r.header))->rtm_flags &= ~(unsigned)(RTNH_F_DEAD | RTNH_F_LINKDOWN); /* states, not wishes */
	}
	a = (const struct rtattr *)(const void *)((const char *)kept + NLMSG_ALIGN(fixed));
	left = kept->nlmsg_len - NLMSG_ALIGN(fixed);
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		struct rtattr *copy = (struct rtattr *)(void *)(r.bytes + r.header.nlmsg_len);

		/* A label is of the old interface's name; how often a route was used says nothing of the new one. */
		if ((is_address && a->rta_type == IFA_LABEL) || (!is_address && a->rta_type == RTA_CACHEINFO)) {
			continue;
		}
		memcpy(copy, a, a->rta_len);
		if (!is_address && a->rta_type == RTA_OIF && RTA_PAYLOAD(a) == sizeof(ifindex)) {
			memcpy(RTA_DATA(copy), &ifindex, sizeof(ifindex));
		}
		r.header.nlmsg_len += (uint32_t)RTA_ALIGN(a->rta_len);
	}
	return send_request(n, (struct request *)(void *)&r) < 0 ? -1 : receive_answer(n, false, NULL, NULL);
}

/* A kept address or route, from the one to the other.  What is there already, or has gone meanwhile, is no failure. */
static int
move_one(struct netif *n, const struct moving *m, const struct nlmsghdr *kept)
{
	bool is_address = kept->nlmsg_type == RTM_NEWADDR;

	/* A route first goes: two that differ in the interface alone are the same to the kernel. */
	if (!is_address && ask_again(n, kept, RTM_DELROUTE, 0, m->from) < 0 && errno != ESRCH) {
		return -1;
	}
	if (ask_again(n, kept, kept->nlmsg_type, NLM_F_CREATE | NLM_F_EXCL, m->to) < 0 && errno != EEXIST) {
		return -1;
	}
	if (is_address && ask_again(n, kept, RTM_DELADDR, 0, m->from) < 0 && errno != EADDRNOTAVAIL && errno != ENODEV) {
		return -1;
	}
	return 0;
}

/* All that was kept; goes on after a failure, of which the first is told. */
static int
move_kept(struct netif *n, const struct moving *m)
{
	int error = m->is_full ? ENOBUFS : 0;

	for (size_t at = 0; at < m->bytes;) {
		const struct nlmsghdr *kept = (const struct nlmsghdr *)(const void *)(m->messages + at);

		if (move_one(n, m, kept) < 0 && error == 0) {
			error = errno;
		}
		at += NLMSG_ALIGN(kept->nlmsg_len);
	}
	errno = error;
	return error == 0 ? 0 : -1;
}

int
netif_move_addresses(struct netif *n, uint32_t from, uint32_t to)
{
	struct moving m = {.from = from, .to = to, .room = MOVING_BYTES};
	int result = -1, saved;

	m.messages = malloc(m.room);
	if (m.messages == NULL) {
		return -1;
	}
	/* Routes are read before an address goes, which takes those with it that stand on it; and set when the addresses are there. */
	if (dump_moving(n, RTM_GETADDR, AF_UNSPEC, on_moving_address, &m) == 0 &&
	    dump_moving(n, RTM_GETROUTE, AF_INET, on_moving_route, &m) == 0 &&
	    dump_moving(n, RTM_GETROUTE, AF_INET6, on_moving_route, &m) == 0) {
		result = move_kept(n, &m);
	}
	saved = errno;
	free(m.messages);
	errno = saved;
	return result;
}
