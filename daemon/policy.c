/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy.c - who may open which device.  See policy.h.
 */
#include "policy.h"

#include "protocol/message.h"

void
policy_init(struct policy *p)
{
	*p = (struct policy){
		.tun_units = DEVICE_UNITS_DEFAULT,
		.tap_units = DEVICE_UNITS_DEFAULT,
		.entry = {.uid = 0, .gid = 0, .mode = 0660},
	};
}

uint16_t
policy_units(const struct policy *p, uint8_t kind)
{
	return kind == DEVICE_TUN ? p->tun_units : p->tap_units;
}

bool
policy_has(const struct policy *p, struct device_id id)
{
	return device_id_valid(id) && id.unit < policy_units(p, id.kind);
}

static bool
is_member(const struct os_peer *peer, gid_t gid)
{
	if (peer->gid == gid) {
		return true;
	}
	for (unsigned i = 0; i < peer->group_count; i++) {
		if (peer->groups[i] == gid) {
			return true;
		}
	}
	return false;
}

bool
policy_allows(const struct devlist_entry *entry, const struct os_peer *peer, unsigned access)
{
	unsigned wanted = 0, granted;

	if (peer->uid == 0) {
		return true;
	}
	if ((access & MESSAGE_ACCESS_READ) != 0) {
		wanted |= 4;
	}
	if ((access & MESSAGE_ACCESS_WRITE) != 0) {
		wanted |= 2;
	}
	if (peer->uid == entry->uid) {
		granted = entry->mode >> 6;
	} else if (is_member(peer, entry->gid)) {
		granted = entry->mode >> 3;
	} else {
		granted = entry->mode;
	}
	return (granted & wanted) == wanted;
}
