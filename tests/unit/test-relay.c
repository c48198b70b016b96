/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-relay.c - suite "relay": frames between a channel and a port that is a list in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/relay.h"
#include "worlds.h"

#define FRAMES_MAX 4096

/* A port without an interface: what comes in is numbered frames, what goes out is written down. */
static struct fake_port {
	struct port port;
	uint32_t next_in, last_in; /* numbers of the frames that wait */
	size_t in_bytes;
	unsigned type;             /* of the frames, if it matters */
	const uint8_t *asks;       /* the frames are all this one */
	bool gone;
	bool takes_all;            /* the first call of receive takes all that has come from the kernel, as from a BPF device */
	unsigned takes;            /* frames that the next call of send takes; UINT32_MAX: all */
	unsigned largest_burst, calls;
	uint32_t out[FRAMES_MAX];
	size_t out_bytes[FRAMES_MAX];
	unsigned out_count;
	uint8_t last_header[14];
	uint64_t lost;
} fake;

static struct relay *relay;
static struct relay_counters counters;
static int ends[2];
static unsigned fds_before;

static void
make_frame(uint8_t *frame, size_t bytes, uint32_t number)
{
	memset(frame, 0x5a, bytes);
	memcpy(frame + 14, &number, sizeof(number));
	if (fake.type != 0) {
		frame[12] = (uint8_t)(fake.type >> 8);
		frame[13] = (uint8_t)fake.type;
	}
}

static int
fake_receive(struct port *port, unsigned burst, void (*on_frame)(void *argument, const struct port_frame *frame), void *argument)
{
	static uint8_t data[PORT_FRAME_MAX];
	uint64_t count;
	int n = 0;

	fake.calls++;
	if (fake.gone) {
		errno = ENXIO;
		return -1;
	}
	while (fake.next_in != fake.last_in && (unsigned)n < burst) {
		struct port_frame frame = {.data = data, .bytes = fake.in_bytes};

		if (fake.asks != NULL) {
			memcpy(data, fake.asks, fake.in_bytes);
			fake.next_in++;
		} else {
			make_frame(data, fake.in_bytes, fake.next_in++);
		}
		on_frame(argument, &frame);
		memset(data, 0, fake.in_bytes); /* valid during the call only */
		n++;
	}
	if (fake.next_in == fake.last_in || fake.takes_all) {
		(void)!read(port->fd, &count, sizeof(count));
	}
	return n;
}

static int
fake_send(struct port *port, const struct port_frame *frames, unsigned count)
{
	unsigned taken = count < fake.takes ? count : fake.takes;

	fake.largest_burst = count > fake.largest_burst ? count : fake.largest_burst;
	if (fake.gone) {
		errno = ENXIO;
		return -1;
	}
	for (unsigned i = 0; i < taken; i++) {
		ck_assert_uint_lt(fake.out_count, FRAMES_MAX);
		memcpy(&fake.out[fake.out_count], (const uint8_t *)frames[i].data + 14, 4);
		fake.out_bytes[fake.out_count++] = frames[i].bytes;
		memcpy(fake.last_header, frames[i].data, sizeof(fake.last_header));
	}
	return (int)taken;
}

static size_t
fake_memory(struct port *port)
{
	return 1000000;
}

static uint64_t
fake_dropped(struct port *port)
{
	return fake.lost;
}

static void
fake_close(struct port *port)
{
}

static const struct port_ops fake_ops = {
	.receive = fake_receive, .send = fake_send, .memory = fake_memory, .dropped = fake_dropped, .close = fake_close,
};

static const uint8_t mac[6] = {0x02, 1, 2, 3, 4, 6};

/* mac_or_null: a tun's. */
static void
a_relay_of(const uint8_t *mac_or_null)
{
	fds_before = count_fds();
	memset(&counters, 0, sizeof(counters));
	fake = (struct fake_port){.port = {.ops = &fake_ops, .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)}, .in_bytes = 60,
	    .takes = UINT32_MAX};
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	relay = relay_new(ends[1], &fake.port, &counters, mac_or_null);
	ck_assert_ptr_nonnull(relay);
	ck_assert_uint_eq(counters.magic, RELAY_COUNTERS_MAGIC);
}

static void
a_relay(void)
{
	a_relay_of(NULL);
}

static void
a_relay_of_a_tun(void)
{
	a_relay_of(mac);
}

