/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source-packet.c - Linux: an interface's packets through a packet socket.  See source.h.
 *
 * Theory of operation.  A packet socket, and not libpcap's handle: of an Ethernet interface libpcap does not say in which direction a
 * packet went, it opens no interface that is down, and it cannot be handed to another process.  The kernel says the direction in the
 * packet's address, the time and what it took out of the packet (an 802.1Q tag) beside it; the tag is put back.
 *
 * A tun's interface may be Ethernet (link-veth.c), of which its program hears nothing, and so nor does who looks at its packets: the socket
 * is then one that the kernel gives packets without their link header (SOCK_DGRAM), and all that is no IP is passed over.
 *
 * Limits.  ROOM_BYTES of packets wait (the kernel doubles it and counts its own overhead: some 1800 of 1514 bytes); what finds no room
 * the kernel counts.  The descriptor shows one interface; its holder could bind it to another of the same namespace, so it goes to
 * nobody but a process of ours.
 *
 * Sources: packet(7) PACKET_AUXDATA, PACKET_STATISTICS, sll_pkttype; net/packet/af_packet.c (packet_notifier: ENETDOWN once; a socket
 * bound to an interface that is down starts with it); netdevice(7); socket(7) SO_TIMESTAMPNS.
 */
#include "source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/os.h"
#include "protocol/capture.h"
#include "protocol/message.h"

#define ROOM_BYTES (2 * 1024 * 1024)
#define ADDRESSES_BYTES 12 /* of an Ethernet header, before the tag */
#define TAG_BYTES 4
/* Room before a packet for its tag; a whole number of cache lines. */
#define SLOT_BYTES ((TAG_BYTES + CAPTURE_PACKET_MAX + 63) / 64 * 64)
#define NS_PER_S 1000000000u

struct packet_source {
	struct source source; /* first: a struct source * is its packet_source */
	int ifindex;
	bool bare; /* no packet has a link header */
	uint64_t dropped;
	uint8_t *slots; /* SOURCE_BURST of SLOT_BYTES */
	struct mmsghdr messages[SOURCE_BURST];
	struct iovec parts[SOURCE_BURST];
	struct sockaddr_ll from[SOURCE_BURST];
	_Alignas(struct cmsghdr) uint8_t controls[SOURCE_BURST][CMSG_SPACE(sizeof(struct timespec)) +
	    CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

static bool
linktype_of(int fd, int ifindex, bool bare, uint32_t *linktype)
{
	struct ifreq request = {.ifr_ifindex = ifindex};

	if (ioctl(fd, SIOCGIFNAME, &request) < 0 || ioctl(fd, SIOCGIFHWADDR, &request) < 0) {
		return false;
	}
	switch (request.ifr_hwaddr.sa_family) {
	case ARPHRD_ETHER:
		*linktype = bare ? LINKTYPE_RAW : LINKTYPE_ETHERNET;
		return true;
	case ARPHRD_NONE:
		*linktype = LINKTYPE_RAW;
		return true;
	default:
		errno = EPROTONOSUPPORT;
		return false;
	}
}

int
source_open(int netns_fd, uint32_t ifindex, bool bare, uint32_t *linktype)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)ifindex};
	int back, fd, saved, one = 1, bytes = ROOM_BYTES;

	if (os_netns_enter(netns_fd, &back) < 0) {
		return -1;
	}
	/* Protocol 0: nothing comes before bind(2). */
	fd = socket(AF_PACKET, (bare ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	os_netns_leave(back);
	if (fd < 0) {
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	}
	if (!linktype_of(fd, (int)ifindex, bare, linktype) || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Before each call: the kernel has written what came into all of it. */
static void
prepare_messages(struct packet_source *s)
{
	for (unsigned i = 0; i < SOURCE_BURST; i++) {
		s->parts[i] = (struct iovec){.iov_base = s->slots + (size_t)i * SLOT_BYTES + TAG_BYTES, .iov_len = CAPTURE_PACKET_MAX};
		s->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &s->from[i],
			.msg_namelen = sizeof(s->from[i]),
			.msg_iov = &s->parts[i],
			.msg_iovlen = 1,
			.msg_control = s->controls[i],
			.msg_controllen = sizeof(s->controls[i]),
		};
	}
}

static uint64_t
in_ns(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec;
}

/* What stands beside a packet: its time, and the tag, whose two halves are then in network order; true if there is one. */
static bool
read_control(struct msghdr *m, uint64_t *time_ns, uint16_t tag_be[2])
{
	bool tagged = false;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		struct tpacket_auxdata aux;
		struct timespec time;

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS && c->cmsg_len >= CMSG_LEN(sizeof(time))) {
			memcpy(&time, CMSG_DATA(c), sizeof(time));
			*time_ns = in_ns(&time);
		} else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA && c->cmsg_len >= CMSG_LEN(sizeof(aux))) {
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
			if ((aux.tp_status & TP_STATUS_VLAN_VALID) != 0) {
				tagged = true;
				tag_be[0] = htons((aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? aux.tp_vlan_tpid : ETH_P_8021Q);
				tag_be[1] = htons(aux.tp_vlan_tci);
			}
		}
	}
	return tagged;
}

