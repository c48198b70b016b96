/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-capture.c - suite "capture": what a capture says of packets from a source in memory.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/capture.h"
#include "worlds.h"

#define PACKET_BYTES 60

static struct fake_source {
	struct source source;
	uint32_t next, last; /* numbers of the packets that wait */
	uint64_t time_ns;    /* of all */
	uint64_t lost;
	int error;           /* that receive() ends with once nothing waits */
	unsigned calls;
} fake;

static struct capture *capture;
static int ends[2];
static unsigned fds_before;

/* Packet number n: odd ones are IPv4, even ones ARP; odd ones are to the program. */
static void
make_packet(uint8_t packet[PACKET_BYTES], uint32_t number)
{
	memset(packet, 0, PACKET_BYTES);
	packet[12] = 0x08;
	packet[13] = number % 2 == 1 ? 0x00 : 0x06;
	memcpy(packet + 20, &number, sizeof(number));
}

static int
fake_receive(struct source *source, unsigned burst, void (*on_packet)(void *argument, const struct source_packet *packet), void *argument)
{
	static uint8_t data[SOURCE_BURST][PACKET_BYTES];
	unsigned n = 0;

	fake.calls++;
	for (; fake.next != fake.last && n < burst; n++) {
		struct source_packet packet = {.data = data[n], .bytes = PACKET_BYTES, .original_bytes = 1000, .time_ns = fake.time_ns,
		    .to_program = fake.next % 2 == 1};

		make_packet(data[n], fake.next++);
		on_packet(argument, &packet);
	}
	if (n == 0 && fake.error != 0) {
		errno = fake.error;
		return -1;
	}
	return (int)n;
}

static uint64_t
fake_dropped(struct source *source)
{
	return fake.lost;
}

static void
fake_close(struct source *source)
{
}

static const struct source_ops fake_ops = {.receive = fake_receive, .dropped = fake_dropped, .close = fake_close};

static void
a_capture(void)
{
	fds_before = count_fds();
	fake = (struct fake_source){.source = {.ops = &fake_ops, .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)}, .time_ns = 1};
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	capture = capture_new(ends[1], &fake.source);
	ck_assert_ptr_nonnull(capture);
}

static void
its_end(void)
{
	capture_free(capture);
	close(ends[1]);
	if (ends[0] >= 0) {
		close(ends[0]);
	}
	close(fake.source.fd);
	ck_assert_uint_eq(count_fds(), fds_before);
}

static void
packets_pass(uint32_t count)
{
	uint64_t one = 1;

	fake.last += count;
	ck_assert_int_eq(write(fake.source.fd, &one, sizeof(one)), sizeof(one));
}

/* The client sends a filter; NULL: none. */
static void
ask_for(const char *text)
{
	static uint8_t record[CAPTURE_FILTER_BYTES_MAX];
	struct capture_filter filter = {.magic = CAPTURE_MAGIC};
	struct bpf_program program = {0};
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, 65535);
	size_t bytes;

	if (text != NULL) {
		ck_assert_int_eq(pcap_compile(dead, &program, text, 1, PCAP_NETMASK_UNKNOWN), 0);
		filter.count = program.bf_len;
		memcpy(record + sizeof(filter), program.bf_insns, program.bf_len * sizeof(struct bpf_insn));
	}
	memcpy(record, &filter, sizeof(filter));
	bytes = sizeof(filter) + filter.count * sizeof(struct bpf_insn);
	pcap_freecode(&program);
	pcap_close(dead);
	ck_assert_int_eq(send(ends[0], record, bytes, MSG_DONTWAIT), (ssize_t)bytes);
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
}

/* What the client reads next: 0, or the type; *number of a packet. */
static unsigned
client_reads(struct capture_record *r, uint32_t *number)
{
	static uint8_t data[CAPTURE_RECORD_BYTES_MAX];
	ssize_t n = recv(ends[0], data, sizeof(*r), MSG_DONTWAIT), length;

	if (n <= 0) {
		return 0;
	}
	ck_assert_int_eq(n, sizeof(*r));
	length = capture_record_length(data, (size_t)n);
	ck_assert_int_ge(length, n);
	ck_assert(length == n || recv(ends[0], data + n, (size_t)(length - n), MSG_DONTWAIT) == length - n);
	ck_assert(capture_record_ok(data, (size_t)length));
	memcpy(r, data, sizeof(*r));
	if (r->type == CAPTURE_PACKET) {
		ck_assert_uint_eq(r->bytes, PACKET_BYTES);
		memcpy(number, data + sizeof(*r) + 20, sizeof(*number));
	}
	return r->type;
}