static void
its_end(void)
{
	relay_free(relay);
	close(ends[1]);
	if (ends[0] >= 0) {
		close(ends[0]);
	}
	close(fake.port.fd);
	ck_assert_uint_eq(count_fds(), fds_before);
}

/* That many frames wait at the port. */
static void
frames_come_in(uint32_t count)
{
	uint64_t one = 1;

	fake.last_in += count;
	ck_assert_int_eq(write(fake.port.fd, &one, sizeof(one)), sizeof(one));
}

static void
program_writes(uint32_t number, size_t bytes)
{
	static uint8_t frame[PORT_FRAME_MAX + 100];

	make_frame(frame, bytes < 18 ? 18 : bytes, number);
	ck_assert_int_eq(send(ends[0], frame, bytes, MSG_DONTWAIT), (ssize_t)bytes);
}

/* What the program reads next: a frame's number, or -1. */
static int64_t
program_reads(void)
{
	static uint8_t frame[PORT_FRAME_MAX];
	uint32_t number;

	if (recv(ends[0], frame, sizeof(frame), MSG_DONTWAIT) < 18) {
		return -1;
	}
	memcpy(&number, frame + 14, sizeof(number));
	return number;
}

/* Turns until there is nothing to do. */
static enum relay_state
settle(void)
{
	enum relay_state state;
	unsigned calls;

	do {
		calls = fake.calls + fake.out_count;
		state = relay_turn(relay, 0);
	} while (state == RELAY_GOES_ON && calls != fake.calls + fake.out_count);
	return state;
}

/* All that can wait somewhere: the port's, the channel's both ways, a burst's each way. */
START_TEST(what_it_holds_at_most_is_told)
{
	int room = 0;
	socklen_t length = sizeof(room);

	ck_assert_int_eq(getsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, &length), 0);
	ck_assert_uint_ge(counters.memory_limit, 1000000 + 2 * (uint64_t)room + 2 * (uint64_t)PORT_BURST * PORT_FRAME_MAX);
	ck_assert_uint_le(counters.memory_limit, 1000000 + 2 * (uint64_t)room + 2 * (uint64_t)PORT_BURST * (PORT_FRAME_MAX + 1000));
}
END_TEST

START_TEST(order_is_kept_to_the_program)
{
	frames_come_in(200);
	for (int64_t i = 0; i < 200; i++) {
		int64_t got = program_reads();

		if (got == -1) {
			ck_assert_int_eq(relay_turn(relay, 0), RELAY_GOES_ON);
			got = program_reads();
		}
		ck_assert_int_eq(got, i);
	}
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_int_eq(program_reads(), -1);
	ck_assert_uint_eq(counters.to_program.packets, 200);
	ck_assert_uint_eq(counters.to_program.bytes, 200 * 60);
	ck_assert_uint_eq(counters.to_program.dropped, 0);
}
END_TEST

START_TEST(order_is_kept_to_the_port)
{
	for (uint32_t i = 0; i < 150; i++) {
		program_writes(i, 60 + i);
	}
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(fake.out_count, 150);
	for (uint32_t i = 0; i < 150; i++) {
		ck_assert_uint_eq(fake.out[i], i);
		ck_assert_uint_eq(fake.out_bytes[i], 60 + i);
	}
	ck_assert_uint_eq(fake.largest_burst, PORT_BURST);
	ck_assert_uint_eq(counters.from_program.packets, 150);
}
END_TEST

START_TEST(one_turn_moves_a_burst_at_most_and_both_ways)
{
	frames_come_in(200);
	for (uint32_t i = 0; i < 150; i++) {
		program_writes(i, 60);
	}
	for (unsigned turn = 1; turn <= 2; turn++) {
		ck_assert_int_eq(relay_turn(relay, 0), RELAY_GOES_ON);
		ck_assert_uint_eq(counters.to_program.packets, turn * PORT_BURST);
		ck_assert_uint_eq(counters.from_program.packets, turn * PORT_BURST);
	}
}
END_TEST

/* The port's descriptor is readable once. */
START_TEST(what_the_port_holds_is_not_left_there)
{
	fake.takes_all = true;
	frames_come_in(3 * PORT_BURST + 8);
	for (unsigned turn = 0; turn < 4; turn++) {
		ck_assert_int_eq(relay_turn(relay, turn == 0 ? 0 : 20000), RELAY_GOES_ON);
	}
	for (int64_t i = 0; i < 3 * PORT_BURST + 8; i++) {
		ck_assert_int_eq(program_reads(), i);
	}
	/* The last burst was not a whole one. */
	ck_assert_int_eq(relay_turn(relay, 20), RELAY_GOES_ON);
	ck_assert_uint_eq(fake.calls, 4);
}
END_TEST

