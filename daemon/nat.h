/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat.h - lets what is behind a device's interface reach the world under the machine's own addresses, and puts everything back.
 *
 * For the daemon's own network namespace.
 */
#ifndef TUNTAPD_DAEMON_NAT_H
#define TUNTAPD_DAEMON_NAT_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/netif.h"

#define NAT_WHY_SIZE 160

struct nat;

/* What the daemon keeps is a file in rundir, a descriptor that stays the caller's.  NULL with errno. */
struct nat *nat_new(int rundir);

/* Forgets it; what is translated goes on being so. */
void nat_free(struct nat *n);

/*
 * Packets that come from the networks of these addresses and leave by another interface than ifname get the address of that one, and the
 * machine forwards.  0; or -1 with errno, why says in words what is wrong, and nothing has changed: EOPNOTSUPP (no libnftables,
 * or a kernel without nftables; pfctl refuses), ENETUNREACH (no other interface), EPERM, or as the kernel's switches.
 */
int nat_start(struct nat *n, uint32_t place, const char *ifname, const struct netif_address *addresses, unsigned count,
    char why[NAT_WHY_SIZE]);

/*
 * Undoes it, if that place's device had any; with the last one the machine forwards as it did before.  Logs what cannot be undone, which is
 * tried again in later calls, for whichever place.
 */
void nat_stop(struct nat *n, uint32_t place);

/* Undoes all but that of devices of which is_there says so: what a daemon that was killed has left. */
void nat_look(struct nat *n, bool (*is_there)(void *argument, uint32_t place), void *argument);

#endif
