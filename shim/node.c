/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node.c - what a program asks of a device's node but stat, access and open, and what it may not change.
 *
 * By path, the C library is asked first; only where it finds nothing, and the path is that of a device that is served, is
 * there an answer here: that of a character device of /dev.  Its name is its own real path; it is no symbolic link; it cannot
 * be cut; it has no extended attributes.
 *
 * Owner, group, mode, times and attributes are the daemon's policy and nobody else's: to change them is EPERM, for root too.  By
 * descriptor that is more than a matter of words.  The kernel's node behind a direct channel is the one /dev/net/tun of the
 * machine, and a program of root's that hands "its" device to a user would hand that out.
 *
 * A node cannot be taken away or renamed: it is not there, and the C library says so (ENOENT).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devpath.h"
#include "io.h"
#include "real.h"
#include "refuse.h"

/* The real call failed: with that errno, if the path is a device's.  Returns -1. */
static int
refused(int dir, const char *path, int error)
{
	if (devpath_is_served(dir, path)) {
		errno = error;
	}
	return -1;
}

/* Whether dir, with that path and those flags, is itself what the call means, and is a device. */
static bool
means_device(int dir, const char *path, int flags)
{
	bool itself = path == NULL;

#ifdef AT_EMPTY_PATH
	itself = itself || ((flags & AT_EMPTY_PATH) != 0 && path[0] == '\0');
#endif
	return itself && io_is_device(dir);
}

