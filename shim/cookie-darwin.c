/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cookie-darwin.c - streams by funopen(3).  See cookie.h.
 *
 * Its functions count in int; stdio never asks for more than its buffer, and a packet is shorter.
 */
#include "cookie.h"

static int
read_function(void *cookie, char *data, int size)
{
	return size < 0 ? -1 : (int)cookie_read(cookie, data, (size_t)size);
}

static int
write_function(void *cookie, const char *data, int size)
{
	return size < 0 ? -1 : (int)cookie_write(cookie, data, (size_t)size);
}

static fpos_t
seek_function(void *cookie, fpos_t offset, int whence)
{
	return cookie_seek(cookie, offset, whence);
}

FILE *
cookie_stream(void *cookie, const char *mode)
{
	/* It takes its direction from which functions there are (funopen(3)). */
	int (*reads)(void *, char *, int) = mode[0] == 'r' || mode[1] == '+' ? read_function : NULL;
	int (*writes)(void *, const char *, int) = mode[0] != 'r' || mode[1] == '+' ? write_function : NULL;

	return funopen(cookie, reads, writes, seek_function, cookie_close);
}

void
cookie_purge(FILE *stream)
{
	(void)fpurge(stream);
}
