/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-bpf.c - BPF devices (/dev/bpfN), on Linux's packet sockets.  See standin.h.
 *
 * An open device is a packet socket of its own, so readiness is the kernel's; what a device is set to is kept here, by number, and with the
 * socket, so that another process that gets the device finds it (recover()).  A read gives all the frames that wait and fit, each after a
 * header of 18 bytes, or a longer one that says more, and at a multiple of 4.  What Linux keeps beside a frame, a tag, is put back; before
 * a packet that has no Ethernet header is its family.
 *
 * Which macOS.  TUNTAPD_STANDIN_DARWIN is the kernel's major number (20: macOS 11, 24: macOS 15, the default): the limits of a write and of
 * the buffer are not the same in all, nor is the longer header.
 *
 * Limits.  What a device writes it does not show itself, whatever BIOCSSEESENT is; another one on the same interface does.  Without
 * BIOCIMMEDIATE a read has to wait until the buffer is full or time is up: no program of ours does, so it is refused.  The room for frames
 * that wait is counted as Linux counts.  Of a device that was handed on, the number is free again when the first process closes it.
 *
 * Sources: darwin.md 3; XNU bsd/net/bpf.c (bpfopen, bpfread, bpfwrite, bpf_movein, bpfioctl, bpfselect, bpfkqfilter, catchpacket),
 * bsd/net/bpf.h (struct bpf_hdr_ext).
 */
#include "standin-bpf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "standin.h"

#define DEVICES_MAX 256
#define OPEN_MAX_HERE 16
#define BUFFER_BY_DEFAULT 4096
#define BUFFER_UP_TO_12 (512u * 1024)
#define BUFFER_LARGEST (32u * 1024 * 1024)
#define WRITE_UP_TO_13 2048
#define HEADER_BYTES 18
/* Of the longer header: most of it, which nobody here may need, and what it is in memory. */
#define LONG_HEADER_BYTES 60
#define LONG_HEADER_BYTES_24 64
#define FAMILY_BYTES 4
#define ADDRESSES_BYTES 12
#define ETHERNET_BYTES 14
#define TAG_BYTES 4
#define FRAME_MAX (65535 + 64)
/* DLT_EN10MB, DLT_NULL */
#define EN10MB 1
#define NONE 0

/* With the socket: its mark is this and a bit for each that is set; its largest rate, which it does not heed, is the buffer's size. */
#define MARK 0x62706600u
#define MARK_BITS 0xffu
enum { MARK_ATTACHED = 1, MARK_IMMEDIATE = 2, MARK_LONG_HEADER = 4, MARK_COMPLETE = 8, MARK_SEES_SENT = 16 };

struct device {
	int fd;      /* -1: free */
	int number;  /* its place among the devices is held by this descriptor; -1: another process opened it */
	uint32_t buffer_bytes, header_complete, see_sent;
	uint64_t received, dropped; /* what the kernel has told and forgotten */
	int timeout_ms;             /* -1: none */
	int ifindex;                /* 0: attached to nothing */
	bool attached, immediate, gone, long_header, is_ethernet;
	size_t next_length; /* of the frame that comes next, once it has been looked at; 0: it has not */
};
static struct device devices[OPEN_MAX_HERE];
static bool started;

/* One record in a buffer (struct bpf_hdr; a time is two of 32 bits). */
struct record {
	uint32_t seconds, micros, caught, length;
	uint16_t header_bytes;
} __attribute__((packed));
_Static_assert(sizeof(struct record) == HEADER_BYTES, "the kernel's layout");

static unsigned
darwin_version(void)
{
	const char *text = getenv("TUNTAPD_STANDIN_DARWIN");

	return text != NULL ? (unsigned)atoi(text) : 24;
}

static bool is_gone(struct device *d);
static int data_link(const struct device *d);