START_TEST(a_full_channel_drops_the_newest_and_counts)
{
	int64_t number = 0;

	/* The reader has stopped: much more than fits. */
	frames_come_in(FRAMES_MAX);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(counters.to_program.packets + counters.to_program.dropped, FRAMES_MAX);
	ck_assert_uint_gt(counters.to_program.packets, 50);
	ck_assert_uint_gt(counters.to_program.dropped, 50);
	while (number < (int64_t)counters.to_program.packets) {
		ck_assert_int_eq(program_reads(), number++);
	}
	ck_assert_int_eq(program_reads(), -1);
	/* And it goes on. */
	frames_come_in(1);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_int_eq(program_reads(), FRAMES_MAX);
}
END_TEST

START_TEST(a_stopped_reader_does_not_stop_the_other_way)
{
	frames_come_in(FRAMES_MAX);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	program_writes(7, 60);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(fake.out_count, 1);
}
END_TEST

START_TEST(what_the_port_does_not_take_is_counted)
{
	fake.takes = 3;
	for (uint32_t i = 0; i < 10; i++) {
		program_writes(i, 100);
	}
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(counters.from_program.packets, 3);
	ck_assert_uint_eq(counters.from_program.bytes, 300);
	ck_assert_uint_eq(counters.from_program.dropped, 7);
}
END_TEST

START_TEST(no_frames_are_dropped_and_counted)
{
	int bytes = 1024 * 1024;

	ck_assert_int_eq(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	program_writes(1, 1);
	program_writes(2, 13);
	program_writes(3, 14);
	program_writes(4, PORT_FRAME_MAX);
	program_writes(5, PORT_FRAME_MAX + 1);
	program_writes(6, PORT_FRAME_MAX + 99);
	program_writes(7, 60);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(fake.out_count, 3);
	ck_assert_uint_eq(fake.out_bytes[0], 14);
	ck_assert_uint_eq(fake.out_bytes[1], PORT_FRAME_MAX);
	ck_assert_uint_eq(fake.out[2], 7);
	ck_assert_uint_eq(counters.from_program.dropped, 4);
}
END_TEST

START_TEST(a_datagram_of_no_bytes_ends_nothing)
{
	for (unsigned i = 0; i < 3 * PORT_BURST; i++) {
		ck_assert_int_eq(send(ends[0], "", 0, MSG_DONTWAIT), 0);
	}
	program_writes(9, 60);
	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(relay_turn(relay, 0), RELAY_GOES_ON);
	}
	ck_assert_uint_eq(fake.out_count, 1);
	ck_assert_uint_eq(counters.from_program.dropped, 0);
}
END_TEST

START_TEST(hang_up_ends_it_after_what_was_written)
{
	for (uint32_t i = 0; i < 100; i++) {
		ck_assert_int_eq(send(ends[0], "", 0, MSG_DONTWAIT), 0);
		program_writes(i, 60);
	}
	frames_come_in(3); /* that nobody reads: the close resets */
	ck_assert_int_eq(relay_turn(relay, 0), RELAY_GOES_ON);
	close(ends[0]);
	ends[0] = -1;
	for (unsigned i = 0; i < 10 && fake.out_count < 100; i++) {
		if (relay_turn(relay, 0) == RELAY_HUNG_UP) {
			break;
		}
	}
	ck_assert_uint_eq(fake.out_count, 100);
	ck_assert_uint_eq(fake.out[99], 99);
}
END_TEST

START_TEST(hang_up_is_seen_once_all_is_done)
{
	enum relay_state state = RELAY_GOES_ON;

	close(ends[0]);
	ends[0] = -1;
	for (unsigned i = 0; i < 3 && state == RELAY_GOES_ON; i++) {
		state = relay_turn(relay, 0);
	}
	ck_assert_int_eq(state, RELAY_HUNG_UP);
}
END_TEST

START_TEST(a_copy_of_the_program_s_end_keeps_it)
{
	int copy = dup(ends[0]);

	close(ends[0]);
	ends[0] = copy;
	ck_assert_int_eq(relay_turn(relay, 0), RELAY_GOES_ON);
	program_writes(1, 60);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(fake.out_count, 1);
}
END_TEST

