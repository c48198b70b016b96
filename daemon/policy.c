/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy.c - who may open which device, and what is configured on it.  See policy.h.
 */
#include "policy.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/message.h"

struct policy *
policy_new(void)
{
	struct policy *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		return NULL;
	}
	p->tun_units = DEVICE_UNITS_DEFAULT;
	p->tap_units = DEVICE_UNITS_DEFAULT;
	p->devices_per_user = POLICY_DEVICES_PER_USER;
	p->pairs_per_user = POLICY_PAIRS_PER_USER;
	memcpy(p->pairs_names, POLICY_PAIRS_NAMES, sizeof(POLICY_PAIRS_NAMES));
	p->devices[POLICY_TOP].entry.mode = 0660;
	p->devices[POLICY_TOP].up_on_address = true;
	p->devices[POLICY_TUN] = p->devices[POLICY_TOP];
	p->devices[POLICY_TAP] = p->devices[POLICY_TOP];
	memset(p->index[0], POLICY_TUN, sizeof(p->index[0]));
	memset(p->index[1], POLICY_TAP, sizeof(p->index[1]));
	p->device_count = POLICY_FIRST_BLOCK;
	return p;
}

void
policy_free(struct policy *p)
{
	free(p);
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

const struct device_policy *
policy_device(const struct policy *p, struct device_id id)
{
	if (!device_id_valid(id)) {
		return &p->devices[POLICY_TOP];
	}
	return &p->devices[p->index[id.kind - DEVICE_TUN][id.unit]];
}

/* The first pattern that matches, or NULL. */
static const struct device_policy *
find_pattern(const struct policy *p, const char *name)
{
	for (unsigned i = 0; i < p->names_count; i++) {
		if (fnmatch(p->names[i].pattern, name, 0) == 0) {
			return &p->names[i].device;
		}
	}
	return NULL;
}

const struct device_policy *
policy_for_name(const struct policy *p, const char *name)
{
	const struct device_policy *found = find_pattern(p, name);

	return found != NULL ? found : &p->devices[POLICY_TOP];
}

bool
policy_same(const struct device_policy *a, const struct device_policy *b)
{
	/* Pads are zeroed too, when a policy is made; one that differs in a pad alone is taken for another, which does no harm. */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c): as above */
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool
policy_wants_kext(const struct device_policy *d)
{
	return strcmp(d->link, POLICY_LINK_KEXT) == 0 || (d->link[0] == '\0' && d->prefer_kext && !d->persistent);
}

bool
policy_frees_name(const struct policy *p, const char *name)
{
	struct device_id id;

	return devname_parse(name, &id) || find_pattern(p, name) != NULL;
}

bool
policy_configures(const struct device_policy *d)
{
	return d->mtu != 0 || d->queue_packets != 0 || d->mac_kind != POLICY_MAC_RANDOM || d->address_count > 0 ||
	    d->route_count > 0 || d->up == POLICY_UP_YES || d->bridge[0] != '\0' || d->nat;
}

bool
policy_brings_up(const struct device_policy *d)
{
	return d->up == POLICY_UP_YES || (d->up == POLICY_UP_DEFAULT && d->address_count > 0 && d->up_on_address);
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

bool
policy_allows_some(const struct policy *p, const struct os_peer *peer, unsigned access)
{
	for (unsigned i = 0; i < p->device_count; i++) {
		if (policy_allows(&p->devices[i].entry, peer, access)) {
			return true;
		}
	}
	for (unsigned i = 0; i < p->names_count; i++) {
		if (policy_allows(&p->names[i].device.entry, peer, access)) {
			return true;
		}
	}
	return false;
}

bool
policy_allows_program(const struct device_policy *d, pid_t pid)
{
	for (unsigned i = 0; i < d->program_count; i++) {
		if (os_runs_program(pid, d->programs[i])) {
			return true;
		}
	}
	return d->program_count == 0;
}

bool
policy_allows_pairs(const struct policy *p, const struct os_peer *peer)
{
	return peer->uid == 0 || (p->pairs_by_group && is_member(peer, (gid_t)p->pairs_group));
}

bool
policy_allows_pair_name(const struct policy *p, const struct os_peer *peer, const char *name)
{
	return peer->uid == 0 || fnmatch(p->pairs_names, name, 0) == 0;
}

/* Whether address and all of its prefix are of the prefix. */
static bool
is_within(const struct netif_address *address, const struct netif_address *prefix)
{
	if (address->family != prefix->family || address->prefix < prefix->prefix) {
		return false;
	}
	for (unsigned bit = 0; bit < prefix->prefix; bit++) {
		if (((address->bytes[bit / 8] ^ prefix->bytes[bit / 8]) & 0x80u >> bit % 8) != 0) {
			return false;
		}
	}
	return true;
}

bool
policy_allows_pair_address(const struct policy *p, const struct os_peer *peer, const struct netif_address *address)
{
	for (unsigned i = 0; i < p->pairs_address_count; i++) {
		if (is_within(address, &p->pairs_addresses[i])) {
			return true;
		}
	}
	return peer->uid == 0;
}

bool
policy_allows_one_more(const struct policy *p, uid_t uid, unsigned open)
{
	return uid == 0 || p->devices_per_user == 0 || open < p->devices_per_user;
}
