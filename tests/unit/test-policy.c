/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-policy.c - who may open what: owner, group, supplementary group, others, root, the right program; and which of the policy's parts
 * holds for a device or a name.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worlds.h"

static gid_t extra_groups[] = {7, 300, 9};

static const struct {
	const char *name;
	struct os_peer peer;
	uint16_t mode;
	unsigned access;
	bool allowed;
} rows[] = {
	{"owner reads and writes", {.uid = 100}, 0600, MESSAGE_ACCESS_ALL, true},
	{"owner without write", {.uid = 100}, 0400, MESSAGE_ACCESS_ALL, false},
	{"owner reads only", {.uid = 100}, 0400, MESSAGE_ACCESS_READ, true},
	{"owner is not helped by the group's bits", {.uid = 100, .gid = 300}, 0060, MESSAGE_ACCESS_ALL, false},
	{"group member", {.uid = 1, .gid = 300}, 0660, MESSAGE_ACCESS_ALL, true},
	{"group member, no bits", {.uid = 1, .gid = 300}, 0606, MESSAGE_ACCESS_ALL, false},
	{"supplementary group", {.uid = 1, .gid = 1, .groups = extra_groups, .group_count = 3}, 0660, MESSAGE_ACCESS_ALL, true},
	{"supplementary group past the count", {.uid = 1, .gid = 1, .groups = extra_groups, .group_count = 1}, 0660,
	    MESSAGE_ACCESS_ALL, false},
	{"other, no bits", {.uid = 1, .gid = 1}, 0660, MESSAGE_ACCESS_READ, false},
	{"other with bits", {.uid = 1, .gid = 1}, 0666, MESSAGE_ACCESS_ALL, true},
	{"other writes only", {.uid = 1, .gid = 1}, 0662, MESSAGE_ACCESS_WRITE, true},
	{"other writes only, wants both", {.uid = 1, .gid = 1}, 0662, MESSAGE_ACCESS_ALL, false},
	{"root always", {.uid = 0}, 0000, MESSAGE_ACCESS_ALL, true},
};

START_TEST(mode_bits_decide)
{
	struct devlist_entry entry = {.uid = 100, .gid = 300, .mode = rows[_i].mode};

	ck_assert_msg(policy_allows(&entry, &rows[_i].peer, rows[_i].access) == rows[_i].allowed, "%s", rows[_i].name);
}
END_TEST

static const struct {
	const char *name;
	struct device_policy device;
	bool wants;
} kext_rows[] = {
	{"nothing said", {.link = ""}, false},
	{"the link", {.link = "kext"}, true},
	{"the link of a persistent one, which is refused elsewhere", {.link = "kext", .persistent = true}, true},
	{"preferred", {.prefer_kext = true}, true},
	{"preferred, and persistent", {.prefer_kext = true, .persistent = true}, false},
	{"preferred, and another link", {.link = "utun", .prefer_kext = true}, false},
};

START_TEST(a_kernel_extension_is_wanted_by_name_or_preferred)
{
	ck_assert_msg(policy_wants_kext(&kext_rows[_i].device) == kext_rows[_i].wants, "%s", kext_rows[_i].name);
}
END_TEST

START_TEST(any_program_may_where_none_is_named)
{
	static const struct device_policy none;

	ck_assert(policy_allows_program(&none, getpid()));
}
END_TEST

START_TEST(only_a_named_program_may)
{
	struct device_policy *d = &world.policy->devices[POLICY_TAP];
	char link[128];

	d->program_count = 2;
	snprintf(d->programs[0], sizeof(d->programs[0]), "/nonexistent/program");
	snprintf(d->programs[1], sizeof(d->programs[1]), "/bin/sh");
	ck_assert(!policy_allows_program(d, getpid()));
	/* This program itself, by another name. */
	snprintf(link, sizeof(link), "%s/link", world.dir);
	ck_assert_int_eq(symlink("/proc/self/exe", link), 0);
	snprintf(d->programs[1], sizeof(d->programs[1]), "%s", link);
	ck_assert(policy_allows_program(d, getpid()));
	/* A process that there is not. */
	ck_assert(!policy_allows_program(d, 0x7ffffffe));
}
END_TEST