/* The real path of a device whose path is path, in resolved, or in memory that the caller frees.  before: errno till now. */
static char *
real_device_path(int before, const char *path, char *resolved)
{
	char real[PATH_MAX];
	const char *name = strrchr(path, '/');
	size_t length;

	name = name != NULL ? name + 1 : path;
	if (real_realpath("/dev", real) == NULL) {
		return NULL;
	}
	length = strlen(real);
	if (length + 1 + strlen(name) >= sizeof(real)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	real[length] = '/';
	strcpy(real + length + 1, name);
	if (resolved == NULL) {
		resolved = strdup(real);
	} else {
		strcpy(resolved, real); /* of PATH_MAX bytes, realpath(3) says */
	}
	if (resolved != NULL) {
		errno = before;
	}
	return resolved;
}

char *
shim_realpath(const char *path, char *resolved)
{
	int before = errno;
	char *result = real_realpath(path, resolved);

	return result == NULL && devpath_is_served(AT_FDCWD, path) ? real_device_path(before, path, resolved) : result;
}

#ifdef ENTRY___realpath_chk
/* What realpath() becomes in a program built with _FORTIFY_SOURCE; with less room than PATH_MAX it has ended the program. */
char *
shim___realpath_chk(const char *path, char *resolved, size_t room)
{
	int before = errno;
	char *result = real___realpath_chk(path, resolved, room);

	return result == NULL && devpath_is_served(AT_FDCWD, path) ? real_device_path(before, path, resolved) : result;
}

char *
shim_canonicalize_file_name(const char *path)
{
	int before = errno;
	char *result = real_canonicalize_file_name(path);

	return result == NULL && devpath_is_served(AT_FDCWD, path) ? real_device_path(before, path, NULL) : result;
}
#endif

ssize_t
shim_readlink(const char *path, char *data, size_t size)
{
	ssize_t n = real_readlink(path, data, size);

	return n < 0 ? refused(AT_FDCWD, path, EINVAL) : n;
}

ssize_t
shim_readlinkat(int dir, const char *path, char *data, size_t size)
{
	ssize_t n = real_readlinkat(dir, path, data, size);

	return n < 0 ? refused(dir, path, EINVAL) : n;
}

#ifdef ENTRY___readlink_chk
ssize_t
shim___readlink_chk(const char *path, char *data, size_t size, size_t room)
{
	ssize_t n = real___readlink_chk(path, data, size, room);

	return n < 0 ? refused(AT_FDCWD, path, EINVAL) : n;
}

ssize_t
shim___readlinkat_chk(int dir, const char *path, char *data, size_t size, size_t room)
{
	ssize_t n = real___readlinkat_chk(dir, path, data, size, room);

	return n < 0 ? refused(dir, path, EINVAL) : n;
}
#endif

int
shim_truncate(const char *path, off_t size)
{
	return real_truncate(path, size) == 0 ? 0 : refused(AT_FDCWD, path, EINVAL);
}

int
shim_chmod(const char *path, mode_t mode)
{
	return real_chmod(path, mode) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_lchmod(const char *path, mode_t mode)
{
	return real_lchmod(path, mode) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_fchmod(int fd, mode_t mode)
{
	return io_is_device(fd) ? refuse(EPERM) : real_fchmod(fd, mode);
}

int
shim_fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	if (means_device(dir, path, flags)) {
		return refuse(EPERM);
	}
	return real_fchmodat(dir, path, mode, flags) == 0 ? 0 : refused(dir, path, EPERM);
}

int
shim_chown(const char *path, uid_t uid, gid_t gid)
{
	return real_chown(path, uid, gid) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_lchown(const char *path, uid_t uid, gid_t gid)
{
	return real_lchown(path, uid, gid) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_fchown(int fd, uid_t uid, gid_t gid)
{
	return io_is_device(fd) ? refuse(EPERM) : real_fchown(fd, uid, gid);
}

int
shim_fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags)
{
	if (means_device(dir, path, flags)) {
		return refuse(EPERM);
	}
	return real_fchownat(dir, path, uid, gid, flags) == 0 ? 0 : refused(dir, path, EPERM);
}

int
shim_utime(const char *path, const struct utimbuf *times)
{
	return real_utime(path, times) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_utimes(const char *path, const struct timeval *times)
{
	return real_utimes(path, times) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_lutimes(const char *path, const struct timeval *times)
{
	return real_lutimes(path, times) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_futimes(int fd, const struct timeval *times)
{
	return io_is_device(fd) ? refuse(EPERM) : real_futimes(fd, times);
}

#ifdef ENTRY_futimesat
int
shim_futimesat(int dir, const char *path, const struct timeval *times)
{
	if (means_device(dir, path, 0)) {
		return refuse(EPERM);
	}
	return real_futimesat(dir, path, times) == 0 ? 0 : refused(dir, path, EPERM);
}
#endif

int
shim_futimens(int fd, const struct timespec *times)
{
	return io_is_device(fd) ? refuse(EPERM) : real_futimens(fd, times);
}

int
shim_utimensat(int dir, const char *path, const struct timespec *times, int flags)
{
	if (means_device(dir, path, flags)) {
		return refuse(EPERM);
	}
	return real_utimensat(dir, path, times, flags) == 0 ? 0 : refused(dir, path, EPERM);
}

#ifdef ENTRY_getxattr
ssize_t
shim_getxattr(const char *path, const char *name, void *value, size_t size)
{
	ssize_t n = real_getxattr(path, name, value, size);

	return n < 0 ? refused(AT_FDCWD, path, ENODATA) : n;
}

ssize_t
shim_lgetxattr(const char *path, const char *name, void *value, size_t size)
{
	ssize_t n = real_lgetxattr(path, name, value, size);

	return n < 0 ? refused(AT_FDCWD, path, ENODATA) : n;
}

/* The real call failed: a device's list is empty.  before: errno till now. */
static ssize_t
listed(int before, const char *path)
{
	if (!devpath_is_served(AT_FDCWD, path)) {
		return -1;
	}
	errno = before;
	return 0;
}

ssize_t
shim_listxattr(const char *path, char *list, size_t size)
{
	int before = errno;
	ssize_t n = real_listxattr(path, list, size);

	return n < 0 ? listed(before, path) : n;
}

ssize_t
shim_llistxattr(const char *path, char *list, size_t size)
{
	int before = errno;
	ssize_t n = real_llistxattr(path, list, size);

	return n < 0 ? listed(before, path) : n;
}

int
shim_setxattr(const char *path, const char *name, const void *value, size_t size, int flags)
{
	return real_setxattr(path, name, value, size, flags) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)
{
	return real_lsetxattr(path, name, value, size, flags) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	return io_is_device(fd) ? refuse(EPERM) : real_fsetxattr(fd, name, value, size, flags);
}

int
shim_removexattr(const char *path, const char *name)
{
	return real_removexattr(path, name) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_lremovexattr(const char *path, const char *name)
{
	return real_lremovexattr(path, name) == 0 ? 0 : refused(AT_FDCWD, path, EPERM);
}

int
shim_fremovexattr(int fd, const char *name)
{
	return io_is_device(fd) ? refuse(EPERM) : real_fremovexattr(fd, name);
}
#endif
