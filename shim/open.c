/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open.c - the open family.
 *
 * A path that is not a device's is the C library's business, untouched.  A device's is answered here, in this order: no such
 * unit, or nobody serves: ENOENT, from the device list alone; then what the flags forbid; then the daemon is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "devpath.h"
#include "fdtable.h"
#include "real.h"
#include "state.h"

#ifndef O_PATH
#define O_PATH 0
#endif

static int
refuse(int error)
{
	errno = error;
	return -1;
}

static int
open_device(struct device_id id, int flags)
{
	struct devlist_entry entry;

	if (state_find_device(id, &entry, NULL) < 0) {
		if (errno == ENOENT) {
			state_explain(id, "no daemon serves it, or the unit is past its count");
		}
		return -1;
	}
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
		return refuse(EEXIST);
	}
	if ((flags & O_DIRECTORY) != 0) {
		return refuse(ENOTDIR);
	}
	if ((flags & O_ACCMODE) == O_ACCMODE) {
		return refuse(EINVAL);
	}
	return attach_open(id, flags);
}

/* A number that the C library has just given to another file: an entry that it may have is stale. */
static int
other_file(int fd)
{
	if (fd >= 0 && fdtable_get(fd) != 0) {
		fdtable_set(fd, 0);
	}
	return fd;
}

static int
open_at(int dir, const char *path, int flags, mode_t mode)
{
	struct device_id id;

	/* O_PATH opens nothing: there is no file to name, so the C library says ENOENT. */
	if ((flags & O_PATH) == 0 && devpath_is_ours(dir, path, &id)) {
		return open_device(id, flags);
	}
	return other_file(real_openat(dir, path, flags, (void *)(uintptr_t)mode));
}

/* The mode is there only where the flags say so (open(2)). */
static bool
has_mode(int flags)
{
#ifdef O_TMPFILE
	return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
#else
	return (flags & O_CREAT) != 0;
#endif
}

int
shim_open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (has_mode(flags)) {
		va_list args;

		va_start(args, flags);
		mode = (mode_t)va_arg(args, unsigned);
		va_end(args);
	}
	return open_at(AT_FDCWD, path, flags, mode);
}

int
shim_openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (has_mode(flags)) {
		va_list args;

		va_start(args, flags);
		mode = (mode_t)va_arg(args, unsigned);
		va_end(args);
	}
	return open_at(dir, path, flags, mode);
}

int
shim_creat(const char *path, mode_t mode)
{
	return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

#ifdef __GLIBC__
/* What open() and openat() become in a program built with _FORTIFY_SOURCE whose flags are not constant. */
int
shim___open_2(const char *path, int flags)
{
	struct device_id id;

	if (has_mode(flags) || (flags & O_PATH) != 0 || !devpath_is_ours(AT_FDCWD, path, &id)) {
		return other_file(real___open_2(path, flags));
	}
	return open_device(id, flags);
}

int
shim___openat_2(int dir, const char *path, int flags)
{
	struct device_id id;

	if (has_mode(flags) || (flags & O_PATH) != 0 || !devpath_is_ours(dir, path, &id)) {
		return other_file(real___openat_2(dir, path, flags));
	}
	return open_device(id, flags);
}
#endif

/* open(2)'s flags for fopen(3)'s mode; -1: not a mode. */
static int
flags_of_mode(const char *mode)
{
	int flags;

	switch (mode[0]) {
	case 'r':
		flags = O_RDONLY;
		break;
	case 'w':
		flags = O_WRONLY | O_CREAT | O_TRUNC;
		break;
	case 'a':
		flags = O_WRONLY | O_CREAT | O_APPEND;
		break;
	default:
		return -1;
	}
	for (mode++; *mode != '\0' && *mode != ','; mode++) {
		if (*mode == '+') {
			flags = (flags & ~O_ACCMODE) | O_RDWR;
		} else if (*mode == 'e') {
			flags |= O_CLOEXEC;
		} else if (*mode == 'x') {
			flags |= O_EXCL;
		}
	}
	return flags;
}

/* A device opened with a stdio mode: a number, or -1. */
static int
open_with_mode(struct device_id id, const char *mode)
{
	int flags = flags_of_mode(mode);

	return flags < 0 ? refuse(EINVAL) : open_device(id, flags);
}

FILE *
shim_fopen(const char *path, const char *mode)
{
	struct device_id id;
	FILE *stream;
	int fd;

	if (!devpath_is_ours(AT_FDCWD, path, &id)) {
		return real_fopen(path, mode);
	}
	fd = open_with_mode(id, mode);
	if (fd < 0) {
		return NULL;
	}
	stream = fdopen(fd, mode);
	if (stream == NULL) {
		int saved = errno;

		(void)shim_close(fd);
		errno = saved;
	}
	return stream;
}

FILE *
shim_freopen(const char *path, const char *mode, FILE *stream)
{
	struct device_id id;
	int fd, number;

	if (path == NULL || !devpath_is_ours(AT_FDCWD, path, &id)) {
		return real_freopen(path, mode, stream);
	}
	fd = open_with_mode(id, mode);
	/* The stream gets its mode from a file that always opens; then the device takes that file's number. */
	if (fd < 0 || real_freopen("/dev/null", mode, stream) == NULL) {
		int saved = errno;

		if (fd >= 0) {
			(void)shim_close(fd);
		} else {
			fclose(stream); /* as freopen(3) does when it fails */
		}
		errno = saved;
		return NULL;
	}
	number = fileno(stream);
	if (shim_dup2(fd, number) < 0 || (strchr(mode, 'e') != NULL && shim_fcntl(number, F_SETFD, FD_CLOEXEC) < 0)) {
		int saved = errno;

		(void)shim_close(fd);
		fclose(stream);
		errno = saved;
		return NULL;
	}
	(void)shim_close(fd);
	return stream;
}
