/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter-linux.c - programs that forbid themselves system calls: seccomp(2).
 *
 * Theory of operation.  The library asks the kernel about a number at its first use (recognise.h), by a call that the program does not make
 * itself; a filter that does not know of it may answer with the program's end.  So all questions are asked before: when the program
 * announces a filter, each open number is looked at once, and from then on one that is unknown is another file, unasked.  What
 * becomes a device afterwards passes the library as before, and is entered: open, copies, what comes over a socket.
 *
 * Limits.  The kernel is still asked before EIO is said of a device that is down, or a packet is passed on while the page does not know yet
 * that it is up, and in header mode on a direct device with each packet (io.c, channel.c): a filter that ends the program at an ioctl ends
 * it there.
 *
 * prctl(2) is where a filter announces itself: PR_SET_SECCOMP installs one, and whoever installs one by seccomp(2), for which no C library
 * has a function, must have said PR_SET_NO_NEW_PRIVS before, or be root; libseccomp always says it.
 */
#include <stdarg.h>
#include <sys/prctl.h>

#include "real.h"
#include "recognise.h"

int
shim_prctl(int option, ...)
{
	unsigned long a, b, c, d;
	va_list args;

	/* As the C library's own function, which takes them all whatever the option. */
	va_start(args, option);
	a = va_arg(args, unsigned long);
	b = va_arg(args, unsigned long);
	c = va_arg(args, unsigned long);
	d = va_arg(args, unsigned long);
	va_end(args);
	if (option == PR_SET_SECCOMP || option == PR_SET_NO_NEW_PRIVS) {
		recognise_all();
	}
	/* real_prctl() would pass one. */
	return ((real_prctl_fn)real_get(REAL_prctl))(option, a, b, c, d);
}
