/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach.h - the control connection: one request, one reply, closed before the call returns.
 */
#ifndef TUNTAPD_SHIM_ATTACH_H
#define TUNTAPD_SHIM_ATTACH_H

#include <stdbool.h>

#include "protocol/devname.h"
#include "protocol/message.h"
#include "shim/fdtable.h"

/*
 * Opens a device with the program's open(2) flags (access mode, O_NONBLOCK, O_CLOEXEC).  The lowest free number, entered in
 * the table; or -1 with errno: ENOENT (no daemon, no such unit), EBUSY, EACCES, EMFILE, ENFILE, ENOMEM, EIO (the daemon does not answer
 * within ATTACH_TIMEOUT_MS, or answers what cannot be), or as the daemon says.
 */
int attach_open(struct device_id id, int flags);

/* TUNSIFHEAD.  0, or -1 with errno: EIO (no daemon answers), or as the daemon says. */
int attach_set_header_mode(int fd, fdtable_held held, bool on);

/*
 * The linux dialect.  TUNSETIFF: fd, an unattached descriptor of the node, becomes a device of that kind; ifname is as TUNSETIFF takes it
 * and comes back as the interface's name.  0, or -1 with errno, as attach_open().
 */
int attach_tun(int fd, uint8_t kind, uint16_t tun_flags, char ifname[MESSAGE_IFNAME_SIZE]);

/* A descriptor of the node, with the program's open(2) flags, for a program that may not open it.  As attach_open(). */
int attach_node(int flags);

/* TUNSETPERSIST and its like on a device.  0, or -1 with errno: ENXIO (not a device of the daemon's), EPERM, ENOENT (no daemon). */
int attach_tun_set(int fd, enum message_tun_what what, uint32_t value);

/* The contract gives a closing device two seconds; the daemon itself answers at once. */
#define ATTACH_TIMEOUT_MS 5000

#endif
