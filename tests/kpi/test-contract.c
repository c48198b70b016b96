/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-contract.c - the device contract on our extensions, in the model of the kernel: a case for each claim that is a driver's to keep.
 *
 * "--rows" prints which claim each case is for; rows.py compares them with the contract's, as the conformance suite does with its own.
 */
#include <pthread.h>
#include <stdio.h>

#include "world.h"
#include "tests/unit/suite.h"

#define BUFFER_BYTES 70000
#define QUEUE_PACKETS 512

static uint8_t out[BUFFER_BYTES], in[BUFFER_BYTES];

/* A program's thread that reads once. */
struct reader {
	struct kpi_file *file;
	struct kpi_thread *thread;
	long result;
	int error;
	uint8_t buffer[2048];
};

static void *
read_once(void *argument)
{
	struct reader *r = argument;

	__atomic_store_n(&r->thread, kpi_self(), __ATOMIC_SEQ_CST);
	r->result = kpi_read(r->file, r->buffer, sizeof(r->buffer));
	r->error = errno;
	return NULL;
}

static pthread_t
start_reader(struct reader *r, struct kpi_file *f)
{
	pthread_t thread;

	*r = (struct reader){.file = f};
	ck_assert_int_eq(pthread_create(&thread, NULL, read_once, r), 0);
	world_wait(world_somebody_sleeps, "the reader sleeps");
	return thread;
}

START_TEST(nodes_are_there)
{
	struct kpi_stat st, first;

	ck_assert_int_eq(kpi_stat(world_path(0), &first), 0);
	for (unsigned unit = 0; unit < 16; unit++) {
		ck_assert_int_eq(kpi_stat(world_path(unit), &st), 0);
		ck_assert(st.is_character_device && st.uid == 0 && st.gid == 0 && st.mode == 0660);
		ck_assert_int_eq(st.rdev, first.rdev + (int)unit);
	}
}
END_TEST

START_TEST(past_the_count_is_enoent)
{
	errno = 0;
	ck_assert(kpi_open(world_path(16), KPI_READ) == NULL && errno == ENOENT);
	ck_assert(kpi_open(world_is_tap() ? "/dev/tap" : "/dev/tun", KPI_READ) == NULL && errno == ENOENT);
}
END_TEST

START_TEST(open_makes_the_interface)
{
	struct kpi_if status;
	struct kpi_file *f;

	ASSERT_FAILS(kpi_if_get(world_name(0), &status), ENXIO);
	f = world_open(0);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.mtu, WORLD_MTU);
	ck_assert_uint_eq(status.link_on, 1);
	ck_assert_uint_eq(status.header_bytes, world_link_bytes());
	kpi_close(f);
	ASSERT_FAILS(kpi_if_get(world_name(0), &status), ENXIO);
}
END_TEST

START_TEST(second_open_is_ebusy)
{
	struct kpi_file *f = world_open(0), *again;

	errno = 0;
	ck_assert(kpi_open(world_path(0), KPI_READ) == NULL && errno == EBUSY);
	again = kpi_open(world_path(1), KPI_READ);
	ck_assert_ptr_nonnull(again);
	kpi_close(again);
	kpi_close(f);
}
END_TEST

START_TEST(nonblock_of_open)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);

	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EAGAIN);
	kpi_close(f);
}
END_TEST

START_TEST(each_open_begins_anew)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	struct kpi_if status;
	int one = 1;

	ck_assert_int_eq(kpi_if_set_mtu(world_name(0), 900), 0);
	if (!world_is_tap()) {
		ck_assert_int_eq(kpi_ioctl(f, KPI_TUNSIFHEAD, &one), 0);
	}
	world_packet(out, 100, 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	kpi_close(f);
	f = world_open(KPI_NONBLOCK);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.mtu, WORLD_MTU);
	ck_assert_uint_eq(status.flags & KPI_UP, 0);
	if (!world_is_tap()) {
		ck_assert_int_eq(kpi_ioctl(f, KPI_TUNGIFHEAD, &one), 0);
		ck_assert_int_eq(one, 0);
	}
	ck_assert_int_eq(kpi_if_add_address(world_name(0), KPI_INET), 0); /* the first one, again */
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.flags & KPI_UP, KPI_UP);
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EAGAIN); /* nothing of the one before */
	kpi_close(f);
}
END_TEST

START_TEST(all_units_at_once)
{
	struct kpi_file *files[16];

	for (unsigned unit = 0; unit < 16; unit++) {
		files[unit] = kpi_open(world_path(unit), KPI_READ | KPI_WRITE);
		ck_assert_ptr_nonnull(files[unit]);
	}
	for (unsigned unit = 0; unit < 16; unit++) {
		struct kpi_if status;

		ck_assert_int_eq(kpi_if_get(world_name(unit), &status), 0);
		kpi_close(files[unit]);
	}
}
END_TEST

START_TEST(flags_of_a_fresh_interface)
{
	struct kpi_file *f = world_open(0);
	struct kpi_if status;

	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.flags,
	    KPI_RUNNING | KPI_SIMPLEX | KPI_MULTICAST | (world_is_tap() ? KPI_BROADCAST : KPI_POINTOPOINT));
	kpi_close(f);
}
END_TEST

