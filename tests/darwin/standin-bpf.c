/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-bpf.c - BPF devices (/dev/bpfN), on Linux's packet sockets.  See standin.h.
 *
 * An open device is a packet socket of its own, so readiness is the kernel's; what a device is set to is kept here, by number, and ends
 * with the process.  A read gives all the frames that wait and fit, each after a header of 18 bytes and at a multiple of 4.  What Linux
 * keeps beside a frame, a tag, is put back.
 *
 * Which macOS.  TUNTAPD_STANDIN_DARWIN is the kernel's major number (20: macOS 11, 24: macOS 15, the default): the limits of a write and of
 * the buffer are not the same in all.
 *
 * Limits.  What a device writes it does not show itself, whatever BIOCSSEESENT is; another one on the same interface does.  Without
 * BIOCIMMEDIATE a read has to wait until the buffer is full or time is up: no program of ours does, so it is refused.  The room for frames
 * that wait is counted as Linux counts.
 *
 * Sources: darwin.md 3; XNU bsd/net/bpf.c (bpfopen, bpfread, bpfwrite, bpf_movein, bpfioctl, bpfselect, catchpacket), bsd/net/bpf.h.
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
#define ADDRESSES_BYTES 12
#define ETHERNET_BYTES 14
#define TAG_BYTES 4
#define FRAME_MAX (65535 + 64)
/* DLT_EN10MB, DLT_NULL */
#define EN10MB 1
#define NONE 0

