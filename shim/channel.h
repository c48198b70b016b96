/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel.h - a relayed channel, which is one end of a socket pair, seen as a device.
 */
#ifndef TUNTAPD_SHIM_CHANNEL_H
#define TUNTAPD_SHIM_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "protocol/message.h"
#include "shim/os.h"
#include "shim/state.h"

/* What a device's channel is: by its page, which may be NULL, else by the kernel. */
static inline enum channel_type
channel_type_of(int fd, const struct state_page *page)
{
	return page != NULL ? (enum channel_type)page->channel : os_channel_type(fd);
}

static inline bool
channel_is_relayed(int fd, const struct state_page *page)
{
	return channel_type_of(fd, page) == CHANNEL_RELAYED;
}

/* readv(2) and writev(2) on a relayed device.  flags: 0, or MSG_DONTWAIT. */
ssize_t channel_read(int fd, fdtable_held held, const struct iovec *iov, int count, int flags);
ssize_t channel_write(int fd, fdtable_held held, const struct iovec *iov, int count, int flags);

/* FIONREAD: the size of the next packet as the program will read it; 0: none waits. */
int channel_next_bytes(int fd, fdtable_held held);

/* What fcntl(2) F_GETFL says of a device, of which the kernel, that knows no direction of a socket, said flags (-1 stays -1). */
int channel_flags(int fd, fdtable_held held, int flags);

#endif
