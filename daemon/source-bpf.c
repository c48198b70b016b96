/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source-bpf.c - macOS: an interface's packets through a BPF device.  See source.h.
 *
 * Theory of operation.  A BPF device, and not libpcap's handle: that cannot be handed to another process, and does not say in which
 * direction a packet went.  The kernel does, in a longer header before each packet (BIOCSEXTHDR, which Apple's own libpcap knows and
 * Apple's headers leave out).  Of it all kernels from macOS 11 to 15 have the same first 18 bytes, those of struct bpf_hdr; then come
 * two, of which one is zero and the other has the flag: the first up to macOS 12, the second later.  Other flags may stand beside it.  The
 * rest is passed over, by the length that the header says it has.
 *
 * The device is opened for reading alone, so nobody can send with it; what it is attached to can be changed, so it goes to nobody but a
 * process of ours.
 *
 * What is before the packet.  A utun's packets begin with their address family, four bytes in the host's order, which are taken off; a
 * feth's are Ethernet frames, whose 802.1Q tag is in its place.  Of a tun whose interface is Ethernet (ethertun.c) its program hears but
 * the IP packets, so all else is passed over.  The reader knows such a one by a mark: "the header is complete" is for who writes.
 *
 * Limits.  The kernel has two buffers of ROOM_BYTES, half of that up to macOS 12; what finds no room in either it drops and counts.  Times
 * are of microseconds.  That the interface goes down is told by nobody here, and is nothing; that it is gone, by a read after the last
 * packet.
 *
 * Sources: bpf(4); XNU bsd/net/bpf.c (bpfopen, bpfread, catchpacket, bpfdetach), bsd/net/bpf.h (struct bpf_hdr_ext of xnu-7195, 8020, 8796,
 * 10002, 11417), bsd/net/if_utun.c (utun_output, utun_pkt_input: DLT_NULL).
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <net/bpf.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/capture.h"
#include "protocol/message.h"
#include "protocol/sys.h"

/* BPF_MAX_DEVICES (bsd/net/bpf.c); bpf0 is left to programs that know no other. */
#define DEVICES_MAX 256
#define DEVICE_FIRST 1
#define ROOM_BYTES (1024 * 1024)
/* bsd/net/bpf.h, which keeps it to the kernel and its friends */
#define SET_LONG_HEADER _IOW('B', 124, u_int)
/* The part of the header that is used, and the flag of a packet that the kernel sends; the other way it is zero. */
#define HEADER_BYTES 20
#define IS_OUTBOUND 0x01
#define FAMILY_BYTES 4
#define ETHERNET_BYTES 14
#define TYPE_AT 12
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define NS_PER_S 1000000000u
#define NS_PER_US 1000u

/* What is before a packet. */
enum before {
	BEFORE_UNKNOWN, /* the interface went before it could be asked: nothing is shown but that */
	BEFORE_NOTHING, /* or what is wanted */
	BEFORE_FAMILY,
	BEFORE_ETHERNET, /* that is not wanted */
};

struct bpf_source {
	struct source source; /* first: a struct source * is its bpf_source */
	enum before before;
	uint8_t *buffer;
	size_t size;        /* as large as the kernel's: a read of another length is EINVAL */
	size_t next, bytes; /* of what was read: what comes next, and how much there is */
	uint32_t last_drop; /* the kernel's count, of 32 bits */
	uint64_t dropped;
};

static int
open_device(void)
{
	char path[32];
	int fd = -1;

	/* The kernel makes one more when the last is opened. */
	for (unsigned number = DEVICE_FIRST; fd < 0 && number < DEVICES_MAX; number++) {
		snprintf(path, sizeof(path), "/dev/bpf%u", number);
		fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0 && errno != EBUSY) {
			break;
		}
	}
	if (fd < 0) {
		errno = errno == EBUSY || errno == ENOENT ? ENFILE : errno;
	}
	return fd;
}

/* The link header that the device shows.  0, or -1 with errno. */
static int
linktype_of(int fd, bool bare, uint32_t *linktype)
{
	u_int type;

	if (ioctl(fd, BIOCGDLT, &type) < 0) {
		return -1;
	}
	switch (type) {
	case DLT_EN10MB:
		*linktype = bare ? LINKTYPE_RAW : LINKTYPE_ETHERNET;
		return 0;
	case DLT_NULL:
		*linktype = LINKTYPE_RAW;
		return 0;
	default:
		errno = EPROTONOSUPPORT;
		return -1;
	}
}

int
source_open(int netns_fd, uint32_t ifindex, bool bare, uint32_t *linktype)
{
	struct ifreq request = {0};
	u_int bytes = ROOM_BYTES, on = 1, mark = bare;
	int fd;

	if (if_indextoname(ifindex, request.ifr_name) == NULL) {
		errno = ENODEV;
		return -1;
	}
	fd = open_device();
	if (fd < 0) {
		return -1;
	}
	/* Of these the size is refused once there is an interface, and packets wait from then on. */
	if (ioctl(fd, BIOCSBLEN, &bytes) < 0 || ioctl(fd, SET_LONG_HEADER, &on) < 0 || ioctl(fd, BIOCIMMEDIATE, &on) < 0 ||
	    ioctl(fd, BIOCSHDRCMPLT, &mark) < 0 || ioctl(fd, BIOCSETIF, &request) < 0 || linktype_of(fd, bare, linktype) < 0) {
		errno = errno == ENXIO ? ENODEV : errno;
		sys_close(fd);
		return -1;
	}
	/* It is attached by name, and an interface that went may have left its name to another. */
	if (if_nametoindex(request.ifr_name) != ifindex) {
		sys_close(fd);
		errno = ENODEV;
		return -1;
	}
	return fd;
}

