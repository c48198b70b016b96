/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link-relayed.h - what the links whose channel a relay serves have in common, whatever pair is underneath: operations for their tables.
 */
#ifndef TUNTAPD_DAEMON_LINK_RELAYED_H
#define TUNTAPD_DAEMON_LINK_RELAYED_H

#include "daemon/link.h"

/* As link_ops says of each. */
int link_relayed_read(struct link *l, struct netif_status *status);
enum relays_hold link_relayed_look(struct link *l);
int link_relayed_prove(struct link *l, int fd);

/* Ends the relay, if there is one. */
void link_relayed_end(struct link *l);

#endif
