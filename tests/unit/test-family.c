/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-family.c - the 4-byte header of a tun device, byte for byte.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "fds.h"
#include "protocol/family.h"

START_TEST(header_follows_the_packets_version)
{
	for (unsigned first = 0; first <= 0xff; first++) {
		uint8_t header[FAMILY_HEADER_BYTES + 1], expected[FAMILY_HEADER_BYTES] = {0};

		if (first >> 4 == 4) {
			expected[3] = 2; /* on every platform */
		} else if (first >> 4 == 6) {
			expected[3] = AF_INET6;
		}
		memset(header, 0xee, sizeof(header));
		family_header_make(header, (uint8_t)first);
		ck_assert_mem_eq(header, expected, sizeof(expected));
		ck_assert_uint_eq(header[FAMILY_HEADER_BYTES], 0xee);
	}
}
END_TEST

static const struct {
	const char *name;
	uint8_t header[FAMILY_HEADER_BYTES];
	uint8_t first;
	int error;
} rows[] = {
	{"IPv4", {0, 0, 0, 2}, 0x45, 0},
	{"IPv4, another header length", {0, 0, 0, 2}, 0x4f, 0},
	{"IPv6", {0, 0, 0, AF_INET6}, 0x60, 0},
	{"IPv6, traffic class", {0, 0, 0, AF_INET6}, 0x6f, 0},
	{"family 4, packet 6", {0, 0, 0, 2}, 0x60, EINVAL},
	{"family 6, packet 4", {0, 0, 0, AF_INET6}, 0x45, EINVAL},
	{"family 4, packet of no version", {0, 0, 0, 2}, 0x00, EINVAL},
	{"family 6, packet of version 5", {0, 0, 0, AF_INET6}, 0x50, EINVAL},
	{"no family", {0, 0, 0, 0}, 0x45, EAFNOSUPPORT},
	{"no family, no version", {0, 0, 0, 0}, 0x00, EAFNOSUPPORT},
	{"AF_UNIX", {0, 0, 0, 1}, 0x45, EAFNOSUPPORT},
	{"the wrong byte order", {2, 0, 0, 0}, 0x45, EAFNOSUPPORT},
	{"bits above, first byte", {1, 0, 0, 2}, 0x45, EAFNOSUPPORT},
	{"bits above, second byte", {0, 1, 0, 2}, 0x45, EAFNOSUPPORT},
	{"bits above, third byte", {0, 0, 1, 2}, 0x45, EAFNOSUPPORT},
	{"an ether type", {0, 0, 0x86, 0xdd}, 0x60, EAFNOSUPPORT},
	{"all ones", {0xff, 0xff, 0xff, 0xff}, 0x45, EAFNOSUPPORT},
#if AF_INET6 != 30
	{"another platform's AF_INET6", {0, 0, 0, 30}, 0x60, EAFNOSUPPORT},
#endif
};

START_TEST(written_header_is_checked)
{
	int error;

	errno = EXFULL;
	error = family_header_check(rows[_i].header, rows[_i].first);
	ck_assert_msg(error == rows[_i].error, "%s: %d, not %d", rows[_i].name, error, rows[_i].error);
	ck_assert_int_eq(errno, EXFULL);
}
END_TEST

START_TEST(what_is_made_passes_the_check)
{
	for (unsigned first = 0; first <= 0xff; first++) {
		uint8_t header[FAMILY_HEADER_BYTES];
		int expected = first >> 4 == 4 || first >> 4 == 6 ? 0 : EAFNOSUPPORT;

		family_header_make(header, (uint8_t)first);
		ck_assert_int_eq(family_header_check(header, (uint8_t)first), expected);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("family");
	TCase *tc = tcase_create("header");

	tcase_add_checked_fixture(tc, fds_note, fds_assert_as_noted);
	tcase_add_test(tc, header_follows_the_packets_version);
	tcase_add_loop_test(tc, written_header_is_checked, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, what_is_made_passes_the_check);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
