/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-devname.c - which names are devices, and how they are written.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fds.h"
#include "protocol/devname.h"
#include "protocol/page.h"

#define DIGITS_50 "12345678901234567890123456789012345678901234567890"

static const struct {
	const char *name;
	bool is_device;
	struct device_id id;
} rows[] = {
	{"tap0", true, {DEVICE_TAP, 0}},
	{"tun0", true, {DEVICE_TUN, 0}},
	{"tap1", true, {DEVICE_TAP, 1}},
	{"tun9", true, {DEVICE_TUN, 9}},
	{"tap10", true, {DEVICE_TAP, 10}},
	{"tun15", true, {DEVICE_TUN, 15}},
	{"tap99", true, {DEVICE_TAP, 99}},
	{"tap100", true, {DEVICE_TAP, 100}},
	{"tun255", true, {DEVICE_TUN, 255}},
	/* Past what anybody serves: a device's name all the same. */
	{"tap256", true, {DEVICE_TAP, DEVICE_UNITS_MAX}},
	{"tap300", true, {DEVICE_TAP, DEVICE_UNITS_MAX}},
	{"tun65535", true, {DEVICE_TUN, DEVICE_UNITS_MAX}},
	{"tun65536", true, {DEVICE_TUN, DEVICE_UNITS_MAX}},
	{"tap4294967296", true, {DEVICE_TAP, DEVICE_UNITS_MAX}},
	{"tap4294967297", true, {DEVICE_TAP, DEVICE_UNITS_MAX}},
	{"tap18446744073709551617", true, {DEVICE_TAP, DEVICE_UNITS_MAX}},
	{"tap" DIGITS_50 DIGITS_50 DIGITS_50 DIGITS_50, true, {DEVICE_TAP, DEVICE_UNITS_MAX}},
	{"", false, {0}},
	{"t", false, {0}},
	{"ta", false, {0}},
	{"tap", false, {0}},
	{"tun", false, {0}},
	{"tap-1", false, {0}},
	{"tap+1", false, {0}},
	{"tap 1", false, {0}},
	{"tap1 ", false, {0}},
	{"tap1\n", false, {0}},
	{"tap00", false, {0}},
	{"tap01", false, {0}},
	{"tun007", false, {0}},
	{"tap0x", false, {0}},
	{"tap0x1", false, {0}},
	{"tap1.0", false, {0}},
	{"tap1/", false, {0}},
	{"tap" DIGITS_50 "x", false, {0}},
	{"tapr0", false, {0}},
	{"tup0", false, {0}},
	{"tan0", false, {0}},
	{"tunnel0", false, {0}},
	{"utun0", false, {0}},
	{"TAP0", false, {0}},
	{"Tap0", false, {0}},
	{"/dev/tap0", false, {0}},
	{" tap0", false, {0}},
	{"tap\xd9\xa1", false, {0}}, /* a digit, but not one of ours */
	{"tap/", false, {0}}, /* the characters beside 0 and 9 */
	{"tap:", false, {0}},
	{"eth0", false, {0}},
};

START_TEST(name_is_a_device_or_is_not)
{
	struct device_id id = {.kind = 77, .unit = 7777};

	errno = EXFULL;
	ck_assert_msg(devname_parse(rows[_i].name, &id) == rows[_i].is_device, "\"%s\"", rows[_i].name);
	ck_assert_int_eq(errno, EXFULL);
	if (rows[_i].is_device) {
		ck_assert_msg(device_id_equal(id, rows[_i].id), "\"%s\": kind %u unit %u", rows[_i].name, id.kind, id.unit);
	} else {
		ck_assert_msg(id.kind == 77 && id.unit == 7777, "\"%s\" is no device, and id was written", rows[_i].name);
	}
}
END_TEST

START_TEST(every_device_reads_back_as_written)
{
	for (uint8_t kind = DEVICE_TUN; kind <= DEVICE_TAP; kind++) {
		for (uint16_t unit = 0; unit < DEVICE_UNITS_MAX; unit++) {
			struct device_id id = {.kind = kind, .unit = unit}, back;
			char name[DEVNAME_SIZE], expected[32];

			memset(name, '#', sizeof(name));
			devname_format(id, name);
			snprintf(expected, sizeof(expected), "%s%u", kind == DEVICE_TUN ? "tun" : "tap", unit);
			ck_assert_str_eq(name, expected);
			ck_assert(devname_parse(name, &back));
			ck_assert(device_id_equal(id, back));
			ck_assert(device_id_valid(id));
		}
	}
}
END_TEST

START_TEST(kinds_have_names)
{
	ck_assert_str_eq(devname_kind(DEVICE_TUN), "tun");
	ck_assert_str_eq(devname_kind(DEVICE_TAP), "tap");
	ck_assert_ptr_null(devname_kind(0));
	ck_assert_ptr_null(devname_kind(3));
	ck_assert_ptr_null(devname_kind(255));
}
END_TEST

