/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-utun.c - the kernel's utun control, on Linux's tun devices.  See standin.h.
 *
 * A control socket is a descriptor of /dev/net/tun from the beginning, and connecting it is TUNSETIFF.  Packet information is turned into
 * the family header and back: each record has the family before it, in network order, 2 or 30.  A packet whose family is another is taken
 * and dropped without a word, as the kernel does.  The number of packets that may wait is kept in the tun's send-buffer limit, which is as
 * good a place for a number; what Linux has by itself there stands for the default, 1.
 *
 * A new utun is up, and the system says something on it at once (mDNS, IPv6): one packet is sent through it here, too.  It gets no IPv6
 * address by itself (IFEF_NOAUTOIPV6LL).
 *
 * What differs from Darwin all the same: what is written while the interface is down is not delivered; the interface of a closed utun is
 * gone at once, and not after a while (a unit that is busy still comes by TUNTAPD_STANDIN_FAIL); the queue's length.
 *
 * Sources: darwin.md 1 (XNU bsd/net/if_utun.c, bsd/kern/kern_control.c).
 */
#include "standin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PACKET_MAX 65536
#define CONTROL_NAME "com.apple.net.utun_control"
#define CONTROL_ID 7
#define UNITS 65536

struct darwin_ctl_info {
	uint32_t id;
	char name[96];
};
struct darwin_sockaddr_ctl {
	uint8_t length, family;
	uint16_t sysaddr;
	uint32_t id, unit, reserved[5];
};
_Static_assert(sizeof(struct darwin_ctl_info) == 100 && sizeof(struct darwin_sockaddr_ctl) == 32, "the kernel's layouts");

int
standin_utun_socket(void)
{
	return standin_fails("socket/utun") ? -1 : open("/dev/net/tun", O_RDWR);
}

static int
read_ifname(int fd, struct ifreq *request)
{
	memset(request, 0, sizeof(*request));
	return ioctl(fd, TUNGETIFF, request);
}

/* CTLIOCGINFO */
static int
find_control(int fd, uint32_t request, void *argument)
{
	struct darwin_ctl_info *info = argument;
	int waiting = 0;

	if (request == 0x4004667f) { /* FIONREAD: all that waits; of it, Linux tells that there is something */
		struct pollfd p = {.fd = fd, .events = POLLIN};

		waiting = poll(&p, 1, 0) == 1 ? 4 : 0;
		memcpy(argument, &waiting, sizeof(waiting));
		return 0;
	}
	if (request != 0xc0644e03) {
		errno = ENOTTY;
		return -1;
	}
	if (standin_fails("ioctl/CTLIOCGINFO")) {
		return -1;
	}
	if (strncmp(info->name, CONTROL_NAME, sizeof(info->name)) != 0) {
		errno = ENOENT;
		return -1;
	}
	info->id = CONTROL_ID;
	return 0;
}

void
standin_silence(const char *ifname)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", ifname);
	file = fopen(path, "w");
	if (file != NULL) {
		fprintf(file, "1\n");
		fclose(file);
	}
}

/* What the system says on a new interface: to 224.0.0.251, port 5353, nothing. */
static void
greet(const char *ifname)
{
	static const uint8_t packet[28] = {
		0x45, 0, 0, 28, 0, 0, 0, 0, 255, 17, 0, 0, 0, 0, 0, 0, 224, 0, 0, 251, 0x14, 0xe9, 0x14, 0xe9, 0, 8,
	};
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex(ifname)};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
		standin_refuse("greeting on %s: %s", ifname, strerror(errno));
	}
	close(fd);
}

static int
bring_up(const char *ifname)
{
	struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	strcpy(request.ifr_name, ifname);
	result = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return result;
}

static int
attach(int fd, uint32_t unit)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_TUN_EXCL};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "utun%u", unit);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		return -1;
	}
	standin_silence(request.ifr_name);
	if (bring_up(request.ifr_name) < 0) {
		standin_refuse("bringing %s up: %s", request.ifr_name, strerror(errno));
	}
	greet(request.ifr_name);
	return 0;
}

/* ctl_connect: unit N + 1 asks for utunN, 0 for the lowest that is free. */
static int
connect_control(int fd, const void *address, uint32_t bytes)
{
	const struct darwin_sockaddr_ctl *control = address;
	struct ifreq request;

	if (bytes != sizeof(*control) || control->length != sizeof(*control)) {
		errno = EINVAL;
		return -1;
	}
	if (control->family != 32 || control->sysaddr != 2) {
		standin_refuse("connect: a control's address of family %u, system's address %u", control->family, control->sysaddr);
	}
	if (control->id != CONTROL_ID) {
		errno = ENOENT;
		return -1;
	}
	if (standin_fails("connect/utun")) {
		return -1;
	}
	if (geteuid() != 0) {
		errno = EPERM; /* CTL_FLAG_PRIVILEGED */
		return -1;
	}
	if (read_ifname(fd, &request) == 0) {
		errno = EISCONN;
		return -1;
	}
	if (control->unit != 0) {
		return attach(fd, control->unit - 1);
	}
	for (uint32_t unit = 0; unit < UNITS; unit++) {
		if (attach(fd, unit) == 0) {
			return 0;
		}
		if (errno != EBUSY) {
			return -1;
		}
	}
	return -1;
}