/* The nth packet that came.  False: it is none of those that are looked at. */
static bool
describe(struct packet_source *s, unsigned n, struct source_packet *packet)
{
	uint8_t *data = s->parts[n].iov_base;
	size_t original = s->messages[n].msg_len, bytes = original < CAPTURE_PACKET_MAX ? original : CAPTURE_PACKET_MAX;
	bool tagged;
	uint16_t tag_be[2];

	*packet = (struct source_packet){.to_program = s->from[n].sll_pkttype == PACKET_OUTGOING};
	tagged = read_control(&s->messages[n].msg_hdr, &packet->time_ns, tag_be);
	if (s->bare && (tagged || (s->from[n].sll_protocol != htons(ETH_P_IP) && s->from[n].sll_protocol != htons(ETH_P_IPV6)))) {
		return false;
	}
	if (tagged && bytes >= ADDRESSES_BYTES) {
		memmove(data - TAG_BYTES, data, ADDRESSES_BYTES);
		memcpy(data - TAG_BYTES + ADDRESSES_BYTES, tag_be, sizeof(tag_be));
		data -= TAG_BYTES;
		original += TAG_BYTES;
		bytes = bytes + TAG_BYTES < CAPTURE_PACKET_MAX ? bytes + TAG_BYTES : CAPTURE_PACKET_MAX;
	}
	packet->data = data;
	packet->bytes = bytes;
	packet->original_bytes = original;
	return true;
}

/* ENETDOWN or ENODEV: the socket says the first only once, and the other never. */
static int
why_nothing_comes(const struct packet_source *s)
{
	struct ifreq request = {.ifr_ifindex = s->ifindex};

	if (ioctl(s->source.fd, SIOCGIFNAME, &request) < 0 || ioctl(s->source.fd, SIOCGIFFLAGS, &request) < 0) {
		return ENODEV;
	}
	return (request.ifr_flags & IFF_UP) == 0 ? ENETDOWN : 0;
}

static int
packet_receive(struct source *source, unsigned burst, void (*on_packet)(void *argument, const struct source_packet *packet), void *argument)
{
	struct packet_source *s = (struct packet_source *)source;
	struct source_packet packet;
	int n, error;

	prepare_messages(s);
	do {
		/* MSG_TRUNC: the length that a packet has, and not what fits. */
		n = recvmmsg(source->fd, s->messages, burst, MSG_DONTWAIT | MSG_TRUNC, NULL);
		/* The kernel tells an error before the packets that came before it, and tells it once. */
		source->look_again |= n < 0 && errno == ENETDOWN;
	} while (n < 0 && (errno == EINTR || errno == ENETDOWN));
	for (int i = 0; i < n; i++) {
		if (describe(s, (unsigned)i, &packet)) {
			on_packet(argument, &packet);
		}
	}
	if (n >= 0) {
		return n;
	}
	source->look_again = false;
	if (errno != EAGAIN) {
		return -1;
	}
	error = why_nothing_comes(s);
	if (error == 0) {
		return 0;
	}
	errno = error;
	return -1;
}

static uint64_t
packet_dropped(struct source *source)
{
	struct packet_source *s = (struct packet_source *)source;
	struct tpacket_stats stats;
	socklen_t length = sizeof(stats);

	/* The kernel begins anew with each answer. */
	if (getsockopt(source->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0) {
		s->dropped += stats.tp_drops;
	}
	return s->dropped;
}

static void
packet_close(struct source *source)
{
	struct packet_source *s = (struct packet_source *)source;

	if (s->slots != NULL) {
		munmap(s->slots, (size_t)SOURCE_BURST * SLOT_BYTES);
	}
	close(source->fd);
	free(s);
}

static const struct source_ops packet_ops = {.receive = packet_receive, .dropped = packet_dropped, .close = packet_close};

struct source *
source_new(int fd)
{
	struct packet_source *s = calloc(1, sizeof(*s));
	struct sockaddr_ll address = {0};
	socklen_t length = sizeof(address), type_length = sizeof(int);
	int type;

	if (s == NULL) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	s->source = (struct source){.ops = &packet_ops, .fd = fd};
	/* Of it, only what packets fill becomes memory. */
	s->slots = mmap(NULL, (size_t)SOURCE_BURST * SLOT_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->slots == MAP_FAILED) {
		s->slots = NULL;
		packet_close(&s->source);
		errno = ENOMEM;
		return NULL;
	}
	/* -1: gone since it was bound, which the first look then tells. */
	if (getsockname(fd, (struct sockaddr *)&address, &length) == 0) {
		s->ifindex = address.sll_ifindex;
	}
	s->bare = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) == 0 && type == SOCK_DGRAM;
	return &s->source;
}
