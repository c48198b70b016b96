/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link-utun.c - tun devices of macOS by the kernel's utun control, direct.
 *
 * Theory of operation.  A utun is a kernel control socket: connecting it makes the interface, closing its last copy takes it away, and one
 * record is one packet with the address family before it (channel type "framed").  Connecting is root's; the socket can be passed to
 * anybody.  The daemon keeps no copy, so the interface lives as long as the program's descriptors do, and a kernel event tells of its end.
 *
 * A new utun is up at once.  A device is not up before somebody brings it up, so it is taken down here, and what the kernel has put into
 * the socket in between is thrown away, before anybody else has it.
 *
 * Names.  A utun cannot be called tun0; the shim maps names.  A unit that was just closed is busy until a thread of the kernel's has
 * detached it, and the system, VPN programs and others take the lowest free units; so units here are high, and taken in turn.
 *
 * The mark by which a descriptor tells that it is a device (protocol/page.h) is kept in the number of packets that may wait in the socket,
 * which every holder can read: with the mark it is larger than any number that fits the socket's 512 KiB.  So the socket's size is what
 * bounds them, the newest is what is lost, and a reader is woken for several packets at once.
 *
 * A utun that a program holds cannot be taken away by anybody else (it is not a cloner's), so closing one takes it down: the program then
 * gets EIO on each call.
 *
 * Sources: XNU bsd/net/if_utun.c, bsd/kern/kern_control.c (ctl_setup_kctl: EPERM, EBUSY), bsd/net/if.c if_clone_destroy.
 */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_utun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/kern_control.h>
#include <sys/socket.h>
#include <sys/sys_domain.h>
#include <unistd.h>

#include "link-direct.h"
#include "protocol/page.h"
#include "protocol/sys.h"

/* Units are taken in turn from this many, so that none is used again at once; each that was used once stays in the kernel's memory. */
#define UNIT_FIRST 256
#define UNITS 1024
static_assert(UNITS >= 2 * DEVICE_UNITS_MAX, "a free one is found");
/* More packets than 512 KiB hold (an mbuf is 256 bytes). */
#define DRAIN_MAX 4096

static const char *
utun_unavailable(void)
{
	return NULL; /* what it needs is part of every kernel, and root's right is asked for at start */
}

/* A fresh control socket, close-on-exec; *control is what it connects to. */
static int
open_control(struct sockaddr_ctl *control)
{
	struct ctl_info info = {.ctl_name = UTUN_CONTROL_NAME};
	int fd = socket(PF_SYSTEM, SOCK_DGRAM, SYSPROTO_CONTROL);

	if (fd < 0) {
		return -1;
	}
	if (sys_set_cloexec(fd) < 0 || ioctl(fd, CTLIOCGINFO, &info) < 0) {
		sys_close(fd);
		return -1;
	}
	*control = (struct sockaddr_ctl){
		.sc_len = sizeof(*control), .sc_family = AF_SYSTEM, .ss_sysaddr = AF_SYS_CONTROL, .sc_id = info.ctl_id,
	};
	return fd;
}

/* Makes the interface, with a unit that nobody has.  0, or -1 with errno. */
static int
connect_control(int fd, struct sockaddr_ctl *control, uint64_t open_number)
{
	for (unsigned i = 0; i < UNITS; i++) {
		/* Unit 0 would be any; so the number of a unit is one more than it. */
		control->sc_unit = UNIT_FIRST + (uint32_t)((open_number + i) % UNITS) + 1;
		if (connect(fd, (struct sockaddr *)control, sizeof(*control)) == 0) {
			return 0;
		}
		if (errno != EBUSY) {
			break;
		}
	}
	return -1;
}

static int
read_name(int fd, char ifname[MESSAGE_IFNAME_SIZE])
{
	socklen_t length = MESSAGE_IFNAME_SIZE;

	memset(ifname, 0, MESSAGE_IFNAME_SIZE);
	return getsockopt(fd, SYSPROTO_CONTROL, UTUN_OPT_IFNAME, ifname, &length);
}

static void
drain(int fd)
{
	char byte;

	for (unsigned i = 0; i < DRAIN_MAX && recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0; i++) {
	}
}

/* Finds the new interface, takes it down and gives it its mark.  0, or -1 with errno. */
static int
prepare(struct link *l, int fd, const struct link_open *how, struct netif_status *status)
{
	int32_t mark = page_mark_of_place(l->place);

	if (read_name(fd, l->ifname) < 0 || netif_find(l->netns->netif, l->ifname, status) < 0 ||
	    netif_set_up(l->netns->netif, status->ifindex, false) < 0) {
		return -1;
	}
	drain(fd);
	if (setsockopt(fd, SYSPROTO_CONTROL, UTUN_OPT_MAX_PENDING_PACKETS, &mark, sizeof(mark)) < 0 ||
	    (how->nonblock && sys_set_nonblock(fd) < 0)) {
		return -1;
	}
	l->ifindex = status->ifindex;
	status->up = status->carrier = false;
	return 0;
}

/* What an open fails with: what says something else of a device there (ENOENT, EBUSY), or nothing to a program, is ENXIO. */
static int
of_open(int error)
{
	return error == EPERM || error == ENODEV || error == ENOENT || error == EBUSY ? ENXIO : error;
}

static int
utun_open(struct link *l, const struct link_open *how, int *channel, struct netif_status *status)
{
	struct sockaddr_ctl control;
	int fd, saved;

	if (how->given_fd >= 0 || how->join) {
		errno = EINVAL;
		return -1;
	}
	fd = open_control(&control);
	if (fd < 0) {
		errno = of_open(errno);
		return -1;
	}
	if (connect_control(fd, &control, l->open_number) < 0 || prepare(l, fd, how, status) < 0) {
		saved = errno;
		close(fd); /* and the interface goes */
		l->ifindex = 0;
		errno = of_open(saved);
		return -1;
	}
	*channel = fd;
	return 0;
}

static int
utun_adopt(struct link *l, struct netif_status *status)
{
	if (link_direct_read(l, status) < 0) {
		return -1;
	}
	/* Whoever has a unit so high has it from us; and there it is as long as somebody holds it. */
	if (strcmp(status->kind, "utun") != 0 || strcmp(status->ifname, l->ifname) != 0) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

static int
utun_prove(struct link *l, int fd)
{
	char ifname[MESSAGE_IFNAME_SIZE];

	if (read_name(fd, ifname) < 0 || strncmp(ifname, l->ifname, sizeof(ifname)) != 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

const struct link_ops link_utun = {
	.name = "utun",
	.kinds = 1u << DEVICE_TUN,
	.channel = CHANNEL_FRAMED,
	.unavailable = utun_unavailable,
	.open = utun_open,
	.adopt = utun_adopt,
	.read = link_direct_read,
	.set_up = link_direct_set_up,
	.prove = utun_prove,
	.close = link_direct_take_down,
};
