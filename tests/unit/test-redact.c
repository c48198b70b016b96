/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-redact.c - suite "redact": what is taken out of a report's lines, and what stays.
 */
#include "cli/redact.h"
#include "tests/unit/suite.h"

#include <check.h>
#include <string.h>

static const struct {
	const char *line, *clean;
} rows[] = {
	{"", ""},
	{"tap0: attach by uid 501 pid 812: unit busy", "tap0: attach by uid 501 pid 812: unit busy"},
	{"password=hunter2", "password= (removed)"},
	{"  api_key: 12345 and more", "  api_key: (removed)"},
	{"\"token\" : \"abc\"", "\"token\" : (removed)"},
	{"psk-file = /etc/x", "psk-file = (removed)"},
	{"PASSWORD = x", "PASSWORD = (removed)"},
	{"monkey: banana", "monkey: banana"},
	{"the key is lost", "the key is lost"},
	{"https://me:pw@example.org/x", "https://(removed)@example.org/x"},
	{"https://example.org/a@b", "https://example.org/a@b"},
	{"/home/ann/vpn and /Users/bob: x", "/home/(user)/vpn and /Users/(user): x"},
	{"ether 3c:22:fb:11:22:33 up", "ether 3c:22:fb:xx:xx:xx up"},
	{"3c:22:fb:11:22:33", "3c:22:fb:xx:xx:xx"},
	{"fe80:11:22:33:44:55:66:77", "fe80:11:22:33:44:55:66:77"},
	{"fd00:22:fb:11:22:33:44:55:66", "fd00:22:fb:11:22:33:44:55:66"},
	{"\topen-hook = \"/usr/bin/notify --token abc\"", "\topen-hook = \"/usr/bin/notify (removed)"},
	{"open-hook = /usr/bin/notify", "open-hook = /usr/bin/notify"},
	{"  \"crashReporterKey\" : \"0123\"", "(removed)"},
	{"Hardware UUID: 0123", "(removed)"},
};

START_TEST(a_line_keeps_what_is_no_secret)
{
	char clean[256], small[8];

	redact_line(rows[_i].line, clean, sizeof(clean));
	ck_assert_str_eq(clean, rows[_i].clean);
	redact_line(rows[_i].line, small, sizeof(small));
	ck_assert_uint_lt(strlen(small), sizeof(small));
	ck_assert_int_eq(strncmp(small, rows[_i].clean, strlen(small)), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("redact");
	TCase *tcase = tcase_create("redact");

	tcase_add_loop_test(tcase, a_line_keeps_what_is_no_secret, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
