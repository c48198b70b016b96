/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-config.c - the configuration file: what it can say, what is wrong with it and where, and that a shown policy is a file that
 * makes the same one.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/confvalue.h"
#include "worlds.h"

#define TOLD_SIZE 8192

static char told[TOLD_SIZE];

static void
hear(void *argument, const char *line)
{
	size_t length = strlen(told);

	snprintf(told + length, sizeof(told) - length, "%s\n", line);
}

static const struct config_listener listener = {.say = hear};

/* A policy of a text that must be good. */
static struct policy *
good(const char *text)
{
	struct policy *p;
	int status;

	told[0] = '\0';
	status = config_parse(&p, "conf", text, strlen(text), &listener);
	ck_assert_msg(status == EX_OK && told[0] == '\0', "%s: status %d: %s", text, status, told);
	return p;
}

static const struct device_policy *
of(const struct policy *p, uint8_t kind, uint16_t unit)
{
	return policy_device(p, (struct device_id){.kind = kind, .unit = unit});
}

START_TEST(an_empty_file_says_nothing)
{
	struct policy *p = good(""), *fresh = policy_new();

	ck_assert_mem_eq(p, fresh, sizeof(*p));
	policy_free(p);
	policy_free(fresh);
}
END_TEST

START_TEST(all_keys_are_taken)
{
	struct policy *p = good("tun-units = 4\ntap-units = 256\ndevices-per-user = 7\n"
	    "owner = 100\ngroup = \"1234\"\nmode = \"0666\"\nmtu = 1400\n"
	    "device tap3 {\n"
	    "	owner = root\n	mode = 0600 mac = \"02:00:5E:10:00:01\"\n"
	    "	programs = {\"/bin/sh\", /bin/true}\n	link = linux\n	queue-length = 77\n"
	    "	addresses = {\"10.9.0.1/24\", \"10.1.0.1 peer 10.1.0.2\", fd00::1/64}\n"
	    "	routes = {10.20.0.0/16, \"10.30.0.0/16 via 10.9.0.2\", 2001:db8::/32, default}\n"
	    "	up = yes\n	up-on-address = off\n	prefer-kext = on\n	persistent = on\n	interface-names = kernel\n"
	    "	open-hook = \"\"\n}\n"
	    "names \"vpn*\" { owner = 5 }\n");
	const struct device_policy *d = of(p, DEVICE_TAP, 3), *other = of(p, DEVICE_TAP, 4);
	static const uint8_t mac[6] = {2, 0, 0x5e, 0x10, 0, 1};
	uint8_t bytes[16] = {0};

	ck_assert_uint_eq(p->tun_units, 4);
	ck_assert_uint_eq(p->tap_units, 256);
	ck_assert_uint_eq(p->devices_per_user, 7);
	ck_assert_uint_eq(other->entry.uid, 100);
	ck_assert_uint_eq(other->entry.gid, 1234);
	ck_assert_uint_eq(other->entry.mode, 0666);
	ck_assert_uint_eq(other->mtu, 1400);
	ck_assert(other->up_on_address && !other->persistent && !other->kernel_name && other->up == POLICY_UP_DEFAULT);
	ck_assert_uint_eq(d->entry.uid, 0);
	ck_assert_uint_eq(d->entry.gid, 1234);
	ck_assert_uint_eq(d->entry.mode, 0600);
	ck_assert_uint_eq(d->mtu, 1400);
	ck_assert_uint_eq(d->queue_packets, 77);
	ck_assert_str_eq(d->link, "linux");
	ck_assert_uint_eq(d->mac_kind, POLICY_MAC_FIXED);
	ck_assert_mem_eq(d->mac, mac, 6);
	ck_assert_uint_eq(d->program_count, 2);
	ck_assert_str_eq(d->programs[1], "/bin/true");
	ck_assert(!other->prefer_kext && d->prefer_kext);
	ck_assert(!d->up_on_address && d->persistent && d->kernel_name && d->up == POLICY_UP_YES);
	ck_assert_uint_eq(d->address_count, 3);
	ck_assert(d->addresses[0].broadcast && !d->addresses[1].broadcast && d->addresses[1].has_peer);
	ck_assert_uint_eq(d->addresses[1].prefix, 32);
	ck_assert_uint_eq(d->addresses[2].family, 6);
	ck_assert_uint_eq(d->addresses[2].prefix, 64);
	ck_assert_uint_eq(d->route_count, 4);
	ck_assert(!d->routes[0].has_gateway && d->routes[1].has_gateway);
	inet_pton(AF_INET, "10.9.0.2", bytes);
	ck_assert_mem_eq(d->routes[1].gateway, bytes, 16);
	ck_assert_uint_eq(d->routes[3].prefix, 0);
	ck_assert_uint_eq(d->routes[3].family, 4);
	ck_assert_uint_eq(policy_for_name(p, "vpn1")->entry.uid, 5);
	ck_assert_uint_eq(policy_for_name(p, "vpn1")->entry.gid, 1234);
	ck_assert_uint_eq(policy_for_name(p, "other")->entry.uid, 100);
	policy_free(p);
}
END_TEST

