/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-shim-framed.c - suite "shim-framed": a channel with the kernel's header on each packet.  The kernel's end is a socket here.
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
#include "protocol/message.h"
#include "protocol/page.h"
#include "shim/framed.h"
#include "shim/real.h"
#include "tests/unit/suite.h"

#define MTU 1500

static int ends[2]; /* the program's, the kernel's */
static fdtable_held held;
static uint8_t packet[MTU + 1];

static void
a_tun(bool up, bool header_mode)
{
	fake_os_reset();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	held = fake_device(ends[0], DEVICE_TUN, up, header_mode, MTU);
	fake_page_byte(offsetof(struct state_page, channel), CHANNEL_FRAMED);
	memset(packet, 0x45, sizeof(packet));
}

static void
a_tun_that_is_up(void)
{
	a_tun(true, false);
}

static void
its_end(void)
{
	fdtable_set(ends[0], FDTABLE_UNKNOWN);
	close(ends[0]);
	close(ends[1]);
}

static void
kernel_sends(uint8_t family, uint8_t first, size_t bytes)
{
	uint8_t record[4 + MTU] = {0, 0, 0, family, first};

	ck_assert_int_eq(send(ends[1], record, 4 + bytes, 0), (ssize_t)(4 + bytes));
}

/* What reached the kernel, of so many bytes, with that family; nothing else waits. */
static void
kernel_has(uint8_t family, size_t bytes)
{
	uint8_t record[4 + MTU + 1];

	ck_assert_int_eq(recv(ends[1], record, sizeof(record), 0), (ssize_t)(4 + bytes));
	ck_assert_mem_eq(record, ((uint8_t[]){0, 0, 0, family}), 4);
	ck_assert_int_eq(recv(ends[1], record, sizeof(record), 0), -1);
}

