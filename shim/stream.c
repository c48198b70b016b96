/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.c - stdio streams of devices.  See stream.h.
 *
 * Theory of operation.  The C library fills and empties the stream of a descriptor by its own inner calls, which do not pass here.
 * So a device's stream is one whose reading and writing are functions of its maker's (cookie.h), and they are the program's own
 * read and write.  Such a stream has no descriptor in the C library's eyes: fileno(3) is
 * answered from a table here.  The table is static, and taken and left without a lock; a program with more streams of devices than
 * it has rows gets the C library's own for the rest.  No C library can freopen(3) such a stream as a file's: it keeps its
 * functions, and its number becomes another open file.
 *
 * stdio is a stream of bytes: what one fflush(3) writes is one packet, and what is read is packet after packet.  The C libraries ask
 * for pieces of their own sizes (musl: one byte less than the program wants, then the rest), and a packet that is read in
 * pieces loses what is behind the first.  So each packet is read whole, and handed out from there.
 *
 * A stream that the C library makes of a device all the same gets a buffer for the longest packet, which both C libraries ask for at
 * once then, and is fully buffered.  The C library does not tell when it needs the buffer no more; so it is kept for the stream's address,
 * for the next device's stream there, and never freed.
 */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "cookie.h"
#include "fdtable.h"
#include "io.h"
#include "real.h"
#include "recognise.h"

#define STREAMS_MAX 64
/* The longest packet, with link header, tag or address family. */
#define PACKET_BYTES_MAX (65535 + 18)

static struct row {
	_Atomic int used;       /* taken, perhaps not filled yet */
	_Atomic(FILE *) stream; /* NULL: none */
	_Atomic int fd;
	int access; /* O_RDONLY, O_WRONLY or O_RDWR: what the stream can do */
	/* Of the packet that was read last, what the C library has not taken yet: under the stream's own lock. */
	char *packet;
	size_t first, left;
} rows[STREAMS_MAX];

/* Buffers of the C library's own streams of devices, by stream. */
static struct wide {
	_Atomic(FILE *) stream; /* NULL: none yet */
	char *buffer;
} wides[STREAMS_MAX];
/* musl keeps this many bytes of a buffer for ungetc(3). */
#define UNGET_BYTES 8

/* Streams in the table: while there are none nobody looks further. */
static _Atomic unsigned rows_filled;

int
stream_flags(const char *mode)
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
		errno = EINVAL;
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

static const char *
plain_mode(int flags)
{
	bool both = (flags & O_ACCMODE) == O_RDWR;

	if ((flags & O_APPEND) != 0) {
		return both ? "a+" : "a";
	}
	if ((flags & O_CREAT) != 0) {
		return both ? "w+" : "w";
	}
	return both ? "r+" : "r";
}

static struct row *
find(FILE *stream)
{
	if (stream == NULL || atomic_load(&rows_filled) == 0) {
		return NULL;
	}
	for (unsigned i = 0; i < STREAMS_MAX; i++) {
		if (atomic_load(&rows[i].stream) == stream) {
			return &rows[i];
		}
	}
	return NULL;
}

static void
leave(struct row *row)
{
	if (atomic_exchange(&row->stream, NULL) != NULL) {
		atomic_fetch_sub(&rows_filled, 1);
	}
	atomic_store(&row->used, 0);
}

ssize_t
cookie_read(void *cookie, char *data, size_t size)
{
	struct row *row = cookie;
	int fd = atomic_load(&row->fd);
	ssize_t n;

	if (row->left == 0) {
		if (recognise_device(fd) == 0) {
			return io_read(fd, data, size); /* a file, by freopen: no packets */
		}
		n = io_read(fd, row->packet, PACKET_BYTES_MAX);
		if (n <= 0) {
			return n;
		}
		row->first = 0;
		row->left = (size_t)n;
	}
	if (size > row->left) {
		size = row->left;
	}
	memcpy(data, row->packet + row->first, size);
	row->first += size;
	row->left -= size;
	return (ssize_t)size;
}

ssize_t
cookie_write(void *cookie, const char *data, size_t size)
{
	struct row *row = cookie;

	return size == 0 ? 0 : io_write(atomic_load(&row->fd), data, size); /* musl's flush ends with an empty write */
}

off_t
cookie_seek(void *cookie, off_t offset, int whence)
{
	struct row *row = cookie;

	return lseek(atomic_load(&row->fd), offset, whence); /* ESPIPE, but for a file that came by freopen */
}

int
cookie_close(void *cookie)
{
	struct row *row = cookie;
	int fd = atomic_load(&row->fd);

	free(row->packet);
	leave(row);
	fdtable_set(fd, FDTABLE_OTHER);
	return real_close(fd);
}

