/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fd.c - numbers that come and go: close, dup, fcntl.
 *
 * The table follows what passes through here; what does not leaves a stale entry, which is harmless (fdtable.h).  An entry is cleared
 * before its number is closed: afterwards the number may already be another thread's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "fdtable.h"
#include "real.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

int
shim_close(int fd)
{
	if (fdtable_get(fd) != 0) {
		fdtable_set(fd, 0);
	}
	return real_close(fd);
}

#ifdef ENTRY_close_range
int
shim_close_range(unsigned first, unsigned last, int flags)
{
	if (((unsigned)flags & CLOSE_RANGE_CLOEXEC) == 0) {
		fdtable_clear_range(first, last);
	}
	return real_close_range(first, last, flags);
}
#endif

#ifdef ENTRY_closefrom
void
shim_closefrom(int first)
{
	fdtable_clear_range(first > 0 ? (unsigned)first : 0, FDTABLE_MAX - 1);
	real_closefrom(first);
}
#endif

/* to is now what from is. */
static int
copied(int from, int to)
{
	if (to >= 0 && (fdtable_get(from) != 0 || fdtable_get(to) != 0)) {
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
	return result;
}
