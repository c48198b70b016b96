/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dialect.h - which API a program speaks to a device: what its ioctls mean.
 */
#ifndef TUNTAPD_SHIM_DIALECT_H
#define TUNTAPD_SHIM_DIALECT_H

#include <stdbool.h>
#include <stdint.h>

#include "shim/fdtable.h"

/*
 * An ioctl on a descriptor that is a device now.  request: the low 32 bits, for callers that kept it in an int.
 * Returns as ioctl(2).
 */
int dialect_bsd_ioctl(int fd, fdtable_held held, uint32_t request, void *argument);

/*
 * An ioctl on a descriptor that is no device of the table: true if it is one of the linux dialect, on a descriptor of its node, and has
 * been answered; *result and errno are then as ioctl(2) gives them.  False: it is the kernel's.
 */
bool dialect_linux_ioctl(int fd, uint32_t request, void *argument, int *result);

/*
 * The C library could not open path, and errno says why: the linux dialect's node, from the daemon, if path is that and the reason is one
 * that the daemon can help with.  A descriptor, or -1 with the same errno.
 */
int dialect_linux_open(const char *path, int flags);

/* Whether path is that of the linux dialect's node. */
bool dialect_linux_names_node(const char *path);

/*
 * The C library refused something about path, and errno says why: whether it is the node, and the reason one that the daemon can help with.
 */
bool dialect_linux_is_node(const char *path);

#endif
