/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devpath.h - whether a path means one of our devices.
 */
#ifndef TUNTAPD_SHIM_DEVPATH_H
#define TUNTAPD_SHIM_DEVPATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "protocol/devname.h"

/*
 * True if path (relative to dir, as in openat(2)) is DIRECTORY/tapN or DIRECTORY/tunN and DIRECTORY is /dev, however it
 * is written: absolute, relative, through "..", "//" or symbolic links.  errno is kept.  Paths that do not end in such
 * a name cost no system call.
 */
bool devpath_match(int dir, const char *path, struct device_id *id);

/* The same, and no file of that name really exists there (a loaded kernel extension's node; Linux macvtap's). */
bool devpath_is_ours(int dir, const char *path, struct device_id *id);

/*
 * For whoever asked the C library first, which failed: true if it found no file there (ENOENT), and the path is that of a device that
 * is served.  errno is kept.
 */
bool devpath_is_served(int dir, const char *path);

/* Whether a path is /dev itself, however it is written.  errno is kept. */
bool devpath_is_dev(int dir, const char *path);

/* The inode that a device's node shows. */
ino_t devpath_inode(struct device_id id);

#endif
