/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * setup.h - what the administrator configured, done to an interface that has just been made.
 */
#ifndef TUNTAPD_DAEMON_SETUP_H
#define TUNTAPD_DAEMON_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/link.h"
#include "daemon/policy.h"

#define SETUP_WHAT_SIZE 256

struct bridges;
struct nat;

/* What reaches past the interface itself.  Both NULL: a daemon that has neither. */
struct setup {
	struct bridges *bridges;
	struct nat *nat;
};

/*
 * MTU, MAC address, queue, bridge, up, addresses, routes, address translation, in this order; then *status is the interface as it is now,
 * without addresses.  0; or -1 with errno, what says what could not be done, and the caller takes the interface away.  errno is the
 * kernel's, but never ENOENT, which programs take for the end of the units, nor EBUSY, for which they wait: those are ENXIO.
 */
int setup_apply(const struct setup *s, const struct device_policy *policy, const struct link *l, struct netif_status *status,
    char what[SETUP_WHAT_SIZE]);

/* After the interface of the device at that place has gone: undoes what reached past it. */
void setup_undo(const struct setup *s, uint32_t place);

/* At the daemon's start: undoes what devices have left that are no more there, of which is_there tells by place. */
void setup_look(const struct setup *s, bool (*is_there)(void *argument, uint32_t place), void *argument);

/*
 * The MAC address of mac = "stable": the low 48 bits of SipHash-2-4 of "tuntapd mac NAME" under the machine's identity as the key, the
 * lowest the first byte's; with the local bit set and the group bit clear.  The same on each start of a machine, another on another.
 */
void setup_stable_mac(const uint8_t machine[OS_MACHINE_ID_BYTES], const char *name, uint8_t mac[6]);

#endif
