/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open.h - opens of devices for others than the program's own open(2).
 */
#ifndef TUNTAPD_SHIM_OPEN_H
#define TUNTAPD_SHIM_OPEN_H

#include <stdbool.h>

#define OPEN_NOT_OURS (-2)

/* Whether a path ends as a device's does, or is the linux dialect's node.  No system call. */
bool open_may_be_ours(const char *path);

/*
 * What openat(2) gives, if the C library's own would find no file there, or not the node, and the library does: its descriptor, or -1
 * with errno.  OPEN_NOT_OURS: it is the C library's to open.  errno is kept unless it returns -1.
 */
int open_if_ours(int dir, const char *path, int flags);

#endif
