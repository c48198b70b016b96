/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devfs.h - nodes in /dev (XNU bsd/miscfs/devfs/devfs.h).
 */
#ifndef TUNTAPD_KPI_MISCFS_DEVFS_DEVFS_H
#define TUNTAPD_KPI_MISCFS_DEVFS_DEVFS_H

#include <sys/types.h>

#define DEVFS_CHAR 0

void *devfs_make_node(dev_t dev, int chrblk, uid_t uid, gid_t gid, int perms, const char *format, ...)
    __attribute__((__format__(__printf__, 6, 7)));
void devfs_remove(void *handle);

#endif
