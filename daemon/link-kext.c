/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link-kext.c - tun and tap devices of macOS by the node of a loaded kernel extension, direct: ours (kext/), tuntaposx's, Tunnelblick's.
 *
 * Theory of operation.  An extension has a node for each of its devices all the time, root's, and opening it makes the interface, which is
 * called as the device.  The monitor opens it, since the policy may let others have the device than the node would, and passes the
 * descriptor on; it keeps no copy.  Opens of a node are exclusive, and the extension sees the last close of all copies alone (the
 * kernel calls a driver's close for the last one: XNU bsd/miscfs/specfs/spec_vnops.c spec_close), and takes the interface away then; so a
 * kernel event tells of the end, as with utun.  While nobody has a device open there is no interface of it.
 *
 * What the program gets is the whole contract, done by the extension: nothing of ours stands between (CHANNEL_NODE).  There is no
 * mark on such a descriptor, and none is needed.
 *
 * Who opened the node without asking holds the device as well: EBUSY.  So does whoever opened it anew while no daemon served; the next
 * daemon takes that for the open before, since an interface of the name and the index is all that there is to see, and hears of its end
 * in the same way.
 *
 * An interface that a program holds cannot be taken away by anybody else, so closing one takes it down, as with utun.  revoke(2) could
 * have the node closed under its program; that a driver bears that while calls are inside is known of ours alone.
 *
 * Extensions come and go while the daemon runs: the node is looked at with each open.  None is unloaded while a device of it is open.
 *
 * Sources: kext/cdev.c, kext/device.c; tuntaposx, tuntap.cc: cdev_open is exclusive, register_interface names the interface after kind and
 * unit, cdev_close waits for it to go, cdev_ioctl keeps FIONBIO by device, and nothing else says whether cdev_read waits.
 */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link-direct.h"
#include "log.h"
#include "policy.h"
#include "protocol/kextnode.h"
#include "protocol/sys.h"

#define NODE_PATH_SIZE (sizeof(KEXTNODE_DIRECTORY "/") + DEVNAME_SIZE)

static const char *
kext_unavailable(void)
{
	return NULL; /* an extension may be loaded at any time */
}

/* The node of a device: its path, and *st.  False: an extension has none.  A symbolic link is not followed. */
static bool
find_node(struct device_id id, char path[NODE_PATH_SIZE], struct stat *st)
{
	char name[DEVNAME_SIZE];

	devname_format(id, name);
	snprintf(path, NODE_PATH_SIZE, KEXTNODE_DIRECTORY "/%s", name);
	return lstat(path, st) == 0 && kextnode_of(st) == KEXTNODE_KEXTS;
}

static bool
kext_has(struct device_id id)
{
	char path[NODE_PATH_SIZE];
	struct stat st;

	return device_id_valid(id) && find_node(id, path, &st);
}

/* What an open fails with: what says something else of a device there (ENOENT), or nothing to a program, is ENXIO. */
static int
of_open(int error)
{
	switch (error) {
	case EBUSY:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return error;
	default:
		return ENXIO;
	}
}

/* The node, opened, if it is an extension's.  A descriptor, or -1 with errno. */
static int
open_node(struct device_id id, const struct link_open *how)
{
	char path[NODE_PATH_SIZE];
	struct stat st;
	int fd;

	if (!find_node(id, path, &st)) {
		log_debug("no kernel extension that is loaded has such a device");
		errno = ENXIO;
		return -1;
	}
	do {
		fd = open(path, link_direct_open_flags(how) | O_NOFOLLOW | O_NOCTTY);
	} while (fd < 0 && errno == EINTR); /* it may have waited for the interface of before to go */
	if (fd < 0) {
		errno = of_open(errno);
		return -1;
	}
	/* It may have been replaced since. */
	if (fstat(fd, &st) < 0 || kextnode_of(&st) != KEXTNODE_KEXTS) {
		sys_close(fd);
		errno = ENXIO;
		return -1;
	}
	return fd;
}

/* Whether calls wait, in the file and, since tuntaposx's keep it by device and from one open to the next, in the extension. */
static int
set_waiting(int fd, bool waits)
{
	int nonblock = !waits;

	return ioctl(fd, FIONBIO, &nonblock);
}

static int
kext_open(struct link *l, const struct link_open *how, int *channel, struct netif_status *status)
{
	int fd;

	if (how->given_fd >= 0 || how->join) {
		errno = EINVAL;
		return -1;
	}
	fd = open_node(l->id, how);
	if (fd < 0) {
		return -1;
	}
	devname_format(l->id, l->ifname); /* whatever the policy would rather have */
	if (set_waiting(fd, !how->nonblock) < 0 || netif_find(l->netns->netif, l->ifname, status) < 0) {
		log_warn("/dev/%s is open, and is no device with an interface of its name", l->ifname);
		close(fd);
		errno = ENXIO;
		return -1;
	}
	l->ifindex = status->ifindex;
	*channel = fd;
	return 0;
}

static int
kext_adopt(struct link *l, struct netif_status *status)
{
	char name[DEVNAME_SIZE];

	devname_format(l->id, name);
	if (link_direct_read(l, status) < 0) {
		return -1;
	}
	if (strcmp(status->ifname, name) != 0) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

/* Opens are exclusive, so whatever file is of the node is of its present open. */
static int
kext_prove(struct link *l, int fd)
{
	char path[NODE_PATH_SIZE];
	struct stat st, node;

	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || !find_node(l->id, path, &node) || st.st_rdev != node.st_rdev) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

const struct link_ops link_kext = {
	.name = POLICY_LINK_KEXT,
	.kinds = 1u << DEVICE_TUN | 1u << DEVICE_TAP,
	.channel = CHANNEL_NODE,
	.unavailable = kext_unavailable,
	.has = kext_has,
	.open = kext_open,
	.adopt = kext_adopt,
	.read = link_direct_read,
	.set_up = link_direct_set_up,
	.prove = kext_prove,
	.close = link_direct_take_down,
};