static void
kernel_has_nothing(void)
{
	uint8_t byte;

	ck_assert_int_eq(recv(ends[1], &byte, 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

START_TEST(the_header_is_taken_off)
{
	uint8_t data[100] = {0};

	kernel_sends(AF_INET, 0x45, 60);
	ck_assert_int_eq(shim_read(ends[0], data, sizeof(data)), 60);
	ck_assert_uint_eq(data[0], 0x45);
	ck_assert_uint_eq(fake_os.questions, 0); /* the plain path asks nobody */
}
END_TEST

START_TEST(the_header_is_put_on)
{
	ck_assert_int_eq(shim_write(ends[0], packet, 60), 60);
	kernel_has(AF_INET, 60);
	packet[0] = 0x60;
	ck_assert_int_eq(shim_write(ends[0], packet, MTU), MTU);
	kernel_has(AF_INET6, MTU);
	ck_assert_uint_eq(fake_os.questions, 0);
}
END_TEST

/* Vectors of few parts, of many, and of as many as there can be. */
static const int part_counts[] = {1, 2, 8, 9, 300, IOV_MAX};

START_TEST(a_vector_of_any_length_is_one_packet)
{
	int count = part_counts[_i / 2];
	size_t first = _i % 2 == 0 ? 1 : (size_t)(MTU - (count - 1)); /* the long part is the last, or the first */
	struct iovec iov[IOV_MAX];
	uint8_t data[MTU] = {0}, *at = data, record[4 + MTU];

	for (int i = 0; i < count; i++) {
		iov[i] = (struct iovec){.iov_base = at, .iov_len = i == 0 ? first : 1};
		at += iov[i].iov_len;
	}
	iov[count - 1].iov_len += (size_t)(data + MTU - at);
	for (size_t i = 0; i < MTU; i++) {
		packet[i] = (uint8_t)(i == 0 ? 0x45 : i * 7);
	}
	memcpy(record, ((uint8_t[]){0, 0, 0, AF_INET}), 4);
	memcpy(record + 4, packet, MTU);
	ck_assert_int_eq(send(ends[1], record, 4 + 1200, 0), 4 + 1200);
	ck_assert_int_eq(shim_readv(ends[0], iov, count), 1200);
	ck_assert_mem_eq(data, packet, 1200);
	memcpy(data, packet, sizeof(data));
	ck_assert_int_eq(shim_writev(ends[0], iov, count), MTU);
	ck_assert_int_eq(recv(ends[1], record, sizeof(record), 0), 4 + MTU);
	ck_assert_mem_eq(record + 4, packet, MTU);
}
END_TEST

START_TEST(in_header_mode_the_program_has_what_the_kernel_has)
{
	uint8_t data[100] = {0};

	its_end();
	a_tun(true, true);
	kernel_sends(AF_INET6, 0x60, 60);
	ck_assert_int_eq(shim_read(ends[0], data, sizeof(data)), 64);
	ck_assert_mem_eq(data, ((uint8_t[]){0, 0, 0, AF_INET6, 0x60}), 5);
	ck_assert_int_eq(shim_write(ends[0], data, 64), 64);
	kernel_has(AF_INET6, 60);
	data[3] = AF_INET; /* not what the packet is */
	ck_assert_int_eq(shim_write(ends[0], data, 64), -1);
	ck_assert_int_eq(errno, EINVAL);
	data[3] = 77;
	ck_assert_int_eq(shim_write(ends[0], data, 64), -1);
	ck_assert_int_eq(errno, EAFNOSUPPORT);
	ck_assert_int_eq(shim_write(ends[0], data, 4), -1);
	ck_assert_int_eq(errno, EINVAL);
	kernel_has_nothing();
}
END_TEST

START_TEST(what_the_kernel_would_swallow_is_refused)
{
	ck_assert_int_eq(shim_write(ends[0], packet, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(shim_write(ends[0], packet, MTU + 1), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	packet[0] = 0x55; /* neither version */
	ck_assert_int_eq(shim_write(ends[0], packet, 60), -1);
	ck_assert_int_eq(errno, EINVAL);
	kernel_has_nothing();
}
END_TEST

START_TEST(a_late_page_refuses_nothing)
{
	its_end();
	a_tun(false, false); /* says the page; the kernel says up */
	ck_assert_int_eq(shim_write(ends[0], packet, 60), 60);
	kernel_has(AF_INET, 60);
	fake_os.mtu = 9000;
	fake_page_byte(offsetof(struct state_page, up), 1);
	ck_assert_int_eq(shim_write(ends[0], packet, MTU + 1), MTU + 1);
	kernel_sends(AF_INET, 0x45, 60);
	ck_assert_int_eq(shim_read(ends[0], packet, sizeof(packet)), 60);
}
END_TEST

START_TEST(while_down_all_is_eio_and_nothing_waits)
{
	its_end();
	a_tun(false, false);
	fake_os.up = false;
	kernel_sends(AF_INET, 0x45, 60);
	ck_assert_int_eq(shim_read(ends[0], packet, sizeof(packet)), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_uint_eq(fake_os.drains, 1);
	ck_assert_int_eq(shim_write(ends[0], packet, 60), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(shim_write(ends[0], packet, MTU + 1), -1);
	ck_assert_int_eq(errno, EIO); /* before any other */
	ck_assert_int_eq(shim_read(ends[0], packet, 0), 0);
	kernel_has_nothing();
}
END_TEST

START_TEST(the_end_is_eio)
{
	close(ends[1]);
	ends[1] = -1;
	ck_assert_int_eq(shim_read(ends[0], packet, sizeof(packet)), -1);
	ck_assert_int_eq(errno, EIO);
	ck_assert_int_eq(shim_write(ends[0], packet, 60), -1);
	ck_assert_int_eq(errno, EIO);
}
END_TEST

START_TEST(an_empty_queue_is_eagain)
{
	ck_assert_int_eq(shim_read(ends[0], packet, sizeof(packet)), -1);
	ck_assert_int_eq(errno, EAGAIN);
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
	fake_os.packet_bytes = 64;
	ck_assert_int_eq(framed_next_bytes(ends[0], held), 60);
	fake_os.packet_bytes = 0;
	ck_assert_int_eq(framed_next_bytes(ends[0], held), 0);
	its_end();
	a_tun(true, true);
	fake_os.packet_bytes = 64;
	ck_assert_int_eq(framed_next_bytes(ends[0], held), 64);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shim-framed");
	TCase *tcase = tcase_create("framed");

	tcase_add_checked_fixture(tcase, a_tun_that_is_up, its_end);
	tcase_add_test(tcase, the_header_is_taken_off);
	tcase_add_test(tcase, the_header_is_put_on);
	tcase_add_loop_test(tcase, a_vector_of_any_length_is_one_packet, 0,
	    2 * (int)(sizeof(part_counts) / sizeof(part_counts[0])));
	tcase_add_test(tcase, in_header_mode_the_program_has_what_the_kernel_has);
	tcase_add_test(tcase, what_the_kernel_would_swallow_is_refused);
	tcase_add_test(tcase, a_late_page_refuses_nothing);
	tcase_add_test(tcase, while_down_all_is_eio_and_nothing_waits);
	tcase_add_test(tcase, the_end_is_eio);
	tcase_add_test(tcase, an_empty_queue_is_eagain);
	tcase_add_test(tcase, another_file_of_the_number_is_left_alone);
	tcase_add_test(tcase, the_next_size_is_the_program_s);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
