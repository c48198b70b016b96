/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-stream.c - streams whose reading and writing are functions of the program's.  See standin.h.
 *
 * They are Linux's fopencookie(3).  A stream's direction is which functions there are, its functions count in int, and a stream of
 * them has no number (funopen(3)).
 *
 * Sources: Libc stdio/FreeBSD/funopen.c, stdio/FreeBSD/fpurge.c.
 */
#include "standin.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>

struct functions {
	void *cookie;
	int (*read)(void *cookie, char *data, int size);
	int (*write)(void *cookie, const char *data, int size);
	int64_t (*seek)(void *cookie, int64_t offset, int whence);
	int (*close)(void *cookie);
};

static int
counted(size_t size)
{
	return size < INT_MAX ? (int)size : INT_MAX;
}

static ssize_t
call_read(void *cookie, char *data, size_t size)
{
	const struct functions *f = cookie;

	return f->read(f->cookie, data, counted(size));
}

/* What it says of an error is 0 here, -1 there (fopencookie(3)). */
static ssize_t
call_write(void *cookie, const char *data, size_t size)
{
	const struct functions *f = cookie;
	int written = f->write(f->cookie, data, counted(size));

	return written < 0 ? 0 : written;
}

/* SEEK_SET, SEEK_CUR and SEEK_END are the same numbers. */
static int
call_seek(void *cookie, off64_t *offset, int whence)
{
	const struct functions *f = cookie;
	int64_t place;

	if (f->seek == NULL) {
		errno = ESPIPE;
		return -1;
	}
	place = f->seek(f->cookie, *offset, whence);
	if (place < 0) {
		return -1;
	}
	*offset = place;
	return 0;
}

static int
call_close(void *cookie)
{
	struct functions *f = cookie;
	int result = f->close != NULL ? f->close(f->cookie) : 0;

	free(f);
	return result;
}

static FILE *
darwin_funopen(void *cookie, int (*read)(void *cookie, char *data, int size), int (*write)(void *cookie, const char *data, int size),
    int64_t (*seek)(void *cookie, int64_t offset, int whence), int (*close)(void *cookie))
{
	struct functions *f = malloc(sizeof(*f));
	FILE *stream;

	if (read == NULL && write == NULL) {
		standin_refuse("funopen: neither read nor write"); /* EINVAL */
	}
	if (f == NULL) {
		return NULL;
	}
	*f = (struct functions){cookie, read, write, seek, close};
	stream = fopencookie(f, write == NULL ? "r" : read == NULL ? "w" : "r+", (cookie_io_functions_t){
	    .read = read != NULL ? call_read : NULL, .write = write != NULL ? call_write : NULL, .seek = call_seek, .close = call_close});
	if (stream == NULL) {
		(void)standin_translated(-1);
		free(f);
	}
	return stream;
}

static int
darwin_fpurge(FILE *stream)
{
	__fpurge(stream);
	return 0;
}

const struct standin_symbol standin_stream_symbols[] = {
	OTHER(fpurge), OTHER(funopen),
	{NULL, NULL},
};