START_TEST(a_block_of_a_kind_stands_between_wherever_it_is)
{
	struct policy *p = good("device tap1 { queue-length = 5 }\ndevice tap { mtu = 9000 mac = stable }\nmtu = 1300\nmac = stable\n");

	ck_assert_uint_eq(of(p, DEVICE_TAP, 1)->mtu, 9000);
	ck_assert_uint_eq(of(p, DEVICE_TAP, 1)->queue_packets, 5);
	ck_assert_uint_eq(of(p, DEVICE_TAP, 1)->mac_kind, POLICY_MAC_STABLE);
	ck_assert_uint_eq(of(p, DEVICE_TAP, 2)->mtu, 9000);
	ck_assert_uint_eq(of(p, DEVICE_TAP, 2)->queue_packets, 0);
	ck_assert_uint_eq(of(p, DEVICE_TUN, 1)->mtu, 1300);
	ck_assert_uint_eq(of(p, DEVICE_TUN, 1)->mac_kind, POLICY_MAC_RANDOM);
	policy_free(p);
}
END_TEST

START_TEST(comments_may_stand_anywhere)
{
	struct policy *p = good("# one\nmtu /* two\nlines */ = // three\n 1400 # \"four\n"
	    "device tap0 { # five\n	addresses = { # six\n		10.0.0.1/24, /* seven */\n	}\n}\n/* last */");

	ck_assert_uint_eq(of(p, DEVICE_TUN, 0)->mtu, 1400);
	ck_assert_uint_eq(of(p, DEVICE_TAP, 0)->address_count, 1);
	policy_free(p);
}
END_TEST

START_TEST(lists_can_be_added_to)
{
	struct policy *p = good("programs = {/a}\nprograms += {/b, /c}\ndevice tap0 { programs = /d }\n");

	ck_assert_uint_eq(of(p, DEVICE_TAP, 1)->program_count, 3);
	ck_assert_str_eq(of(p, DEVICE_TAP, 1)->programs[2], "/c");
	ck_assert_uint_eq(of(p, DEVICE_TAP, 0)->program_count, 1);
	ck_assert_str_eq(of(p, DEVICE_TAP, 0)->programs[0], "/d");
	policy_free(p);
}
END_TEST

