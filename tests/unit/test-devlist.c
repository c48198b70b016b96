/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-devlist.c - RUNDIR/devices: written and found again, and every way to be no list.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "fds.h"
#include "protocol/devlist.h"

#define TUN_UNITS 3
#define TAP_UNITS 5
#define SINCE INT64_C(0x123456789a)

static uint8_t list[DEVLIST_BYTES_MAX + 64];
static size_t list_bytes;

static struct devlist_entry
entry_of(unsigned index)
{
	return (struct devlist_entry){.uid = 1000 + index, .gid = 2000 + index, .mode = 0600 + index};
}

static void
a_list(void)
{
	struct devlist_entry entries[TUN_UNITS + TAP_UNITS];

	fds_note();
	for (unsigned i = 0; i < TUN_UNITS + TAP_UNITS; i++) {
		entries[i] = entry_of(i);
	}
	memset(list, 0xee, sizeof(list));
	list_bytes = devlist_make(list, TUN_UNITS, TAP_UNITS, entries, SINCE);
}

START_TEST(list_is_header_and_entries)
{
	struct devlist_header h;

	ck_assert_uint_eq(list_bytes, 24 + (TUN_UNITS + TAP_UNITS) * 12);
	ck_assert_uint_eq(list[list_bytes], 0xee);
	ck_assert_mem_eq(list, "ttpl", 4);
	memcpy(&h, list, sizeof(h));
	ck_assert_uint_eq(h.version, DEVLIST_VERSION);
	ck_assert_uint_eq(h.tun_units, TUN_UNITS);
	ck_assert_uint_eq(h.tap_units, TAP_UNITS);
	ck_assert_int_eq(h.since, SINCE);
	ck_assert(devlist_valid(list, list_bytes));
}
END_TEST

START_TEST(each_device_is_found_by_kind_and_unit)
{
	struct devlist_entry found;

	for (unsigned i = 0; i < TUN_UNITS + TAP_UNITS; i++) {
		struct device_id id = {
			.kind = i < TUN_UNITS ? DEVICE_TUN : DEVICE_TAP,
			.unit = (uint16_t)(i < TUN_UNITS ? i : i - TUN_UNITS),
		};
		struct devlist_entry expected = entry_of(i);

		ck_assert(devlist_find(list, id, &found));
		ck_assert_mem_eq(&found, &expected, sizeof(found));
	}
}
END_TEST

static const struct device_id absent[] = {
	{DEVICE_TUN, TUN_UNITS}, /* where tap0's entry stands */
	{DEVICE_TAP, TAP_UNITS},
	{DEVICE_TUN, DEVICE_UNITS_MAX},
	{DEVICE_TAP, DEVICE_UNITS_MAX},
	{DEVICE_TAP, UINT16_MAX},
	{0, 0},
	{3, 0},
	{255, 1},
};

START_TEST(other_devices_are_absent)
{
	struct devlist_entry found = {.uid = 77};

	ck_assert_msg(!devlist_find(list, absent[_i], &found), "kind %u unit %u", absent[_i].kind, absent[_i].unit);
	ck_assert_uint_eq(found.uid, 77);
}
END_TEST

START_TEST(any_other_size_is_no_list)
{
	for (size_t bytes = 0; bytes <= sizeof(list); bytes++) {
		/* A copy of exactly that size, so that a look past its end is seen by the sanitizers. */
		uint8_t *copy = malloc(bytes > 0 ? bytes : 1);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, list, bytes);
		ck_assert_msg(devlist_valid(copy, bytes) == (bytes == list_bytes), "%zu bytes", bytes);
		free(copy);
	}
}
END_TEST

static const struct {
	const char *name;
	size_t offset;
	size_t bytes;
	uint32_t value;
} broken[] = {
	{"magic", offsetof(struct devlist_header, magic), 4, DEVLIST_MAGIC ^ 1},
	{"magic in the other byte order", offsetof(struct devlist_header, magic), 4, 0x7474706c},
	{"version 0", offsetof(struct devlist_header, version), 4, 0},
	{"next version", offsetof(struct devlist_header, version), 4, DEVLIST_VERSION + 1},
	{"one tun more than there is", offsetof(struct devlist_header, tun_units), 2, TUN_UNITS + 1},
	{"one tun less", offsetof(struct devlist_header, tun_units), 2, TUN_UNITS - 1},
	{"one tap more", offsetof(struct devlist_header, tap_units), 2, TAP_UNITS + 1},
	{"most taps", offsetof(struct devlist_header, tap_units), 2, UINT16_MAX},
	{"pad", offsetof(struct devlist_header, pad), 4, 1},
	{"pad, last byte", offsetof(struct devlist_header, pad), 4, 0x80000000},
};