/* Whether what is open for has can be used as wants. */
static bool
allows(int has, int wants)
{
	return has == O_RDWR || has == wants;
}

/* The buffer of a stream's address, or NULL. */
static char *
wide_buffer(FILE *stream)
{
	for (unsigned i = 0; i < STREAMS_MAX; i++) {
		FILE *none = NULL;

		if (atomic_load(&wides[i].stream) == stream || atomic_compare_exchange_strong(&wides[i].stream, &none, stream)) {
			if (wides[i].buffer == NULL) {
				wides[i].buffer = malloc(PACKET_BYTES_MAX + UNGET_BYTES);
			}
			return wides[i].buffer;
		}
	}
	return NULL;
}

void
stream_widen(FILE *stream)
{
	int saved = errno;
	char *buffer = wide_buffer(stream);

	if (buffer != NULL) {
		(void)setvbuf(stream, buffer, _IOFBF, PACKET_BYTES_MAX + UNGET_BYTES);
	}
	errno = saved;
}

static FILE *
plain_stream(int fd, int flags)
{
	FILE *stream = real_fdopen(fd, plain_mode(flags));

	if (stream != NULL) {
		stream_widen(stream);
	}
	return stream;
}

FILE *
stream_make(int fd, int flags)
{
	for (unsigned i = 0; i < STREAMS_MAX; i++) {
		FILE *stream;
		int unused = 0;

		if (!atomic_compare_exchange_strong(&rows[i].used, &unused, 1)) {
			continue;
		}
		atomic_store(&rows[i].fd, fd);
		rows[i].access = flags & O_ACCMODE;
		rows[i].left = 0;
		rows[i].packet = malloc(PACKET_BYTES_MAX);
		stream = rows[i].packet != NULL ? cookie_stream(&rows[i], plain_mode(flags)) : NULL;
		if (stream == NULL) {
			free(rows[i].packet);
			leave(&rows[i]);
			return NULL;
		}
		atomic_store(&rows[i].stream, stream);
		atomic_fetch_add(&rows_filled, 1);
		return stream;
	}
	return plain_stream(fd, flags);
}

bool
stream_is_ours(FILE *stream)
{
	return find(stream) != NULL;
}

void
stream_empty(FILE *stream)
{
	int number = atomic_load(&find(stream)->fd), saved = errno, null;

	(void)fflush(stream);
	null = real_open("/dev/null", O_RDWR | O_CLOEXEC, NULL);
	if (null >= 0) {
		if (real_dup2(null, number) >= 0) {
			fdtable_set(number, FDTABLE_OTHER);
		}
		real_close(null);
	}
	errno = saved;
}

FILE *
stream_give(FILE *stream, int fd, int flags)
{
	struct row *row = find(stream);
	int error = fd < 0 ? errno : EBADF, number = atomic_load(&row->fd);

	if (fd >= 0 && allows(row->access, flags & O_ACCMODE) && real_dup2(fd, number) >= 0) {
		if ((flags & O_CLOEXEC) != 0) {
			(void)real_fcntl(number, F_SETFD, (void *)(uintptr_t)FD_CLOEXEC);
		}
		fdtable_set(number, fdtable_get(fd));
		cookie_purge(stream);
		row->left = 0;
		clearerr(stream);
	} else {
		fclose(stream); /* as freopen(3) does when it fails */
		stream = NULL;
	}
	if (fd >= 0) {
		fdtable_set(fd, FDTABLE_OTHER);
		real_close(fd);
	}
	if (stream == NULL) {
		errno = error;
	}
	return stream;
}

/* fdopen(3) refuses a mode that the descriptor is not open for. */
FILE *
shim_fdopen(int fd, const char *mode)
{
	int flags, has;

	if (!io_is_device(fd)) {
		return real_fdopen(fd, mode);
	}
	flags = stream_flags(mode);
	has = channel_flags(fd, fdtable_get(fd), real_fcntl(fd, F_GETFL, NULL));
	if (flags < 0 || has < 0) {
		return NULL;
	}
	if (!allows(has & O_ACCMODE, flags & O_ACCMODE)) {
		errno = EINVAL;
		return NULL;
	}
	if ((flags & O_CLOEXEC) != 0 && real_fcntl(fd, F_SETFD, (void *)(uintptr_t)FD_CLOEXEC) < 0) {
		return NULL;
	}
	return stream_make(fd, flags);
}

int
shim_fileno(FILE *stream)
{
	struct row *row = find(stream);

	return row != NULL ? atomic_load(&row->fd) : real_fileno(stream);
}
