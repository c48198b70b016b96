/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open.h - opens of devices for others than the program's own open(2).
 */
#ifndef TUNTAPD_SHIM_OPEN_H
#define TUNTAPD_SHIM_OPEN_H

#include <stdbool.h>

#include "protocol/devname.h"

#define OPEN_NOT_OURS (-2)

/* Whether a path ends as a device's does, or is the linux dialect's node.  No system call. */
bool open_may_be_ours(const char *path);

/*
 * What openat(2) gives, if the C library's own would find no file there, or not the node, and the library does: its descriptor, or -1
 * with errno.  OPEN_NOT_OURS: it is the C library's to open.  errno is kept unless it returns -1.
 */
int open_if_ours(int dir, const char *path, int flags);

/* A device's descriptor, or -1 with errno. */
int open_device(struct device_id id, int flags);

/*
 * Whether the path is of a node that is there and that the daemon hands out: then *fd is what open(2) is to return.  False: the C library's
 * own call is next, with *flags, by which nothing is made in a node's place.
 */
bool open_handed_out(int dir, const char *path, int *flags, int *fd);

/*
 * The C library's own call returned fd: that, or the device, if it found no file and the path is a device's.  before: errno as it was
 * before that call.  One that may create a file does not go there with a device's path.
 */
int open_or_device(int before, int fd, int dir, const char *path, int flags);

#endif