START_TEST(mac_is_random_and_local)
{
	struct kpi_if first, second;
	struct kpi_file *f = world_open(0);

	ck_assert_int_eq(kpi_if_get(world_name(0), &first), 0);
	kpi_close(f);
	f = world_open(0);
	ck_assert_int_eq(kpi_if_get(world_name(0), &second), 0);
	ck_assert_uint_eq(first.address_bytes, 6);
	ck_assert_uint_eq(first.address[0] & 3, 2);
	ck_assert_uint_eq(second.address[0] & 3, 2);
	ck_assert_msg(memcmp(first.address, second.address, 6) != 0, "the same address twice");
	kpi_close(f);
}
END_TEST

START_TEST(first_address_brings_it_up)
{
	struct kpi_file *f = world_open(0);
	struct kpi_if status;

	ck_assert_int_eq(kpi_if_add_address(world_name(0), KPI_INET6), 0);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.flags & KPI_UP, KPI_UP);
	kpi_close(f);
}
END_TEST

START_TEST(an_explicit_down_stays)
{
	struct kpi_file *f = world_open(0);
	struct kpi_if status;

	ck_assert_int_eq(kpi_if_set_up(world_name(0), true), 0);
	ck_assert_int_eq(kpi_if_set_up(world_name(0), false), 0);
	ck_assert_int_eq(kpi_if_add_address(world_name(0), KPI_INET), 0);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.flags & KPI_UP, 0);
	kpi_close(f);
}
END_TEST

START_TEST(mtu_can_be_set)
{
	struct kpi_file *f = world_open_up(0);
	struct kpi_if status;
	size_t most;

	ck_assert_int_eq(kpi_if_set_mtu(world_name(0), 9000), 0);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.mtu, 9000);
	ASSERT_FAILS(kpi_if_set_mtu(world_name(0), 71), EINVAL);
	ASSERT_FAILS(kpi_if_set_mtu(world_name(0), 65536), EINVAL);
	ASSERT_FAILS(kpi_if_set_mtu(world_name(0), -1), EINVAL);
	most = 9000 + world_link_bytes();
	world_packet(out, most + 1, 1);
	ck_assert_int_eq(kpi_write(f, out, most), (long)most);
	ASSERT_FAILS(kpi_write(f, out, most + 1), EMSGSIZE);
	ck_assert_int_eq(kpi_if_set_mtu(world_name(0), 72), 0);
	ASSERT_FAILS(kpi_write(f, out, 73 + world_link_bytes()), EMSGSIZE);
	ck_assert_int_eq(kpi_if_set_mtu(world_name(0), 65535), 0);
	world_packet(out, 65535 + world_link_bytes(), 2);
	ck_assert_int_eq(kpi_write(f, out, 65535 + world_link_bytes()), (long)(65535 + world_link_bytes()));
	kpi_close(f);
}
END_TEST

START_TEST(mac_can_be_set)
{
	static const uint8_t address[8] = {2, 1, 2, 3, 4, 5}, group[8] = {3, 1, 2, 3, 4, 5};
	struct kpi_file *f = world_open(0);
	struct kpi_if status;

	if (world_is_tap()) {
		ck_assert_int_eq(kpi_if_set_address(world_name(0), address, 6), 0);
		ASSERT_FAILS(kpi_if_set_address(world_name(0), group, 6), EINVAL);
		ASSERT_FAILS(kpi_if_set_address(world_name(0), address, 8), EINVAL);
		ASSERT_FAILS(kpi_if_set_address(world_name(0), address, 0), EINVAL);
		ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
		ck_assert_mem_eq(status.address, address, 6);
	} else {
		ASSERT_FAILS(kpi_if_set_address(world_name(0), address, 6), EOPNOTSUPP);
	}
	kpi_close(f);
}
END_TEST

START_TEST(packets_of_the_stack)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	size_t link = world_link_bytes();
	struct kpi_if status;

	world_packet(out, 200, 7);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 200), 0);
	ck_assert_int_eq(kpi_read(f, in, sizeof(in)), 200);
	ck_assert_mem_eq(in, out, 200);
	ck_assert_int_eq(kpi_write(f, out, 200), 200);
	memset(in, 0, sizeof(in));
	ck_assert_int_eq(kpi_if_receive(world_name(0), in, sizeof(in)), (long)(200 - link));
	ck_assert_mem_eq(in, out + link, 200 - link);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.packets_in, 1);
	ck_assert_uint_eq(status.bytes_in, 200);
	ck_assert_uint_eq(status.packets_out, 1);
	ck_assert_uint_eq(status.bytes_out, 200);
	ck_assert_uint_eq(status.tapped_in, 1);
	ck_assert_uint_eq(status.tapped_out, 1);
	if (!world_is_tap()) {
		ck_assert_uint_eq(status.tapped_header, KPI_INET);
	}
	/* A protocol that nobody has put there. */
	if (world_is_tap()) {
		out[12] = 0x86;
		out[13] = 0xdd;
	}
	out[link] = 0x60;
	ck_assert_int_eq(kpi_write(f, out, 200), 200);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.no_protocol, 1);
	ck_assert_int_eq(kpi_if_add_address(world_name(0), KPI_INET6), 0);
	ck_assert_int_eq(kpi_write(f, out, 200), 200);
	ck_assert_int_eq(kpi_if_receive(world_name(0), in, sizeof(in)), (long)(200 - link));
	kpi_close(f);
}
END_TEST

