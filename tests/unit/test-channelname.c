/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-channelname.c - suite "channelname": the name that tells what a relayed channel is.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fds.h"
#include "protocol/channelname.h"
#include "protocol/devname.h"

START_TEST(what_is_written_is_read)
{
	static const struct channelname names[] = {
		{0, 0, 0, 0, 0, DEVICE_TUN},
		{0xfe00000001234567, 42, 17, 3, 0xdeadbeef, DEVICE_TAP},
		{UINT64_MAX, UINT64_MAX, DEVICE_PLACES_MAX - 1, UINT32_MAX, UINT32_MAX, DEVICE_TAP},
	};
	char text[CHANNELNAME_SIZE];
	struct channelname got;
	size_t bytes = channelname_format(&names[_i], text);

	ck_assert_uint_lt(bytes, CHANNELNAME_SIZE);
	ck_assert(channelname_parse(text, bytes, &got));
	ck_assert_uint_eq(got.daemon, names[_i].daemon);
	ck_assert_uint_eq(got.open_number, names[_i].open_number);
	ck_assert_uint_eq(got.kind, names[_i].kind);
	ck_assert_uint_eq(got.place, names[_i].place);
	ck_assert_uint_eq(got.ifindex, names[_i].ifindex);
	ck_assert_uint_eq(got.nonce, names[_i].nonce);
	memset(&got, 0, sizeof(got));
	channelname_format_file(&names[_i], text);
	ck_assert_ptr_null(strchr(text, '/'));
	ck_assert(channelname_parse_file(text, strlen(text), &got));
	ck_assert_mem_eq(&got, &names[_i], sizeof(got));
	ck_assert(!channelname_parse(text, strlen(text), &got));
}
END_TEST

START_TEST(it_reads_as_documented)
{
	static const struct channelname name = {
		.daemon = 0xab, .open_number = 0x1f, .kind = DEVICE_TAP, .place = 17, .ifindex = 12, .nonce = 0xc,
	};
	static const char wanted[] = "\0tuntapd/ab/2/17/1f/12/c";
	char text[CHANNELNAME_SIZE];

	ck_assert_uint_eq(channelname_format(&name, text), sizeof(wanted) - 1);
	ck_assert_mem_eq(text, wanted, sizeof(wanted));
	channelname_format_file(&name, text);
	ck_assert_str_eq(text, "tuntapd:ab:2:17:1f:12:c");
}
END_TEST

#define ROW(text) {text, sizeof(text) - 1}

START_TEST(any_other_name_is_not_ours)
{
	static const struct {
		const char *text;
		size_t bytes;
	} rows[] = {
		ROW(""), ROW("\0"), ROW("\0tuntapd/"), ROW("tuntapd/ab/2/17/1f/12/c"), ROW("xtuntapd/ab/2/17/1f/12/c"),
		ROW("\0tuntapd/ab/2/17/1f/12/"), ROW("\0tuntapd/ab/2/17/1f/12"), ROW("\0tuntapd/ab/2/17/1f/12/c/"),
		ROW("\0tuntapd/ab/2/17/1f/12/c\0"),
		ROW("\0tuntapd//2/17/1f/12/c"), ROW("\0tuntapd/AB/2/17/1f/12/c"), ROW("\0tuntapd/ab/2/1a/1f/12/c"),
		ROW("\0tuntapd/ab/2/-1/1f/12/c"),
		ROW("\0tuntapd/ab/2/4096/1f/12/c"), ROW("\0tuntapd/ab/2/17/1f/4294967296/c"), ROW("\0tuntapd/ab/2/17/1f/12/100000000"),
		ROW("\0tuntapd/10000000000000000/2/17/1f/12/c"), ROW("\0tuntapd/ab/2/17/1f /12/c"),
		ROW("\0tuntapd/ab/17/1f/12/c"), ROW("\0tuntapd/ab/0/17/1f/12/c"), ROW("\0tuntapd/ab/3/17/1f/12/c"),
		ROW("\0tuntape/ab/2/17/1f/12/c"),
	};
	struct channelname name;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* In memory of its very size, so that a sanitizer sees a look past its end. */
		char *copy = malloc(rows[i].bytes);

		if (rows[i].bytes > 0) {
			memcpy(copy, rows[i].text, rows[i].bytes);
		}
		ck_assert_msg(!channelname_parse(copy, rows[i].bytes, &name), "row %zu", i);
		free(copy);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("channelname");
	TCase *tcase = tcase_create("channelname");

	tcase_add_loop_test(tcase, what_is_written_is_read, 0, 3);
	tcase_add_test(tcase, it_reads_as_documented);
	tcase_add_test(tcase, any_other_name_is_not_ours);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
