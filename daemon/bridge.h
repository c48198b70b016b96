/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bridge.h - puts a tap's interface in one bridge with another interface, and puts everything back when no tap is left there.
 *
 * For the daemon's own network namespace.
 */
#ifndef TUNTAPD_DAEMON_BRIDGE_H
#define TUNTAPD_DAEMON_BRIDGE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/netif.h"

/* Bridges of our making at a time: one for each interface that taps are bridged with. */
#define BRIDGES_MAX 16
#define BRIDGE_WHY_SIZE 160

struct bridges;

/* What the daemon keeps is a file in rundir, a descriptor that stays the caller's, as n does.  NULL with errno. */
struct bridges *bridges_new(int rundir, struct netif *n);

/* Forgets them; they stay. */
void bridges_free(struct bridges *b);

/*
 * Makes the interface ifindex a member of the bridge that the interface called with is in, or is; of a new one if it is in none.  mtu is
 * the MTU that the administrator wants, 0: the bridge's, which the interface gets.  0; or -1 with errno, why says in words what is wrong,
 * and nothing has changed: ENODEV (no interface of that name), EINVAL (it cannot be in a bridge), EMSGSIZE (its MTU is another), EBUSY (it
 * belongs to something else), ENOSPC (BRIDGES_MAX), or the kernel's.
 */
int bridges_join(struct bridges *b, uint32_t ifindex, const char *with, uint32_t mtu, char why[BRIDGE_WHY_SIZE]);

/* Takes the interface out of the bridge that it is in, if it is in any; then as bridges_look().  0, or -1 with the kernel's errno. */
int bridges_leave(struct bridges *b, uint32_t ifindex);

/* Takes away the bridges of ours that no tap is in any more, and gives the interfaces in them back what was theirs.  Logs. */
void bridges_look(struct bridges *b);

#endif