/* A place that is free. */
static struct device *
find_free(void)
{
	struct device *d = NULL;

	for (unsigned i = 0; i < OPEN_MAX_HERE; i++) {
		devices[i].fd = started ? devices[i].fd : -1;
		d = devices[i].fd < 0 ? &devices[i] : d;
	}
	started = true;
	if (d == NULL) {
		standin_refuse("too many BPF devices are open");
	}
	return d;
}

/* Whether a socket is a device; its bits. */
static bool
read_mark(int fd, uint32_t *bits)
{
	uint32_t mark = 0;
	socklen_t size = sizeof(mark);

	if (getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &size) < 0 || (mark & ~MARK_BITS) != MARK) {
		return false;
	}
	*bits = mark & MARK_BITS;
	return true;
}

bool
standin_is_bpf(int fd)
{
	uint32_t bits;

	return read_mark(fd, &bits);
}

static void
write_mark(const struct device *d)
{
	uint64_t bytes = d->buffer_bytes;
	uint32_t mark = MARK | (d->attached ? MARK_ATTACHED : 0) | (d->immediate ? MARK_IMMEDIATE : 0) |
	    (d->long_header ? MARK_LONG_HEADER : 0) | (d->header_complete != 0 ? MARK_COMPLETE : 0) |
	    (d->see_sent != 0 ? MARK_SEES_SENT : 0);

	if (setsockopt(d->fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0 ||
	    setsockopt(d->fd, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes, sizeof(bytes)) < 0) {
		standin_refuse("marking a BPF device: %s", strerror(errno));
	}
}

/* What another process, or this one by another number, has set. */
static struct device *
recover(int fd)
{
	struct sockaddr_ll at = {0};
	socklen_t size = sizeof(at), size_8 = sizeof(uint64_t);
	struct device *d;
	uint64_t bytes;
	uint32_t bits;

	if (!read_mark(fd, &bits) || getsockname(fd, (struct sockaddr *)&at, &size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes, &size_8) < 0) {
		standin_refuse("descriptor %d is no BPF device any more", fd);
	}
	d = find_free();
	*d = (struct device){.fd = fd, .number = -1, .buffer_bytes = (uint32_t)bytes, .header_complete = (bits & MARK_COMPLETE) != 0,
	    .see_sent = (bits & MARK_SEES_SENT) != 0, .timeout_ms = -1, .ifindex = at.sll_ifindex, .attached = (bits & MARK_ATTACHED) != 0,
	    .immediate = (bits & MARK_IMMEDIATE) != 0, .long_header = (bits & MARK_LONG_HEADER) != 0};
	d->is_ethernet = d->attached && !is_gone(d) && data_link(d) == EN10MB;
	standin_set_kind(fd, &standin_bpf);
	return d;
}

static struct device *
find_device(int fd)
{
	for (unsigned i = 0; i < OPEN_MAX_HERE; i++) {
		if (started && devices[i].fd == fd) {
			return &devices[i];
		}
	}
	return recover(fd);
}

/* A name that can be held once in this network: the device's.  A descriptor, or -1 with EBUSY. */
static int
hold_number(unsigned number)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), length;

	length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "tuntapd-standin-bpf%u", number);
	length += (int)offsetof(struct sockaddr_un, sun_path) + 1;
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, (socklen_t)length) == 0) {
		return fd;
	}
	if (fd >= 0) {
		close(fd);
	}
	errno = EBUSY;
	return -1;
}

