/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ifioctl.h - interface ioctls: by a device's name, on any descriptor.  One file per platform: ifioctl-linux.c.
 */
#ifndef TUNTAPD_SHIM_IFIOCTL_H
#define TUNTAPD_SHIM_IFIOCTL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * True if request is one that takes or gives an interface's name, and has been made; *result and errno are then as ioctl(2) gives
 * them.  False: it is nothing of ours.
 */
bool ifioctl(int fd, uint32_t request, void *argument, int *result);

#endif
