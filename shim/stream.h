/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - stdio streams of devices.
 */
#ifndef TUNTAPD_SHIM_STREAM_H
#define TUNTAPD_SHIM_STREAM_H

#include <stdbool.h>
#include <stdio.h>

/* open(2)'s flags for fopen(3)'s mode; -1 with EINVAL: not a mode. */
int stream_flags(const char *mode);

/*
 * A stream of device fd, which closes it.  flags: of its mode.  NULL with errno, and fd is still the caller's.
 */
FILE *stream_make(int fd, int flags);

/* Whether stream_make() made it, of functions. */
bool stream_is_ours(FILE *stream);

/* Of such a stream: what it was of is closed, and written out before; it is of /dev/null. */
void stream_empty(FILE *stream);

/*
 * A stream that the C library has just made gets a buffer that holds any packet, so that none is cut; unless there is no memory, or as
 * many streams have one as there is room for.
 */
void stream_widen(FILE *stream);

/*
 * What freopen(3) does with such a stream, once fd has been opened with the flags of the new mode: its number becomes fd, which is
 * closed, and so is what it was before.  With fd -1, and for a mode that the stream was not made for (EBADF), the stream is
 * closed: NULL with errno.
 */
FILE *stream_give(FILE *stream, int fd, int flags);

#endif
