/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link-direct.h - what the links have in common whose channel is the kernel's own descriptor: operations for their tables.
 */
#ifndef TUNTAPD_DAEMON_LINK_DIRECT_H
#define TUNTAPD_DAEMON_LINK_DIRECT_H

#include "daemon/link.h"

/* As link_ops says of each. */
int link_direct_read(struct link *l, struct netif_status *status);
int link_direct_set_up(struct link *l);

/* Takes the interface down, where it cannot be taken away from who holds it: the program then gets EIO on each call. */
void link_direct_take_down(struct link *l);

/* The flags of open(2) for what the program asked for, close-on-exec. */
int link_direct_open_flags(const struct link_open *how);

#endif
