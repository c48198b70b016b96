/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy.h - who may open which device.  Pure functions over what the administrator configured.
 */
#ifndef TUNTAPD_DAEMON_POLICY_H
#define TUNTAPD_DAEMON_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/os.h"
#include "protocol/devlist.h"
#include "protocol/devname.h"

struct policy {
	uint16_t tun_units;
	uint16_t tap_units;
	struct devlist_entry entry; /* owner, group and mode of every device */
};

/* As tuntaposx: 16 units of each kind, root's, mode 0660. */
void policy_init(struct policy *p);

/* Number of units of a kind. */
uint16_t policy_units(const struct policy *p, uint8_t kind);

/* True if the device exists by this policy. */
bool policy_has(const struct policy *p, struct device_id id);

/*
 * Whether peer may open a node of that owner, group and mode with that access (MESSAGE_ACCESS_*), by the rules of
 * path_resolution(7): the owner's bits for the owner, else the group's for a member (supplementary groups count), else the
 * others'.  Root always may.
 */
bool policy_allows(const struct devlist_entry *entry, const struct os_peer *peer, unsigned access);

#endif