/* Each text, and all that must be told of it. */
static const struct {
	const char *text;
	const char *told;
} wrongs[] = {
	{"tun-units = 257\n", "conf:1:13: '257' is not a number from 0 to 256\n"},
	{"tun-units = -1\n", "conf:1:13: '-1' is not a number from 0 to 256\n"},
	{"\n  tap-unitz = 4\n", "conf:2:3: there is no key 'tap-unitz'; did you mean 'tap-units'?\n"},
	{"mdoe = 1\nonwer = 2\ncolour = 3\nmtu = 3\n",
	    "conf:1:1: there is no key 'mdoe'; did you mean 'mode'?\nconf:2:1: there is no key 'onwer'; did you mean 'owner'?\n"
	    "conf:3:1: there is no key 'colour'\nconf:4:7: '3' is not a number from 68 to 65521\n"},
	{"mode = \"0999\"\n", "conf:1:8: a mode is an octal number up to 0777\n"},
	{"mode = \"01777\"\n", "conf:1:8: a mode is an octal number up to 0777\n"},
	{"owner = \"no such user\"\n", "conf:1:9: there is no user 'no such user'\n"},
	{"group = nosuchgroup", "conf:1:9: there is no group 'nosuchgroup'\n"},
	{"owner = 99999999999\n", "conf:1:9: there is no user '99999999999'\n"},
	{"# a comment\n\nlink = linus\n", "conf:3:8: there is no link 'linus'; did you mean 'linux'?\n"},
	{"mac = \"02:00:5e:10:00:01\"\n",
	    "conf:1:7: several devices cannot have one MAC address: give it in the block of one device\n"},
	{"device tap0 { mac = \"03:00:5e:10:00:01\" }\n", "conf:1:21: this MAC address is a group's: the first pair must be even\n"},
	{"device tap0 { mac = \"02:00:5e:10:00\" }\n", "conf:1:21: a MAC address is six pairs of hexadecimal digits, as "
	    "02:00:5e:10:00:01; or \"random\", or \"stable\"\n"},
	{"device tun0 { mac = stable }\n", "conf:1:21: a tun device has no MAC address\n"},
	{"device tap0 {\n	addresses = {10.0.0.1/24,\n	    10.0.0.1, 10.0.0.300/8}\n}\n",
	    "conf:3:6: how many bits of '10.0.0.1' are the network's? write 10.0.0.1/24\n"
	    "conf:3:16: an address is 10.9.0.1/24, fd00::1/64, or 10.1.0.1 peer 10.1.0.2\n"},
	{"device tap0 { addresses = {\"10.0.0.1 peer fd00::1\", 224.0.0.1/4} }",
	    "conf:1:28: address and peer are of different families\nconf:1:53: no interface can have this address\n"},
	{"device tap0 { up = true routes = {10.20.1.0/16, \"fd00::/64 via 10.0.0.1\", \"10.0.0.0/8 through 1.2.3.4\"} }",
	    "conf:1:35: there are bits set past the prefix: did you mean 10.20.0.0/16?\n"
	    "conf:1:49: destination and gateway are of different families\n"
	    "conf:1:75: a route is 10.20.0.0/16, 2001:db8::/32, 10.30.0.0/16 via 10.9.0.2, or default via 10.9.0.2\n"},
	{"device tap0 { routes = {10.20.0.0/16} }", "conf:1:25: a route needs the interface to be up: say up = true\n"},
	{"device tap0 { addresses = {10.0.0.1/24, fd00::1/64} mtu = 1000 }",
	    "conf:1:41: with an MTU of less than 1280 there is no IPv6\n"},
	{"device tap { addresses = {10.0.0.1/24} }", "conf:1:27: several devices cannot have one address: give it in the block of one "
	    "device\n"},
	{"addresses = {10.0.0.1/24}", "conf:1:1: this belongs in the block of a device\n"},
	{"device tap0 { tap-units = 3 }", "conf:1:15: this is for the file as a whole: write it outside of blocks\n"},
	{"names \"x\" { persistent = true }", "conf:1:13: this is for the block of a device, not of names\n"},
	{"device tpa0 { mtu = 1 }", "conf:1:8: this is not the name of a device: those are tun0, tun1, ... and tap0, tap1, ..., and tun "
	    "and tap for all of a kind\n"},
	{"device tap300 { mtu = 100 }", "conf:1:8: there are not that many: see tun-units and tap-units\n"},
	{"device tap16 { mtu = 100 }", "conf:1:8: there are not that many: see tun-units and tap-units\n"},
	{"device tap0 { mtu = 100 }\ndevice \"tap0\" { mtu = 200 }", "conf:2:8: this device has a block already\n"},
	{"names a { mode = 600 } names \"a\" { mode = 600 }", "conf:1:30: this pattern has a block already\n"},
	{"devcie tap0 { mtu = 100 }\nmtu = x", "conf:1:1: there is no block 'devcie'; did you mean 'device'?\n"
	    "conf:2:7: 'x' is not a number from 68 to 65521\n"},
	{"mtu = 100 mtu = 200", "conf:1:11: this has a value already\n"},
	{"mtu = {100, 200}", "conf:1:1: this takes one value\n"},
	{"mtu += 100", "conf:1:1: this takes one value\n"},
	{"up = maybe", "conf:1:6: 'maybe' is neither true nor false\n"},
	{"pairs-names = \"\"", "conf:1:15: this is no pattern of names, or is too long for one\n"},
	{"pairs-addresses = {\"10.0.0.1 peer 10.0.0.2\"}", "conf:1:20: this is no prefix\n"},
	{"pairs-per-user = 65", "conf:1:18: '65' is not a number from 0 to 64\n"},
	{"device tap0 { pairs-group = 1 }", "conf:1:15: this is for the file as a whole: write it outside of blocks\n"},
	{"capture = everybody", "conf:1:11: 'everybody' is neither \"opener\" nor \"permitted\"\n"},
	{"interface-names = mine", "conf:1:19: 'mine' is neither \"device\" nor \"kernel\"\n"},
	{"programs = openvpn", "conf:1:12: a path begins with '/'\n"},
	{"open-hook = /nonexistent/hook", "conf:1:13: /nonexistent: No such file or directory\n"},
	{"close-hook = /usr", "conf:1:14: /usr is no file\n"},
	{"mtu 1400", "conf:1:1: missing equal sign after option 'mtu'\n"},
	{"mtu = \n", "conf:2:1: premature end of file\n"},
	{"mtu = }", "conf:1:7: unexpected token '}'\n"},
	{"mtu = 100\n}\n", "conf:2:1: unexpected closing brace\n"},
	{"device { mtu = 100 }", "conf:1:1: missing title for section 'device'\n"},
	{"device tap0 {\n	mtu = 100\n", "conf:1:8: this block is not closed\n"},
	{"tun-units = {\n", "conf:1:1: this takes one value\n"},
	{"names vpn* { mode = 600 }", "conf:1:10: '*' has no meaning here: put the value in quotes\n"},
	{"owner = \"${HOME}\"", "conf:1:10: variables of the environment are not looked up here: write the value\n"},
	{"owner = ${HOME}", "conf:1:9: variables of the environment are not looked up here: write the value\n"},
	{"owner = \"a\nb", "conf:1:9: this string has no end\n"},
	{"\n/* a", "conf:2:1: this comment has no end\n"},
	{"include(\"/etc/passwd\")", "conf:1:1: no such option 'include'\n"},
};

