/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-shim-io.c - reading and writing a device, against a kernel that answers what each case says: what the program gets, which
 * errno, and how many calls it cost.
 */
#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "fake-os.h"
#include "protocol/page.h"
#include "shim/real.h"
#include "tests/unit/suite.h"

#define NUMBER 40
#define OTHER_NUMBER 41

static uint8_t buffer[4096];

static void
one_world(void)
{
	fdtable_set(NUMBER, FDTABLE_OTHER);
	fake_os_reset();
	memset(buffer, 0, sizeof(buffer));
	errno = 0;
}

static void
expect_refusal(ssize_t result, int error)
{
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, error);
}

START_TEST(a_number_that_is_no_device_costs_the_call_alone)
{
	struct iovec iov = {.iov_base = buffer, .iov_len = 10};

	fake_device(NUMBER, DEVICE_TAP, false, false, 1500);
	fake_os.up = false;
	fake_os.packet_bytes = 5;
	ck_assert_int_eq(shim_read(OTHER_NUMBER, buffer, 10), 5);
	ck_assert_int_eq(shim_write(OTHER_NUMBER, buffer, 4000), 4000);
	ck_assert_int_eq(shim_readv(OTHER_NUMBER, &iov, 1), 5);
	ck_assert_int_eq(shim_writev(OTHER_NUMBER, &iov, 1), 10);
	ck_assert_int_eq(shim_read(-1, buffer, 0), 0);
	ck_assert_uint_eq(fake_os.real_calls, 5);
	ck_assert_uint_eq(fake_os.questions, 0);
	ck_assert_int_eq(errno, 0);
}
END_TEST

START_TEST(the_plain_path_costs_the_call_alone)
{
	struct iovec iov[2] = {{.iov_base = buffer, .iov_len = 10}, {.iov_base = buffer + 10, .iov_len = 1504}};

	fake_device(NUMBER, _i == 0 ? DEVICE_TAP : DEVICE_TUN, true, false, 1500);
	fake_os.packet_bytes = 1000;
	ck_assert_int_eq(shim_read(NUMBER, buffer, sizeof(buffer)), 1000);
	ck_assert_int_eq(shim_readv(NUMBER, iov, 2), 1000);
	ck_assert_int_eq(shim_write(NUMBER, buffer, 1500), 1500);
	ck_assert_int_eq(shim_write(NUMBER, buffer, 1), 1); /* too short: the driver's to say */
	ck_assert_uint_eq(fake_os.real_calls, 4);
	if (_i == 0) {
		ck_assert_int_eq(shim_writev(NUMBER, iov, 2), 1514);
	}
	ck_assert_uint_eq(fake_os.questions, 0);
	ck_assert_int_eq(errno, 0);
}
END_TEST

/* A call with an offset: _i says which. */
static ssize_t
with_offset(int call, int fd, size_t size, off_t offset)
{
	struct iovec iov = {.iov_base = buffer, .iov_len = size};

	switch (call) {
	case 0:
		return shim_pread(fd, buffer, size, offset);
	case 1:
		return shim_preadv(fd, &iov, 1, offset);
	case 2:
		return shim_pwrite(fd, buffer, size, offset);
	default:
		return shim_pwritev(fd, &iov, 1, offset);
	}
}

START_TEST(an_offset_costs_nothing_more)
{
	fake_os.packet_bytes = 100;
	ck_assert_int_eq(with_offset(_i, OTHER_NUMBER, 100, 7), 100);
	fake_device(NUMBER, DEVICE_TAP, true, false, 1500);
	ck_assert_int_eq(with_offset(_i, NUMBER, 100, 1000), 100);
	ck_assert_int_eq(fake_os.offset, 1000);
	ck_assert_uint_eq(fake_os.real_calls, 2);
	ck_assert_uint_eq(fake_os.questions, 0);
	ck_assert_int_eq(errno, 0);
}
END_TEST