static int
get_option(int fd, int level, int option, void *value, uint32_t *bytes)
{
	struct ifreq request;
	int number;

	if (level != 2) {
		errno = level == 0 ? EINVAL : ENOPROTOOPT;
		return -1;
	}
	switch (option) {
	case 2: /* UTUN_OPT_IFNAME */
		if (standin_fails("getsockopt/UTUN_OPT_IFNAME")) {
			return -1;
		}
		if (read_ifname(fd, &request) < 0) {
			errno = EINVAL; /* before connect */
			return -1;
		}
		if (*bytes <= strlen(request.ifr_name)) {
			errno = EMSGSIZE;
			return -1;
		}
		strcpy(value, request.ifr_name);
		*bytes = (uint32_t)strlen(request.ifr_name) + 1;
		return 0;
	case 16: /* UTUN_OPT_MAX_PENDING_PACKETS */
		if (*bytes < sizeof(number)) {
			errno = EMSGSIZE;
			return -1;
		}
		if (ioctl(fd, TUNGETSNDBUF, &number) < 0) {
			return -1;
		}
		number = number == INT_MAX ? 1 : number;
		memcpy(value, &number, sizeof(number));
		*bytes = sizeof(number);
		return 0;
	default:
		standin_refuse("getsockopt: utun option %d", option);
	}
}

static int
set_option(int fd, int level, int option, const void *value, uint32_t bytes)
{
	int number;

	if (level != 2) {
		errno = ENOPROTOOPT;
		return -1;
	}
	if (option != 16) {
		standin_refuse("setsockopt: utun option %d", option);
	}
	if (standin_fails("setsockopt/UTUN_OPT_MAX_PENDING_PACKETS")) {
		return -1;
	}
	if (bytes != sizeof(number)) {
		errno = EMSGSIZE;
		return -1;
	}
	memcpy(&number, value, sizeof(number));
	if (number == 0) {
		errno = EINVAL;
		return -1;
	}
	return ioctl(fd, TUNSETSNDBUF, &number);
}

/* Of another family than those that are asked for (AF_SYSTEM, 32): nobody asks further. */
static int
get_name(int fd, bool peer, void *address, uint32_t *bytes)
{
	struct darwin_sockaddr_ctl out = {.length = sizeof(out), .family = 32, .sysaddr = 2, .id = CONTROL_ID};
	struct ifreq request;

	if (read_ifname(fd, &request) < 0) {
		errno = ENOTCONN;
		return -1;
	}
	memcpy(address, &out, *bytes < sizeof(out) ? *bytes : sizeof(out));
	*bytes = sizeof(out);
	return 0;
}

/* Non-blocking where the descriptor is, or the flag says so. */
static bool
has_packet(int fd, int flags)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if ((flags & 0x80) == 0 || poll(&p, 1, 0) == 1) {
		return true;
	}
	errno = EAGAIN;
	return false;
}

static ssize_t
receive_packet(int fd, const struct iovec *iov, int count, int flags)
{
	static _Thread_local uint8_t record[4 + PACKET_MAX];
	ssize_t n;

	if ((flags & ~(0x80 | 0x80000)) != 0) {
		standin_refuse("reading from a utun with flags %#x", (unsigned)flags);
	}
	n = has_packet(fd, flags) ? read(fd, record, sizeof(record)) : -1;
	if (n < 0) {
		return -1;
	}
	/* Flags and EtherType become the family (tuntap.rst). */
	memcpy(record, record[2] == 0x86 ? "\0\0\0\x1e" : "\0\0\0\x02", 4);
	return (ssize_t)standin_scatter(record, (size_t)n, iov, count);
}

static ssize_t
send_packet(int fd, const struct iovec *iov, int count, int flags)
{
	static _Thread_local uint8_t record[4 + PACKET_MAX];
	size_t bytes = 0;
	ssize_t n;

	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > sizeof(record) - bytes) {
			errno = EMSGSIZE;
			return -1;
		}
		memcpy(record + bytes, iov[i].iov_base, iov[i].iov_len);
		bytes += iov[i].iov_len;
	}
	if (bytes < 4) {
		standin_refuse("a record of %zu bytes on a utun", bytes);
	}
	if (memcmp(record, "\0\0\0", 3) != 0 || (record[3] != 2 && record[3] != 30)) {
		return (ssize_t)bytes;
	}
	memcpy(record, record[3] == 30 ? "\0\0\x86\xdd" : "\0\0\x08\0", 4);
	n = write(fd, record, bytes);
	return n < 0 && errno == EIO ? (ssize_t)bytes : n; /* down: taken all the same */
}

/* Always writable; Linux's is not while it is down. */
static short
poll_utun(int fd, short events, short revents)
{
	return events & POLLOUT;
}

const struct standin_kind standin_utun = {
	.name = "the utun control", .mode = 0140666, .type = SOCK_DGRAM, .receive = receive_packet, .send = send_packet,
	.ioctl = find_control, .getsockopt = get_option, .setsockopt = set_option, .connect = connect_control, .getname = get_name,
	.poll = poll_utun,
};