START_TEST(an_interface_that_goes_ends_it)
{
	fake.gone = true;
	if (_i == 0) {
		frames_come_in(1);
	} else {
		program_writes(1, 60);
	}
	ck_assert_int_eq(relay_turn(relay, 0), RELAY_PORT_GONE);
}
END_TEST

START_TEST(what_the_port_lost_is_asked_before_it_sleeps)
{
	fake.lost = 17;
	frames_come_in(10);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(counters.port_dropped, 0); /* not worth a call */
	frames_come_in(1000);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_int_eq(relay_turn(relay, 0), RELAY_GOES_ON);
	ck_assert_uint_eq(counters.port_dropped, 17);
}
END_TEST

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What O_RDONLY makes, and shutdown(2) by a program without the shim. */
START_TEST(a_program_that_writes_no_more_is_not_asked_again)
{
	int64_t before;

	program_writes(1, 60);
	ck_assert_int_eq(shutdown(ends[0], SHUT_WR), 0);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(relay_turn(relay, 0), RELAY_GOES_ON);
	}
	ck_assert_uint_eq(fake.out_count, 1);
	before = now_ms();
	ck_assert_int_eq(relay_turn(relay, 200), RELAY_GOES_ON);
	ck_assert_int_ge(now_ms() - before, 199);
	/* The other way works on, and the end is seen. */
	frames_come_in(3);
	ck_assert_int_eq(relay_turn(relay, 0), RELAY_GOES_ON);
	ck_assert_uint_eq(counters.to_program.packets, 3);
	close(ends[0]);
	ends[0] = -1;
	ck_assert_int_eq(relay_turn(relay, 200), RELAY_HUNG_UP);
}
END_TEST

START_TEST(an_idle_relay_sleeps)
{
	ck_assert_int_eq(relay_turn(relay, 20), RELAY_GOES_ON);
	ck_assert_uint_eq(fake.calls, 0);
}
END_TEST

START_TEST(a_tun_s_packets_come_without_ethernet)
{
	uint8_t data[200];

	fake.type = _i == 0 ? 0x0800 : 0x86dd;
	fake.in_bytes = 100;
	frames_come_in(200);
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t number;
		ssize_t n = recv(ends[0], data, sizeof(data), MSG_DONTWAIT);

		if (n == -1) {
			ck_assert_int_eq(relay_turn(relay, 0), RELAY_GOES_ON);
			n = recv(ends[0], data, sizeof(data), MSG_DONTWAIT);
		}
		ck_assert_int_eq(n, 86);
		memcpy(&number, data, sizeof(number));
		ck_assert_uint_eq(number, i);
	}
	ck_assert_uint_eq(counters.to_program.packets, 200);
	ck_assert_uint_eq(counters.to_program.bytes, 200 * 86);
	ck_assert_uint_eq(counters.to_program.dropped, 0);
	ck_assert_uint_eq(fake.out_count, 0);
}
END_TEST

START_TEST(a_tun_carries_nothing_but_ip)
{
	fake.type = 0x88b5;
	frames_come_in(5);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	fake.type = 0x8100;
	frames_come_in(5);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	fake.type = 0x0800;
	fake.in_bytes = 14 + 65535;
	frames_come_in(1);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(counters.to_program.packets, 1);
	fake.in_bytes++;
	frames_come_in(1);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(counters.to_program.packets, 1);
	ck_assert_uint_eq(counters.to_program.dropped, 11);
}
END_TEST