START_TEST(packets_come_in_order_with_their_direction)
{
	struct capture_record r;
	uint32_t number;

	ask_for(NULL);
	packets_pass(2 * SOURCE_BURST + 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
	}
	for (uint32_t i = 0; i < 2 * SOURCE_BURST + 3; i++) {
		ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
		ck_assert_uint_eq(number, i);
		ck_assert_uint_eq(r.direction, i % 2 == 1 ? CAPTURE_TO_PROGRAM : CAPTURE_FROM_PROGRAM);
		ck_assert_uint_eq(r.original_bytes, 1000);
		ck_assert_uint_eq(r.received, i + 1);
		ck_assert_uint_eq(r.time_ns, 1);
	}
	ck_assert_uint_eq(client_reads(&r, &number), 0);
}
END_TEST

START_TEST(nothing_is_shown_before_the_filter)
{
	struct capture_record r;
	uint32_t number;

	packets_pass(4);
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
	ck_assert_uint_eq(fake.calls, 0);
	ask_for("ip");
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
	ck_assert_uint_eq(number, 1);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
	ck_assert_uint_eq(number, 3);
	ck_assert_uint_eq(r.received, 4);
	ck_assert_uint_eq(client_reads(&r, &number), 0);
}
END_TEST

START_TEST(a_client_that_shuts_down_gets_what_passed_before)
{
	struct capture_record r;
	uint32_t number;

	ask_for(NULL);
	packets_pass(SOURCE_BURST + 1);
	ck_assert_int_eq(shutdown(ends[0], SHUT_WR), 0);
	fake.lost = 7;
	while (capture_turn(capture, 0) == CAPTURE_GOES_ON) {
	}
	for (unsigned i = 0; i < SOURCE_BURST + 1; i++) {
		ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
	}
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_END);
	ck_assert_int_eq(r.error, 0);
	ck_assert_uint_eq(r.received, SOURCE_BURST + 1);
	ck_assert_uint_eq(r.dropped, 7);
}
END_TEST

START_TEST(what_passes_after_the_end_is_not_shown)
{
	struct capture_record r;
	struct timespec now;
	uint32_t number;

	ask_for(NULL);
	clock_gettime(CLOCK_REALTIME, &now);
	fake.time_ns = ((uint64_t)now.tv_sec + 3600) * 1000000000u;
	packets_pass(3);
	ck_assert_int_eq(shutdown(ends[0], SHUT_WR), 0);
	/* The turn that sees the shutdown reads the source, too. */
	while (capture_turn(capture, 0) == CAPTURE_GOES_ON) {
	}
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_END);
	ck_assert_uint_eq(r.received, 0);
}
END_TEST

START_TEST(a_client_that_goes_ends_it)
{
	if (_i == 1) {
		ask_for(NULL);
	}
	close(ends[0]);
	ends[0] = -1;
	packets_pass(1);
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_OVER);
}
END_TEST

START_TEST(a_client_that_shuts_down_without_a_filter_gets_nothing)
{
	packets_pass(1);
	ck_assert_int_eq(shutdown(ends[0], SHUT_WR), 0);
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_OVER);
	ck_assert_uint_eq(fake.calls, 0);
}
END_TEST

START_TEST(an_interface_that_goes_ends_it_with_that)
{
	struct capture_record r;
	uint32_t number;

	ask_for(NULL);
	fake.error = ENODEV;
	packets_pass(1);
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_OVER);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_END);
	ck_assert_int_eq(r.error, ENODEV);
	ck_assert_uint_eq(r.received, 1);
}
END_TEST

START_TEST(what_is_not_readable_is_looked_at_again_if_the_source_says_so)
{
	struct capture_record r;
	uint64_t count;
	uint32_t number;

	ask_for(NULL);
	packets_pass(1);
	fake.source.look_again = true;
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
	ck_assert_int_eq(read(fake.source.fd, &count, sizeof(count)), sizeof(count));
	fake.error = ENODEV;
	ck_assert_int_eq(capture_turn(capture, -1), CAPTURE_OVER);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_END);
	ck_assert_int_eq(r.error, ENODEV);
}
END_TEST

