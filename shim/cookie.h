/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cookie.h - a stdio stream whose reading and writing are functions: each C library has its own call for that.  One file per platform:
 * cookie-linux.c, cookie-darwin.c.  The functions are stream.c's.
 */
#ifndef TUNTAPD_SHIM_COOKIE_H
#define TUNTAPD_SHIM_COOKIE_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* A stream that calls the functions below with cookie.  NULL with errno. */
FILE *cookie_stream(void *cookie, const char *mode);

/* Throws away what the stream holds of either direction. */
void cookie_purge(FILE *stream);

/* As read(2), write(2), lseek(2) and close(2). */
ssize_t cookie_read(void *cookie, char *data, size_t size);
ssize_t cookie_write(void *cookie, const char *data, size_t size);
off_t cookie_seek(void *cookie, off_t offset, int whence);
int cookie_close(void *cookie);

#endif
