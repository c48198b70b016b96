/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open.c - the open family.
 *
 * A path that is not a device's is the C library's business, untouched.  An open that creates nothing is always tried there first:
 * where it finds a file that is the answer, a path that is no path is the kernel's to refuse (EFAULT), and only ENOENT makes
 * us look, and ENXIO and EACCES, with which the kernel refuses a node that the daemon has made for who only looks.
 * An open that may create a file must be recognized before it does, so there a bad pointer is a fault in the program; and where
 * kernel extensions can have nodes of their own (macOS) so must every open: a node's open is the device's, which the policy may refuse.
 * There the daemon's word comes first if it says that it hands the node out, and the node's own owner and mode if it does not, or no
 * daemon serves.
 * A device's path is answered here, in this order: no such unit, or nobody serves: ENOENT, from the device list alone; then
 * what the flags forbid; then the daemon is asked.  O_PATH opens nothing, and there is no file to name: ENOENT.
 *
 * fopen makes a stream that reads and writes here (stream.c).  freopen must keep the stream that there is.  Where that is a file's
 * the C library fills and empties it by its own inner calls, which do not pass here: what the stream does by itself is as without the
 * library, but for its buffer, that holds any packet; its number is a device to all else.  Each file that freopen leaves is closed before
 * the next is opened, as freopen(3) has it, so that a stream can be of the same device again.
 */
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "devpath.h"
#include "dialect.h"
#include "fdtable.h"
#include "io.h"
#include "os.h"
#include "real.h"
#include "refuse.h"
#include "state.h"
#include "stream.h"

#ifndef O_PATH
#define O_PATH 0
#endif

/* The mode of a file that a stream creates (fopen(3)). */
#define CREATED 0666

int
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

/*
 * A number that the C library has just given to another file.  That may be a node of the linux dialect, which has no mark; and a path such
 * as /dev/fd/3 opens a device's node anew, unattached, so it is no device either.
 */
static int
other_file(int fd)
{
	if (fd >= 0) {
		fdtable_set(fd, FDTABLE_OTHER);
	}
	return fd;
}

int
open_or_device(int before, int fd, int dir, const char *path, int flags)
{
	struct device_id id;

	if (fd >= 0) {
		return other_file(fd);
	}
	if ((flags & O_PATH) != 0) {
		return -1;
	}
	if ((errno == ENOENT && devpath_match(dir, path, &id) && state_enabled()) || devpath_is_refused_node(dir, path, &id)) {
		fd = open_device(id, flags);
	} else {
		fd = dialect_linux_open(path, flags);
	}
	if (fd >= 0) {
		errno = before;
	}
	return fd;
}

bool
open_handed_out(int dir, const char *path, int *flags, int *fd)
{
	struct devlist_entry entry;
	struct device_id id;
	int before = errno;

	if (!os_has_nodes() || (*flags & O_PATH) != 0 || !devpath_is_before_node(dir, path, &id, &entry)) {
		return false;
	}
	*fd = open_device(id, *flags);
	if (*fd >= 0 || errno != ENOENT) {
		return true;
	}
	/* A daemon that was killed has left the list: its word is over. */
	errno = before;
	*flags &= ~(O_CREAT | O_EXCL | O_TRUNC);
	return false;
}

static int
open_at(int dir, const char *path, int flags, mode_t mode)
{
	struct device_id id;
	int before = errno, fd;

	if (open_handed_out(dir, path, &flags, &fd)) {
		return fd;
	}
	if ((flags & O_CREAT) == 0) {
		return open_or_device(before, real_openat(dir, path, flags, (void *)(uintptr_t)mode), dir, path, flags);
	}
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
		mode = (mode_t)va_arg(args, unsigned); /* NOLINT(clang-analyzer-valist.Uninitialized): it is, a line above */
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
		mode = (mode_t)va_arg(args, unsigned); /* NOLINT(clang-analyzer-valist.Uninitialized): it is, a line above */
		va_end(args);
	}
	return open_at(dir, path, flags, mode);
}

