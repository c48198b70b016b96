/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * setup.c - what the administrator configured, done to a fresh interface.  See setup.h.
 *
 * Theory of operation.  The program does not have its channel yet, so it never sees the interface half done.  The order is the kernel's:
 * an MTU decides whether there can be IPv6 addresses; a route needs the interface up, and is lost when it goes down.  So is the one to the
 * peer of an IPv6 address, which Linux makes by itself, a moment after the address was given, if the interface is up by then and not later
 * (net/ipv6/addrconf.c __ipv6_ifa_notify): addresses come after "up".  Nothing is undone here that goes with the interface; a bridge and
 * the translation of addresses are for bridge.h and nat.h to undo.  No program is run; all goes through netif.h, in the interface's own
 * network namespace.
 */
#include "setup.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge.h"
#include "confvalue.h"
#include "nat.h"
#include "siphash.h"

static_assert(OS_MACHINE_ID_BYTES == SIPHASH_KEY_BYTES, "the machine's identity is the key");

void
setup_stable_mac(const uint8_t machine[OS_MACHINE_ID_BYTES], const char *name, uint8_t mac[6])
{
	char text[64];
	int length = snprintf(text, sizeof(text), "tuntapd mac %s", name);
	uint64_t hash = siphash(machine, text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1);

	for (unsigned i = 0; i < 6; i++) {
		mac[i] = (uint8_t)(hash >> (8 * i));
	}
	mac[0] = (uint8_t)((mac[0] | 0x02) & ~0x01);
}

/* -1 with errno and what, for a step that failed. */
static int
failed(char what[SETUP_WHAT_SIZE], const char *step, const char *value)
{
	int error = errno;

	snprintf(what, SETUP_WHAT_SIZE, "configuring it: %s %s: %s", step, value, strerror(error));
	errno = error == ENOENT || error == EBUSY ? ENXIO : error;
	return -1;
}

static int
set_mac(const struct device_policy *policy, const struct link *l, char what[SETUP_WHAT_SIZE])
{
	uint8_t machine[OS_MACHINE_ID_BYTES], mac[6];
	char name[MESSAGE_IFNAME_SIZE];

	memcpy(mac, policy->mac, sizeof(mac));
	if (policy->mac_kind == POLICY_MAC_STABLE) {
		if (os_machine_id(machine) < 0) {
			return failed(what, "mac", "\"stable\", but the machine has no identity (machine-id(5))");
		}
		if (l->id.unit == DEVICE_UNIT_NAMED) {
			snprintf(name, sizeof(name), "%s", l->ifname);
		} else {
			devname_format(l->id, name);
		}
		setup_stable_mac(machine, name, mac);
	}
	return netif_set_mac(l->netns->netif, l->ifindex, mac) < 0 ? failed(what, "mac", "") : 0;
}

static int
set_driver(const struct device_policy *policy, const struct link *l, char what[SETUP_WHAT_SIZE])
{
	char value[CONFVALUE_TEXT_SIZE];

	if (policy->mtu != 0 && netif_set_mtu(l->netns->netif, l->ifindex, policy->mtu) < 0) {
		snprintf(value, sizeof(value), "%u", (unsigned)policy->mtu);
		return failed(what, "mtu", value);
	}
	if (l->id.kind == DEVICE_TAP && policy->mac_kind != POLICY_MAC_RANDOM && set_mac(policy, l, what) < 0) {
		return -1;
	}
	if (policy->queue_packets != 0 && netif_set_queue(l->netns->netif, l->ifindex, policy->queue_packets) < 0) {
		snprintf(value, sizeof(value), "%u", (unsigned)policy->queue_packets);
		return failed(what, "queue-length", value);
	}
	return 0;
}

/* As failed(), of a step that tells itself what is wrong. */
static int
failed_because(char what[SETUP_WHAT_SIZE], const char *step, const char *why)
{
	int error = errno;

	snprintf(what, SETUP_WHAT_SIZE, "configuring it: %s: %s", step, why);
	errno = error == ENOENT || error == EBUSY ? ENXIO : error;
	return -1;
}

/* The tables are of the daemon's own namespace; a device of another one has neither. */
static bool
reaches_further(const struct link *l)
{
	return l->netns->fd < 0;
}

static int
join_bridge(const struct setup *s, const struct device_policy *policy, const struct link *l, char what[SETUP_WHAT_SIZE])
{
	char why[BRIDGE_WHY_SIZE];

	if (policy->bridge[0] == '\0' || !reaches_further(l)) {
		return 0;
	}
	return bridges_join(s->bridges, l->ifindex, policy->bridge, policy->mtu, why) < 0 ? failed_because(what, "bridge", why) : 0;
}

static int
translate(const struct setup *s, const struct device_policy *policy, const struct link *l, char what[SETUP_WHAT_SIZE])
{
	char why[NAT_WHY_SIZE];

	if (!policy->nat || !reaches_further(l)) {
		return 0;
	}
	return nat_start(s->nat, l->place, l->ifname, policy->addresses, policy->address_count, why) < 0 ?
	    failed_because(what, "nat", why) : 0;
}

void
setup_undo(const struct setup *s, uint32_t place)
{
	if (s->bridges != NULL) {
		bridges_look(s->bridges);
	}
	if (s->nat != NULL) {
		nat_stop(s->nat, place);
	}
}

void
setup_look(const struct setup *s, bool (*is_there)(void *argument, uint32_t place), void *argument)
{
	if (s->bridges != NULL) {
		bridges_look(s->bridges);
	}
	if (s->nat != NULL) {
		nat_look(s->nat, is_there, argument);
	}
}

int
setup_apply(const struct setup *s, const struct device_policy *policy, const struct link *l, struct netif_status *status,
    char what[SETUP_WHAT_SIZE])
{
	struct netif *n = l->netns->netif;
	char value[CONFVALUE_TEXT_SIZE];

	if (set_driver(policy, l, what) < 0 || join_bridge(s, policy, l, what) < 0) {
		return -1;
	}
	if (policy_brings_up(policy) && netif_set_up(n, l->ifindex, true) < 0) {
		return failed(what, "up", "");
	}
	for (unsigned i = 0; i < policy->address_count; i++) {
		if (netif_add_address(n, l->ifindex, &policy->addresses[i]) < 0) {
			confvalue_address_text(&policy->addresses[i], value);
			return failed(what, "address", value);
		}
	}
	for (unsigned i = 0; i < policy->route_count; i++) {
		if (netif_add_route(n, l->ifindex, &policy->routes[i]) < 0) {
			confvalue_route_text(&policy->routes[i], value);
			return failed(what, "route", value);
		}
	}
	if (translate(s, policy, l, what) < 0) {
		return -1;
	}
	return netif_read(n, NULL, l->ifindex, false, status) < 0 ? failed(what, "reading it", "") : 0;
}
