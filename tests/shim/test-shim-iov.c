/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-shim-iov.c - vectors: sums, skipping, copying out and in, over every way to cut a short buffer in parts.
 */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include "shim/iov.h"
#include "tests/unit/suite.h"

#define BYTES 7
#define PARTS_MAX (2 * BYTES)

/*
 * Cut number n of a buffer: bit i of n cuts after byte i, and bit BYTES + i puts an empty part there.  Returns how many parts.
 */
static int
cut(unsigned n, char *data, struct iovec *iov)
{
	int count = 0;
	size_t start = 0;

	for (size_t i = 0; i < BYTES; i++) {
		if (i == BYTES - 1 || (n >> i & 1) != 0) {
			iov[count++] = (struct iovec){.iov_base = data + start, .iov_len = i + 1 - start};
			start = i + 1;
			if ((n >> (BYTES + i) & 1) != 0) {
				iov[count++] = (struct iovec){.iov_base = NULL, .iov_len = 0};
			}
		}
	}
	return count;
}

START_TEST(every_cut_sums_skips_and_copies)
{
	for (unsigned n = 0; n < 1u << (2 * BYTES); n++) {
		char data[BYTES + 1] = "abcdefg", out[BYTES + 1] = "", changed[BYTES + 1];
		struct iovec iov[PARTS_MAX], rest[PARTS_MAX];
		int count = cut(n, data, iov);

		ck_assert_uint_eq(iov_bytes(iov, count), BYTES);
		for (size_t skip = 0; skip <= BYTES + 1; skip++) {
			size_t left = skip < BYTES ? BYTES - skip : 0;
			int rest_count = iov_skip(iov, count, skip, rest);

			ck_assert_int_le(rest_count, count);
			ck_assert_uint_eq(iov_bytes(rest, rest_count), left);
			ck_assert_uint_eq(iov_peek(rest, rest_count, out, sizeof(out)), left);
			ck_assert_msg(memcmp(out, data + BYTES - left, left) == 0, "cut %u skip %zu", n, skip);
		}
		for (size_t size = 0; size <= BYTES; size++) {
			memcpy(changed, "ABCDEFG", size);
			memcpy(changed + size, &"abcdefg"[size], sizeof(changed) - size);
			memcpy(data, "abcdefg", sizeof(data));
			ck_assert_uint_eq(iov_poke(iov, count, "ABCDEFG", size), size);
			ck_assert_str_eq(data, changed);
		}
		ck_assert_uint_eq(iov_poke(iov, count, "0123456789", 10), BYTES);
		ck_assert_str_eq(data, "0123456");
	}
}
END_TEST

START_TEST(a_sum_that_does_not_fit_is_the_largest_size)
{
	struct iovec iov[] = {{.iov_len = SIZE_MAX - 1}, {.iov_len = 1}, {.iov_len = 1}};

	ck_assert_uint_eq(iov_bytes(iov, 2), SIZE_MAX);
	ck_assert_uint_eq(iov_bytes(iov, 3), SIZE_MAX);
	ck_assert_uint_eq(iov_bytes(iov, 0), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shim-iov");
	TCase *tcase = tcase_create("iov");

	tcase_set_timeout(tcase, 60); /* many cuts, on a busy machine */
	tcase_add_test(tcase, every_cut_sums_skips_and_copies);
	tcase_add_test(tcase, a_sum_that_does_not_fit_is_the_largest_size);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