int
shim_creat(const char *path, mode_t mode)
{
	return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

#ifdef ENTRY___open_2
/* What open() and openat() become in a program built with _FORTIFY_SOURCE whose flags are not constant. */
int
shim___open_2(const char *path, int flags)
{
	int before = errno;

	/* With flags that want a mode it ends the program, in its own words. */
	return open_or_device(before, real___open_2(path, flags), AT_FDCWD, path, flags);
}

int
shim___openat_2(int dir, const char *path, int flags)
{
	int before = errno;

	return open_or_device(before, real___openat_2(dir, path, flags), dir, path, flags);
}
#endif

bool
open_may_be_ours(const char *path)
{
	const char *name = strrchr(path, '/');
	struct device_id id;

	return devname_parse(name != NULL ? name + 1 : path, &id) || dialect_linux_names_node(path);
}

int
open_if_ours(int dir, const char *path, int flags)
{
	struct device_id id;
	int saved = errno, fd;

	if ((flags & O_PATH) != 0) {
		return OPEN_NOT_OURS;
	}
	if (devpath_is_ours(dir, path, &id)) {
		fd = open_device(id, flags);
		if (fd < 0 && errno == ENOENT && os_has_nodes() && (flags & O_CREAT) == 0) {
			errno = saved; /* as in open_handed_out(): a node that is there is the child's to open */
			return OPEN_NOT_OURS;
		}
		return fd;
	}
	if ((flags & O_CREAT) != 0 || !dialect_linux_names_node(path)) {
		return OPEN_NOT_OURS;
	}
	fd = real_openat(dir, path, flags, NULL);
	if (fd >= 0) {
		real_close(fd);
		fd = OPEN_NOT_OURS;
	} else {
		fd = dialect_linux_open(path, flags);
	}
	errno = saved;
	return fd >= 0 ? fd : OPEN_NOT_OURS; /* what is refused here, the kernel refuses the child */
}

/* A number of ours that the program will not get after all; errno is kept. */
static void
drop(int fd)
{
	int saved = errno;

	fdtable_set(fd, FDTABLE_OTHER);
	real_close(fd);
	errno = saved;
}

FILE *
shim_fopen(const char *path, const char *mode)
{
	struct device_id id;
	FILE *stream;
	int fd, flags;

	if (!devpath_is_ours(AT_FDCWD, path, &id)) {
		return real_fopen(path, mode);
	}
	flags = stream_flags(mode);
	fd = flags < 0 ? -1 : open_at(AT_FDCWD, path, flags, CREATED);
	if (fd < 0) {
		return NULL;
	}
	stream = stream_make(fd, flags);
	if (stream == NULL) {
		drop(fd);
	}
	return stream;
}

/* A file for a stream that is made of functions: a number, or -1. */
static int
open_for_stream(const char *path, int flags)
{
	if (path == NULL) {
		return refuse(EBADF); /* a device cannot be opened anew */
	}
	return flags < 0 ? -1 : open_at(AT_FDCWD, path, flags, CREATED);
}

/* Closes a stream whose freopen(3) has failed, as that does.  NULL with errno. */
static FILE *
give_up(FILE *stream)
{
	int error = errno;

	(void)fclose(stream);
	errno = error;
	return NULL;
}

/* A stream that the C library made, and that is of nothing now, becomes a device's: its number does. */
static FILE *
become_device(FILE *stream, const char *path, int flags)
{
	int number = real_fileno(stream), fd;

	stream_widen(stream);
	fd = open_at(AT_FDCWD, path, flags, CREATED);
	if (fd < 0) {
		return give_up(stream);
	}
	if (real_dup2(fd, number) < 0 ||
	    ((flags & O_CLOEXEC) != 0 && real_fcntl(number, F_SETFD, (void *)(uintptr_t)FD_CLOEXEC) < 0)) {
		drop(fd);
		return give_up(stream);
	}
	fdtable_set(number, fdtable_get(fd));
	drop(fd);
	return stream;
}

FILE *
shim_freopen(const char *path, const char *mode, FILE *stream)
{
	int flags = stream_flags(mode);
	struct device_id id;

	if (stream_is_ours(stream)) {
		stream_empty(stream);
		return stream_give(stream, open_for_stream(path, flags), flags);
	}
	if (path == NULL && io_is_device(real_fileno(stream))) {
		(void)refuse(EBADF); /* it cannot be opened anew */
		return give_up(stream);
	}
	if (path == NULL || flags < 0 || !devpath_is_ours(AT_FDCWD, path, &id)) {
		return real_freopen(path, mode, stream);
	}
	/* The stream gets its mode from a file that always opens, and closes what it was of. */
	stream = real_freopen("/dev/null", mode, stream);
	return stream != NULL ? become_device(stream, path, flags) : NULL;
}
