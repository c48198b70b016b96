/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tty.c - a device is no terminal: ENOTTY.
 *
 * The C library asks the kernel by an inner ioctl, and Linux's tun driver answers EINVAL to any that it does not know.  The
 * contract's word for "no such ioctl here" is ENOTTY, and only the word is changed.
 */
#include <errno.h>
#include <termios.h>
#include <unistd.h>

#include "real.h"
#include "recognise.h"

/* What the C library's answer is called for that number. */
static int
reason(int fd, int error)
{
	return error == EINVAL && recognise_device(fd) != 0 ? ENOTTY : error;
}

int
shim_isatty(int fd)
{
	int result = real_isatty(fd);

	if (result == 0) {
		errno = reason(fd, errno);
	}
	return result;
}

char *
shim_ttyname(int fd)
{
	char *name = real_ttyname(fd);

	if (name == NULL) {
		errno = reason(fd, errno);
	}
	return name;
}

/* Returns an error's number. */
int
shim_ttyname_r(int fd, char *name, size_t size)
{
	return reason(fd, real_ttyname_r(fd, name, size));
}

#ifdef ENTRY___ttyname_r_chk
int
shim___ttyname_r_chk(int fd, char *name, size_t size, size_t room)
{
	return reason(fd, real___ttyname_r_chk(fd, name, size, room));
}
#endif

int
shim_tcgetattr(int fd, struct termios *settings)
{
	int result = real_tcgetattr(fd, settings);

	if (result < 0) {
		errno = reason(fd, errno);
	}
	return result;
}