START_TEST(an_interface_that_is_down_is_looked_at_again)
{
	uint64_t count;

	ask_for(NULL);
	fake.error = ENETDOWN;
	packets_pass(0);
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
	ck_assert_uint_eq(fake.calls, 1);
	ck_assert_int_eq(read(fake.source.fd, &count, sizeof(count)), sizeof(count));
	/* Nothing is to be read, and for ever is not meant. */
	ck_assert_int_eq(capture_turn(capture, -1), CAPTURE_GOES_ON);
	ck_assert_uint_eq(fake.calls, 2);
	fake.error = 0;
	ck_assert_int_eq(capture_turn(capture, -1), CAPTURE_GOES_ON);
	ck_assert_uint_eq(fake.calls, 3);
	/* Up again: it sleeps. */
	ck_assert_int_eq(capture_turn(capture, 10), CAPTURE_GOES_ON);
	ck_assert_uint_eq(fake.calls, 3);
}
END_TEST

static const struct {
	const char *name;
	struct capture_filter filter;
	struct capture_instruction instructions[2];
	size_t bytes;
} bad_filters[] = {
	{"no magic", {.magic = 1}, {{0}}, 8},
	{"long", {.magic = CAPTURE_MAGIC, .count = 1}, {{.code = 6}, {.code = 6}}, 24},
	{"too many", {.magic = CAPTURE_MAGIC, .count = CAPTURE_INSTRUCTIONS_MAX + 1}, {{0}}, 8},
	{"does not end", {.magic = CAPTURE_MAGIC, .count = 1}, {{.code = 0}}, 16},
	{"jumps out", {.magic = CAPTURE_MAGIC, .count = 2}, {{.code = 5, .k = 100}, {.code = 6}}, 24},
	{"no instruction", {.magic = CAPTURE_MAGIC, .count = 2}, {{.code = 0xffff}, {.code = 6}}, 24},
	{"no such miscellany", {.magic = CAPTURE_MAGIC, .count = 2}, {{.code = 0x47}, {.code = 6}}, 24},
	{"a store of no kind", {.magic = CAPTURE_MAGIC, .count = 2}, {{.code = 0x0a}, {.code = 6}}, 24},
};

START_TEST(what_is_no_filter_ends_it)
{
	struct capture_record r;
	uint32_t number;
	uint8_t data[24];

	memcpy(data, &bad_filters[_i].filter, 8);
	memcpy(data + 8, bad_filters[_i].instructions, 16);
	packets_pass(1);
	ck_assert_int_eq(send(ends[0], data, bad_filters[_i].bytes, 0), (ssize_t)bad_filters[_i].bytes);
	ck_assert_msg(capture_turn(capture, 0) == CAPTURE_OVER, "%s", bad_filters[_i].name);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_END);
	ck_assert_int_eq(r.error, EINVAL);
	ck_assert_uint_eq(fake.calls, 0);
}
END_TEST

/* Whatever libpcap accepts is run, or refused: nothing that it does not know comes to it. */
START_TEST(no_instruction_ends_the_process)
{
	struct {
		struct capture_filter filter;
		struct capture_instruction instructions[2];
	} data = {.filter = {.magic = CAPTURE_MAGIC, .count = 2}};
	unsigned accepted = 0;

	for (unsigned code = 0; code <= 0x1ff; code++) {
		struct capture_record r;
		uint32_t number;

		its_end();
		a_capture();
		data.instructions[0] = (struct capture_instruction){.code = (uint16_t)code, .k = 1};
		data.instructions[1] = (struct capture_instruction){.code = BPF_RET | BPF_K, .k = 1};
		packets_pass(1);
		ck_assert_int_eq(send(ends[0], &data, sizeof(data), 0), sizeof(data));
		if (capture_turn(capture, 0) == CAPTURE_GOES_ON) {
			ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
			accepted++;
		} else {
			ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_END);
		}
	}
	ck_assert_uint_ge(accepted, 40);
	ck_assert_uint_le(accepted, 60);
}
END_TEST

/* It comes as it likes; what shuts down its side in the midst of it gets nothing. */
START_TEST(a_filter_in_pieces_is_one)
{
	const struct capture_filter filter = {.magic = CAPTURE_MAGIC, .count = 2};
	const struct capture_instruction instructions[] = {{.code = BPF_LD | BPF_IMM}, {.code = BPF_RET | BPF_K, .k = 1}};
	struct capture_record r;
	uint32_t number;
	uint8_t data[24];

	memcpy(data, &filter, 8);
	memcpy(data + 8, instructions, 16);
	packets_pass(1);
	for (unsigned i = 0; i < (_i == 0 ? sizeof(data) : 20); i++) {
		ck_assert_int_eq(send(ends[0], data + i, 1, 0), 1);
		ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
	}
	if (_i == 0) {
		ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
		ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
	} else {
		ck_assert_int_eq(shutdown(ends[0], SHUT_WR), 0);
		ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_OVER);
		ck_assert_uint_eq(client_reads(&r, &number), 0);
		ck_assert_uint_eq(fake.calls, 0);
	}
}
END_TEST

