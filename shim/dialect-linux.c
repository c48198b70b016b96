/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dialect-linux.c - /dev/net/tun and TUNSETIFF: how programs of Linux get a device.
 *
 * Theory of operation.  Nothing is kept about such a program's descriptors: what they are, the kernel tells (fstat, TUNGETIFF) when one
 * of three things is asked of them, so inherited and received descriptors, and a helper that does the TUNSETIFF for its parent, are the
 * same as any.
 *
 *   - open of the node: the kernel's, and only where that is refused or the node is missing, one that the daemon opens;
 *   - TUNSETIFF on an unattached descriptor: the daemon's, which makes that same open file the device, so that a program needs no
 *     right of its own.  If the daemon is absent, or refuses for whatever reason, the kernel is asked as if we were not there, and its
 *     answer is the program's: a program with rights loses nothing, and joins an interface that somebody else made for it;
 *   - TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP on a device of the daemon's: the daemon's.
 *
 * From TUNSETIFF on the descriptor is the kernel's own device, in every respect: no EIO on reading while down, no header mode.
 *
 * Sources: Documentation/networking/tuntap.rst, linux/if_tun.h; drivers/net/tun.c __tun_chr_ioctl (requests that work before TUNSETIFF;
 * TUNGETIFF on an unattached descriptor is EBADFD).
 */
#include "dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "attach.h"
#include "os.h"
#include "protocol/paths.h"
#include "real.h"
#include "state.h"

/* Whether fd is of the node; and not yet a device, or one. */
static bool
is_node(int fd, bool attached)
{
	struct ifreq request = {0};
	struct stat st;
	int saved = errno;
	bool matches = false;

	if (real_fstat(fd, &st) == 0 && os_is_device_node(&st)) {
		matches = real_ioctl(fd, TUNGETIFF, &request) == 0 ? attached : !attached && errno == EBADFD;
	}
	errno = saved;
	return matches;
}

/* True: fd is a device now.  False: the kernel is to be asked; errno is untouched. */
static bool
set_interface(int fd, struct ifreq *request)
{
	char ifname[MESSAGE_IFNAME_SIZE] = {0};
	unsigned flags = (unsigned short)request->ifr_flags;
	int saved = errno;

	if ((flags & (IFF_TUN | IFF_TAP)) != IFF_TUN && (flags & (IFF_TUN | IFF_TAP)) != IFF_TAP) {
		return false;
	}
	memcpy(ifname, request->ifr_name, strnlen(request->ifr_name, sizeof(ifname) - 1));
	if (attach_tun(fd, (flags & IFF_TAP) != 0 ? DEVICE_TAP : DEVICE_TUN, (uint16_t)flags, ifname) < 0) {
		errno = saved;
		return false;
	}
	/* The name alone: some programs bring no more room than for name and flags. */
	memcpy(request->ifr_name, ifname, sizeof(request->ifr_name));
	return true;
}

/* TUNSETPERSIST and its like.  False: not a device of the daemon's, so the kernel is to be asked. */
static bool
set_property(int fd, enum message_tun_what what, uintptr_t value, int *result)
{
	int saved = errno;

	/* Any value but 0 makes persistent (tun.c). */
	if (attach_tun_set(fd, what, what == TUN_SET_PERSIST ? value != 0 : (uint32_t)value) == 0) {
		*result = 0;
	} else if (errno == EPERM) {
		*result = -1;
		return true;
	} else {
		errno = saved;
		return false;
	}
	errno = saved;
	return true;
}

bool
dialect_linux_ioctl(int fd, uint32_t request, void *argument, int *result)
{
	switch (request) {
	case (uint32_t)TUNSETIFF:
		if (argument == NULL || !state_enabled() || !is_node(fd, false) || !set_interface(fd, argument)) {
			return false;
		}
		*result = 0;
		return true;
	case (uint32_t)TUNSETPERSIST:
		return state_enabled() && is_node(fd, true) && set_property(fd, TUN_SET_PERSIST, (uintptr_t)argument, result);
	case (uint32_t)TUNSETOWNER:
		return state_enabled() && is_node(fd, true) && set_property(fd, TUN_SET_OWNER, (uintptr_t)argument, result);
	case (uint32_t)TUNSETGROUP:
		return state_enabled() && is_node(fd, true) && set_property(fd, TUN_SET_GROUP, (uintptr_t)argument, result);
	default:
		return false;
	}
}

bool
dialect_linux_names_node(const char *path)
{
	return path != NULL && strcmp(path, PATHS_TUN_NODE) == 0;
}

bool
dialect_linux_is_node(const char *path)
{
	switch (errno) {
	case EACCES:
	case EPERM:
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return dialect_linux_names_node(path);
	default:
		return false;
	}
}

int
dialect_linux_open(const char *path, int flags)
{
	int saved = errno, fd;

	if (!dialect_linux_is_node(path) || (flags & (O_EXCL | O_DIRECTORY)) != 0 || !state_enabled()) {
		return -1;
	}
	fd = attach_node(flags);
	errno = saved;
	return fd;
}