static const struct {
	struct device_id id;
	bool valid;
} ids[] = {
	{{DEVICE_TUN, 0}, true},
	{{DEVICE_TAP, DEVICE_UNITS_MAX - 1}, true},
	{{DEVICE_TAP, DEVICE_UNITS_MAX}, false},
	{{DEVICE_TUN, UINT16_MAX}, false},
	{{0, 0}, false},
	{{3, 0}, false},
	{{255, 0}, false},
};

START_TEST(ids_of_strangers_are_checked)
{
	bool named = devname_kind(ids[_i].id.kind) != NULL && ids[_i].id.unit == DEVICE_UNIT_NAMED;

	ck_assert_msg(device_id_valid(ids[_i].id) == ids[_i].valid, "kind %u unit %u", ids[_i].id.kind, ids[_i].id.unit);
	ck_assert_msg(device_id_known(ids[_i].id) == (ids[_i].valid || named), "kind %u unit %u", ids[_i].id.kind, ids[_i].id.unit);
}
END_TEST

START_TEST(ids_differ_by_kind_and_unit)
{
	struct device_id id = {.kind = DEVICE_TAP, .unit = 3};

	ck_assert(device_id_equal(id, (struct device_id){.kind = DEVICE_TAP, .unit = 3}));
	ck_assert(!device_id_equal(id, (struct device_id){.kind = DEVICE_TUN, .unit = 3}));
	ck_assert(!device_id_equal(id, (struct device_id){.kind = DEVICE_TAP, .unit = 4}));
	ck_assert(!device_id_equal(id, (struct device_id){.kind = DEVICE_TAP, .unit = 259}));
}
END_TEST

START_TEST(fixed_places_are_devices_and_have_their_names)
{
	char expected[DEVNAME_SIZE], name[DEVNAME_SIZE];
	struct device_id id;

	for (uint32_t place = 0; place < DEVICE_PLACES_FIXED; place++) {
		ck_assert(device_place_id(place, &id));
		ck_assert_uint_eq(device_place_fixed(id), place);
		devname_format(id, expected);
		device_place_name(place, name);
		ck_assert_str_eq(name, expected);
	}
}
END_TEST

START_TEST(other_places_have_names_that_no_device_has)
{
	char expected[16], name[DEVNAME_SIZE];
	struct device_id id;

	for (uint32_t place = DEVICE_PLACES_FIXED; place < DEVICE_PLACES_MAX; place++) {
		ck_assert(!device_place_id(place, &id));
		device_place_name(place, name);
		snprintf(expected, sizeof(expected), "dev%u", (unsigned)place);
		ck_assert_str_eq(name, expected);
		ck_assert(!devname_parse(name, &id));
	}
}
END_TEST

START_TEST(a_link_names_by_prefix_and_number)
{
	static const char *const others[] = {"", "ttd", "ttd0x", "ttd-1", "xttd0", "tap0", "ttd0:1", "TTD0", "tt"};

	ck_assert(devname_is_links("ttd0"));
	ck_assert(devname_is_links("ttd999999"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_msg(!devname_is_links(others[i]), "%s", others[i]);
	}
}
END_TEST

START_TEST(a_mark_tells_its_place_and_no_other_number_does)
{
	uint32_t found = 0;

	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		ck_assert(page_place_of_mark(page_mark_of_place(place), &found));
		ck_assert_uint_eq(found, place);
	}
	/* The driver's own default, what QEMU and libvirt set, and the numbers beside ours. */
	ck_assert(!page_place_of_mark(INT32_MAX, &found));
	ck_assert(!page_place_of_mark(1048576, &found));
	ck_assert(!page_place_of_mark(0, &found));
	ck_assert(!page_place_of_mark(-1, &found));
	ck_assert(!page_place_of_mark(INT32_MIN, &found));
	ck_assert(!page_place_of_mark(page_mark_of_place(DEVICE_PLACES_MAX - 1) - 1, &found));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("devname");
	TCase *tc = tcase_create("names");

	tcase_add_checked_fixture(tc, fds_note, fds_assert_as_noted);
	tcase_add_loop_test(tc, name_is_a_device_or_is_not, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, every_device_reads_back_as_written);
	tcase_add_test(tc, kinds_have_names);
	tcase_add_loop_test(tc, ids_of_strangers_are_checked, 0, sizeof(ids) / sizeof(ids[0]));
	tcase_add_test(tc, ids_differ_by_kind_and_unit);
	tcase_add_test(tc, fixed_places_are_devices_and_have_their_names);
	tcase_add_test(tc, other_places_have_names_that_no_device_has);
	tcase_add_test(tc, a_link_names_by_prefix_and_number);
	tcase_add_test(tc, a_mark_tells_its_place_and_no_other_number_does);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
