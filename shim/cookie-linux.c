/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cookie-linux.c - streams by fopencookie(3), which glibc and musl both have.  See cookie.h.
 *
 * glibc wants 0 for an error of writing and adds up what is returned; musl wants -1 and takes 0 for success.
 */
#include "cookie.h"

#include <stdio_ext.h>

/* Which C library this is, is known when it runs: a program of one inherits the library of the other from its parent. */
extern const char *gnu_get_libc_version(void) __attribute__((weak));

static ssize_t
write_function(void *cookie, const char *data, size_t size)
{
	ssize_t n = cookie_write(cookie, data, size);

	return n < 0 && gnu_get_libc_version != NULL ? 0 : n;
}

static int
seek_function(void *cookie, off_t *offset, int whence)
{
	off_t result = cookie_seek(cookie, *offset, whence);

	if (result < 0) {
		return -1;
	}
	*offset = result;
	return 0;
}

FILE *
cookie_stream(void *cookie, const char *mode)
{
	static const cookie_io_functions_t functions = {
		.read = cookie_read, .write = write_function, .seek = seek_function, .close = cookie_close,
	};

	return fopencookie(cookie, mode, functions);
}

void
cookie_purge(FILE *stream)
{
	__fpurge(stream);
}
