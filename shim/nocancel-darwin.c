/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nocancel-darwin.c - the forms of calls that are no points of cancellation.
 *
 * The C library calls these itself, often with a lock held, in which a thread must not end.  A number that is no device, and a path that
 * is none, go to the same form of the call; a device is opened, read and written as by the plain names.  fopen(3) and its like have entry
 * points of their own, so little comes here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

#include "devpath.h"
#include "fd.h"
#include "fdtable.h"
#include "real.h"
#include "recognise.h"

/* Opens by that form, unless the path is a device's. */
static int
open_at(int dir, const char *path, int flags, void *mode)
{
	struct device_id id;
	int fd;

	if (path != NULL && devpath_is_ours(dir, path, &id)) {
		return shim_openat(dir, path, flags, mode);
	}
	fd = real_openat_nocancel(dir, path, flags, mode);
	if (fd >= 0) {
		fdtable_set(fd, FDTABLE_OTHER);
	}
	return fd;
}

int
shim_open_nocancel(const char *path, int flags, ...)
{
	void *mode;
	va_list args;

	va_start(args, flags);
	mode = va_arg(args, void *);
	va_end(args);
	return open_at(AT_FDCWD, path, flags, mode);
}

int
shim_openat_nocancel(int dir, const char *path, int flags, ...)
{
	void *mode;
	va_list args;

	va_start(args, flags);
	mode = va_arg(args, void *);
	va_end(args);
	return open_at(dir, path, flags, mode);
}

int
shim_close_nocancel(int fd)
{
	if (fdtable_is_device(fdtable_get(fd))) {
		fdtable_set(fd, FDTABLE_OTHER);
	}
	return real_close_nocancel(fd);
}

ssize_t
shim_read_nocancel(int fd, void *data, size_t size)
{
	return recognise_device(fd) != 0 ? shim_read(fd, data, size) : real_read_nocancel(fd, data, size);
}

ssize_t
shim_readv_nocancel(int fd, const struct iovec *iov, int count)
{
	return recognise_device(fd) != 0 ? shim_readv(fd, iov, count) : real_readv_nocancel(fd, iov, count);
}

ssize_t
shim_pread_nocancel(int fd, void *data, size_t size, off_t offset)
{
	return recognise_device(fd) != 0 ? shim_pread(fd, data, size, offset) : real_pread_nocancel(fd, data, size, offset);
}

ssize_t
shim_preadv_nocancel(int fd, const struct iovec *iov, int count, off_t offset)
{
	return recognise_device(fd) != 0 ? shim_preadv(fd, iov, count, offset) : real_preadv_nocancel(fd, iov, count, offset);
}

ssize_t
shim_write_nocancel(int fd, const void *data, size_t size)
{
	return recognise_device(fd) != 0 ? shim_write(fd, data, size) : real_write_nocancel(fd, data, size);
}

ssize_t
shim_writev_nocancel(int fd, const struct iovec *iov, int count)
{
	return recognise_device(fd) != 0 ? shim_writev(fd, iov, count) : real_writev_nocancel(fd, iov, count);
}

ssize_t
shim_pwrite_nocancel(int fd, const void *data, size_t size, off_t offset)
{
	return recognise_device(fd) != 0 ? shim_pwrite(fd, data, size, offset) : real_pwrite_nocancel(fd, data, size, offset);
}

ssize_t
shim_pwritev_nocancel(int fd, const struct iovec *iov, int count, off_t offset)
{
	return recognise_device(fd) != 0 ? shim_pwritev(fd, iov, count, offset) : real_pwritev_nocancel(fd, iov, count, offset);
}

int
shim_fcntl_nocancel(int fd, int command, ...)
{
	void *argument;
	va_list args;

	va_start(args, command);
	argument = va_arg(args, void *);
	va_end(args);
	/* What makes or describes a device is done by the one body; no command of those waits. */
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC || command == F_GETFL ? shim_fcntl(fd, command, argument) :
	    real_fcntl_nocancel(fd, command, argument);
}

ssize_t
shim_recvmsg_nocancel(int fd, struct msghdr *message, int flags)
{
	ssize_t n = real_recvmsg_nocancel(fd, message, flags);

	if (n >= 0) {
		fd_received(message);
	}
	return n;
}