START_TEST(an_offset_changes_no_refusal)
{
	fake_device(NUMBER, DEVICE_TAP, false, false, 1500);
	fake_os.up = false;
	expect_refusal(with_offset(_i, NUMBER, 100, 5), EIO);
	ck_assert_uint_eq(fake_os.drains, _i < 2 ? 1 : 0);
	ck_assert_uint_eq(fake_os.real_calls, 0);
	fake_os.up = true;
	if (_i >= 2) {
		expect_refusal(with_offset(_i, NUMBER, 2000, 5), EMSGSIZE);
		expect_refusal(with_offset(_i, NUMBER, 0, 5), EINVAL);
		ck_assert_uint_eq(fake_os.real_calls, 0);
	}
	/* A negative one is the kernel's to refuse. */
	fake_os.error = EINVAL;
	expect_refusal(with_offset(_i, NUMBER, 100, -1), EINVAL);
	ck_assert_uint_eq(fake_os.real_calls, 1);
	ck_assert_int_eq(fake_os.offset, -1);
}
END_TEST

START_TEST(a_stale_number_keeps_its_offset)
{
	fake_device(NUMBER, DEVICE_TAP, false, false, 1500);
	fake_os.device = OS_OTHER;
	fake_os.up = false;
	fake_os.packet_bytes = 50;
	ck_assert_int_eq(with_offset(_i, NUMBER, 50, 33), 50);
	ck_assert_int_eq(fake_os.offset, 33);
	ck_assert_uint_eq(fdtable_get(NUMBER), FDTABLE_OTHER);
	ck_assert_uint_eq(fake_os.real_calls, 1);
}
END_TEST

START_TEST(what_is_no_refusal_of_the_interface_passes_without_a_question)
{
	static const int errors[] = {EAGAIN, EINTR, EIO};

	fake_device(NUMBER, DEVICE_TAP, true, false, 1500);
	fake_os.up = false;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_os.error = errors[i];
		expect_refusal(shim_read(NUMBER, buffer, 100), errors[i]);
		expect_refusal(shim_write(NUMBER, buffer, 100), errors[i]);
	}
	ck_assert_uint_eq(fake_os.questions, 0);
}
END_TEST

START_TEST(reading_while_down_is_eio_and_empties_the_queue)
{
	struct iovec iov = {.iov_base = buffer, .iov_len = 100};

	fake_device(NUMBER, DEVICE_TUN, false, _i != 0, 1500);
	fake_os.up = false;
	expect_refusal(shim_read(NUMBER, buffer, 100), EIO);
	expect_refusal(shim_readv(NUMBER, &iov, 1), EIO);
	ck_assert_uint_eq(fake_os.drains, 2);
	ck_assert_uint_eq(fake_os.real_calls, 0);
	ck_assert_int_eq(shim_read(NUMBER, buffer, 0), 0);
	ck_assert_uint_eq(fake_os.drains, 2);
}
END_TEST

START_TEST(the_kernel_is_believed_where_the_page_lags)
{
	fake_device(NUMBER, DEVICE_TAP, false, false, 1500);
	fake_os.packet_bytes = 60;
	ck_assert_int_eq(shim_read(NUMBER, buffer, 100), 60); /* page: down; kernel: up */
	ck_assert_uint_eq(fake_os.drains, 0);
	fake_device(NUMBER, DEVICE_TAP, true, false, 1500);
	fake_os.mtu = 3000;
	ck_assert_int_eq(shim_write(NUMBER, buffer, 3014), 3014); /* page: MTU 1500; kernel: 3000 */
	expect_refusal(shim_write(NUMBER, buffer, 3015), EMSGSIZE);
}
END_TEST

START_TEST(a_page_that_nobody_writes_is_not_believed)
{
	fake_device(NUMBER, DEVICE_TAP, true, false, 9000);
	fake_page_byte(offsetof(struct state_page, unwatched), 1);
	fake_os.up = false;
	expect_refusal(shim_read(NUMBER, buffer, 100), EIO);
	expect_refusal(shim_write(NUMBER, buffer, 2000), EIO);
	fake_os.up = true;
	fake_os.packet_bytes = 60;
	ck_assert_int_eq(shim_read(NUMBER, buffer, 100), 60);
	expect_refusal(shim_write(NUMBER, buffer, 1515), EMSGSIZE);
	ck_assert_int_eq(shim_write(NUMBER, buffer, 1514), 1514);
}
END_TEST