struct device {
	int fd;      /* -1: free */
	int number;  /* its place among the devices is held by this descriptor */
	uint32_t buffer_bytes, header_complete, see_sent;
	uint64_t received, dropped; /* what the kernel has told and forgotten */
	int timeout_ms;             /* -1: none */
	int ifindex;                /* 0: attached to nothing */
	bool attached, immediate, gone;
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

static struct device *
find_device(int fd)
{
	for (unsigned i = 0; i < OPEN_MAX_HERE; i++) {
		if (started && devices[i].fd == fd) {
			return &devices[i];
		}
	}
	standin_refuse("descriptor %d is no BPF device any more", fd);
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
	struct device *d = NULL;
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
	for (unsigned i = 0; i < OPEN_MAX_HERE; i++) {
		devices[i].fd = started ? devices[i].fd : -1;
		d = devices[i].fd < 0 ? &devices[i] : d;
	}
	started = true;
	if (d == NULL) {
		standin_refuse("too many BPF devices are open");
	}
	one_more = hold_number((unsigned)number);
	if (one_more < 0) {
		return -1;
	}
	/* Of no protocol: it receives nothing until it is attached. */
	*d = (struct device){.fd = socket(AF_PACKET, SOCK_RAW | ((flags & 0x1000000) != 0 ? SOCK_CLOEXEC : 0), 0), .number = one_more,
	    .buffer_bytes = BUFFER_BY_DEFAULT, .see_sent = 1, .timeout_ms = -1};
	if (d->fd < 0 || setsockopt(d->fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0) {
		standin_refuse("%s: a packet socket: %s", path, strerror(errno));
	}
	if ((flags & 0x4) != 0) {
		(void)ioctl(d->fd, FIONBIO, &on);
	}
	standin_set_kind(d->fd, &standin_bpf);
	return d->fd;
}

static void
forget(int fd)
{
	struct device *d = find_device(fd);

	close(d->number);
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
static void
take_beside(struct msghdr *m, struct tpacket_auxdata *beside)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (c == NULL || c->cmsg_type != PACKET_AUXDATA) {
		standin_refuse("reading a BPF device: no word of the frame");
	}
	memcpy(beside, CMSG_DATA(c), sizeof(*beside));
	if ((beside->tp_status & TP_STATUS_CSUMNOTREADY) != 0) {
		standin_refuse("a BPF device shows a frame without its checksum");
	}
}

/* The size of the next frame as it will be given, or -1 with errno: EAGAIN, or ENXIO for ever. */
static ssize_t
peek(struct device *d)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct msghdr m = {.msg_control = control, .msg_controllen = sizeof(control)};
	struct tpacket_auxdata beside;
	ssize_t n = recvmsg(d->fd, &m, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

	if (n >= 0) {
		take_beside(&m, &beside);
		/* Told once for a frame: where the kernel has it, it puts an address then (packet_recvmsg). */
		d->next_length = d->next_length == 0 ? beside.tp_len : d->next_length;
		return n;
	}
	if (is_gone(d)) {
		errno = ENXIO;
		return -1;
	}
	/* Linux says once that an interface went down, which Darwin does not. */
	if (errno == ENETDOWN) {
		return peek(d);
	}
	if (errno != EAGAIN) {
		standin_refuse("reading a BPF device: %s", strerror(errno));
	}
	return -1;
}

/* The frame that was looked at, with its tag, into room; the length that it had, and how much of it there is. */
static size_t
take_frame(struct device *d, uint8_t *room, size_t size, size_t *length)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	static uint8_t frame[FRAME_MAX];
	struct iovec iov = {.iov_base = frame, .iov_len = sizeof(frame)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(d->fd, &m, MSG_DONTWAIT);
	struct tpacket_auxdata beside;
	size_t caught = (size_t)n;

	if (n < 0) {
		standin_refuse("reading a BPF device: a frame is not there any more");
	}
	take_beside(&m, &beside);
	*length = d->next_length;
	d->next_length = 0;
	if ((beside.tp_status & TP_STATUS_VLAN_VALID) != 0 && caught >= ADDRESSES_BYTES) {
		uint16_t kind = htons((beside.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? beside.tp_vlan_tpid : ETH_P_8021Q);
		uint16_t tag = htons(beside.tp_vlan_tci);

		memmove(frame + ADDRESSES_BYTES + TAG_BYTES, frame + ADDRESSES_BYTES, caught - ADDRESSES_BYTES);
		memcpy(frame + ADDRESSES_BYTES, &kind, sizeof(kind));
		memcpy(frame + ADDRESSES_BYTES + 2, &tag, sizeof(tag));
		caught += TAG_BYTES;
		*length += TAG_BYTES;
	}
	caught = caught < size ? caught : size;
	memcpy(room, frame, caught);
	return caught;
}

/* BPF_WORDALIGN */
static size_t
aligned(size_t bytes)
{
	return (bytes + 3) & ~(size_t)3;
}

static size_t
fill_buffer(struct device *d, uint8_t *buffer)
{
	size_t used = 0, end = 0, length;
	ssize_t next;

	while ((next = peek(d)) >= 0) {
		struct record record = {.header_bytes = HEADER_BYTES};
		struct timeval now;

		/* What does not fit is left for the next; an empty buffer takes the start of it. */
		if (used > 0 && used + HEADER_BYTES + (size_t)next + TAG_BYTES > d->buffer_bytes) {
			break;
		}
		record.caught = (uint32_t)take_frame(d, buffer + used + HEADER_BYTES, d->buffer_bytes - used - HEADER_BYTES, &length);
		record.length = (uint32_t)length;
		gettimeofday(&now, NULL);
		record.seconds = (uint32_t)now.tv_sec;
		record.micros = (uint32_t)now.tv_usec;
		memcpy(buffer + used, &record, sizeof(record));
		end = used + HEADER_BYTES + record.caught;
		used = aligned(end);
		if (used + HEADER_BYTES + ETHERNET_BYTES > d->buffer_bytes) {
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
data_link(const struct device *d)
{
	struct ifreq r;

	ask_interface(d, SIOCGIFHWADDR, &r);
	return r.ifr_hwaddr.sa_family == ARPHRD_ETHER ? EN10MB : NONE;
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
control(int fd, uint32_t request, void *argument)
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
		if (!d->attached) {
			errno = EINVAL;
			return -1;
		}
		return control_attached(d, request, argument);
	}
}

/* Without an interface it is always ready, and a read tells. */
static short
ready(int fd, short events, short revents)
{
	struct device *d = find_device(fd);

	return !d->attached || is_gone(d) ? events : 0;
}

/* Linux says once that the interface went down; Darwin, to nobody. */
static short
show(int fd, short events, short revents)
{
	struct device *d = find_device(fd);
	int error;
	socklen_t size = sizeof(error);

	if (is_gone(d)) {
		return events;
	}
	if ((revents & POLLERR) != 0) {
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	return (short)(revents & events);
}

const struct standin_kind standin_bpf = {
	.name = "BPF device", .mode = 0020600, .receive = receive, .send = send_frame, .ioctl = control, .poll = ready,
	.show = show, .forget = forget,
};
