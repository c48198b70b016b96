/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devpath.h - whether a path means one of our devices.
 */
#ifndef TUNTAPD_SHIM_DEVPATH_H
#define TUNTAPD_SHIM_DEVPATH_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "protocol/devlist.h"
#include "protocol/devname.h"

/*
 * True if path (relative to dir, as in openat(2)) is DIRECTORY/tapN or DIRECTORY/tunN and DIRECTORY is /dev, however it
 * is written: absolute, relative, through "..", "//" or symbolic links.  errno is kept.  Paths that do not end in such
 * a name cost no system call.
 */
bool devpath_match(int dir, const char *path, struct device_id *id);

/*
 * Whether st is a real node that a daemon has made of a device, for who only looks (macOS): its number is the device's, and no driver's, so
 * that the kernel opens it for nobody (ENXIO).  For an open it is as if it were not there.
 */
bool devpath_is_own_node(const struct stat *st, struct device_id id);

/*
 * For whoever tried to open the path, which the kernel refused: true if that was such a node, and it is served.  errno is kept.
 */
bool devpath_is_refused_node(int dir, const char *path, struct device_id *id);

/*
 * As devpath_match(), and the daemon's word comes before that of a node which is there by that name, a kernel extension's
 * (DEVLIST_BEFORE_NODE); *entry is then the device's.
 */
bool devpath_is_before_node(int dir, const char *path, struct device_id *id, struct devlist_entry *entry);

/*
 * True if the path is a device's, and the daemon is who opens it: no file of that name really exists there (a loaded kernel extension's
 * node; Linux macvtap's), or the daemon's word comes before it.
 */
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