START_TEST(groups_can_be_joined)
{
	static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1}, one[6] = {0, 0, 0x5e, 0, 0, 1};
	struct kpi_file *f = world_open(0);

	ck_assert_int_eq(kpi_if_add_multicast(world_name(0), group), 0);
	if (world_is_tap()) {
		ASSERT_FAILS(kpi_if_add_multicast(world_name(0), one), EADDRNOTAVAIL);
	}
	kpi_close(f);
}
END_TEST

START_TEST(read_while_down_is_eio)
{
	struct kpi_file *f = world_open(0);

	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EIO);
	ck_assert_int_eq(kpi_set_nonblock(f, true), 0);
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EIO);
	ck_assert_int_eq(kpi_if_set_up(world_name(0), true), 0);
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EAGAIN);
	ck_assert_int_eq(kpi_if_set_up(world_name(0), false), 0);
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EIO);
	kpi_close(f);
}
END_TEST

START_TEST(reading_nothing_takes_nothing)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);

	world_packet(out, 100, 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	ck_assert_int_eq(kpi_read(f, in, 0), 0);
	ck_assert_int_eq(kpi_read(f, in, sizeof(in)), 100);
	kpi_close(f);
}
END_TEST

START_TEST(one_packet_for_each_call)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);

	for (uint32_t i = 0; i < 5; i++) {
		world_packet(out, WORLD_LEAST + 300 * i, i);
		ck_assert_int_eq(kpi_if_send(world_name(0), out, WORLD_LEAST + 300 * i), 0);
	}
	for (uint32_t i = 0; i < 5; i++) {
		ck_assert_int_eq(kpi_read(f, in, sizeof(in)), (long)(WORLD_LEAST + 300 * i));
		ck_assert_uint_eq(world_number(in), i);
		world_packet(out, WORLD_LEAST + 300 * i, i);
		ck_assert_mem_eq(in, out, WORLD_LEAST + 300 * i);
	}
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EAGAIN);
	for (uint32_t i = 0; i < 5; i++) {
		world_packet(out, WORLD_LEAST + 300 * i, i);
		ck_assert_int_eq(kpi_write(f, out, WORLD_LEAST + 300 * i), (long)(WORLD_LEAST + 300 * i));
	}
	for (uint32_t i = 0; i < 5; i++) {
		ck_assert_int_eq(kpi_if_receive(world_name(0), in, sizeof(in)), (long)(WORLD_LEAST + 300 * i - world_link_bytes()));
	}
	kpi_close(f);
}
END_TEST

START_TEST(short_buffer_gets_the_first_bytes)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	char status[900];

	world_packet(out, 1000, 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 1000), 0);
	world_packet(out, 900, 2);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 900), 0);
	world_packet(out, 1000, 1);
	memset(in, 0, sizeof(in));
	ck_assert_int_eq(kpi_read(f, in, 150), 150);
	ck_assert_mem_eq(in, out, 150);
	ck_assert_uint_eq(in[150], 0);
	ck_assert_int_eq(kpi_read(f, in, sizeof(in)), 900);
	ck_assert_uint_eq(world_number(in), 2);
	ck_assert_int_eq(kpi_if_status(world_name(0), status, sizeof(status)), 0);
	ck_assert_ptr_nonnull(strstr(status, " cut 1 "));
	kpi_close(f);
}
END_TEST

START_TEST(vectors_scatter_and_gather)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	struct kpi_iovec vector[4] = {{in, 3}, {in + 100, 0}, {in + 200, 90}, {in + 400, 2000}};

	world_packet(out, 500, 9);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 500), 0);
	ck_assert_int_eq(kpi_readv(f, vector, 4), 500);
	ck_assert_mem_eq(in, out, 3);
	ck_assert_mem_eq(in + 200, out + 3, 90);
	ck_assert_mem_eq(in + 400, out + 93, 407);
	vector[3].len = 407;
	ck_assert_int_eq(kpi_writev(f, vector, 4), 500);
	ck_assert_int_eq(kpi_if_receive(world_name(0), in, sizeof(in)), (long)(500 - world_link_bytes()));
	ck_assert_mem_eq(in, out + world_link_bytes(), 500 - world_link_bytes());
	kpi_close(f);
}
END_TEST

START_TEST(a_signal_ends_a_read)
{
	struct kpi_file *f = world_open_up(0);
	struct reader r;
	pthread_t thread = start_reader(&r, f);

	kpi_signal(__atomic_load_n(&r.thread, __ATOMIC_SEQ_CST));
	pthread_join(thread, NULL);
	ck_assert_int_eq(r.result, -1);
	ck_assert_int_eq(r.error, EINTR);
	kpi_close(f);
}
END_TEST

