/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-shim-channel.c - suite "shim-channel": a relayed channel, of a tap and of a tun.  The relay's end is a socket here.
 */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake-os.h"
#include "protocol/page.h"
#include "shim/channel.h"
#include "shim/real.h"
#include "tests/unit/suite.h"

#define MTU 1500

static int ends[2]; /* the program's, the relay's */
static fdtable_held held;
static uint8_t packet[MTU + 100];

static void
a_device(uint8_t kind, bool up, bool header_mode)
{
	fake_os_reset();
	fake_os.socket = true;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	held = fake_device(ends[0], kind, up, header_mode, MTU);
	memset(packet, 0x45, sizeof(packet));
}

static void
a_tun_that_is_up(void)
{
	a_device(DEVICE_TUN, true, false);
}

static void
its_end(void)
{
	fdtable_set(ends[0], FDTABLE_UNKNOWN);
	close(ends[0]);
	close(ends[1]);
}

static void
in_place_of_it(uint8_t kind, bool up, bool header_mode)
{
	its_end();
	a_device(kind, up, header_mode);
}

static void
relay_sends(uint8_t first, size_t bytes)
{
	packet[0] = first;
	ck_assert_int_eq(send(ends[1], packet, bytes, 0), (ssize_t)bytes);
}

/* The next datagram is of so many bytes, and that is all. */
static void
relay_has(uint8_t first, size_t bytes)
{
	uint8_t data[sizeof(packet) + 1];

	ck_assert_int_eq(recv(ends[1], data, sizeof(data), 0), (ssize_t)bytes);
	ck_assert_uint_eq(data[0], first);
	ck_assert_int_eq(recv(ends[1], data, sizeof(data), 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

static void
relay_has_nothing(void)
{
	uint8_t byte;

	ck_assert_int_eq(recv(ends[1], &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

static void
write_fails(size_t bytes, int error)
{
	ck_assert_int_eq(shim_write(ends[0], packet, bytes), -1);
	ck_assert_int_eq(errno, error);
	relay_has_nothing();
}

START_TEST(packets_are_bare)
{
	uint8_t data[200] = {0};

	relay_sends(0x45, 60);
	ck_assert_int_eq(shim_read(ends[0], data, sizeof(data)), 60);
	ck_assert_uint_eq(data[0], 0x45);
	ck_assert_int_eq(shim_write(ends[0], packet, 1), 1);
	relay_has(0x45, 1);
	packet[0] = 0x60;
	ck_assert_int_eq(shim_write(ends[0], packet, MTU), MTU);
	relay_has(0x60, MTU);
	ck_assert_uint_eq(fake_os.questions, 0); /* the plain path asks nobody */
	ck_assert_uint_eq(fake_os.real_calls, 0);
}
END_TEST

START_TEST(of_a_tun_what_is_no_ip_packet_is_refused)
{
	write_fails(0, EINVAL);
	write_fails(MTU + 1, EMSGSIZE);
	for (unsigned version = 0; version < 16; version++) {
		packet[0] = (uint8_t)(version << 4 | 5);
		if (version != 4 && version != 6) {
			write_fails(60, EINVAL);
		}
	}
}
END_TEST

START_TEST(of_a_tap_what_is_no_frame_is_refused)
{
	in_place_of_it(DEVICE_TAP, true, false);
	packet[0] = 0; /* no version counts */
	write_fails(0, EINVAL);
	write_fails(13, EINVAL);
	write_fails(MTU + 15, EMSGSIZE);
	ck_assert_int_eq(shim_write(ends[0], packet, 14), 14);
	relay_has(0, 14);
	packet[12] = 0x81;
	packet[13] = 0x00;
	write_fails(MTU + 19, EMSGSIZE);
	fake_os.questions = 0;
	ck_assert_int_eq(shim_write(ends[0], packet, MTU + 18), MTU + 18);
	relay_has(0, MTU + 18);
	ck_assert_uint_eq(fake_os.questions, 0);
}
END_TEST

START_TEST(the_header_is_put_on_and_taken_off)
{
	static const uint8_t v4[5] = {0, 0, 0, AF_INET, 0x45}, v6[5] = {0, 0, 0, AF_INET6, 0x60};
	uint8_t data[200] = {0};

	in_place_of_it(DEVICE_TUN, true, true);
	relay_sends(0x45, 60);
	ck_assert_int_eq(shim_read(ends[0], data, sizeof(data)), 64);
	ck_assert_mem_eq(data, v4, 5);
	ck_assert_int_eq(shim_write(ends[0], data, 64), 64);
	relay_has(0x45, 60);
	relay_sends(0x60, 60);
	ck_assert_int_eq(shim_read(ends[0], data, sizeof(data)), 64);
	ck_assert_mem_eq(data, v6, 5);
	ck_assert_int_eq(shim_write(ends[0], data, 64), 64);
	relay_has(0x60, 60);
	ck_assert_uint_eq(fake_os.questions, 0);
	memcpy(packet, v4, 5);
	ck_assert_int_eq(shim_write(ends[0], packet, MTU + 4), MTU + 4);
	relay_has(0x45, MTU);
	write_fails(MTU + 5, EMSGSIZE);
	write_fails(4, EINVAL);
	packet[3] = AF_INET6; /* not what the packet is */
	write_fails(64, EINVAL);
	packet[3] = 77;
	write_fails(64, EAFNOSUPPORT);
}
END_TEST

START_TEST(a_short_buffer_gets_the_header_first)
{
	static const uint8_t wanted[6] = {0, 0, 0, AF_INET6, 0x60, 0x45};
	uint8_t data[8];

	in_place_of_it(DEVICE_TUN, true, true);
	for (size_t size = 1; size <= 6; size++) {
		relay_sends(0x60, 60);
		memset(data, 0xee, sizeof(data));
		ck_assert_int_eq(shim_read(ends[0], data, size), (ssize_t)size);
		ck_assert_mem_eq(data, wanted, size);
		ck_assert_uint_eq(data[size], 0xee);
	}
	/* The rest of each is gone. */
	ck_assert_int_eq(shim_read(ends[0], data, sizeof(data)), -1);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

/* Vectors of few parts, of many, and of as many as there can be. */
static const int part_counts[] = {1, 2, 8, 9, 300, IOV_MAX};

START_TEST(a_vector_with_a_header_is_one_packet)
{
	int count = part_counts[_i];
	uint8_t data[4 + 1200] = {0}, *at = data;
	struct iovec iov[IOV_MAX];

	in_place_of_it(DEVICE_TUN, true, true);
	for (int i = 0; i < count; i++) {
		iov[i] = (struct iovec){.iov_base = at, .iov_len = i == count - 1 ? sizeof(data) - (size_t)(count - 1) : 1};
		at += iov[i].iov_len;
	}
	relay_sends(0x45, 1200);
	ck_assert_int_eq(shim_readv(ends[0], iov, count), 1204);
	ck_assert_mem_eq(data, ((uint8_t[]){0, 0, 0, AF_INET}), 4);
	ck_assert_mem_eq(data + 4, packet, 1200);
	ck_assert_int_eq(shim_writev(ends[0], iov, count), 1204);
	relay_has(0x45, 1200);
}
END_TEST

START_TEST(what_counts_is_the_mode_at_the_call)
{
	uint8_t data[200];

	for (int i = 0; i < 3; i++) {
		relay_sends(0x45, 60);
	}
	ck_assert_int_eq(shim_read(ends[0], data, sizeof(data)), 60);
	fake_page_byte(offsetof(struct state_page, header_mode), 1);
	ck_assert_int_eq(shim_read(ends[0], data, sizeof(data)), 64);
	fake_page_byte(offsetof(struct state_page, header_mode), 0);
	ck_assert_int_eq(shim_read(ends[0], data, sizeof(data)), 60);
}
END_TEST

START_TEST(while_down_all_is_eio_and_nothing_waits)
{
	in_place_of_it(_i < 2 ? DEVICE_TUN : DEVICE_TAP, false, _i == 1);
	fake_os.up = false;
	relay_sends(0x45, 60);
	ck_assert_int_eq(shim_read(ends[0], packet, sizeof(packet)), -1);
	ck_assert_int_eq(errno, EIO);
	write_fails(60, EIO);
	write_fails(sizeof(packet), EIO); /* before any other error */
	write_fails(0, EIO);
	ck_assert_int_eq(shim_read(ends[0], packet, 0), 0);
	fake_os.up = true;
	ck_assert_int_eq(shim_read(ends[0], packet, sizeof(packet)), -1);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

START_TEST(a_late_page_refuses_nothing)
{
	in_place_of_it(DEVICE_TUN, false, false); /* says the page; the kernel says up */
	ck_assert_int_eq(shim_write(ends[0], packet, 60), 60);
	relay_has(0x45, 60);
	fake_os.mtu = 9000;
	fake_page_byte(offsetof(struct state_page, up), 1);
	ck_assert_int_eq(shim_write(ends[0], packet, MTU + 1), MTU + 1);
	relay_has(0x45, MTU + 1);
}
END_TEST

START_TEST(the_end_is_eio)
{
	in_place_of_it(_i < 2 ? DEVICE_TUN : DEVICE_TAP, true, _i == 1);
	if (_i == 1) {
		/* With something unread at either end the kernel says that it was reset first, and what was queued next. */
		ck_assert_int_eq(send(ends[0], packet, 60, 0), 60);
		relay_sends(0x45, 60);
	}
	close(ends[1]);
	ends[1] = -1;
	if (_i == 1) {
		ck_assert_int_eq(shim_read(ends[0], packet, sizeof(packet)), 64);
		ck_assert_mem_eq(packet, ((uint8_t[]){0, 0, 0, AF_INET, 0x45}), 5);
	}
	ck_assert_int_eq(shim_read(ends[0], packet, sizeof(packet)), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(shim_write(ends[0], packet, 64), -1);
	ck_assert_int_eq(errno, EIO);
}
END_TEST

START_TEST(another_file_of_the_number_is_left_alone)
{
	fake_os.device = OS_OTHER;
	fake_os.packet_bytes = 3;
	ck_assert_int_eq(dup2(STDIN_FILENO, ends[0]), ends[0]);
	ck_assert_int_eq(shim_read(ends[0], packet, sizeof(packet)), 3);
	ck_assert_uint_eq(fdtable_get(ends[0]), FDTABLE_OTHER);
	fdtable_set(ends[0], held);
	ck_assert_int_eq(shim_write(ends[0], packet, 60), 60);
	ck_assert_uint_eq(fdtable_get(ends[0]), FDTABLE_OTHER);
	ck_assert_uint_eq(fake_os.written_bytes, 60);
}
END_TEST

START_TEST(the_next_size_is_the_program_s)
{
	int bytes = -1;

	fake_os.packet_bytes = 60;
	ck_assert_int_eq(shim_ioctl(ends[0], FIONREAD, &bytes), 0);
	ck_assert_int_eq(bytes, 60);
	fake_page_byte(offsetof(struct state_page, header_mode), 1);
	ck_assert_int_eq(shim_ioctl(ends[0], FIONREAD, &bytes), 0);
	ck_assert_int_eq(bytes, 64);
	fake_os.packet_bytes = 0;
	ck_assert_int_eq(shim_ioctl(ends[0], FIONREAD, &bytes), 0);
	ck_assert_int_eq(bytes, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shim-channel");
	TCase *tcase = tcase_create("channel");

	tcase_add_checked_fixture(tcase, a_tun_that_is_up, its_end);
	tcase_add_test(tcase, packets_are_bare);
	tcase_add_test(tcase, of_a_tun_what_is_no_ip_packet_is_refused);
	tcase_add_test(tcase, of_a_tap_what_is_no_frame_is_refused);
	tcase_add_test(tcase, the_header_is_put_on_and_taken_off);
	tcase_add_test(tcase, a_short_buffer_gets_the_header_first);
	tcase_add_loop_test(tcase, a_vector_with_a_header_is_one_packet, 0, (int)(sizeof(part_counts) / sizeof(part_counts[0])));
	tcase_add_test(tcase, what_counts_is_the_mode_at_the_call);
	tcase_add_loop_test(tcase, while_down_all_is_eio_and_nothing_waits, 0, 3);
	tcase_add_test(tcase, a_late_page_refuses_nothing);
	tcase_add_loop_test(tcase, the_end_is_eio, 0, 3);
	tcase_add_test(tcase, another_file_of_the_number_is_left_alone);
	tcase_add_test(tcase, the_next_size_is_the_program_s);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
