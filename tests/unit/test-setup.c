/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-setup.c - what is done to a fresh interface: each step, in order, on interfaces that only note what they are told; each step
 * failing; the stable MAC address, and the hash that it comes from.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/bridge.h"
#include "daemon/nat.h"
#include "daemon/setup.h"
#include "daemon/siphash.h"
#include "fds.h"

/* In place of netif-OS.c: a line for each call, and the nth fails. */
static char calls[1024];
static unsigned fail_in;
static int fail_error;

static int
note(const char *call, unsigned value)
{
	size_t length = strlen(calls);

	snprintf(calls + length, sizeof(calls) - length, "%s %u\n", call, value);
	if (fail_in > 0 && --fail_in == 0) {
		errno = fail_error;
		return -1;
	}
	return 0;
}

int
netif_set_mtu(struct netif *n, uint32_t ifindex, uint32_t mtu)
{
	ck_assert_uint_eq(ifindex, 42);
	return note("mtu", mtu);
}

int
netif_set_mac(struct netif *n, uint32_t ifindex, const uint8_t mac[6])
{
	return note("mac", mac[5]);
}

int
netif_set_queue(struct netif *n, uint32_t ifindex, uint32_t packets)
{
	return note("queue", packets);
}

int
netif_add_address(struct netif *n, uint32_t ifindex, const struct netif_address *address)
{
	return note("address", address->bytes[3]);
}

int
netif_add_route(struct netif *n, uint32_t ifindex, const struct netif_route *route)
{
	return note("route", route->destination[1]);
}

int
netif_set_up(struct netif *n, uint32_t ifindex, bool up)
{
	return note("up", up);
}

int
netif_read(struct netif *n, const char *ifname, uint32_t ifindex, bool addresses, struct netif_status *status)
{
	memset(status, 0, sizeof(*status));
	status->mtu = 1400;
	return note("read", ifindex);
}

/* In place of bridge.c and nat-OS.c. */
int
bridges_join(struct bridges *b, uint32_t ifindex, const char *with, uint32_t mtu, char why[BRIDGE_WHY_SIZE])
{
	ck_assert_str_eq(with, "eth0");
	snprintf(why, BRIDGE_WHY_SIZE, "eth0 is not to be had");
	return note("bridge", mtu);
}

void
bridges_look(struct bridges *b)
{
	(void)note("look at bridges", 0);
}

int
nat_start(struct nat *n, uint32_t place, const char *ifname, const struct netif_address *addresses, unsigned count, char why[NAT_WHY_SIZE])
{
	ck_assert_str_eq(ifname, "ttd0");
	ck_assert_uint_eq(count, 2);
	snprintf(why, NAT_WHY_SIZE, "no nat is to be had");
	return note("nat", place);
}

void
nat_stop(struct nat *n, uint32_t place)
{
	(void)note("no nat", place);
}

void
nat_look(struct nat *n, bool (*is_there)(void *argument, uint32_t place), void *argument)
{
	(void)note("look at nat", is_there(argument, 5));
}

/* Neither is looked into. */
static char some_bridges, some_nat;
static const struct setup further = {.bridges = (struct bridges *)&some_bridges, .nat = (struct nat *)&some_nat};

static struct netns ns = {.fd = -1}, other_ns = {.fd = 9};
static const struct link tap3 = {.netns = &ns, .id = {.kind = DEVICE_TAP, .unit = 3}, .place = 7, .ifindex = 42, .ifname = "ttd0"};
static const struct device_policy everything = {
	.mtu = 1400,
	.mac_kind = POLICY_MAC_FIXED,
	.mac = {2, 0, 0, 0, 0, 9},
	.queue_packets = 77,
	.bridge = "eth0", /* the two are not configured together; it is the same here */
	.nat = true,
	.address_count = 2,
	.addresses = {{.family = 4, .prefix = 24, .bytes = {10, 9, 0, 1}}, {.family = 4, .prefix = 24, .bytes = {10, 9, 1, 2}}},
	.route_count = 2,
	.routes = {{.family = 4, .prefix = 16, .destination = {10, 20}}, {.family = 4, .prefix = 16, .destination = {10, 30}}},
	.up = POLICY_UP_YES,
};

static void
forget_calls(void)
{
	calls[0] = '\0';
	fail_in = 0;
}

START_TEST(all_is_done_in_the_kernel_s_order)
{
	struct netif_status status;
	char what[SETUP_WHAT_SIZE];

	ck_assert_int_eq(setup_apply(&further, &everything, &tap3, &status, what), 0);
	ck_assert_str_eq(calls, "mtu 1400\nmac 9\nqueue 77\nbridge 1400\nup 1\naddress 1\naddress 2\nroute 20\nroute 30\nnat 7\n"
	    "read 42\n");
	ck_assert_uint_eq(status.mtu, 1400);
}
END_TEST

START_TEST(what_is_not_said_is_not_done)
{
	static const struct device_policy address = {.address_count = 1, .up_on_address = true};
	static const struct device_policy down = {.address_count = 1, .up_on_address = true, .up = POLICY_UP_NO};
	static const struct link tun = {.netns = &ns, .id = {.kind = DEVICE_TUN}, .ifindex = 42};
	static const struct device_policy mac = {.mac_kind = POLICY_MAC_STABLE};
	struct netif_status status;
	char what[SETUP_WHAT_SIZE];

	ck_assert_int_eq(setup_apply(&further, &address, &tap3, &status, what), 0);
	ck_assert_str_eq(calls, "up 1\naddress 0\nread 42\n");
	forget_calls();
	ck_assert_int_eq(setup_apply(&further, &down, &tap3, &status, what), 0);
	ck_assert_str_eq(calls, "address 0\nread 42\n");
	forget_calls();
	ck_assert_int_eq(setup_apply(&further, &mac, &tun, &status, what), 0);
	ck_assert_str_eq(calls, "read 42\n");
}
END_TEST