int
standin_bpf_open(const char *path, int flags)
{
	static const int on = 1;
	struct device *d;
	int number = -1, one_more;
	char *end;

	/* There is no cloning device. */
	number = (int)strtoul(path + strlen(STANDIN_BPF_PATH), &end, 10);
	if (end == path + strlen(STANDIN_BPF_PATH) || *end != '\0' || number >= DEVICES_MAX) {
		errno = ENOENT;
		return -1;
	}
	if ((flags & ~(3 | 0x4 | 0x1000000)) != 0) {
		standin_refuse("%s: flags %#x", path, (unsigned)flags);
	}
	if (standin_fails("open/bpf")) {
		return -1;
	}
	if (geteuid() != 0) {
		errno = EACCES;
		return -1;
	}
	d = find_free();
	one_more = hold_number((unsigned)number);
	if (one_more < 0) {
		return -1;
	}
	/* Of no protocol: it receives nothing until it is attached. */
	*d = (struct device){.fd = socket(AF_PACKET, SOCK_RAW | ((flags & 0x1000000) != 0 ? SOCK_CLOEXEC : 0), 0), .number = one_more,
	    .buffer_bytes = BUFFER_BY_DEFAULT, .see_sent = 1, .timeout_ms = -1};
	if (d->fd < 0 || setsockopt(d->fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0 ||
	    setsockopt(d->fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)) < 0) {
		standin_refuse("%s: a packet socket: %s", path, strerror(errno));
	}
	if ((flags & 0x4) != 0) {
		(void)ioctl(d->fd, FIONBIO, &on);
	}
	write_mark(d);
	standin_set_kind(d->fd, &standin_bpf);
	return d->fd;
}

static void
forget(int fd)
{
	struct device *d = find_device(fd);

	if (d->number >= 0) {
		close(d->number);
	}
	d->fd = -1;
}

/* Whether the interface is there still; once it is gone, it is for good. */
static bool
is_gone(struct device *d)
{
	struct ifreq r = {.ifr_ifindex = d->ifindex};

	if (d->attached && !d->gone && ioctl(d->fd, SIOCGIFNAME, &r) < 0) {
		d->gone = true;
	}
	return d->gone;
}

/* Linux's answer to a request about the interface. */
static void
ask_interface(const struct device *d, unsigned long request, struct ifreq *r)
{
	*r = (struct ifreq){.ifr_ifindex = d->ifindex};
	if (ioctl(d->fd, SIOCGIFNAME, r) < 0 || ioctl(d->fd, request, r) < 0) {
		standin_refuse("asking about a BPF device's interface: %s", strerror(errno));
	}
}

/* What Linux keeps beside a frame. */
struct beside {
	struct tpacket_auxdata tag;
	struct timeval time;
};
#define BESIDE_BYTES (CMSG_SPACE(sizeof(struct tpacket_auxdata)) + CMSG_SPACE(sizeof(struct timeval)))

static void
take_beside(struct msghdr *m, struct beside *beside)
{
	unsigned found = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
			memcpy(&beside->tag, CMSG_DATA(c), sizeof(beside->tag));
			found |= 1;
		} else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMP) {
			memcpy(&beside->time, CMSG_DATA(c), sizeof(beside->time));
			found |= 2;
		}
	}
	if (found != 3) {
		standin_refuse("reading a BPF device: no word of the frame");
	}
	if ((beside->tag.tp_status & TP_STATUS_CSUMNOTREADY) != 0) {
		standin_refuse("a BPF device shows a frame without its checksum");
	}
}