START_TEST(what_is_wrong_is_told_with_its_place)
{
	struct policy *p;
	int status;

	told[0] = '\0';
	status = config_parse(&p, "conf", wrongs[_i].text, strlen(wrongs[_i].text), &listener);
	ck_assert_msg(status == EX_CONFIG && p == NULL, "%s: status %d", wrongs[_i].text, status);
	ck_assert_msg(strcmp(told, wrongs[_i].told) == 0, "%s\ntold: %s\nnot:  %s", wrongs[_i].text, told, wrongs[_i].told);
}
END_TEST

START_TEST(bounds_are_told)
{
	char text[65536] = "", line[128];
	struct policy *p;

	for (unsigned i = 0; i <= POLICY_BLOCKS_MAX; i++) {
		snprintf(line, sizeof(line), "device tap%u { mtu = 100 }\n", i);
		strcat(text, line);
	}
	strcat(text, "tap-units = 256\ndevice tun0 { up = true addresses = {");
	for (unsigned i = 0; i <= POLICY_ADDRESSES_MAX; i++) {
		snprintf(line, sizeof(line), "10.0.%u.1/24,", i);
		strcat(text, line);
	}
	strcat(text, "} }\nprograms = {/1, /2, /3, /4, /5, /6, /7, /8, /9}\n");
	told[0] = '\0';
	ck_assert_int_eq(config_parse(&p, "conf", text, strlen(text), &listener), EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(told, "conf:65:8: these are too many blocks of devices\n"));
	ck_assert_ptr_nonnull(strstr(told, "conf:67:8: these are too many blocks of devices\n"));
	ck_assert_ptr_nonnull(strstr(told, "conf:68:45: these are too many programs\n"));
}
END_TEST