START_TEST(a_sleeper_sleeps_on_while_it_goes_down)
{
	struct kpi_file *f = world_open_up(0);
	struct reader r;
	pthread_t thread = start_reader(&r, f);

	ck_assert_int_eq(kpi_if_set_up(world_name(0), false), 0);
	ck_assert_uint_eq(kpi_sleepers(), 1);
	ck_assert_int_eq(kpi_if_set_up(world_name(0), true), 0);
	ck_assert_uint_eq(kpi_sleepers(), 1);
	world_packet(out, 100, 3);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(r.result, 100);
	ck_assert_uint_eq(world_number(r.buffer), 3);
	kpi_close(f);
}
END_TEST

START_TEST(write_while_down_is_eio)
{
	struct kpi_file *f = world_open(0);
	struct kpi_if status;

	world_packet(out, 60000, 1);
	ASSERT_FAILS(kpi_write(f, out, 100), EIO);
	ASSERT_FAILS(kpi_write(f, out, 0), EIO);
	ASSERT_FAILS(kpi_write(f, out, 60000), EIO);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.packets_in, 0);
	kpi_close(f);
}
END_TEST

START_TEST(too_short_is_einval)
{
	struct kpi_file *f = world_open_up(0);
	struct kpi_if status;

	world_packet(out, 100, 1);
	ASSERT_FAILS(kpi_write(f, out, 0), EINVAL);
	if (world_is_tap()) {
		ASSERT_FAILS(kpi_write(f, out, 13), EINVAL);
		ck_assert_int_eq(kpi_write(f, out, 14), 14);
	} else {
		for (unsigned version = 0; version < 16; version++) {
			out[0] = (uint8_t)(version << 4);
			if (version == 4 || version == 6) {
				ck_assert_int_eq(kpi_write(f, out, 1), 1);
			} else {
				ASSERT_FAILS(kpi_write(f, out, 100), EINVAL);
			}
		}
	}
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.packets_in, world_is_tap() ? 1 : 2);
	kpi_close(f);
}
END_TEST

START_TEST(too_long_is_emsgsize)
{
	struct kpi_file *f = world_open_up(0);
	size_t most = WORLD_MTU + world_link_bytes();
	char status[900];
	struct kpi_if now;

	world_packet(out, sizeof(out), 1);
	ck_assert_int_eq(kpi_write(f, out, most), (long)most);
	for (size_t more = 1; more < 8; more++) {
		ASSERT_FAILS(kpi_write(f, out, most + more), EMSGSIZE);
	}
	ASSERT_FAILS(kpi_write(f, out, sizeof(out)), EMSGSIZE);
	ck_assert_int_eq(kpi_if_get(world_name(0), &now), 0);
	ck_assert_uint_eq(now.packets_in, 1);
	ck_assert_int_eq(kpi_if_status(world_name(0), status, sizeof(status)), 0);
	ck_assert_ptr_nonnull(strstr(status, " refused 8\n"));
	kpi_close(f);
}
END_TEST

START_TEST(a_tagged_frame_may_be_longer)
{
	struct kpi_file *f = world_open_up(0);

	world_packet(out, 1600, 1);
	out[12] = 0x81;
	out[13] = 0x00;
	ck_assert_int_eq(kpi_write(f, out, WORLD_MTU + 18), WORLD_MTU + 18);
	ASSERT_FAILS(kpi_write(f, out, WORLD_MTU + 19), EMSGSIZE);
	out[13] = 0x01;
	ASSERT_FAILS(kpi_write(f, out, WORLD_MTU + 18), EMSGSIZE);
	kpi_close(f);
}
END_TEST

START_TEST(memory_that_is_not_there_is_efault)
{
	struct kpi_iovec vector[2] = {{out, 20}, {NULL, 80}};
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	struct kpi_if status;

	world_packet(out, 100, 1);
	ASSERT_FAILS(kpi_writev(f, vector, 2), EFAULT);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.packets_in, 0);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	ASSERT_FAILS(kpi_readv(f, vector, 2), EFAULT);
	ck_assert_uint_eq(kpi_mbufs(), 0);
	kpi_close(f);
}
END_TEST

START_TEST(order_is_kept_and_the_oldest_stay)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	struct kpi_if status;
	char text[900];

	for (uint32_t i = 0; i < QUEUE_PACKETS + 20; i++) {
		world_packet(out, WORLD_LEAST, i);
		if (i < QUEUE_PACKETS) {
			ck_assert_int_eq(kpi_if_send(world_name(0), out, WORLD_LEAST), 0);
		} else {
			ASSERT_FAILS(kpi_if_send(world_name(0), out, WORLD_LEAST), ENOBUFS);
		}
	}
	ck_assert_uint_eq(kpi_mbufs(), QUEUE_PACKETS);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.errors_out, 20);
	ck_assert_int_eq(kpi_if_status(world_name(0), text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, "queued 512 dropped 20 "));
	for (uint32_t i = 0; i < QUEUE_PACKETS; i++) {
		ck_assert_int_eq(kpi_read(f, in, sizeof(in)), WORLD_LEAST);
		ck_assert_uint_eq(world_number(in), i);
	}
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EAGAIN);
	kpi_close(f);
}
END_TEST

