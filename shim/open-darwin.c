/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open-darwin.c - macOS' other ways to open a path.
 *
 * openx_np and open_dprotected_np are open(2) with more to say of a file that they create: owner and access list, class of protection.  A
 * device is not created, so it is opened as by open(2).
 *
 * A descriptor that is guarded can only be closed, or written to, by who shows the guard, through functions of its own
 * (guarded_close_np, guarded_write_np).  Those do not pass here, so a packet that they write would go without its header, and the number
 * would be taken for a device's after it was closed.  So a device cannot be guarded: where the arguments are right the answer is ENOTSUP,
 * which change_fdguard_np(2) has for what no guard can be put on, and no device is opened.  The node of a kernel extension can, by whom its
 * own owner and mode allow.
 *
 * Sources: XNU bsd/vfs/vfs_syscalls.c open_extended, open_dprotected_np; bsd/kern/kern_guarded.c guarded_open_np,
 * guarded_open_dprotected_np, change_fdguard_np.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

#include "devpath.h"
#include "open.h"
#include "real.h"
#include "state.h"

/* Flags that only matter where there is no file yet. */
#define CREATING (O_CREAT | O_EXCL | O_TRUNC)

/* sys/fcntl.h, for who may see it: the bytes as they are on the disk.  Not for writing. */
#define DP_RAW (0x0001 | 0x0002)

int
shim_openx_np(const char *path, int flags, filesec_t security)
{
	struct device_id id;
	int before = errno, fd;

	if (open_handed_out(AT_FDCWD, path, &flags, &fd)) {
		return fd;
	}
	if ((flags & O_CREAT) != 0 && devpath_is_ours(AT_FDCWD, path, &id)) {
		return open_device(id, flags);
	}
	return open_or_device(before, real_openx_np(path, flags, security), AT_FDCWD, path, flags);
}

int
shim_open_dprotected_np(const char *path, int flags, int class, int dpflags, ...)
{
	struct device_id id;
	int before = errno, fd;
	void *mode;
	va_list args;

	va_start(args, dpflags);
	mode = va_arg(args, void *);
	va_end(args);
	if (open_handed_out(AT_FDCWD, path, &flags, &fd)) {
		return fd;
	}
	if ((flags & O_CREAT) != 0 && devpath_is_ours(AT_FDCWD, path, &id)) {
		if ((dpflags & DP_RAW) != 0 && (flags & O_ACCMODE) != O_RDONLY) {
			errno = EINVAL;
			return -1;
		}
		return open_device(id, flags);
	}
	return open_or_device(before, real_open_dprotected_np(path, flags, class, dpflags, mode), AT_FDCWD, path, flags);
}

/* The real call, which creates nothing where a device's path is, failed: whether since there is a device, and no file or our node. */
static int
refuse_guard(int before, int fd, const char *path, int flags)
{
	struct devlist_entry entry;
	struct device_id id;

	if (fd >= 0 || ((errno != ENOENT || !devpath_is_ours(AT_FDCWD, path, &id)) && !devpath_is_refused_node(AT_FDCWD, path, &id))) {
		return open_or_device(before, fd, AT_FDCWD, path, flags);
	}
	if (state_find_device(id, &entry, NULL) == 0) {
		errno = ENOTSUP;
	}
	return -1;
}

/* What the real call gets: a file is not created in a device's place, and the arguments are looked at all the same. */
static int
without_creating(const char *path, int flags)
{
	struct device_id id;

	return (flags & O_CREAT) != 0 && devpath_is_ours(AT_FDCWD, path, &id) ? flags & ~CREATING : flags;
}

int
shim_guarded_open_np(const char *path, const guardid_t *guard, unsigned guardflags, int flags, ...)
{
	int before = errno, real_flags = without_creating(path, flags);
	void *mode;
	va_list args;

	va_start(args, flags);
	mode = va_arg(args, void *);
	va_end(args);
	return refuse_guard(before, real_guarded_open_np(path, guard, guardflags, real_flags, mode), path, flags);
}

int
shim_guarded_open_dprotected_np(const char *path, const guardid_t *guard, unsigned guardflags, int flags, int class, int dpflags, ...)
{
	int before = errno, real_flags = without_creating(path, flags);
	void *mode;
	va_list args;

	va_start(args, dpflags);
	mode = va_arg(args, void *);
	va_end(args);
	return refuse_guard(before, real_guarded_open_dprotected_np(path, guard, guardflags, real_flags, class, dpflags, mode), path,
	    flags);
}