START_TEST(many_errors_are_counted)
{
	char text[4096] = "";
	struct policy *p;

	for (unsigned i = 0; i < 40; i++) {
		strcat(text, "x = 1\n");
	}
	told[0] = '\0';
	ck_assert_int_eq(config_parse(&p, "conf", text, strlen(text), &listener), EX_CONFIG);
	ck_assert_ptr_nonnull(strstr(told, "conf:32:1: there is no key 'x'\nconf: 8 more errors\n"));
}
END_TEST

START_TEST(what_is_no_text_is_refused)
{
	static char large[300 * 1024];
	struct policy *p;

	told[0] = '\0';
	ck_assert_int_eq(config_parse(&p, "conf", "mtu = 1\0", 8, &listener), EX_CONFIG);
	ck_assert_str_eq(told, "conf: this is no text\n");
	memset(large, ' ', sizeof(large));
	told[0] = '\0';
	ck_assert_int_eq(config_parse(&p, "conf", large, sizeof(large), &listener), EX_CONFIG);
	ck_assert_str_eq(told, "conf: larger than 256 KiB\n");
}
END_TEST

START_TEST(a_shown_policy_makes_the_same_one)
{
	struct policy *p = good("pairs-group = 9\npairs-per-user = 3\npairs-names = \"t[0-9]*\"\n"
	    "pairs-addresses = {10.9.0.0/16, fd00::/8}\n"
	    "tap-units = 20\nowner = 7\nprograms = {/a, \"/b \\\"c\\\\\"}\nmac = stable\nopen-hook = /usr/bin/env\n"
	    "device tun { mtu = 65535 up = false }\ndevice tap5 { mac = \"02:00:00:00:00:01\" addresses = {10.0.0.1/8, fe80::1/64,"
	    " \"10.1.0.1 peer 10.2.0.0/16\"} routes = {\"default via 10.0.0.2\", fd00::/8} persistent = yes queue-length = 3 }\n"
	    "device tap6 { open-hook = \"\" interface-names = kernel capture = permitted }\nnames \"a*\" { mode = 0640 }\n");
	struct policy *again;
	char *shown = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&shown, &length);

	config_show(p, NULL, out);
	fclose(out);
	again = good(shown);
	ck_assert_msg(memcmp(p, again, sizeof(*p)) == 0, "%s", shown);
	free(shown);
	policy_free(p);
	policy_free(again);
}
END_TEST

START_TEST(one_device_can_be_shown)
{
	struct policy *p = good("device tap5 { mtu = 1300 }");
	struct device_id tap5 = {.kind = DEVICE_TAP, .unit = 5};
	char *shown = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&shown, &length);

	config_show(p, &tap5, out);
	fclose(out);
	ck_assert_ptr_eq(strstr(shown, "\ndevice tap5 {\n"), shown);
	ck_assert_ptr_nonnull(strstr(shown, "\tmtu = 1300\n"));
	free(shown);
	policy_free(p);
}
END_TEST

START_TEST(a_named_file_must_exist)
{
	struct policy *p;

	told[0] = '\0';
	ck_assert_int_eq(config_load(&p, "/nonexistent/tuntapd.conf", &listener), EX_NOINPUT);
	ck_assert_str_eq(told, "/nonexistent/tuntapd.conf: No such file or directory\n");
	ck_assert_int_eq(config_load(&p, world.dir, &listener), EX_NOINPUT);
	ck_assert_ptr_null(p);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("config");

	tcase_add_checked_fixture(tcase, world_of_a_rundir, world_end);
	tcase_add_test(tcase, an_empty_file_says_nothing);
	tcase_add_test(tcase, all_keys_are_taken);
	tcase_add_test(tcase, a_block_of_a_kind_stands_between_wherever_it_is);
	tcase_add_test(tcase, comments_may_stand_anywhere);
	tcase_add_test(tcase, lists_can_be_added_to);
	tcase_add_loop_test(tcase, what_is_wrong_is_told_with_its_place, 0, sizeof(wrongs) / sizeof(wrongs[0]));
	tcase_add_test(tcase, bounds_are_told);
	tcase_add_test(tcase, many_errors_are_counted);
	tcase_add_test(tcase, what_is_no_text_is_refused);
	tcase_add_test(tcase, a_shown_policy_makes_the_same_one);
	tcase_add_test(tcase, one_device_can_be_shown);
	tcase_add_test(tcase, a_named_file_must_exist);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
