/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port-packet.c - Linux: sends a port's frames, in batches, on a packet socket of its own.  See port.h.
 *
 * Theory of operation.  libpcap sends one frame per call; one sendmmsg(2) for a batch is a fifth less work (measured).  The socket passes
 * by the queueing discipline, which would only add a queue, and it receives nothing (protocol 0).
 *
 * ENOBUFS is how the kernel says three things: the other end is down (no carrier), its backlog is full, and the frame is longer than
 * the other end's MTU allows (net/packet/af_packet.c packet_xmit, drivers/net/veth.c veth_xmit).  With carrier the frame is tried once
 * more, after a millisecond; what is refused again is given up.
 *
 * Sources: packet(7) PACKET_QDISC_BYPASS, PACKET_IGNORE_OUTGOING; net/packet/af_packet.c PACKET_COPY_THRESH.
 */
#include "port.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the kernel may hold of ours at once, bytes. */
#define SEND_BYTES (1024 * 1024)
/* The queue of whole long frames, bytes; the kernel doubles it. */
#define LONG_BYTES (4 * 1024 * 1024)
#define RETRY_MS 1
/* A slot's frame, bytes: MTU 1500, Ethernet header, one tag, and one more for whoever stacks them. */
#define SLOT_FRAME_BYTES (1500 + 14 + 4 + 4)

int
port_sender_open(const char *ifname)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1, bytes = SEND_BYTES, saved;

	if (fd < 0) {
		return -1;
	}
	if (address.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	/* More than the host's default where that can be had; less only sends in smaller steps. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return fd;
}

/* The interface's flags; none: it is gone. */
static unsigned
flags_of(int sender)
{
	struct sockaddr_ll address = {0};
	socklen_t length = sizeof(address);
	struct ifreq request = {0};

	if (getsockname(sender, (struct sockaddr *)&address, &length) < 0) {
		return 0;
	}
	request.ifr_ifindex = address.sll_ifindex;
	return ioctl(sender, SIOCGIFNAME, &request) == 0 && ioctl(sender, SIOCGIFFLAGS, &request) == 0 ? (unsigned)request.ifr_flags : 0;
}

/* Whether the other end is up: this end then has a carrier. */
static bool
has_carrier(int sender)
{
	return (flags_of(sender) & IFF_RUNNING) != 0;
}

bool
port_sender_is_up(int sender)
{
	return (flags_of(sender) & IFF_UP) != 0;
}

int
port_sender_send(int sender, const struct port_frame *frames, unsigned count)
{
	struct mmsghdr messages[PORT_BURST];
	struct iovec parts[PORT_BURST];
	unsigned done = 0, sent = 0;
	bool tried = false;

	memset(messages, 0, count * sizeof(messages[0]));
	for (unsigned i = 0; i < count; i++) {
		parts[i] = (struct iovec){.iov_base = (void *)(uintptr_t)frames[i].data, .iov_len = frames[i].bytes};
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < count) {
		int n = sendmmsg(sender, messages + done, count - done, 0);

		if (n > 0) {
			done += (unsigned)n;
			sent += (unsigned)n;
			tried = false;
			continue;
		}
		switch (errno) {
		case EINTR:
			continue;
		case ENOBUFS:
			if (!has_carrier(sender)) {
				return (int)sent; /* none of the rest would fare better */
			}
			if (!tried) {
				tried = true;
				(void)poll(NULL, 0, RETRY_MS);
				continue;
			}
			break;
		case ENETDOWN:
		case ENODEV:
		case ENXIO:
			return -1;
		default:
			break;
		}
		done++;
		tried = false;
	}
	return (int)sent;
}

unsigned
port_sender_slot_bytes(void)
{
	return SLOT_FRAME_BYTES;
}

int
port_sender_hide(int receiver)
{
	int one = 1;

	return setsockopt(receiver, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
}

int
port_sender_keep_long(int receiver)
{
	int one = 1, bytes = LONG_BYTES;

	if (setsockopt(receiver, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0) {
		(void)setsockopt(receiver, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	}
	return setsockopt(receiver, SOL_PACKET, PACKET_COPY_THRESH, &one, sizeof(one));
}
