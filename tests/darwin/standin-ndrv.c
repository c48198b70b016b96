/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-ndrv.c - sockets of an interface's driver (AF_NDRV), which send whole frames, on Linux's packet sockets.  See standin.h.
 *
 * Limits.  Receiving is not there: it would claim an EtherType from the stack.  Linux sends no frame that is longer than the interface's
 * MTU and a tag, which Darwin's driver sockets do: such a frame ends the program.
 *
 * Sources: darwin.md 4; XNU bsd/net/ndrv.c (ndrv_attach, ndrv_bind, ndrv_connect, ndrv_send, ndrv_output), bsd/kern/uipc_socket.c
 * (sosendcheck).
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "standin-bpf.h"
#include "standin.h"

#define SOCKETS_MAX 16
#define SEND_BY_DEFAULT 8192
#define SEND_LARGEST (8 * 1024 * 1024) /* kern.ipc.maxsockbuf */
#define FRAME_MAX (65535 + 64)

/* bsd/net/ndrv.h */
struct darwin_ndrv {
	uint8_t length, family;
	char name[16];
};
_Static_assert(sizeof(struct darwin_ndrv) == 18, "the kernel's layout");

static struct driver {
	bool used, connected;
	int fd, ifindex; /* ifindex 0: not bound */
	uint32_t send_bytes;
	char name[16];
} drivers[SOCKETS_MAX];

static struct driver *
find_driver(int fd)
{
	for (unsigned i = 0; i < SOCKETS_MAX; i++) {
		if (drivers[i].used && drivers[i].fd == fd) {
			return &drivers[i];
		}
	}
	standin_refuse("descriptor %d is no driver's socket any more", fd);
}

int
standin_ndrv_socket(int type, int protocol)
{
	unsigned i = 0;

	if (type != 3 || protocol != 0) {
		standin_refuse("socket(AF_NDRV, %d, %d)", type, protocol);
	}
	if (standin_fails("socket/AF_NDRV")) {
		return -1;
	}
	if (geteuid() != 0) {
		errno = EPERM;
		return -1;
	}
	while (i < SOCKETS_MAX && drivers[i].used) {
		i++;
	}
	if (i == SOCKETS_MAX) {
		standin_refuse("too many driver's sockets are open");
	}
	/* Of no protocol: it receives nothing. */
	drivers[i] = (struct driver){.used = true, .fd = socket(AF_PACKET, SOCK_RAW, 0), .send_bytes = SEND_BY_DEFAULT};
	if (drivers[i].fd < 0) {
		standin_refuse("a packet socket: %s", strerror(errno));
	}
	standin_set_kind(drivers[i].fd, &standin_ndrv);
	return drivers[i].fd;
}

static void
forget(int fd)
{
	find_driver(fd)->used = false;
}

static void
check_address(const struct darwin_ndrv *address, uint32_t bytes)
{
	if (bytes != sizeof(*address) || address->length != sizeof(*address) || address->family != 27 || strnlen(address->name, 16) == 16) {
		standin_refuse("an AF_NDRV address of %u bytes, length %u, family %u", bytes, address->length, address->family);
	}
}

static int
bind_driver(int fd, const void *address, uint32_t bytes)
{
	struct driver *d = find_driver(fd);
	const struct darwin_ndrv *darwin = address;
	int ifindex;

	check_address(darwin, bytes);
	if (standin_fails("bind/AF_NDRV")) {
		return -1;
	}
	if (d->ifindex != 0) {
		errno = EINVAL;
		return -1;
	}
	ifindex = (int)if_nametoindex(darwin->name);
	if (ifindex == 0) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	d->ifindex = ifindex;
	memcpy(d->name, darwin->name, sizeof(d->name));
	return 0;
}

static int
connect_driver(int fd, const void *address, uint32_t bytes)
{
	struct driver *d = find_driver(fd);
	const struct darwin_ndrv *darwin = address;

	check_address(darwin, bytes);
	if (standin_fails("connect/AF_NDRV")) {
		return -1;
	}
	if (d->ifindex == 0 || memcmp(d->name, darwin->name, sizeof(d->name)) != 0) {
		standin_refuse("an AF_NDRV socket is connected to what it is not bound to");
	}
	d->connected = true;
	return 0;
}

static int
set_option(int fd, int level, int option, const void *value, uint32_t bytes)
{
	struct driver *d = find_driver(fd);
	uint32_t room;
	int both;

	if (level != 0xffff || option != 0x1001 || bytes != sizeof(room)) { /* SOL_SOCKET, SO_SNDBUF */
		standin_refuse("AF_NDRV: option %#x of level %#x with %u bytes", (unsigned)option, (unsigned)level, bytes);
	}
	if (standin_fails("setsockopt/AF_NDRV")) {
		return -1;
	}
	memcpy(&room, value, sizeof(room));
	d->send_bytes = room < SEND_LARGEST ? room : SEND_LARGEST;
	both = (int)d->send_bytes;
	return setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &both, sizeof(both));
}

static ssize_t
send_frame(int fd, const struct iovec *iov, int count, int flags)
{
	static uint8_t frame[FRAME_MAX];
	struct driver *d = find_driver(fd);
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = d->ifindex};
	struct ifreq r = {.ifr_ifindex = d->ifindex};
	size_t bytes;
	ssize_t n;

	if (flags != 0) {
		standin_refuse("AF_NDRV: flags %#x", (unsigned)flags);
	}
	if (standin_fails("write/AF_NDRV")) {
		return -1;
	}
	if (!d->connected) {
		errno = EDESTADDRREQ;
		return -1;
	}
	bytes = standin_gather(iov, count, frame, sizeof(frame));
	if (bytes > d->send_bytes) {
		errno = EMSGSIZE;
		return -1;
	}
	if (bytes < 14) {
		standin_refuse("AF_NDRV: a frame of %zu bytes", bytes);
	}
	if (ioctl(fd, SIOCGIFNAME, &r) < 0 || ioctl(fd, SIOCGIFFLAGS, &r) < 0) {
		errno = ENXIO; /* gone; which errno it is nobody has seen */
		return -1;
	}
	if ((r.ifr_flags & IFF_UP) == 0) {
		errno = ENETDOWN;
		return -1;
	}
	n = sendto(fd, frame, bytes, 0, (struct sockaddr *)&to, sizeof(to));
	if (n < 0 && errno == EMSGSIZE) {
		standin_refuse("AF_NDRV: %zu bytes are past what Linux sends on %s; Darwin sends them", bytes, d->name);
	}
	return n;
}

const struct standin_kind standin_ndrv = {
	.name = "driver's socket", .type = 3, .send = send_frame, .setsockopt = set_option, .bind = bind_driver, .connect = connect_driver,
	.forget = forget,
};