/* The source holds what nobody can see at its descriptor: it is asked again at once, however long one may wait. */
START_TEST(what_the_source_holds_comes_at_once)
{
	struct capture_record r;
	uint64_t count;
	uint32_t number;

	ask_for(NULL);
	packets_pass(1);
	fake.source.more = true;
	ck_assert_int_eq(capture_turn(capture, -1), CAPTURE_GOES_ON);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
	ck_assert_int_eq(read(fake.source.fd, &count, sizeof(count)), sizeof(count));
	fake.last++;
	ck_assert_int_eq(capture_turn(capture, -1), CAPTURE_GOES_ON);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
	ck_assert_uint_eq(number, 1);
}
END_TEST

/* More than the client has room for, which it takes in small pieces. */
START_TEST(a_burst_that_does_not_fit_goes_in_pieces)
{
	struct capture_record r;
	const int small = 1;
	uint32_t number, seen = 0;
	pid_t pid;

	ck_assert_int_eq(setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	ask_for(NULL);
	packets_pass(8 * SOURCE_BURST);
	pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < 8; i++) {
			(void)capture_turn(capture, 0);
		}
		_exit(0);
	}
	ck_assert_int_gt(pid, 0);
	while (seen < 8 * SOURCE_BURST) {
		static uint8_t data[sizeof(struct capture_record) + PACKET_BYTES];

		ck_assert_int_eq(recv(ends[0], data, sizeof(data), MSG_WAITALL), sizeof(data));
		ck_assert(capture_record_ok(data, sizeof(data)));
		memcpy(&r, data, sizeof(r));
		memcpy(&number, data + sizeof(r) + 20, sizeof(number));
		ck_assert_uint_eq(number, seen++);
		ck_assert_uint_eq(r.received, seen);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(a_second_filter_ends_it)
{
	const struct capture_filter filter = {.magic = CAPTURE_MAGIC};

	ask_for("ip");
	ck_assert_int_eq(send(ends[0], &filter, sizeof(filter), 0), sizeof(filter));
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_OVER);
}
END_TEST

START_TEST(drops_are_told_with_the_packet_after)
{
	struct capture_record r;
	uint32_t number;

	ask_for(NULL);
	packets_pass(1);
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
	fake.lost = 5;
	packets_pass(1);
	ck_assert_int_eq(capture_turn(capture, 0), CAPTURE_GOES_ON);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
	ck_assert_uint_eq(r.dropped, 0);
	ck_assert_uint_eq(client_reads(&r, &number), CAPTURE_PACKET);
	ck_assert_uint_eq(r.dropped, 5);
}
END_TEST

START_TEST(an_idle_capture_sleeps)
{
	ask_for(NULL);
	ck_assert_int_eq(capture_turn(capture, 20), CAPTURE_GOES_ON);
	ck_assert_uint_eq(fake.calls, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("capture");
	TCase *tcase = tcase_create("capture");

	tcase_add_checked_fixture(tcase, a_capture, its_end);
	tcase_add_test(tcase, packets_come_in_order_with_their_direction);
	tcase_add_test(tcase, nothing_is_shown_before_the_filter);
	tcase_add_test(tcase, a_client_that_shuts_down_gets_what_passed_before);
	tcase_add_test(tcase, what_passes_after_the_end_is_not_shown);
	tcase_add_loop_test(tcase, a_client_that_goes_ends_it, 0, 2);
	tcase_add_test(tcase, a_client_that_shuts_down_without_a_filter_gets_nothing);
	tcase_add_test(tcase, an_interface_that_goes_ends_it_with_that);
	tcase_add_test(tcase, what_is_not_readable_is_looked_at_again_if_the_source_says_so);
	tcase_add_test(tcase, an_interface_that_is_down_is_looked_at_again);
	tcase_add_loop_test(tcase, what_is_no_filter_ends_it, 0, sizeof(bad_filters) / sizeof(bad_filters[0]));
	tcase_add_test(tcase, no_instruction_ends_the_process);
	tcase_add_loop_test(tcase, a_filter_in_pieces_is_one, 0, 2);
	tcase_add_test(tcase, what_the_source_holds_comes_at_once);
	tcase_add_test(tcase, a_burst_that_does_not_fit_goes_in_pieces);
	tcase_add_test(tcase, a_second_filter_ends_it);
	tcase_add_test(tcase, drops_are_told_with_the_packet_after);
	tcase_add_test(tcase, an_idle_capture_sleeps);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