START_TEST(a_tun_s_packets_leave_with_ethernet)
{
	static const uint8_t v4[14] = {0x02, 1, 2, 3, 4, 6, 0x02, 1, 2, 3, 4, 7, 0x08, 0x00};
	static const uint8_t v6[14] = {0x02, 1, 2, 3, 4, 6, 0x02, 1, 2, 3, 4, 7, 0x86, 0xdd};
	static uint8_t packet[65536 + 100];
	int bytes = 1024 * 1024;

	ck_assert_int_eq(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
	for (uint32_t i = 0; i < 150; i++) {
		packet[0] = i % 2 == 0 ? 0x45 : 0x60;
		ck_assert_int_eq(send(ends[0], packet, 20 + i, MSG_DONTWAIT), (ssize_t)(20 + i));
	}
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(fake.out_count, 150);
	for (uint32_t i = 0; i < 150; i++) {
		ck_assert_uint_eq(fake.out_bytes[i], 14 + 20 + i);
	}
	ck_assert_mem_eq(fake.last_header, v6, 14);
	ck_assert_uint_eq(counters.from_program.packets, 150);
	ck_assert_uint_eq(counters.from_program.bytes, 150 * 20 + 149 * 150 / 2);
	packet[0] = 0x45;
	ck_assert_int_eq(send(ends[0], packet, 65535, MSG_DONTWAIT), 65535);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(fake.out_bytes[150], 14 + 65535);
	ck_assert_mem_eq(fake.last_header, v4, 14);
	/* Neither: of no bytes, which is nothing at all; too long; of another version. */
	ck_assert_int_eq(send(ends[0], packet, 0, MSG_DONTWAIT), 0);
	ck_assert_int_eq(send(ends[0], packet, 65536, MSG_DONTWAIT), 65536);
	ck_assert_int_eq(send(ends[0], packet, sizeof(packet), MSG_DONTWAIT), sizeof(packet));
	packet[0] = 0x55;
	ck_assert_int_eq(send(ends[0], packet, 60, MSG_DONTWAIT), 60);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(fake.out_count, 151);
	ck_assert_uint_eq(counters.from_program.dropped, 3);
}
END_TEST

/* Whatever the program does: it need not read. */
START_TEST(a_tun_s_neighbour_is_the_relay)
{
	static const uint8_t request[42] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 1, 2, 3, 4, 6, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1,
	    0x02, 1, 2, 3, 4, 6, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};

	fake.asks = request;
	fake.in_bytes = sizeof(request);
	frames_come_in(3);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_eq(fake.out_count, 3);
	ck_assert_uint_eq(fake.out_bytes[0], 42);
	/* Of a burst so many; who is not answered asks again. */
	frames_come_in(PORT_BURST);
	ck_assert_int_eq(settle(), RELAY_GOES_ON);
	ck_assert_uint_gt(fake.out_count, 3);
	ck_assert_uint_lt(fake.out_count, 3 + PORT_BURST);
	ck_assert_uint_eq(counters.to_program.packets, 0);
	ck_assert_uint_eq(counters.to_program.dropped, 0);
	ck_assert_uint_eq(counters.from_program.packets, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("relay");
	TCase *tcase = tcase_create("relay"), *tun = tcase_create("tun");

	tcase_add_checked_fixture(tcase, a_relay, its_end);
	tcase_add_test(tcase, what_it_holds_at_most_is_told);
	tcase_add_test(tcase, order_is_kept_to_the_program);
	tcase_add_test(tcase, order_is_kept_to_the_port);
	tcase_add_test(tcase, one_turn_moves_a_burst_at_most_and_both_ways);
	tcase_add_test(tcase, what_the_port_holds_is_not_left_there);
	tcase_add_test(tcase, a_full_channel_drops_the_newest_and_counts);
	tcase_add_test(tcase, a_stopped_reader_does_not_stop_the_other_way);
	tcase_add_test(tcase, what_the_port_does_not_take_is_counted);
	tcase_add_test(tcase, no_frames_are_dropped_and_counted);
	tcase_add_test(tcase, a_datagram_of_no_bytes_ends_nothing);
	tcase_add_test(tcase, hang_up_ends_it_after_what_was_written);
	tcase_add_test(tcase, hang_up_is_seen_once_all_is_done);
	tcase_add_test(tcase, a_copy_of_the_program_s_end_keeps_it);
	tcase_add_loop_test(tcase, an_interface_that_goes_ends_it, 0, 2);
	tcase_add_test(tcase, what_the_port_lost_is_asked_before_it_sleeps);
	tcase_add_test(tcase, a_program_that_writes_no_more_is_not_asked_again);
	tcase_add_test(tcase, an_idle_relay_sleeps);
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tun, a_relay_of_a_tun, its_end);
	tcase_add_loop_test(tun, a_tun_s_packets_come_without_ethernet, 0, 2);
	tcase_add_test(tun, a_tun_carries_nothing_but_ip);
	tcase_add_test(tun, a_tun_s_packets_leave_with_ethernet);
	tcase_add_test(tun, a_tun_s_neighbour_is_the_relay);
	suite_add_tcase(suite, tun);
	return run_suite(suite);
}