START_TEST(the_queue_is_bounded_in_bytes_too)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	unsigned taken = 0;

	world_packet(out, 60000, 1);
	while (kpi_if_send(world_name(0), out, 60000) == 0) {
		ck_assert_uint_le(++taken, QUEUE_PACKETS);
	}
	ck_assert_uint_eq(taken, 1024 * 1024 / 60000);
	ck_assert_int_eq(kpi_read(f, in, sizeof(in)), 60000);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 60000), 0);
	kpi_close(f);
}
END_TEST

START_TEST(both_ways_to_switch_blocking)
{
	struct kpi_file *f = world_open_up(0);
	int on = 1, off = 0;
	struct reader r;
	pthread_t thread;

	ck_assert_int_eq(kpi_ioctl(f, KPI_FIONBIO, &on), 0);
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EAGAIN);
	ck_assert_int_eq(kpi_ioctl(f, KPI_FIONBIO, &off), 0);
	ck_assert_int_eq(kpi_set_nonblock(f, true), 0);
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EAGAIN);
	ck_assert_int_eq(kpi_set_nonblock(f, false), 0);
	thread = start_reader(&r, f);
	world_packet(out, 100, 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(r.result, 100);
	kpi_close(f);
}
END_TEST

START_TEST(fioasync_can_only_be_off)
{
	struct kpi_file *f = world_open(0);
	int on = 1, off = 0;

	ck_assert_int_eq(kpi_ioctl(f, KPI_FIOASYNC, &off), 0);
	ASSERT_FAILS(kpi_ioctl(f, KPI_FIOASYNC, &on), ENOTTY);
	kpi_close(f);
}
END_TEST

START_TEST(fionread_is_the_next_packet)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	int bytes = -1;

	ck_assert_int_eq(kpi_ioctl(f, KPI_FIONREAD, &bytes), 0);
	ck_assert_int_eq(bytes, 0);
	world_packet(out, 321, 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 321), 0);
	world_packet(out, 100, 2);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	ck_assert_int_eq(kpi_ioctl(f, KPI_FIONREAD, &bytes), 0);
	ck_assert_int_eq(bytes, 321);
	ck_assert_int_eq(kpi_read(f, in, 40), 40);
	ck_assert_int_eq(kpi_ioctl(f, KPI_FIONREAD, &bytes), 0);
	ck_assert_int_eq(bytes, 100);
	kpi_close(f);
}
END_TEST

START_TEST(header_mode_is_for_tun)
{
	struct kpi_file *f = world_open(0);
	int value = 1;

	ASSERT_FAILS(kpi_ioctl(f, KPI_TUNSIFHEAD, &value), ENOTTY);
	ASSERT_FAILS(kpi_ioctl(f, KPI_TUNGIFHEAD, &value), ENOTTY);
	kpi_close(f);
}
END_TEST

static struct kpi_file *
open_with_header(void)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	int on = 7;

	ck_assert_int_eq(kpi_ioctl(f, KPI_TUNGIFHEAD, &on), 0);
	ck_assert_int_eq(on, 0);
	on = 7;
	ck_assert_int_eq(kpi_ioctl(f, KPI_TUNSIFHEAD, &on), 0);
	ck_assert_int_eq(kpi_ioctl(f, KPI_TUNGIFHEAD, &on), 0);
	ck_assert_int_eq(on, 1);
	return f;
}

START_TEST(header_mode_is_off_by_default)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	int on = 1;

	ck_assert_int_eq(kpi_ioctl(f, KPI_TUNGIFHEAD, &on), 0);
	ck_assert_int_eq(on, 0);
	kpi_close(f);
}
END_TEST

START_TEST(header_when_reading)
{
	static const uint8_t four[4] = {0, 0, 0, 2}, six[4] = {0, 0, 0, 30};
	struct kpi_file *f = open_with_header();
	int bytes = 0;

	world_packet(out, 100, 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	ck_assert_int_eq(kpi_ioctl(f, KPI_FIONREAD, &bytes), 0);
	ck_assert_int_eq(bytes, 104);
	ck_assert_int_eq(kpi_read(f, in, sizeof(in)), 104);
	ck_assert_mem_eq(in, four, 4);
	ck_assert_mem_eq(in + 4, out, 100);
	out[0] = 0x60;
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	ck_assert_int_eq(kpi_read(f, in, sizeof(in)), 104);
	ck_assert_mem_eq(in, six, 4);
	kpi_close(f);
}
END_TEST

START_TEST(header_and_short_buffers)
{
	static const uint8_t four[4] = {0, 0, 0, 2};
	struct kpi_file *f = open_with_header();

	world_packet(out, 100, 1);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	}
	ck_assert_int_eq(kpi_read(f, in, 2), 2);
	ck_assert_mem_eq(in, four, 2);
	ck_assert_int_eq(kpi_read(f, in, 4), 4);
	ck_assert_mem_eq(in, four, 4);
	ck_assert_int_eq(kpi_read(f, in, 7), 7);
	ck_assert_mem_eq(in + 4, out, 3);
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EAGAIN);
	kpi_close(f);
}
END_TEST

