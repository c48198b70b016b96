/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dialect.h - which API a program speaks to a device: what its ioctls mean.
 */
#ifndef TUNTAPD_SHIM_DIALECT_H
#define TUNTAPD_SHIM_DIALECT_H

#include "shim/fdtable.h"

/*
 * An ioctl on a descriptor that is a device now.  request: the low 32 bits, for callers that kept it in an int.
 * Returns as ioctl(2).
 */
int dialect_bsd_ioctl(int fd, fdtable_held held, uint32_t request, void *argument);

#endif