START_TEST(a_user_has_a_number_of_devices_and_root_any)
{
	ck_assert(policy_allows_one_more(world.policy, 1000, POLICY_DEVICES_PER_USER - 1));
	ck_assert(!policy_allows_one_more(world.policy, 1000, POLICY_DEVICES_PER_USER));
	ck_assert(policy_allows_one_more(world.policy, 0, 4000));
	world.policy->devices_per_user = 0;
	ck_assert(policy_allows_one_more(world.policy, 1000, 4000));
}
END_TEST

START_TEST(a_device_has_its_block_or_its_kind_s)
{
	struct policy *p = world.policy;
	struct device_id tap7 = {.kind = DEVICE_TAP, .unit = 7}, tap8 = {.kind = DEVICE_TAP, .unit = 8};
	struct device_id tun7 = {.kind = DEVICE_TUN, .unit = 7}, far = {.kind = DEVICE_TUN, .unit = 9999};

	p->index[DEVICE_TAP - DEVICE_TUN][7] = POLICY_FIRST_BLOCK;
	p->device_count++;
	ck_assert_ptr_eq(policy_device(p, tap7), &p->devices[POLICY_FIRST_BLOCK]);
	ck_assert_ptr_eq(policy_device(p, tap8), &p->devices[POLICY_TAP]);
	ck_assert_ptr_eq(policy_device(p, tun7), &p->devices[POLICY_TUN]);
	ck_assert_ptr_eq(policy_device(p, far), &p->devices[POLICY_TOP]);
}
END_TEST

START_TEST(the_first_pattern_that_matches_counts)
{
	struct policy *p = world.policy;

	snprintf(p->names[0].pattern, sizeof(p->names[0].pattern), "vpn[0-9]");
	snprintf(p->names[1].pattern, sizeof(p->names[1].pattern), "vpn*");
	p->names_count = 2;
	ck_assert_ptr_eq(policy_for_name(p, "vpn3"), &p->names[0].device);
	ck_assert_ptr_eq(policy_for_name(p, "vpn33"), &p->names[1].device);
	ck_assert(policy_frees_name(p, "vpn33") && policy_frees_name(p, "tap100") && policy_frees_name(p, "tun0"));
	ck_assert(!policy_frees_name(p, "eth1") && !policy_frees_name(p, "tapestry") && !policy_frees_name(p, "tap"));
	ck_assert_ptr_eq(policy_for_name(p, "xvpn3"), &p->devices[POLICY_TOP]);
}
END_TEST

START_TEST(something_is_allowed_if_any_part_allows_it)
{
	struct policy *p = world.policy;
	struct os_peer peer = {.uid = 1000, .gid = 1000};

	ck_assert(!policy_allows_some(p, &peer, MESSAGE_ACCESS_ALL));
	p->names_count = 1;
	p->names[0].device.entry = (struct devlist_entry){.uid = 1000, .mode = 0600};
	ck_assert(policy_allows_some(p, &peer, MESSAGE_ACCESS_ALL));
	p->names_count = 0;
	p->devices[POLICY_FIRST_BLOCK].entry = (struct devlist_entry){.gid = 1000, .mode = 0060};
	ck_assert(!policy_allows_some(p, &peer, MESSAGE_ACCESS_ALL));
	p->device_count++;
	ck_assert(policy_allows_some(p, &peer, MESSAGE_ACCESS_ALL));
}
END_TEST

START_TEST(who_may_make_pairs)
{
	gid_t groups[] = {77};
	struct os_peer root = {0}, stranger = {.uid = 1000, .gid = 1000},
	    member = {.uid = 1001, .gid = 1001, .groups = groups, .group_count = 1};
	struct policy *p = world.policy;

	ck_assert(policy_allows_pairs(p, &root));
	ck_assert(!policy_allows_pairs(p, &stranger));
	/* The group 0 of a policy that names none is nobody's. */
	stranger.gid = 0;
	ck_assert(!policy_allows_pairs(p, &stranger));
	stranger.gid = 1000;
	p->pairs_by_group = true;
	p->pairs_group = 77;
	ck_assert(!policy_allows_pairs(p, &stranger));
	ck_assert(policy_allows_pairs(p, &member));
	ck_assert(policy_allows_pair_name(p, &member, "pair0"));
	ck_assert(!policy_allows_pair_name(p, &member, "eth0"));
	ck_assert(policy_allows_pair_name(p, &root, "eth0"));
}
END_TEST