START_TEST(broken_header_is_no_list)
{
	uint16_t half = (uint16_t)broken[_i].value;

	memcpy(list + broken[_i].offset, broken[_i].bytes == 2 ? (const void *)&half : &broken[_i].value, broken[_i].bytes);
	ck_assert_msg(!devlist_valid(list, list_bytes), "%s", broken[_i].name);
}
END_TEST

START_TEST(units_past_the_maximum_are_no_list)
{
	static uint8_t large[sizeof(struct devlist_header) + (DEVICE_UNITS_MAX + 1) * sizeof(struct devlist_entry)];
	struct devlist_header h = {.magic = DEVLIST_MAGIC, .version = DEVLIST_VERSION};

	h.tap_units = DEVICE_UNITS_MAX + 1;
	memcpy(large, &h, sizeof(h));
	ck_assert(!devlist_valid(large, sizeof(large)));
	h.tap_units = 0;
	h.tun_units = DEVICE_UNITS_MAX + 1;
	memcpy(large, &h, sizeof(h));
	ck_assert(!devlist_valid(large, sizeof(large)));
	h.tun_units = 1;
	h.tap_units = DEVICE_UNITS_MAX;
	memcpy(large, &h, sizeof(h));
	ck_assert(devlist_valid(large, sizeof(large)));
}
END_TEST

START_TEST(smallest_and_largest_list)
{
	static struct devlist_entry entries[2 * DEVICE_UNITS_MAX];
	struct devlist_entry found;

	ck_assert_uint_eq(devlist_make(list, 0, 0, entries, 0), sizeof(struct devlist_header));
	ck_assert(devlist_valid(list, sizeof(struct devlist_header)));
	ck_assert(!devlist_find(list, (struct device_id){DEVICE_TUN, 0}, &found));
	ck_assert(!devlist_find(list, (struct device_id){DEVICE_TAP, 0}, &found));

	entries[2 * DEVICE_UNITS_MAX - 1] = entry_of(7);
	ck_assert_uint_eq(devlist_make(list, DEVICE_UNITS_MAX, DEVICE_UNITS_MAX, entries, 0), DEVLIST_BYTES_MAX);
	ck_assert(devlist_valid(list, DEVLIST_BYTES_MAX));
	ck_assert(devlist_find(list, (struct device_id){DEVICE_TAP, DEVICE_UNITS_MAX - 1}, &found));
	ck_assert_uint_eq(found.uid, entry_of(7).uid);
}
END_TEST

START_TEST(mode_is_permission_bits_alone_and_flags_are_known_ones)
{
	struct devlist_entry entry = {.mode = 0140755}, found;

	devlist_make(list, 0, 1, &entry, 0);
	ck_assert(devlist_find(list, (struct device_id){DEVICE_TAP, 0}, &found));
	ck_assert_uint_eq(found.mode, 0755);
	ck_assert_uint_eq(found.flags, 0);
	entry.flags = UINT16_MAX;
	devlist_make(list, 0, 1, &entry, 0);
	ck_assert(devlist_find(list, (struct device_id){DEVICE_TAP, 0}, &found));
	ck_assert_uint_eq(found.flags, DEVLIST_BEFORE_NODE);
}
END_TEST

START_TEST(device_numbers_are_distinct)
{
	static bool seen[1u << 16];

	for (uint8_t kind = DEVICE_TUN; kind <= DEVICE_TAP; kind++) {
		for (uint16_t unit = 0; unit < DEVICE_UNITS_MAX; unit++) {
			unsigned number = devlist_minor((struct device_id){.kind = kind, .unit = unit});

			ck_assert_uint_lt(number, sizeof(seen) / sizeof(seen[0]));
			ck_assert(!seen[number]);
			seen[number] = true;
		}
	}
	ck_assert_uint_eq(devlist_minor((struct device_id){DEVICE_TAP, 5}), 0x205);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("devlist");
	TCase *tc = tcase_create("list");

	tcase_add_checked_fixture(tc, a_list, fds_assert_as_noted);
	tcase_add_test(tc, list_is_header_and_entries);
	tcase_add_test(tc, each_device_is_found_by_kind_and_unit);
	tcase_add_loop_test(tc, other_devices_are_absent, 0, sizeof(absent) / sizeof(absent[0]));
	tcase_add_test(tc, any_other_size_is_no_list);
	tcase_add_loop_test(tc, broken_header_is_no_list, 0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(tc, units_past_the_maximum_are_no_list);
	tcase_add_test(tc, smallest_and_largest_list);
	tcase_add_test(tc, mode_is_permission_bits_alone_and_flags_are_known_ones);
	tcase_add_test(tc, device_numbers_are_distinct);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