START_TEST(header_mode_holds_on_a_page_that_nobody_writes)
{
	fake_device(NUMBER, DEVICE_TUN, true, true, 1500);
	fake_page_byte(offsetof(struct state_page, unwatched), 1);
	fake_os.packet[0] = 0x45;
	fake_os.packet_bytes = 20;
	ck_assert_int_eq(shim_read(NUMBER, buffer, 100), 24);
	ck_assert_mem_eq(buffer, "\0\0\0\2\x45", 5);
}
END_TEST

START_TEST(a_page_of_a_later_open_is_not_believed)
{
	fdtable_held old = fake_device(NUMBER, DEVICE_TAP, false, false, 1500);

	fake_device(NUMBER, DEVICE_TAP, true, true, 9000);
	fdtable_set(NUMBER, old);
	fake_os.device = OS_GONE;
	fake_os.up = false;
	expect_refusal(shim_read(NUMBER, buffer, 100), EIO);
	expect_refusal(shim_write(NUMBER, buffer, 100), EIO);
	ck_assert_uint_eq(fake_os.real_calls, 0);
}
END_TEST

static const struct oversize {
	uint8_t kind;
	size_t bytes;
	bool tagged;
	bool fits;
} oversizes[] = {
	{DEVICE_TAP, 1514, false, true},
	{DEVICE_TAP, 1515, false, false},
	{DEVICE_TAP, 1518, false, false},
	{DEVICE_TAP, 1515, true, true},
	{DEVICE_TAP, 1518, true, true},
	{DEVICE_TAP, 1519, true, false},
	{DEVICE_TAP, 4000, true, false},
	{DEVICE_TUN, 1500, false, true},
	{DEVICE_TUN, 1501, false, false},
	{DEVICE_TUN, 1504, true, false},
};

START_TEST(what_is_longer_than_the_mtu_is_refused_whole)
{
	const struct oversize *row = &oversizes[_i];
	struct iovec iov[3] = {
		{.iov_base = buffer, .iov_len = 13}, /* the tag lies across two parts */
		{.iov_base = buffer + 13, .iov_len = 0},
		{.iov_base = buffer + 13, .iov_len = row->bytes - 13},
	};

	fake_device(NUMBER, row->kind, true, false, 1500);
	if (row->tagged) {
		buffer[12] = 0x81;
	}
	for (int vector = 0; vector < 2; vector++) {
		ssize_t n = vector ? shim_writev(NUMBER, iov, 3) : shim_write(NUMBER, buffer, row->bytes);

		if (row->fits) {
			ck_assert_int_eq(n, (ssize_t)row->bytes);
			ck_assert_uint_eq(fake_os.written_bytes, row->bytes);
		} else {
			expect_refusal(n, EMSGSIZE);
			ck_assert_uint_eq(fake_os.real_calls, 0);
		}
	}
	if (!row->fits) {
		fake_os.up = false;
		expect_refusal(shim_write(NUMBER, buffer, row->bytes), EIO); /* before any other error */
		fake_os.interface_unknown = true;
		expect_refusal(shim_write(NUMBER, buffer, row->bytes), EIO);
	}
}
END_TEST

START_TEST(writing_nothing_is_einval_and_eio_while_down)
{
	struct iovec iov[2] = {{.iov_base = buffer}, {.iov_base = buffer}};

	fake_device(NUMBER, DEVICE_TAP, true, false, 1500);
	expect_refusal(shim_write(NUMBER, buffer, 0), EINVAL);
	expect_refusal(shim_writev(NUMBER, iov, 2), EINVAL);
	expect_refusal(shim_writev(NUMBER, iov, 0), EINVAL);
	fake_os.up = false;
	expect_refusal(shim_write(NUMBER, buffer, 0), EIO);
	expect_refusal(shim_writev(NUMBER, iov, 2), EIO);
	ck_assert_uint_eq(fake_os.real_calls, 0);
}
END_TEST

