/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-watch.c - what the live view is made of: rates, numbers for people, graphs, and text that is safe on a terminal.
 */
#include <check.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "cli/graph.h"
#include "cli/rate.h"
#include "cli/text.h"
#include "protocol/message.h"
#include "tests/unit/suite.h"

START_TEST(rate_is_growth_by_time)
{
	struct message_counters before = {.packets = 10, .bytes = 1000, .dropped = 5};
	struct message_counters after = {.packets = 30, .bytes = 5000, .dropped = 6};
	struct rate rate = rate_between(&before, &after, 2);

	ck_assert_double_eq(rate.packets, 10);
	ck_assert_double_eq(rate.bytes, 2000);
	ck_assert_double_eq(rate.dropped, 0.5);
}
END_TEST

START_TEST(rate_is_never_negative_or_infinite)
{
	struct message_counters small = {.packets = 1, .bytes = 1, .dropped = 1};
	struct message_counters large = {.packets = UINT64_MAX, .bytes = UINT64_MAX, .dropped = UINT64_MAX};
	struct rate rate = rate_between(&large, &small, 1);

	ck_assert_double_eq(rate.packets, 0);
	ck_assert_double_eq(rate.bytes, 0);
	rate = rate_between(&small, &large, 0);
	ck_assert_double_eq(rate.packets, 0);
	rate = rate_between(&small, &large, 1);
	ck_assert(isfinite(rate.packets) && rate.packets > 1e19);
}
END_TEST

static const struct {
	double value;
	const char *text;
} numbers[] = {
	{0, "0"}, {0.004, "0"}, {0.005001, "0.01"}, {0.25, "0.25"}, {1, "1"}, {1.5, "1.50"}, {9.99, "9.99"}, {9.996, "10.0"}, {10, "10"},
	{12.34, "12.3"}, {99.94, "99.9"}, {99.96, "100"}, {100, "100"}, {999, "999"}, {999.4, "999"}, {999.5, "1.00k"},
	{1000, "1.00k"}, {1234, "1.23k"}, {12345, "12.3k"}, {123456, "123k"}, {999499, "999k"}, {999500, "1.00M"}, {1.5e9, "1.50G"},
	{2e12, "2.00T"}, {1.8446744073709552e19, "18.4E"}, {9.999e20, ">999E"}, {1e300, ">999E"}, {HUGE_VAL, ">999E"}, {-1, "-"},
	{(double)NAN, "-"},
};

START_TEST(numbers_have_three_digits)
{
	char text[RATE_TEXT_SIZE];

	rate_format(numbers[_i].value, text);
	ck_assert_str_eq(text, numbers[_i].text);
	/* The view's columns are made for five. */
	ck_assert_uint_le(strlen(text), 5);
}
END_TEST

START_TEST(graph_has_the_newest_at_the_right)
{
	static struct graph g;
	char text[GRAPH_TEXT_SIZE];

	graph_draw(&g, 4, 0, false, text);
	ck_assert_str_eq(text, "    ");
	graph_add(&g, 0);
	graph_add(&g, 8);
	graph_add(&g, (double)NAN);
	graph_add(&g, 4);
	graph_draw(&g, 6, 8, false, text);
	ck_assert_str_eq(text, "  .# =");
	graph_draw(&g, 2, 8, false, text);
	ck_assert_str_eq(text, " =");
	graph_draw(&g, 6, 8, true, text);
	ck_assert_str_eq(text, "  \xc2\xb7\xe2\x96\x88 \xe2\x96\x84");
	ck_assert_int_eq(text_width(text), 6);
	graph_draw(&g, 0, 8, true, text);
	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(graph_shows_the_least_value_and_cuts_the_greatest)
{
	static struct graph g;
	char text[GRAPH_TEXT_SIZE];

	graph_add(&g, 1e-9);
	graph_add(&g, 1e9);
	graph_add(&g, HUGE_VAL);
	graph_draw(&g, 3, 1000, false, text);
	ck_assert_str_eq(text, "_##");
	/* Every height from the least to the greatest is used. */
	for (unsigned i = 0; i <= 8; i++) {
		graph_add(&g, i);
	}
	graph_draw(&g, 9, 8, false, text);
	ck_assert_str_eq(text, "._-~=+*%#");
}
END_TEST

START_TEST(graph_forgets_what_is_old)
{
	static struct graph g;
	char text[GRAPH_TEXT_SIZE];

	graph_add(&g, 1000);
	ck_assert_double_eq(graph_peak(&g, 10), 1000);
	for (unsigned i = 0; i < GRAPH_VALUES_MAX; i++) {
		graph_add(&g, i % 7);
	}
	ck_assert_double_eq(graph_peak(&g, GRAPH_VALUES_MAX), 6);
	ck_assert_double_eq(graph_peak(&g, 1), (GRAPH_VALUES_MAX - 1) % 7);
	ck_assert_double_eq(graph_peak(&g, 0), 0);
	/* Wider than the history: no more than it holds, and within its room. */
	graph_draw(&g, 10 * GRAPH_VALUES_MAX, 6, true, text);
	ck_assert_int_eq(text_width(text), GRAPH_VALUES_MAX);
	ck_assert_uint_lt(strlen(text), GRAPH_TEXT_SIZE);
}
END_TEST

START_TEST(text_of_strangers_is_escaped_and_cut)
{
	char cell[32] = "a ";

	text_append_safe(cell, sizeof(cell), "\x1b[2J\xc3\xa9\xff");
	ck_assert_str_eq(cell, "a \\x1b[2J\xc3\xa9\\xff");
	ck_assert_int_eq(text_width("\xc3\xa9\xe2\x96\x88x"), 3);
	for (unsigned i = 0; i < 100; i++) {
		text_append_safe(cell, sizeof(cell), "\x1b");
	}
	ck_assert_uint_lt(strlen(cell), sizeof(cell));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tc = tcase_create("watch");

	tcase_add_test(tc, rate_is_growth_by_time);
	tcase_add_test(tc, rate_is_never_negative_or_infinite);
	tcase_add_loop_test(tc, numbers_have_three_digits, 0, sizeof(numbers) / sizeof(numbers[0]));
	tcase_add_test(tc, graph_has_the_newest_at_the_right);
	tcase_add_test(tc, graph_shows_the_least_value_and_cuts_the_greatest);
	tcase_add_test(tc, graph_forgets_what_is_old);
	tcase_add_test(tc, text_of_strangers_is_escaped_and_cut);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