/* The size of the next frame as it will be given, or -1 with errno: EAGAIN, or ENXIO for ever. */
static ssize_t
peek(struct device *d)
{
	_Alignas(struct cmsghdr) char control[BESIDE_BYTES];
	struct msghdr m = {.msg_control = control, .msg_controllen = sizeof(control)};
	struct beside beside;
	ssize_t n = recvmsg(d->fd, &m, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

	if (n >= 0) {
		take_beside(&m, &beside);
		/* Told once for a frame: where the kernel has it, it puts an address then (packet_recvmsg). */
		d->next_length = d->next_length == 0 ? beside.tag.tp_len : d->next_length;
		return n;
	}
	/* Linux says once that an interface went down, before what came over it; Darwin does not. */
	if (errno == ENETDOWN) {
		return peek(d);
	}
	if (is_gone(d)) {
		errno = ENXIO;
		return -1;
	}
	if (errno != EAGAIN) {
		standin_refuse("reading a BPF device: %s", strerror(errno));
	}
	return -1;
}

/* One that was looked at. */
struct taken {
	size_t length, caught; /* that it had, and how much of it there is */
	struct timeval time;
	bool outbound;
};

/* The frame that was looked at, with its tag or its family, into room. */
static struct taken
take_frame(struct device *d, uint8_t *room, size_t size)
{
	_Alignas(struct cmsghdr) char control[BESIDE_BYTES];
	static uint8_t frame[FAMILY_BYTES + FRAME_MAX];
	struct sockaddr_ll from = {0};
	struct iovec iov = {.iov_base = frame + FAMILY_BYTES, .iov_len = FRAME_MAX};
	struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
	    .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(d->fd, &m, MSG_DONTWAIT);
	uint8_t *start = frame + FAMILY_BYTES;
	struct beside beside;
	struct taken taken;
	uint32_t family;

	if (n < 0) {
		standin_refuse("reading a BPF device: a frame is not there any more");
	}
	take_beside(&m, &beside);
	taken = (struct taken){.length = d->next_length, .caught = (size_t)n, .time = beside.time,
	    .outbound = from.sll_pkttype == PACKET_OUTGOING};
	d->next_length = 0;
	if ((beside.tag.tp_status & TP_STATUS_VLAN_VALID) != 0 && taken.caught >= ADDRESSES_BYTES) {
		uint16_t kind = htons((beside.tag.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? beside.tag.tp_vlan_tpid : ETH_P_8021Q);
		uint16_t tag = htons(beside.tag.tp_vlan_tci);

		start -= TAG_BYTES;
		memmove(start, start + TAG_BYTES, ADDRESSES_BYTES);
		memcpy(start + ADDRESSES_BYTES, &kind, sizeof(kind));
		memcpy(start + ADDRESSES_BYTES + 2, &tag, sizeof(tag));
		taken.caught += TAG_BYTES;
		taken.length += TAG_BYTES;
	} else if (from.sll_hatype != ARPHRD_ETHER) {
		/* The host's order; AF_INET6 is 30. */
		family = from.sll_protocol == htons(ETH_P_IP) ? 2 : from.sll_protocol == htons(ETH_P_IPV6) ? 30 : 0;
		start -= FAMILY_BYTES;
		memcpy(start, &family, sizeof(family));
		taken.caught += FAMILY_BYTES;
		taken.length += FAMILY_BYTES;
	}
	taken.caught = taken.caught < size ? taken.caught : size;
	memcpy(room, start, taken.caught);
	return taken;
}

/* BPF_WORDALIGN */
static size_t
aligned(size_t bytes)
{
	return (bytes + 3) & ~(size_t)3;
}

/* What a header has in memory: the packet's own after it is aligned (bpf_attach). */
static size_t
header_bytes(const struct device *d)
{
	size_t link = d->is_ethernet ? ETHERNET_BYTES : FAMILY_BYTES;

	return aligned(link + (!d->long_header ? HEADER_BYTES : darwin_version() >= 24 ? LONG_HEADER_BYTES_24 : LONG_HEADER_BYTES)) - link;
}

/* Of the longer header what comes after the shorter: which byte says what depends on the kernel; other flags are to be passed over. */
static void
fill_long_header(uint8_t *header, size_t bytes, bool outbound)
{
	memset(header + HEADER_BYTES, 0x55, bytes - HEADER_BYTES);
	header[HEADER_BYTES] = darwin_version() <= 21 ? outbound : 0;
	header[HEADER_BYTES + 1] = darwin_version() <= 21 ? 0 : outbound ? 0x01 | 0x04 : 0x00;
}

static size_t
fill_buffer(struct device *d, uint8_t *buffer)
{
	size_t used = 0, end = 0, header = header_bytes(d);
	ssize_t next;

	while ((next = peek(d)) >= 0) {
		struct record record = {.header_bytes = (uint16_t)header};
		struct taken taken;

		/* What does not fit is left for the next; an empty buffer takes the start of it. */
		if (used > 0 && used + header + (size_t)next + TAG_BYTES > d->buffer_bytes) {
			break;
		}
		taken = take_frame(d, buffer + used + header, d->buffer_bytes - used - header);
		record.caught = (uint32_t)taken.caught;
		record.length = (uint32_t)taken.length;
		record.seconds = (uint32_t)taken.time.tv_sec;
		record.micros = (uint32_t)taken.time.tv_usec;
		memcpy(buffer + used, &record, sizeof(record));
		if (d->long_header) {
			fill_long_header(buffer + used, header, taken.outbound);
		}
		end = used + header + record.caught;
		used = aligned(end);
		if (used + header + ETHERNET_BYTES > d->buffer_bytes) {
			break;
		}
	}
	return end;
}

static ssize_t
receive(int fd, const struct iovec *iov, int count, int flags)
{
	struct device *d = find_device(fd);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int ready;

	if (count != 1 || flags != 0) {
		standin_refuse("a BPF device is read with read(2) alone here");
	}
	if (standin_fails("read/bpf")) {
		return -1;
	}
	if (!d->attached) {
		errno = ENXIO;
		return -1;
	}
	if (iov->iov_len != d->buffer_bytes) {
		errno = EINVAL;
		return -1;
	}
	if (!d->immediate) {
		standin_refuse("a BPF device is read without BIOCIMMEDIATE");
	}
	for (;;) {
		size_t bytes = fill_buffer(d, iov->iov_base);

		if (bytes > 0) {
			return (ssize_t)bytes;
		}
		/* What fill_buffer() came to an end by. */
		if (is_gone(d)) {
			errno = ENXIO;
			return -1;
		}
		if ((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0) {
			errno = EAGAIN;
			return -1;
		}
		ready = poll(&p, 1, d->timeout_ms);
		if (ready <= 0) {
			return ready; /* 0: time is up */
		}
	}
}

/* The longest frame that may be written, and what a longer one is. */
static size_t
write_limit(const struct device *d, int *error)
{
	struct ifreq r;

	if (darwin_version() <= 22) {
		*error = EIO;
		return WRITE_UP_TO_13;
	}
	ask_interface(d, SIOCGIFMTU, &r);
	*error = EMSGSIZE;
	/* The header counts against the 18 where it is complete. */
	return (size_t)r.ifr_mtu + 18 + (d->header_complete != 0 ? 0 : ETHERNET_BYTES);
}

static ssize_t
send_frame(int fd, const struct iovec *iov, int count, int flags)
{
	static uint8_t frame[FRAME_MAX];
	struct device *d = find_device(fd);
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = d->ifindex};
	size_t bytes;
	struct ifreq r;
	int error;

	if (flags != 0) {
		standin_refuse("a BPF device is written with write(2) alone here");
	}
	if (standin_fails("write/bpf")) {
		return -1;
	}
	if (!d->attached || is_gone(d)) {
		errno = ENXIO;
		return -1;
	}
	bytes = standin_gather(iov, count, frame, sizeof(frame));
	if (bytes == 0) {
		return 0;
	}
	if (bytes < ETHERNET_BYTES) {
		standin_refuse("a frame of %zu bytes", bytes);
	}
	ask_interface(d, SIOCGIFFLAGS, &r);
	if ((r.ifr_flags & IFF_UP) == 0) {
		errno = ENETDOWN;
		return -1;
	}
	if (bytes > write_limit(d, &error)) {
		errno = error;
		return -1;
	}
	if (d->header_complete == 0) {
		ask_interface(d, SIOCGIFHWADDR, &r);
		memcpy(frame + 6, r.ifr_hwaddr.sa_data, 6);
	}
	return sendto(fd, frame, bytes, 0, (struct sockaddr *)&to, sizeof(to));
}

static int
data_link(const struct device *d)
{
	struct ifreq r;

	ask_interface(d, SIOCGIFHWADDR, &r);
	return r.ifr_hwaddr.sa_family == ARPHRD_ETHER ? EN10MB : NONE;
}

static int
attach(struct device *d, const char *ifname)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int bytes = (int)d->buffer_bytes, ignore = d->see_sent == 0;

	if (strnlen(ifname, IFNAMSIZ) == IFNAMSIZ) {
		standin_refuse("BIOCSETIF: a name without an end");
	}
	to.sll_ifindex = d->ifindex = (int)if_nametoindex(ifname);
	if (d->ifindex == 0) {
		errno = ENXIO;
		return -1;
	}
	if (setsockopt(d->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
	    setsockopt(d->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &ignore, sizeof(ignore)) < 0 ||
	    bind(d->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		standin_refuse("BIOCSETIF %s: %s", ifname, strerror(errno));
	}
	d->attached = true;
	d->is_ethernet = data_link(d) == EN10MB;
	return 0;
}

/* What has come is lost. */
static void
flush(struct device *d)
{
	while (recv(d->fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) >= 0) {
	}
	d->next_length = 0;
}

static int
set_filter(struct device *d, const void *argument)
{
	const struct { uint32_t count, pad; struct sock_filter *first; } *program = argument;
	struct sock_fprog filter = {.len = (unsigned short)program->count, .filter = program->first};

	if (program->count == 0 || program->count > 512) {
		errno = EINVAL;
		return -1;
	}
	return setsockopt(d->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

static int
give_links(const struct device *d, void *argument)
{
	struct { uint32_t count; uint32_t *list; } __attribute__((packed)) *links = argument;

	if (links->list != NULL) {
		if (links->count < 1) {
			errno = ENOMEM;
			return -1;
		}
		links->list[0] = (uint32_t)data_link(d);
	}
	links->count = 1;
	return 0;
}

static void
give_statistics(struct device *d, uint32_t *out)
{
	struct tpacket_stats more;
	socklen_t size = sizeof(more);

	if (getsockopt(d->fd, SOL_PACKET, PACKET_STATISTICS, &more, &size) < 0) {
		standin_refuse("BIOCGSTATS: %s", strerror(errno));
	}
	d->received += more.tp_packets;
	d->dropped += more.tp_drops;
	out[0] = (uint32_t)d->received;
	out[1] = (uint32_t)d->dropped;
}

static int
set_buffer(struct device *d, uint32_t *bytes)
{
	const uint32_t most = darwin_version() <= 21 ? BUFFER_UP_TO_12 : BUFFER_LARGEST;

	if (d->attached) {
		errno = EINVAL;
		return -1;
	}
	*bytes = *bytes > most ? most : *bytes < 32 ? 32 : *bytes;
	d->buffer_bytes = *bytes;
	return 0;
}

static int
set_sees_sent(struct device *d, uint32_t on)
{
	int ignore = on == 0;

	d->see_sent = on;
	return setsockopt(d->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &ignore, sizeof(ignore));
}

static int
control_attached(struct device *d, uint32_t request, void *argument)
{
	switch (request) {
	case 0x4004426a: /* BIOCGDLT */
		*(uint32_t *)argument = (uint32_t)data_link(d);
		return 0;
	case 0xc00c4279: /* BIOCGDLTLIST */
		return give_links(d, argument);
	case 0x80044278: /* BIOCSDLT */
		if (*(uint32_t *)argument != (uint32_t)data_link(d)) {
			errno = EINVAL;
			return -1;
		}
		return 0;
	case 0x20004269: /* BIOCPROMISC: what the peer sends is seen without */
		return 0;
	default:
		standin_refuse("BPF: ioctl %#x", request);
	}
}

static int
set_up_device(int fd, uint32_t request, void *argument)
{
	struct device *d = find_device(fd);
	uint32_t *number = argument;
	const struct { int64_t seconds; int32_t micros, pad; } *timeout = argument;

	switch (request) {
	case 0x40044271: /* BIOCVERSION: 1.1 */
		memcpy(argument, "\1\0\1", 4);
		return 0;
	case 0x40044266: /* BIOCGBLEN */
		*number = d->buffer_bytes;
		return 0;
	case 0xc0044266: /* BIOCSBLEN */
		return standin_fails("ioctl/BIOCSBLEN") ? -1 : set_buffer(d, number);
	case 0x8020426c: /* BIOCSETIF */
		return standin_fails("ioctl/BIOCSETIF") ? -1 : attach(d, argument);
	case 0x80044270: /* BIOCIMMEDIATE */
		d->immediate = *number != 0;
		return 0;
	case 0x8004427c: /* BIOCSEXTHDR, which is private */
		if (standin_fails("ioctl/BIOCSEXTHDR")) {
			return -1;
		}
		d->long_header = *number != 0;
		return 0;
	case 0x80044275: /* BIOCSHDRCMPLT */
		d->header_complete = *number;
		return 0;
	case 0x40044274: /* BIOCGHDRCMPLT */
		*number = d->header_complete;
		return 0;
	case 0x80044277: /* BIOCSSEESENT */
		return standin_fails("ioctl/BIOCSSEESENT") ? -1 : set_sees_sent(d, *number);
	case 0x40044276: /* BIOCGSEESENT */
		*number = d->see_sent;
		return 0;
	case 0x20004268: /* BIOCFLUSH */
		flush(d);
		return 0;
	case 0x8010426d: /* BIOCSRTIMEOUT */
		d->timeout_ms = (int)(timeout->seconds * 1000 + (timeout->micros + 999) / 1000);
		d->timeout_ms = d->timeout_ms == 0 ? -1 : d->timeout_ms;
		return 0;
	case 0x4008426f: /* BIOCGSTATS */
		give_statistics(d, argument);
		return 0;
	case 0x80104267: /* BIOCSETF: what has come is lost, too */
		if (standin_fails("ioctl/BIOCSETF") || set_filter(d, argument) < 0) {
			return -1;
		}
		flush(d);
		return 0;
	case 0x8010427e: /* BIOCSETFNR */
		return set_filter(d, argument);
	default:
		if ((request >> 8 & 0xff) != 'B') {
			errno = ENOTTY; /* another's */
			return -1;
		}
		if (!d->attached || is_gone(d)) {
			errno = EINVAL;
			return -1;
		}
		return control_attached(d, request, argument);
	}
}

static int
control(int fd, uint32_t request, void *argument)
{
	int result = set_up_device(fd, request, argument);

	if (result == 0 && (request & 0x80000000u) != 0) {
		write_mark(find_device(fd));
	}
	return result;
}

/* Without an interface select(2) says that it is readable, and a read tells. */
static bool
selects(int fd)
{
	struct device *d = find_device(fd);

	return !d->attached || is_gone(d);
}

/* poll(2) is kqueue's, which refuses to watch it then: POLLNVAL (bpfkqfilter, poll_nocancel). */
static short
ready(int fd, short events, short revents)
{
	return selects(fd) ? 0x20 : 0;
}

/* Linux says once that the interface went down, or away; Darwin, to nobody who waits already but by select(2). */
static short
show(int fd, short events, short revents)
{
	struct device *d = find_device(fd);
	int error;
	socklen_t size = sizeof(error);

	(void)is_gone(d);
	if ((revents & POLLERR) != 0) {
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	return (short)(revents & events);
}

const struct standin_kind standin_bpf = {
	.name = "BPF device", .mode = 0020600, .receive = receive, .send = send_frame, .ioctl = control, .poll = ready,
	.show = show, .selects = selects, .forget = forget,
};