static const struct {
	struct netif_address address;
	bool allowed;
} pair_addresses[] = {
	{{.family = 4, .prefix = 24, .bytes = {10, 9, 8, 7}}, true},
	{{.family = 4, .prefix = 15, .bytes = {10, 9, 8, 7}}, true},
	{{.family = 4, .prefix = 14, .bytes = {10, 9, 8, 7}}, false}, /* its net would be larger */
	{{.family = 4, .prefix = 32, .bytes = {10, 10, 0, 1}}, false},
	{{.family = 4, .prefix = 32, .bytes = {10, 7, 0, 1}}, false},
	{{.family = 6, .prefix = 64, .bytes = {10, 9, 8, 7}}, false},
	{{.family = 6, .prefix = 8, .bytes = {0xfd, 1}}, true},
	{{.family = 6, .prefix = 128, .bytes = {0xfc, 1}}, false},
};

START_TEST(addresses_of_pairs_are_within_prefixes)
{
	struct os_peer member = {.uid = 1001}, root = {0};
	struct policy *p = world.policy;

	ck_assert(!policy_allows_pair_address(p, &member, &pair_addresses[_i].address));
	p->pairs_addresses[0] = (struct netif_address){.family = 4, .prefix = 15, .bytes = {10, 8, 99, 99}};
	p->pairs_addresses[1] = (struct netif_address){.family = 6, .prefix = 8, .bytes = {0xfd}};
	p->pairs_address_count = 2;
	ck_assert(policy_allows_pair_address(p, &member, &pair_addresses[_i].address) == pair_addresses[_i].allowed);
	ck_assert(policy_allows_pair_address(p, &root, &pair_addresses[_i].address));
}
END_TEST

static const struct {
	const char *name;
	struct device_policy policy;
	bool configures, brings_up;
} ups[] = {
	{"nothing said", {.up_on_address = true}, false, false},
	{"up", {.up = POLICY_UP_YES}, true, true},
	{"an address", {.up_on_address = true, .address_count = 1}, true, true},
	{"an address that brings nothing up", {.address_count = 1}, true, false},
	{"an address, and down", {.up = POLICY_UP_NO, .up_on_address = true, .address_count = 1}, true, false},
	{"an MTU", {.mtu = 1400}, true, false},
	{"a queue", {.queue_packets = 9}, true, false},
	{"a MAC address", {.mac_kind = POLICY_MAC_STABLE}, true, false},
	{"a route", {.up = POLICY_UP_YES, .route_count = 1}, true, true},
	{"owner, link and hooks", {.entry = {1, 2, 0600}, .link = "linux", .open_hook = "/bin/true"}, false, false},
};

START_TEST(what_is_done_to_an_interface)
{
	ck_assert_msg(policy_configures(&ups[_i].policy) == ups[_i].configures, "%s", ups[_i].name);
	ck_assert_msg(policy_brings_up(&ups[_i].policy) == ups[_i].brings_up, "%s", ups[_i].name);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tcase = tcase_create("policy");

	tcase_add_checked_fixture(tcase, world_of_closed_devices, world_end);
	tcase_add_test(tcase, who_may_make_pairs);
	tcase_add_loop_test(tcase, addresses_of_pairs_are_within_prefixes, 0, sizeof(pair_addresses) / sizeof(pair_addresses[0]));
	tcase_add_loop_test(tcase, mode_bits_decide, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tcase, a_kernel_extension_is_wanted_by_name_or_preferred, 0, sizeof(kext_rows) / sizeof(kext_rows[0]));
	tcase_add_test(tcase, any_program_may_where_none_is_named);
	tcase_add_test(tcase, only_a_named_program_may);
	tcase_add_test(tcase, a_user_has_a_number_of_devices_and_root_any);
	tcase_add_test(tcase, a_device_has_its_block_or_its_kind_s);
	tcase_add_test(tcase, the_first_pattern_that_matches_counts);
	tcase_add_test(tcase, something_is_allowed_if_any_part_allows_it);
	tcase_add_loop_test(tcase, what_is_done_to_an_interface, 0, sizeof(ups) / sizeof(ups[0]));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