START_TEST(header_when_writing)
{
	struct kpi_file *f = open_with_header();

	world_packet(out + 4, WORLD_MTU, 1);
	memcpy(out, (const uint8_t[4]){0, 0, 0, 2}, 4);
	ck_assert_int_eq(kpi_write(f, out, WORLD_MTU + 4), WORLD_MTU + 4);
	ck_assert_int_eq(kpi_if_receive(world_name(0), in, sizeof(in)), WORLD_MTU);
	ck_assert_mem_eq(in, out + 4, WORLD_MTU);
	ASSERT_FAILS(kpi_write(f, out, WORLD_MTU + 5), EMSGSIZE);
	ck_assert_int_eq(kpi_if_add_address(world_name(0), KPI_INET6), 0);
	out[3] = 30;
	out[4] = 0x60;
	ck_assert_int_eq(kpi_write(f, out, 104), 104);
	ck_assert_int_eq(kpi_if_receive(world_name(0), in, sizeof(in)), 100);
	kpi_close(f);
}
END_TEST

START_TEST(header_that_is_wrong)
{
	struct kpi_file *f = open_with_header();
	struct kpi_if status;

	world_packet(out + 4, 100, 1);
	memcpy(out, (const uint8_t[4]){0, 0, 0, 2}, 4);
	for (size_t few = 0; few < 5; few++) {
		ASSERT_FAILS(kpi_write(f, out, few), EINVAL);
	}
	out[3] = 10; /* another platform's */
	ASSERT_FAILS(kpi_write(f, out, 104), EAFNOSUPPORT);
	out[3] = 2;
	out[1] = 1;
	ASSERT_FAILS(kpi_write(f, out, 104), EAFNOSUPPORT);
	out[1] = 0;
	out[3] = 30;
	ASSERT_FAILS(kpi_write(f, out, 104), EINVAL);
	out[3] = 2;
	out[4] = 0x60;
	ASSERT_FAILS(kpi_write(f, out, 104), EINVAL);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	ck_assert_uint_eq(status.packets_in, 0);
	kpi_close(f);
}
END_TEST

START_TEST(header_is_seen_by_a_copy)
{
	struct kpi_file *f = open_with_header(), *copy = kpi_dup(f);
	int on = 0;

	kpi_close(f);
	ck_assert_int_eq(kpi_ioctl(copy, KPI_TUNGIFHEAD, &on), 0);
	ck_assert_int_eq(on, 1);
	kpi_close(copy);
}
END_TEST

START_TEST(other_ioctls_are_enotty)
{
	static const unsigned long others[] = {0, 0x20006601ul, 0x4004667eul, 0x8008667eul, 0x80047461ul, 0x40047460ul, 0x80017460ul,
	    0x2000745eul, 0x40487413ul};
	struct kpi_file *f = world_open(0);
	uint8_t data[128] = {0};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ASSERT_FAILS(kpi_ioctl(f, others[i], data), ENOTTY);
	}
	/* A caller that kept the number in an int. */
	ck_assert_int_eq(kpi_ioctl(f, 0xffffffff00000000ul | KPI_FIONBIO, data), 0);
	kpi_close(f);
}
END_TEST

START_TEST(never_up_is_not_readable)
{
	struct kpi_file *f = world_open(0);

	ck_assert_int_eq(kpi_select(f, KPI_READ, 0), 0);
	ck_assert_int_eq(kpi_select(f, KPI_READ | KPI_WRITE, 0), KPI_WRITE);
	kpi_close(f);
}
END_TEST

START_TEST(readable_when_there_is_a_packet)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);

	ck_assert_int_eq(kpi_select(f, KPI_READ, 5), 0);
	world_packet(out, 100, 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	ck_assert_int_eq(kpi_select(f, KPI_READ, 0), KPI_READ);
	ck_assert_int_eq(kpi_read(f, in, sizeof(in)), 100);
	ck_assert_int_eq(kpi_select(f, KPI_READ, 0), 0);
	kpi_close(f);
}
END_TEST

/* A program's thread that selects once. */
struct selector {
	struct kpi_file *file;
	int result;
};

static void *
select_once(void *argument)
{
	struct selector *s = argument;

	s->result = kpi_select(s->file, KPI_READ, 10000);
	return NULL;
}

START_TEST(a_select_is_woken)
{
	struct selector s = {.file = world_open_up(KPI_NONBLOCK)};
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, select_once, &s), 0);
	world_wait(world_somebody_selects, "select waits");
	world_packet(out, 100, 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(s.result, KPI_READ);
	kpi_close(s.file);
}
END_TEST

START_TEST(down_never_makes_a_select_spin)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	char text[900];

	world_packet(out, 100, 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	ck_assert_int_eq(kpi_if_set_up(world_name(0), false), 0);
	ck_assert_uint_eq(kpi_mbufs(), 0);
	ck_assert_int_eq(kpi_select(f, KPI_READ, 0), 0);
	ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EIO);
	ck_assert_int_eq(kpi_select(f, KPI_READ, 0), 0);
	ck_assert_int_eq(kpi_if_status(world_name(0), text, sizeof(text)), 0);
	ck_assert_ptr_nonnull(strstr(text, " discarded 1 "));
	/* The stack's last word came after it went down. */
	ASSERT_FAILS(kpi_if_send_list(world_name(0), out, 100, 3), ENETDOWN);
	ck_assert_uint_eq(kpi_mbufs(), 0);
	ck_assert_int_eq(kpi_if_set_up(world_name(0), true), 0);
	ck_assert_int_eq(kpi_select(f, KPI_READ, 0), 0);
	kpi_close(f);
}
END_TEST

