/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cdev.c - the character device: open, close, read, write, ioctl and select on /dev/tunN and /dev/tapN, as the device contract says.
 *
 * Theory of operation.  The minor number is the unit.  The kernel counts a node's opens and calls open for each, but close only for
 * the last, and one of both at a time for a node; all else comes from any number of threads.  A call that uses the interface is "inside"
 * meanwhile (device.h), which keeps the interface.
 *
 * One read or write is one packet.  A write is checked before anything is taken from it: its size by the program's own word, its
 * kind by its first bytes; what is refused has sent nothing.  A read gives the first bytes of a packet that is longer than the
 * buffer, and counts it.
 *
 * Blocking is the open file's, and comes with each call (IO_NDELAY), so that FIONBIO and fcntl agree without being remembered here.
 *
 * What no character device of an extension can do: answer poll(2), and kqueue without NOTE_LOWAT of 1.  The kernel keeps the word
 * by which a driver says that it may (cdevsw_setkqueueok) to itself (XNU bsd/miscfs/specfs/spec_vnops.c, filt_specattach;
 * config/Private.exports).
 *
 * Unloading.  Calls are counted from their first to their last step, so that the extension's text stays while one of them is in it.  The
 * few instructions before and after the counting no extension can cover; cdev_stop waits a moment for them.
 *
 * Sources: XNU bsd/miscfs/specfs/spec_vnops.c, bsd/kern/bsd_stubs.c (cdevsw_add: numbers below 24 are the kernel's own),
 * bsd/kern/sys_generic.c (FIONBIO and FIOASYNC reach the driver after the file).
 */
#include "cdev.h"

#include <libkern/OSAtomic.h>
#include <libkern/libkern.h>
#include <miscfs/devfs/devfs.h>
#include <string.h>
#include <sys/conf.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/filio.h>
#include <sys/kpi_mbuf.h>
#include <sys/param.h>
#include <sys/proc.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/vnode.h>

#include "device.h"
#include "iface.h"
#include "kind.h"

/* tuntaposx's, which took them from the BSDs. */
#define TUNSIFHEAD _IOW('t', 96, int)
#define TUNGIFHEAD _IOR('t', 97, int)
_Static_assert(TUNSIFHEAD == 0x80047460u && TUNGIFHEAD == 0x40047461u, "the BSDs' numbers");

/* The kernel's own drivers ask for numbers below. */
#define MAJOR_FIRST 24
#define NODE_MODE 0660
/* How long an unload waits for the last calls, and then for their last instructions. */
#define STOP_TRIES 200
#define STOP_NANOSECONDS (10 * 1000 * 1000)

static volatile SInt32 calls; /* under way */
static int major_number = -1;
static void *nodes[DEVICE_UNITS];

static struct device *
begin(dev_t number)
{
	(void)OSIncrementAtomic(&calls);
	return device_find((uint32_t)minor(number));
}

static int
end(int error)
{
	(void)OSDecrementAtomic(&calls);
	return error;
}

static int
cdev_open(dev_t number, int flags, int type, struct proc *p)
{
	struct device *dev = begin(number);

	return end(dev == NULL ? ENXIO : device_open(dev, proc_pid(p)));
}

static int
cdev_close(dev_t number, int flags, int type, struct proc *p)
{
	struct device *dev = begin(number);

	if (dev != NULL) {
		device_close(dev);
	}
	return end(0);
}

/* The packet's header and then the packet itself, as much as the program has room for. */
static int
give(mbuf_t packet, bool with_header, struct uio *uio)
{
	int error = 0;

	if (with_header) {
		uint32_t family = mbuf_len(packet) > 0 ? kind.family_of(*(uint8_t *)mbuf_data(packet)) : AF_UNSPEC;
		uint8_t header[FAMILY_HEADER_BYTES] = {0, 0, 0, (uint8_t)family};
		user_ssize_t room = uio_resid(uio);

		error = uiomove((const char *)header, room < FAMILY_HEADER_BYTES ? (int)room : FAMILY_HEADER_BYTES, uio);
	}
	for (mbuf_t part = packet; part != NULL && error == 0; part = mbuf_next(part)) {
		user_ssize_t room = uio_resid(uio);
		size_t bytes = mbuf_len(part);

		if (room <= 0) {
			break;
		}
		error = uiomove(mbuf_data(part), (user_ssize_t)bytes < room ? (int)bytes : (int)room, uio);
	}
	return error;
}

static int
cdev_read(dev_t number, struct uio *uio, int ioflag)
{
	struct device *dev = begin(number);
	bool header_mode = false;
	mbuf_t packet = NULL;
	user_ssize_t room;
	int error;

	if (dev == NULL || device_enter(dev) == NULL) {
		return end(dev == NULL ? ENXIO : EIO);
	}
	room = uio_resid(uio);
	if (room <= 0) {
		device_leave(dev);
		return end(0); /* nothing is taken */
	}
	error = device_get(dev, (ioflag & IO_NDELAY) == 0, &packet, &header_mode);
	if (error == 0) {
		if ((user_ssize_t)mbuf_pkthdr_len(packet) + (header_mode ? FAMILY_HEADER_BYTES : 0) > room) {
			device_count_cut(dev);
		}
		error = give(packet, header_mode, uio);
		mbuf_freem(packet);
	}
	device_leave(dev);
	return end(error);
}

/* A packet of bytes from the program. */
static int
take(struct uio *uio, size_t bytes, mbuf_t *out)
{
	size_t left = bytes;
	mbuf_t packet = NULL;

	/* ENOBUFS would tell a program that the interface is full, which it never is. */
	if (mbuf_allocpacket(MBUF_WAITOK, bytes, NULL, &packet) != 0) {
		return ENOMEM;
	}
	for (mbuf_t part = packet; part != NULL; part = mbuf_next(part)) {
		size_t here = mbuf_maxlen(part) < left ? mbuf_maxlen(part) : left;
		int error = uiomove(mbuf_data(part), (int)here, uio);

		if (error != 0) {
			mbuf_freem(packet);
			return error;
		}
		mbuf_setlen(part, here);
		left -= here;
	}
	mbuf_pkthdr_setlen(packet, bytes);
	/* What looks at the link header looks at the first buffer. */
	if (left > 0 || mbuf_len(packet) < kind.least_bytes) {
		mbuf_freem(packet);
		return ENOMEM;
	}
	*out = packet;
	return 0;
}

/* In header mode: what the program says of a packet that begins with first. */
static int
check_header(const uint8_t *header, uint8_t first)
{
	uint32_t family = (uint32_t)header[0] << 24 | (uint32_t)header[1] << 16 | (uint32_t)header[2] << 8 | header[3];

	if (family != AF_INET && family != AF_INET6) {
		return EAFNOSUPPORT;
	}
	return family == kind.family_of(first) ? 0 : EINVAL;
}

/* A packet that the program wrote, checked, with nothing left to refuse. */
static int
take_checked(struct device *dev, ifnet_t ifp, struct uio *uio, mbuf_t *out)
{
	size_t header_bytes = device_header_mode(dev) ? FAMILY_HEADER_BYTES : 0;
	uint8_t header[FAMILY_HEADER_BYTES] = {0};
	user_ssize_t given = uio_resid(uio);
	uint32_t mtu = iface_mtu(ifp);
	mbuf_t packet;
	size_t bytes;
	int error;

	if (given < (user_ssize_t)(header_bytes + kind.least_bytes)) {
		return EINVAL;
	}
	if (given > (user_ssize_t)header_bytes + mtu + kind.header_bytes + kind.tag_bytes) {
		return EMSGSIZE;
	}
	bytes = (size_t)given - header_bytes;
	if (header_bytes > 0 && (error = uiomove((const char *)header, (int)header_bytes, uio)) != 0) {
		return error;
	}
	error = take(uio, bytes, &packet);
	if (error != 0) {
		return error;
	}
	if (header_bytes > 0) {
		error = check_header(header, *(uint8_t *)mbuf_data(packet));
	}
	if (error == 0) {
		error = kind.check(mbuf_data(packet), bytes, mtu);
	}
	if (error != 0) {
		mbuf_freem(packet);
		return error;
	}
	*out = packet;
	return 0;
}

static int
cdev_write(dev_t number, struct uio *uio, int ioflag)
{
	struct device *dev = begin(number);
	ifnet_t ifp = dev == NULL ? NULL : device_enter(dev);
	mbuf_t packet = NULL;
	int error;

	if (ifp == NULL) {
		return end(dev == NULL ? ENXIO : EIO);
	}
	if (!iface_is_up(ifp)) {
		error = EIO;
	} else {
		error = take_checked(dev, ifp, uio, &packet);
		if (error == 0) {
			iface_input(ifp, packet);
		} else {
			device_count_refused(dev);
		}
	}
	device_leave(dev);
	return end(error);
}

/* data is in kernel memory, and as large as the command says. */
static int
cdev_ioctl(dev_t number, u_long command, caddr_t data, int flags, struct proc *p)
{
	struct device *dev = begin(number);
	int value = 0, error = 0;

	if (dev == NULL || device_enter(dev) == NULL) {
		return end(dev == NULL ? ENXIO : EIO);
	}
	switch ((uint32_t)command) {
	case FIONBIO:
		break; /* the file remembers */
	case FIOASYNC:
		memcpy(&value, data, sizeof(value));
		error = value == 0 ? 0 : ENOTTY;
		break;
	case FIONREAD:
		value = (int)device_next_bytes(dev);
		memcpy(data, &value, sizeof(value));
		break;
	case TUNSIFHEAD:
		if (!kind.has_header_mode) {
			error = ENOTTY;
			break;
		}
		memcpy(&value, data, sizeof(value));
		device_set_header_mode(dev, value != 0);
		break;
	case TUNGIFHEAD:
		if (!kind.has_header_mode) {
			error = ENOTTY;
			break;
		}
		value = device_header_mode(dev);
		memcpy(data, &value, sizeof(value));
		break;
	default:
		error = ENOTTY;
	}
	device_leave(dev);
	return end(error);
}

/* Not an error: whether the call would not wait.  A write never does. */
static int
cdev_select(dev_t number, int which, void *wql, struct proc *p)
{
	struct device *dev = begin(number);

	if (dev == NULL || which == FWRITE) {
		return end(1);
	}
	return end(which == FREAD ? device_readable(dev, p, wql) : 0);
}

static const struct cdevsw calls_table = {
	.d_open = cdev_open,
	.d_close = cdev_close,
	.d_read = cdev_read,
	.d_write = cdev_write,
	.d_ioctl = cdev_ioctl,
	.d_stop = eno_stop,
	.d_reset = eno_reset,
	.d_select = cdev_select,
	.d_mmap = eno_mmap,
	.d_strategy = eno_strat,
	.d_reserved_1 = eno_getc,
	.d_reserved_2 = eno_putc,
};

static void
remove_nodes(void)
{
	for (uint32_t unit = 0; unit < DEVICE_UNITS; unit++) {
		if (nodes[unit] != NULL) {
			devfs_remove(nodes[unit]);
			nodes[unit] = NULL;
		}
	}
}

int
cdev_start(void)
{
	major_number = cdevsw_add(-MAJOR_FIRST, &calls_table);
	if (major_number < 0) {
		printf("%s: no free device number\n", kind.bundle);
		return -1;
	}
	for (uint32_t unit = 0; unit < DEVICE_UNITS; unit++) {
		nodes[unit] = devfs_make_node(makedev(major_number, unit), DEVFS_CHAR, 0, 0, NODE_MODE, "%s%u", kind.name, unit);
		if (nodes[unit] == NULL) {
			printf("%s: /dev/%s%u cannot be made\n", kind.bundle, kind.name, unit);
			remove_nodes();
			(void)cdevsw_remove(major_number, &calls_table);
			return -1;
		}
	}
	return 0;
}

/* A moment, on nobody's lock. */
static void
pause_a_moment(void)
{
	struct timespec moment = {.tv_nsec = STOP_NANOSECONDS};

	(void)msleep(&major_number, NULL, PZERO, "tuntapd unload", &moment);
}

bool
cdev_stop(void)
{
	int tries = 0;

	if (cdevsw_remove(major_number, &calls_table) < 0) {
		return false;
	}
	while (OSAddAtomic(0, &calls) > 0 && tries++ < STOP_TRIES) {
		pause_a_moment();
	}
	if (OSAddAtomic(0, &calls) > 0) {
		if (cdevsw_add(major_number, &calls_table) != major_number) {
			printf("%s: the device number is lost, and the devices with it\n", kind.bundle);
		}
		return false;
	}
	pause_a_moment();
	remove_nodes();
	return true;
}