START_TEST(another_namespace_s_devices_reach_no_further)
{
	struct link other = tap3;
	struct netif_status status;
	char what[SETUP_WHAT_SIZE];

	other.netns = &other_ns;
	ck_assert_int_eq(setup_apply(&further, &everything, &other, &status, what), 0);
	ck_assert_ptr_null(strstr(calls, "bridge"));
	ck_assert_ptr_null(strstr(calls, "nat"));
}
END_TEST

static bool
is_five(void *argument, uint32_t place)
{
	return place == 5 && argument == &some_nat;
}

START_TEST(what_reaches_further_is_undone)
{
	static const struct setup none;

	setup_undo(&further, 7);
	setup_look(&further, is_five, &some_nat);
	ck_assert_str_eq(calls, "look at bridges 0\nno nat 7\nlook at bridges 0\nlook at nat 1\n");
	setup_undo(&none, 7);
	setup_look(&none, is_five, &some_nat);
}
END_TEST

static const struct {
	int error, told;
	const char *what;
} failures[] = {
	{EINVAL, EINVAL, "configuring it: mtu 1400: Invalid argument"},
	{EADDRNOTAVAIL, EADDRNOTAVAIL, "configuring it: mac : Cannot assign requested address"},
	{ENOMEM, ENOMEM, "configuring it: queue-length 77: Cannot allocate memory"},
	{EMSGSIZE, EMSGSIZE, "configuring it: bridge: eth0 is not to be had"},
	{EBUSY, ENXIO, "configuring it: up : Device or resource busy"},
	{EACCES, EACCES, "configuring it: address 10.9.0.1/24: Permission denied"},
	{EEXIST, EEXIST, "configuring it: address 10.9.1.2/24: File exists"},
	{ENETUNREACH, ENETUNREACH, "configuring it: route 10.20.0.0/16: Network is unreachable"},
	{ENOENT, ENXIO, "configuring it: route 10.30.0.0/16: No such file or directory"},
	{EBUSY, ENXIO, "configuring it: nat: no nat is to be had"},
	{ENODEV, ENODEV, "configuring it: reading it : No such device"},
};

START_TEST(the_first_failure_ends_it_and_is_told)
{
	struct netif_status status;
	char what[SETUP_WHAT_SIZE];
	unsigned done = 0;

	fail_in = (unsigned)_i + 1;
	fail_error = failures[_i].error;
	ck_assert_int_eq(setup_apply(&further, &everything, &tap3, &status, what), -1);
	ck_assert_int_eq(errno, failures[_i].told);
	ck_assert_str_eq(what, failures[_i].what);
	for (const char *c = calls; *c != '\0'; c++) {
		done += *c == '\n';
	}
	ck_assert_uint_eq(done, (unsigned)_i + 1);
}
END_TEST

START_TEST(hash_is_siphash_2_4)
{
	uint8_t key[SIPHASH_KEY_BYTES], data[15];

	for (unsigned i = 0; i < sizeof(key); i++) {
		key[i] = (uint8_t)i;
	}
	for (unsigned i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)i;
	}
	/* Appendix A of the paper; the others from its reference vectors. */
	ck_assert_uint_eq(siphash(key, data, 15), 0xa129ca6149be45e5u);
	ck_assert_uint_eq(siphash(key, data, 0), 0x726fdb47dd0e0e31u);
	ck_assert_uint_eq(siphash(key, data, 8), 0x93f5f5799a932462u);
}
END_TEST

START_TEST(stable_mac_is_of_machine_and_device)
{
	static const uint8_t machine[OS_MACHINE_ID_BYTES] = {1, 2, 3}, another[OS_MACHINE_ID_BYTES] = {1, 2, 4};
	uint8_t a[6], b[6];

	setup_stable_mac(machine, "tap0", a);
	setup_stable_mac(machine, "tap0", b);
	ck_assert_mem_eq(a, b, 6);
	setup_stable_mac(machine, "tap1", b);
	ck_assert_mem_ne(a, b, 6);
	setup_stable_mac(another, "tap0", b);
	ck_assert_mem_ne(a, b, 6);
	for (unsigned i = 0; i < 256; i++) {
		char name[16];

		snprintf(name, sizeof(name), "tap%u", i);
		setup_stable_mac(machine, name, a);
		ck_assert_uint_eq(a[0] & 3, 2);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("setup");
	TCase *tcase = tcase_create("setup");

	tcase_add_checked_fixture(tcase, forget_calls, NULL);
	tcase_add_test(tcase, all_is_done_in_the_kernel_s_order);
	tcase_add_test(tcase, what_is_not_said_is_not_done);
	tcase_add_test(tcase, another_namespace_s_devices_reach_no_further);
	tcase_add_test(tcase, what_reaches_further_is_undone);
	tcase_add_loop_test(tcase, the_first_failure_ends_it_and_is_told, 0, sizeof(failures) / sizeof(failures[0]));
	tcase_add_test(tcase, hash_is_siphash_2_4);
	tcase_add_test(tcase, stable_mac_is_of_machine_and_device);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