/* The kernel changes the flag first, and tells the driver then; what comes in between finds a queue that is not empty. */
START_TEST(down_before_the_driver_hears_of_it)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK);
	int bytes = -1;

	world_packet(out, 100, 1);
	for (unsigned first = 0; first < 2; first++) {
		ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
		ck_assert_int_eq(kpi_if_set_up_unheard(world_name(0), false), 0);
		ck_assert_int_eq(kpi_ioctl(f, KPI_FIONREAD, &bytes), 0);
		ck_assert_int_eq(bytes, 0);
		if (first == 0) {
			ASSERT_FAILS(kpi_read(f, in, sizeof(in)), EIO);
		} else {
			ck_assert_int_eq(kpi_select(f, KPI_READ, 0), 0);
		}
		ck_assert_uint_eq(kpi_mbufs(), 0);
		ck_assert_int_eq(kpi_if_set_up(world_name(0), true), 0);
	}
	kpi_close(f);
}
END_TEST

START_TEST(copies_are_the_same_device)
{
	struct kpi_file *f = world_open_up(KPI_NONBLOCK), *copy = kpi_dup(f);
	struct kpi_if status;

	kpi_close(f);
	ck_assert_int_eq(kpi_if_get(world_name(0), &status), 0);
	world_packet(out, 100, 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	ck_assert_int_eq(kpi_read(copy, in, sizeof(in)), 100);
	kpi_close(copy);
	ASSERT_FAILS(kpi_if_get(world_name(0), &status), ENXIO);
}
END_TEST

START_TEST(one_sleeps_another_writes)
{
	struct kpi_file *f = world_open_up(0);
	struct reader r;
	pthread_t thread = start_reader(&r, f);

	world_packet(out, 100, 5);
	ck_assert_int_eq(kpi_write(f, out, 100), 100);
	ck_assert_uint_eq(kpi_sleepers(), 1);
	ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(r.result, 100);
	kpi_close(f);
}
END_TEST

START_TEST(each_packet_to_one_reader)
{
	struct kpi_file *f = world_open_up(0);
	struct reader readers[4];
	pthread_t threads[4];
	unsigned seen = 0;

	for (unsigned i = 0; i < 4; i++) {
		readers[i] = (struct reader){.file = f};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_once, &readers[i]), 0);
	}
	for (uint32_t i = 0; i < 4; i++) {
		world_packet(out, 100, i);
		ck_assert_int_eq(kpi_if_send(world_name(0), out, 100), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(readers[i].result, 100);
		seen |= 1u << world_number(readers[i].buffer);
	}
	ck_assert_uint_eq(seen, 15);
	kpi_close(f);
}
END_TEST

START_TEST(closing_takes_the_interface_with_its_packets)
{
	struct kpi_file *f = world_open_up(0);
	struct kpi_if status;

	world_packet(out, 1000, 1);
	for (unsigned i = 0; i < 10; i++) {
		ck_assert_int_eq(kpi_if_send(world_name(0), out, 1000), 0);
	}
	kpi_close(f);
	ASSERT_FAILS(kpi_if_get(world_name(0), &status), ENXIO);
	ck_assert_uint_eq(kpi_mbufs(), 0);
}
END_TEST

START_TEST(the_same_unit_again_at_once)
{
	for (unsigned i = 0; i < 50; i++) {
		kpi_close(world_open_up(0));
	}
}
END_TEST

START_TEST(status_shows_who)
{
	struct kpi_file *f = world_open(0);
	char text[900];

	ck_assert_int_eq(kpi_if_status(world_name(0), text, sizeof(text)), 0);
	ck_assert_str_eq(text, "\topen (pid 4711)\n\tqueued 0 dropped 0 discarded 0 cut 0 refused 0\n");
	kpi_close(f);
}
END_TEST

START_TEST(a_scan_finds_a_free_unit)
{
	struct kpi_file *first = world_open(0), *free_one = NULL;
	unsigned unit;

	for (unit = 0; free_one == NULL && unit < 256; unit++) {
		free_one = kpi_open(world_path(unit), KPI_READ | KPI_WRITE);
	}
	ck_assert_uint_eq(unit, 2);
	kpi_close(free_one);
	kpi_close(first);
	for (unit = 16; unit < 256; unit++) {
		ck_assert(kpi_open(world_path(unit), KPI_READ) == NULL && errno == ENOENT);
	}
}
END_TEST

