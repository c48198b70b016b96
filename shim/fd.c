/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fd.c - numbers that come and go: close, dup, fcntl, and descriptors that arrive over a socket.
 *
 * The table follows what passes through here; what does not leaves a stale entry, which is harmless (fdtable.h).  A device's entry ends
 * before its number is closed: afterwards the number may already be another thread's.
 */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "fdtable.h"
#include "io.h"
#include "real.h"
#include "recognise.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

int
shim_close(int fd)
{
	if (fdtable_is_device(fdtable_get(fd))) {
		fdtable_set(fd, FDTABLE_OTHER);
	}
	return real_close(fd);
}

#ifdef ENTRY_close_range
int
shim_close_range(unsigned first, unsigned last, int flags)
{
	int result;

	if (((unsigned)flags & CLOSE_RANGE_CLOEXEC) == 0) {
		fdtable_close_range(first, last);
	}
	result = real_close_range(first, last, flags);
	if (result < 0) {
		/* Refused (flags, an old kernel, a filter of system calls), it has closed nothing. */
		fdtable_forget_range(first, last, recognise_born);
	}
	return result;
}
#endif

#ifdef ENTRY_closefrom
void
shim_closefrom(int first)
{
	fdtable_close_range(first > 0 ? (unsigned)first : 0, FDTABLE_MAX - 1);
	real_closefrom(first);
}
#endif

/*
 * to is now what from is.  An unknown one is asked about here: its copies are known then, however many are made, and a thread that is
 * looking at the last file of to finds the number known.
 */
static int
copied(int from, int to)
{
	if (to >= 0) {
		(void)recognise_device(from);
		fdtable_set(to, fdtable_get(from));
	}
	return to;
}

int
shim_dup(int fd)
{
	return copied(fd, real_dup(fd));
}

int
shim_dup2(int fd, int to)
{
	return copied(fd, real_dup2(fd, to));
}

#ifdef ENTRY_dup3
int
shim_dup3(int fd, int to, int flags)
{
	return copied(fd, real_dup3(fd, to, flags));
}
#endif

int
shim_fcntl(int fd, int command, ...)
{
	void *argument;
	va_list args;
	int result;

	va_start(args, command);
	argument = va_arg(args, void *);
	va_end(args);
	result = real_fcntl(fd, command, argument);
	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
		return copied(fd, result);
	}
	if (command == F_GETFL && io_is_device(fd)) {
		return channel_flags(fd, fdtable_get(fd), result);
	}
	return result;
}

void
fd_received(const struct msghdr *message)
{
	const char *control = message->msg_control;
	size_t left = control != NULL ? message->msg_controllen : 0;

	while (left >= sizeof(struct cmsghdr)) {
		struct cmsghdr header;
		size_t step;

		memcpy(&header, control, sizeof(header));
		if (header.cmsg_len < CMSG_LEN(0) || header.cmsg_len > left) {
			break;
		}
		for (size_t at = CMSG_LEN(0); header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_RIGHTS &&
		    at + sizeof(int) <= header.cmsg_len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, control + at, sizeof(fd));
			recognise_born(fd);
		}
		step = CMSG_SPACE(header.cmsg_len - CMSG_LEN(0));
		if (step > left) {
			break;
		}
		control += step;
		left -= step;
	}
}

ssize_t
shim_recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t n = real_recvmsg(fd, message, flags);

	if (n >= 0) {
		fd_received(message);
	}
	return n;
}

#ifdef ENTRY_recvmmsg
int
shim_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
	int n = real_recvmmsg(fd, messages, count, flags, timeout);

	for (int i = 0; i < n; i++) {
		fd_received(&messages[i].msg_hdr);
	}
	return n;
}
#endif

#ifdef ENTRY_pidfd_getfd
int
shim_pidfd_getfd(int pidfd, int number, unsigned flags)
{
	int fd = real_pidfd_getfd(pidfd, number, flags);

	if (fd >= 0) {
		recognise_born(fd);
	}
	return fd;
}
#endif
