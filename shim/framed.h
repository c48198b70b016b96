/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framed.h - a direct channel on which the kernel itself puts the address-family header before each packet, seen as a device.
 */
#ifndef TUNTAPD_SHIM_FRAMED_H
#define TUNTAPD_SHIM_FRAMED_H

#include <sys/types.h>
#include <sys/uio.h>

#include "shim/fdtable.h"

/* readv(2) and writev(2) on such a device. */
ssize_t framed_read(int fd, fdtable_held held, const struct iovec *iov, int count);
ssize_t framed_write(int fd, fdtable_held held, const struct iovec *iov, int count);

/* FIONREAD: the size of the next packet as the program will read it; 0: none waits. */
int framed_next_bytes(int fd, fdtable_held held);

#endif