const struct world_case world_cases[] = {
	{"before.exist", &nodes_are_there, FOR_BOTH},
	{"before.stat", &nodes_are_there, FOR_BOTH},
	{"before.kind", &nodes_are_there, FOR_BOTH},
	{"before.enoent", &past_the_count_is_enoent, FOR_BOTH},
	{"open.interface", &open_makes_the_interface, FOR_BOTH},
	{"open.exclusive", &second_open_is_ebusy, FOR_BOTH},
	{"open.flags", &nonblock_of_open, FOR_BOTH},
	{"open.default", &each_open_begins_anew, FOR_BOTH},
	{"open.many", &all_units_at_once, FOR_BOTH},
	{"interface.flags", &flags_of_a_fresh_interface, FOR_BOTH},
	{"interface.mac", &mac_is_random_and_local, FOR_TAP},
	{"configuring.address", &first_address_brings_it_up, FOR_BOTH},
	{"configuring.down", &an_explicit_down_stays, FOR_BOTH},
	{"configuring.mtu", &mtu_can_be_set, FOR_BOTH},
	{"configuring.mac", &mac_can_be_set, FOR_BOTH},
	{"configuring.stack", &packets_of_the_stack, FOR_BOTH},
	{"configuring.stack", &groups_can_be_joined, FOR_BOTH},
	{"read.down", &read_while_down_is_eio, FOR_BOTH},
	{"read.zero", &reading_nothing_takes_nothing, FOR_BOTH},
	{"read.one", &one_packet_for_each_call, FOR_BOTH},
	{"read.short", &short_buffer_gets_the_first_bytes, FOR_BOTH},
	{"read.vector", &vectors_scatter_and_gather, FOR_BOTH},
	{"read.eintr", &a_signal_ends_a_read, FOR_BOTH},
	{"read.asleep", &a_sleeper_sleeps_on_while_it_goes_down, FOR_BOTH},
	{"read.never0", &read_while_down_is_eio, FOR_BOTH},
	{"write.down", &write_while_down_is_eio, FOR_BOTH},
	{"write.one", &one_packet_for_each_call, FOR_BOTH},
	{"write.short", &too_short_is_einval, FOR_BOTH},
	{"write.long", &too_long_is_emsgsize, FOR_BOTH},
	{"write.long", &memory_that_is_not_there_is_efault, FOR_BOTH},
	{"write.tagged", &a_tagged_frame_may_be_longer, FOR_TAP},
	{"write.mtu", &mtu_can_be_set, FOR_BOTH},
	{"order.kept", &order_is_kept_and_the_oldest_stay, FOR_BOTH},
	{"overload.oldest", &order_is_kept_and_the_oldest_stay, FOR_BOTH},
	{"overload.oldest", &the_queue_is_bounded_in_bytes_too, FOR_BOTH},
	{"overload.counted", &order_is_kept_and_the_oldest_stay, FOR_BOTH},
	{"blocking.agree", &both_ways_to_switch_blocking, FOR_BOTH},
	{"fioasync.off", &fioasync_can_only_be_off, FOR_BOTH},
	{"fionread.size", &fionread_is_the_next_packet, FOR_BOTH},
	{"header.tap", &header_mode_is_for_tun, FOR_TAP},
	{"header.default", &header_mode_is_off_by_default, FOR_TUN},
	{"header.values", &header_when_reading, FOR_TUN},
	{"header.read", &header_when_reading, FOR_TUN},
	{"header.short", &header_and_short_buffers, FOR_TUN},
	{"header.write", &header_when_writing, FOR_TUN},
	{"header.errors", &header_that_is_wrong, FOR_TUN},
	{"header.shared", &header_is_seen_by_a_copy, FOR_TUN},
	{"ioctl.others", &other_ioctls_are_enotty, FOR_BOTH},
	{"poll.neverup", &never_up_is_not_readable, FOR_BOTH},
	{"poll.readable", &readable_when_there_is_a_packet, FOR_BOTH},
	{"poll.writable", &never_up_is_not_readable, FOR_BOTH},
	{"poll.down", &down_never_makes_a_select_spin, FOR_BOTH},
	{"poll.down", &down_before_the_driver_hears_of_it, FOR_BOTH},
	{"poll.asleep", &a_select_is_woken, FOR_BOTH},
	{"copies.dup", &copies_are_the_same_device, FOR_BOTH},
	{"threads.both", &one_sleeps_another_writes, FOR_BOTH},
	{"threads.one", &each_packet_to_one_reader, FOR_BOTH},
	{"close.last", &closing_takes_the_interface_with_its_packets, FOR_BOTH},
	{"close.again", &the_same_unit_again_at_once, FOR_BOTH},
	{"status.open", &status_shows_who, FOR_BOTH},
	{"clients.scan", &a_scan_finds_a_free_unit, FOR_BOTH},
	{NULL, NULL, 0},
};

int
main(int argc, char **argv)
{
	Suite *suite;

	if (argc == 2 && strcmp(argv[1], "--rows") == 0) {
		for (const struct world_case *c = world_cases; c->row != NULL; c++) {
			printf("%s\t%s\n", c->row, (*c->test)->name);
		}
		return 0;
	}
	world_learn_kind();
	suite = suite_create("contract");
	for (const struct world_case *c = world_cases; c->row != NULL; c++) {
		bool again = false;
		TCase *tcase;

		for (const struct world_case *before = world_cases; before < c; before++) {
			again = again || before->test == c->test; /* it runs once, for all its rows */
		}
		if (again || (c->kinds & (world_is_tap() ? FOR_TAP : FOR_TUN)) == 0) {
			continue;
		}
		tcase = tcase_create(c->row);
		tcase_set_timeout(tcase, 60);
		tcase_add_checked_fixture(tcase, world_loaded, world_unloaded);
		tcase_add_test(tcase, *c->test);
		suite_add_tcase(suite, tcase);
	}
	return run_suite(suite);
}