START_TEST(an_error_of_the_kernel_is_eio_only_while_down)
{
	static const int errors[] = {EINVAL, EFAULT, ENOMEM};

	fake_device(NUMBER, DEVICE_TAP, true, false, 1500);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_os.error = errors[i];
		fake_os.up = true;
		expect_refusal(shim_write(NUMBER, buffer, 13), errors[i]);
		fake_os.up = false;
		expect_refusal(shim_write(NUMBER, buffer, 13), EIO);
	}
	fake_os.error = EBADFD;
	expect_refusal(shim_read(NUMBER, buffer, 100), EIO); /* the interface went away under the call */
}
END_TEST

/* The number is another file now, which a raw system call made it: every call must be the other file's, at once. */
START_TEST(a_stale_entry_is_harmless)
{
	struct iovec iov = {.iov_base = buffer, .iov_len = 3000};
	bool header = (_i & 1) != 0, up = (_i & 2) != 0;
	uint8_t kind = (_i & 4) != 0 ? DEVICE_TAP : DEVICE_TUN;

	for (int call = 0; call < 6; call++) {
		ssize_t n = -1, expected = 0;

		fake_os_reset();
		fake_os.device = OS_OTHER;
		fake_os.up = false;
		fake_os.packet_bytes = 2000;
		fake_device(NUMBER, kind, up, header, 1500);
		switch (call) {
		case 0:
			n = shim_read(NUMBER, buffer, 3000);
			expected = 2000;
			break;
		case 1:
			n = shim_readv(NUMBER, &iov, 1);
			expected = 2000;
			break;
		case 2:
			n = shim_read(NUMBER, buffer, 0);
			break;
		case 3:
			n = shim_write(NUMBER, buffer, 3000);
			expected = 3000;
			break;
		case 4:
			n = shim_writev(NUMBER, &iov, 1);
			expected = 3000;
			break;
		case 5:
			n = shim_write(NUMBER, buffer, 0);
			break;
		}
		ck_assert_msg(n == expected, "call %d gives %zd", call, n);
		ck_assert_uint_eq(fake_os.real_calls, 1);
		ck_assert_uint_eq(fake_os.drains, 0);
		if (call == 3) {
			ck_assert_uint_eq(fdtable_get(NUMBER), FDTABLE_OTHER);
		}
	}
}
END_TEST

/* What the contract says of a read in header mode: the first bytes of header and packet together. */
START_TEST(a_header_is_put_before_what_is_read)
{
	static const uint8_t versions[] = {0x45, 0x60, 0x00};
	static const char *const headers[] = {"\0\0\0\2", "\0\0\0\12", "\0\0\0\0"}; /* AF_INET6 is 10 on Linux */
	const size_t packet_bytes = 30;
	uint8_t whole[34];

	fake_device(NUMBER, DEVICE_TUN, true, true, 1500);
	for (size_t version = 0; version < 3; version++) {
		for (size_t i = 0; i < packet_bytes; i++) {
			fake_os.packet[i] = (uint8_t)(i * 7 + 1);
		}
		fake_os.packet[0] = versions[version];
		fake_os.packet_bytes = packet_bytes;
		memcpy(whole, headers[version], 4);
		memcpy(whole + 4, fake_os.packet, packet_bytes);
		for (size_t room = 1; room <= 40; room++) {
			size_t expected = room < sizeof(whole) ? room : sizeof(whole);

			memset(buffer, 0xee, sizeof(buffer));
			ck_assert_int_eq(shim_read(NUMBER, buffer, room), (ssize_t)expected);
			ck_assert_mem_eq(buffer, whole, expected);
			ck_assert_uint_eq(buffer[expected], 0xee);
			/* The same in parts of every size, so in many parts, too. */
			for (size_t part = 1; part <= room; part++) {
				struct iovec iov[40];
				int count = 0;

				for (size_t start = 0; start < room; start += part) {
					iov[count++] = (struct iovec){
						.iov_base = buffer + start,
						.iov_len = room - start < part ? room - start : part,
					};
				}
				memset(buffer, 0xee, sizeof(buffer));
				ck_assert_int_eq(shim_readv(NUMBER, iov, count), (ssize_t)expected);
				ck_assert_mem_eq(buffer, whole, expected);
				ck_assert_uint_eq(buffer[expected], 0xee);
			}
		}
	}
	fake_os.error = EAGAIN;
	expect_refusal(shim_read(NUMBER, buffer, 100), EAGAIN);
}
END_TEST