/* The record that comes next, without what is before its packet.  False: it is none of those that are looked at. */
static bool
describe(struct bpf_source *s, struct source_packet *packet)
{
	const uint8_t *record = s->buffer + s->next;
	struct bpf_hdr header;
	size_t before = 0;
	uint32_t family;
	unsigned type;

	if (s->bytes - s->next < HEADER_BYTES) {
		s->next = s->bytes;
		return false;
	}
	memcpy(&header, record, offsetof(struct bpf_hdr, bh_hdrlen) + sizeof(header.bh_hdrlen));
	if (header.bh_hdrlen < HEADER_BYTES || s->bytes - s->next < (size_t)header.bh_hdrlen + header.bh_caplen ||
	    header.bh_datalen < header.bh_caplen) {
		s->next = s->bytes; /* not to be understood: nor is what follows */
		return false;
	}
	s->next += BPF_WORDALIGN((size_t)header.bh_hdrlen + header.bh_caplen);
	s->next = s->next < s->bytes ? s->next : s->bytes;
	*packet = (struct source_packet){
		.data = record + header.bh_hdrlen,
		.bytes = header.bh_caplen,
		.original_bytes = header.bh_datalen,
		.time_ns = (uint64_t)(uint32_t)header.bh_tstamp.tv_sec * NS_PER_S + (uint64_t)header.bh_tstamp.tv_usec * NS_PER_US,
		.to_program = ((record[HEADER_BYTES - 2] | record[HEADER_BYTES - 1]) & IS_OUTBOUND) != 0,
	};
	if (s->before == BEFORE_UNKNOWN) {
		return false;
	}
	if (s->before == BEFORE_FAMILY) {
		if (packet->bytes < FAMILY_BYTES) {
			return false;
		}
		memcpy(&family, packet->data, sizeof(family));
		if (family != AF_INET && family != AF_INET6) {
			return false;
		}
		before = FAMILY_BYTES;
	} else if (s->before == BEFORE_ETHERNET) {
		type = packet->bytes >= ETHERNET_BYTES ? (unsigned)(packet->data[TYPE_AT] << 8 | packet->data[TYPE_AT + 1]) : 0;
		if (type != TYPE_IPV4 && type != TYPE_IPV6) {
			return false;
		}
		before = ETHERNET_BYTES;
	}
	packet->data += before;
	packet->bytes -= before;
	packet->original_bytes -= before;
	packet->bytes = packet->bytes < CAPTURE_PACKET_MAX ? packet->bytes : CAPTURE_PACKET_MAX;
	return true;
}

static int
bpf_receive(struct source *source, unsigned burst, void (*on_packet)(void *argument, const struct source_packet *packet), void *argument)
{
	struct bpf_source *s = (struct bpf_source *)source;
	struct source_packet packet;
	int count = 0;
	ssize_t n;

	if (s->next == s->bytes) {
		source->more = false;
		do {
			n = read(source->fd, s->buffer, s->size);
		} while (n < 0 && errno == EINTR);
		if (n < 0) {
			/* What came before is read before ENXIO is. */
			errno = errno == ENXIO ? ENODEV : errno;
			return errno == EAGAIN ? 0 : -1;
		}
		s->next = 0;
		s->bytes = (size_t)n;
	}
	while (s->next < s->bytes && (unsigned)count < burst) {
		if (describe(s, &packet)) {
			on_packet(argument, &packet);
			count++;
		}
	}
	source->more = s->next < s->bytes;
	return count;
}

static uint64_t
bpf_dropped(struct source *source)
{
	struct bpf_source *s = (struct bpf_source *)source;
	struct bpf_stat stat;

	if (ioctl(source->fd, BIOCGSTATS, &stat) == 0) {
		s->dropped += (uint32_t)(stat.bs_drop - s->last_drop);
		s->last_drop = stat.bs_drop;
	}
	return s->dropped;
}

static void
bpf_close(struct source *source)
{
	struct bpf_source *s = (struct bpf_source *)source;

	sys_close(source->fd);
	free(s->buffer);
	free(s);
}

static const struct source_ops bpf_ops = {.receive = bpf_receive, .dropped = bpf_dropped, .close = bpf_close};

struct source *
source_new(int fd)
{
	struct bpf_source *s = calloc(1, sizeof(*s));
	u_int size = 0, mark = 0, type;

	if (s == NULL) {
		sys_close(fd);
		errno = ENOMEM;
		return NULL;
	}
	s->source = (struct source){.ops = &bpf_ops, .fd = fd};
	if (ioctl(fd, BIOCGBLEN, &size) < 0 || ioctl(fd, BIOCGHDRCMPLT, &mark) < 0) {
		bpf_close(&s->source);
		return NULL;
	}
	if (ioctl(fd, BIOCGDLT, &type) == 0) {
		s->before = type == DLT_NULL ? BEFORE_FAMILY : mark != 0 ? BEFORE_ETHERNET : BEFORE_NOTHING;
	}
	s->size = size;
	s->buffer = malloc(size);
	if (s->buffer == NULL) {
		bpf_close(&s->source);
		errno = ENOMEM;
		return NULL;
	}
	return &s->source;
}
