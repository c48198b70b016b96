/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.h - reading and writing a number, for code of the shim that stands between the program and its read and write (stream.c).
 */
#ifndef TUNTAPD_SHIM_IO_H
#define TUNTAPD_SHIM_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What the program's own read(2) and write(2) of that number would be. */
ssize_t io_read(int fd, void *data, size_t size);
ssize_t io_write(int fd, const void *data, size_t size);

/* Whether the number is a device, by table and kernel: where they differ the entry was stale, and is cleared.  errno is kept. */
bool io_is_device(int fd);

#endif