static const struct written {
	const char *data;
	size_t bytes;
	int error;
} written[] = {
	{"\0\0\0\2\x45", 5, 0},
	{"\0\0\0\2\x45packet that is longer", 26, 0},
	{"\0\0\0\12\x60", 5, 0},
	{"\0\0\0\12\x45", 5, EINVAL},
	{"\0\0\0\2\x60", 5, EINVAL},
	{"\0\0\0\2\x00", 5, EINVAL},
	{"\0\0\0\x1e\x60", 5, EAFNOSUPPORT}, /* macOS's */
	{"\2\0\0\0\x45", 5, EAFNOSUPPORT},   /* the wrong byte order */
	{"\0\0\0\0\x45", 5, EAFNOSUPPORT},
	{"\0\0\0\2", 4, EINVAL},
	{"\0\0\0\2", 3, EINVAL},
	{"", 0, EINVAL},
};

START_TEST(a_header_is_checked_and_taken_from_what_is_written)
{
	const struct written *row = &written[_i];
	struct iovec iov[30];
	int count = 0;

	fake_device(NUMBER, DEVICE_TUN, true, true, 1500);
	memcpy(buffer, row->data, row->bytes);
	for (size_t i = 0; i < row->bytes; i++) {
		iov[count++] = (struct iovec){.iov_base = buffer + i, .iov_len = 1};
	}
	for (int vector = 0; vector < 2; vector++) {
		ssize_t n = vector ? shim_writev(NUMBER, iov, count) : shim_write(NUMBER, buffer, row->bytes);

		if (row->error == 0) {
			ck_assert_int_eq(n, (ssize_t)row->bytes);
			ck_assert_uint_eq(fake_os.written_bytes, row->bytes - 4);
			ck_assert_mem_eq(fake_os.written, row->data + 4, row->bytes - 4);
		} else {
			expect_refusal(n, row->error);
			ck_assert_uint_eq(fake_os.real_calls, 0);
		}
	}
	fake_os.up = false;
	fake_os.error = row->error == 0 ? EIO : 0; /* the driver's own word, of what reaches it */
	expect_refusal(shim_write(NUMBER, buffer, row->bytes), EIO);
}
END_TEST

/* Whether the number is the device still, and nothing else. */
START_TEST(a_header_or_a_tag_costs_one_question)
{
	fake_device(NUMBER, DEVICE_TUN, true, true, 1500);
	memcpy(buffer, "\0\0\0\2\x45", 5);
	fake_os.packet_bytes = 20;
	ck_assert_int_eq(shim_write(NUMBER, buffer, 1504), 1504);
	ck_assert_uint_eq(fake_os.questions, 1);
	ck_assert_int_eq(shim_read(NUMBER, buffer, 100), 24);
	ck_assert_uint_eq(fake_os.questions, 2);
	fake_device(NUMBER, DEVICE_TAP, true, false, 1500);
	buffer[12] = 0x81;
	buffer[13] = 0x00;
	ck_assert_int_eq(shim_write(NUMBER, buffer, 1518), 1518);
	ck_assert_uint_eq(fake_os.questions, 3);
	ck_assert_uint_eq(fake_os.real_calls, 3);
}
END_TEST

/* A namespace has interfaces of its own, with the same names. */
START_TEST(another_namespace_s_interface_is_not_asked)
{
	fake_device(NUMBER, DEVICE_TAP, true, false, 1500);
	fake_page_byte(offsetof(struct state_page, netns), 5);
	fake_os.netns = 6;
	fake_os.stranger = true;
	expect_refusal(shim_write(NUMBER, buffer, 1515), EMSGSIZE);
	expect_refusal(shim_write(NUMBER, buffer, 0), EINVAL);
	fake_page_byte(offsetof(struct state_page, up), 0);
	ck_assert_int_eq(shim_write(NUMBER, buffer, 1514), 1514); /* the page lags: the descriptor says that it is up */
	fake_os.up = false;
	expect_refusal(shim_write(NUMBER, buffer, 1514), EIO);
	expect_refusal(shim_read(NUMBER, buffer, 100), EIO);
}
END_TEST

START_TEST(without_a_page_the_descriptor_says_what_is_up)
{
	fdtable_held held = fake_device(NUMBER, DEVICE_TAP, true, false, 1500);

	fdtable_set(NUMBER, fdtable_pack(fdtable_id(held), fdtable_place(held), FDTABLE_OPEN_NONE));
	fake_os.packet_bytes = 60;
	ck_assert_int_eq(shim_read(NUMBER, buffer, 100), 60);
	ck_assert_int_eq(shim_write(NUMBER, buffer, 1514), 1514);
	expect_refusal(shim_write(NUMBER, buffer, 1515), EMSGSIZE);
	fake_os.stranger = true;
	ck_assert_int_eq(shim_write(NUMBER, buffer, 1514), 1514);
	fake_os.up = false;
	expect_refusal(shim_write(NUMBER, buffer, 1514), EIO);
	expect_refusal(shim_read(NUMBER, buffer, 100), EIO);
}
END_TEST

START_TEST(the_header_does_not_count_as_packet)
{
	memcpy(buffer, "\0\0\0\2\x45", 5);
	fake_device(NUMBER, DEVICE_TUN, true, true, 1500);
	ck_assert_int_eq(shim_write(NUMBER, buffer, 1504), 1504);
	expect_refusal(shim_write(NUMBER, buffer, 1505), EMSGSIZE);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shim-io");
	TCase *tcase = tcase_create("io");

	tcase_add_checked_fixture(tcase, one_world, NULL);
	tcase_add_test(tcase, a_number_that_is_no_device_costs_the_call_alone);
	tcase_add_loop_test(tcase, the_plain_path_costs_the_call_alone, 0, 2);
	tcase_add_loop_test(tcase, an_offset_costs_nothing_more, 0, 4);
	tcase_add_loop_test(tcase, an_offset_changes_no_refusal, 0, 4);
	tcase_add_loop_test(tcase, a_stale_number_keeps_its_offset, 0, 4);
	tcase_add_test(tcase, what_is_no_refusal_of_the_interface_passes_without_a_question);
	tcase_add_loop_test(tcase, reading_while_down_is_eio_and_empties_the_queue, 0, 2);
	tcase_add_test(tcase, the_kernel_is_believed_where_the_page_lags);
	tcase_add_test(tcase, a_page_that_nobody_writes_is_not_believed);
	tcase_add_test(tcase, header_mode_holds_on_a_page_that_nobody_writes);
	tcase_add_test(tcase, a_page_of_a_later_open_is_not_believed);
	tcase_add_loop_test(tcase, what_is_longer_than_the_mtu_is_refused_whole, 0, sizeof(oversizes) / sizeof(oversizes[0]));
	tcase_add_test(tcase, writing_nothing_is_einval_and_eio_while_down);
	tcase_add_test(tcase, an_error_of_the_kernel_is_eio_only_while_down);
	tcase_add_loop_test(tcase, a_stale_entry_is_harmless, 0, 8);
	tcase_add_test(tcase, a_header_is_put_before_what_is_read);
	tcase_add_loop_test(tcase, a_header_is_checked_and_taken_from_what_is_written, 0, sizeof(written) / sizeof(written[0]));
	tcase_add_test(tcase, a_header_or_a_tag_costs_one_question);
	tcase_add_test(tcase, another_namespace_s_interface_is_not_asked);
	tcase_add_test(tcase, without_a_page_the_descriptor_says_what_is_up);
	tcase_add_test(tcase, the_header_does_not_count_as_packet);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
