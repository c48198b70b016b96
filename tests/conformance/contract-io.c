/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-io.c - rows "read", "write", "order", "overload", and what both say while the interface is down.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define ROOM 10000

static size_t
header_bytes(enum kind kind)
{
	return kind == TAP ? 14 : 0;
}

static void
set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	EXPECT(flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == 0);
}

static void
read_down_is_eio(enum kind kind)
{
	uint8_t packet[ROOM];
	struct iovec iov[2] = {{packet, 10}, {packet + 10, 100}};
	int fd = device_open(kind, 0, O_RDWR);

	EXPECT(fd >= 0);
	EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EIO);
	EXPECT_ERRNO(readv(fd, iov, 2), EIO);
	set_nonblock(fd, true);
	EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EIO);
	EXPECT(read(fd, packet, 0) == 0);
}

static void
write_down_is_eio_before_any_other_error(enum kind kind)
{
	static const size_t sizes[] = {0, 1, 13, PACKET_MIN, 1500, 1514, 1518, 1600, 9000};
	uint8_t packet[ROOM];
	struct iovec iov[2] = {{packet, 10}, {packet + 10, 50}};
	int fd = device_open(kind, 0, O_RDWR);

	packet_make(kind, packet, sizeof(packet), 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		EXPECT_ERRNO(write(fd, packet, sizes[i]), EIO);
	}
	EXPECT_ERRNO(writev(fd, iov, 2), EIO);
	set_nonblock(fd, true);
	EXPECT_ERRNO(write(fd, packet, PACKET_MIN), EIO);
	memset(packet, 0, sizeof(packet)); /* no IP version: EINVAL, once it is up */
	EXPECT_ERRNO(write(fd, packet, PACKET_MIN), EIO);
}

static void
whole_frames_down_are_eio_by_the_kernel(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = device_open(kind, 0, O_RDWR);

	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT_ERRNO(write(fd, packet, sizeof(packet)), EIO);
}

/* Whether a non-blocking read says EIO: at most a second after the interface went down. */
static bool
says_eio(int fd)
{
	uint8_t packet[ROOM];

	return read(fd, packet, sizeof(packet)) == -1 && errno == EIO;
}

static void
eio_follows_down_and_ends_with_up(enum kind kind)
{
	uint8_t packet[ROOM];
	int fd = opened_up(kind, 0);

	set_nonblock(fd, true);
	for (int i = 0; i < 20; i++) {
		/* Nothing says EIO once it is up: not one call, however late the news may be. */
		EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EAGAIN);
		packet_make(kind, packet, PACKET_MIN, 1);
		EXPECT(write(fd, packet, PACKET_MIN) == PACKET_MIN);
		if_down(name_of(kind, 0));
		EXPECT_EIO_SOON(write(fd, packet, PACKET_MIN));
		WAIT_UNTIL(says_eio(fd), 10000);
		if_up(name_of(kind, 0));
	}
}

static void
read_of_nothing_takes_nothing(enum kind kind)
{
	uint8_t sent[PACKET_MIN], got[ROOM];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));
	struct iovec none[2] = {{got, 0}, {got, 0}};

	packet_make(kind, sent, sizeof(sent), 5);
	kernel_send(kernel, name_of(kind, 0), kind, sent, sizeof(sent));
	wait_readable(fd);
	EXPECT(read(fd, got, 0) == 0);
	EXPECT(readv(fd, none, 2) == 0);
	EXPECT(read(fd, got, sizeof(got)) == sizeof(sent) && memcmp(sent, got, sizeof(sent)) == 0);
}

static void
one_packet_per_read(enum kind kind)
{
	static const size_t sizes[] = {PACKET_MIN, 61, 512, 1024, 1499, 1500};
	uint8_t sent[ROOM], got[ROOM];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		packet_make(kind, sent, sizes[i], i);
		kernel_send(kernel, name_of(kind, 0), kind, sent, sizes[i]);
	}
	for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		wait_readable(fd);
		packet_make(kind, sent, sizes[i], i);
		EXPECT(read(fd, got, sizeof(got)) == (ssize_t)sizes[i]);
		EXPECT(memcmp(sent, got, sizes[i]) == 0);
	}
	set_nonblock(fd, true);
	EXPECT_ERRNO(read(fd, got, sizeof(got)), EAGAIN);
}

static void
short_buffer_takes_the_first_bytes(enum kind kind)
{
	static const size_t rooms[] = {1, 5, 14, 59};
	uint8_t sent[PACKET_MIN], got[ROOM];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	for (uint32_t i = 0; i < 4; i++) {
		packet_make(kind, sent, sizeof(sent), i);
		kernel_send(kernel, name_of(kind, 0), kind, sent, sizeof(sent));
	}
	packet_make(kind, sent, sizeof(sent), 99);
	kernel_send(kernel, name_of(kind, 0), kind, sent, sizeof(sent));
	for (uint32_t i = 0; i < 4; i++) {
		memset(got, 0xee, sizeof(got));
		packet_make(kind, sent, sizeof(sent), i);
		wait_readable(fd);
		EXPECT(read(fd, got, rooms[i]) == (ssize_t)rooms[i]);
		EXPECT(memcmp(sent, got, rooms[i]) == 0 && got[rooms[i]] == 0xee);
	}
	wait_readable(fd);
	EXPECT(read(fd, got, sizeof(got)) == sizeof(sent) && packet_number(kind, got) == 99);
}

static void
readv_scatters_and_writev_gathers(enum kind kind)
{
	volatile int too_few = -1, too_many = 5000; /* volatile: the compiler knows better than to pass them */
	uint8_t sent[200], got[200];
	struct iovec in[4] = {{got, 3}, {got + 3, 0}, {got + 3, 50}, {got + 53, 147}};
	struct iovec out[4] = {{sent, 1}, {sent + 1, 13}, {sent + 14, 0}, {sent + 14, 186}};
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	packet_make(kind, sent, sizeof(sent), 1);
	kernel_send(kernel, name_of(kind, 0), kind, sent, sizeof(sent));
	wait_readable(fd);
	EXPECT(readv(fd, in, 4) == sizeof(sent) && memcmp(sent, got, sizeof(sent)) == 0);
	EXPECT(writev(fd, out, 4) == sizeof(sent));
	memset(got, 0, sizeof(got));
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == sizeof(sent) && memcmp(sent, got, sizeof(sent)) == 0);
	EXPECT_ERRNO(readv(fd, in, too_few), EINVAL);
	EXPECT_ERRNO(writev(fd, out, too_many), EINVAL);
}

static void
short_vector_takes_the_first_bytes(enum kind kind)
{
	uint8_t sent[PACKET_MIN], got[64];
	struct iovec in[3] = {{got + 32, 5}, {got, 0}, {got, 20}};
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	for (uint32_t i = 1; i <= 2; i++) {
		packet_make(kind, sent, sizeof(sent), i);
		kernel_send(kernel, name_of(kind, 0), kind, sent, sizeof(sent));
	}
	memset(got, 0xee, sizeof(got));
	packet_make(kind, sent, sizeof(sent), 1);
	wait_readable(fd);
	EXPECT(readv(fd, in, 3) == 25);
	EXPECT(memcmp(got + 32, sent, 5) == 0 && memcmp(got, sent + 5, 20) == 0);
	EXPECT(got[20] == 0xee && got[31] == 0xee && got[37] == 0xee);
	wait_readable(fd);
	EXPECT(read(fd, got, sizeof(got)) == sizeof(sent) && packet_number(kind, got) == 2);
}

static void
vectors_of_no_bytes(enum kind kind)
{
	/* As read and write of no bytes, which for a vector the kernel alone would not even show to its driver. */
	uint8_t byte;
	struct iovec none[2] = {{&byte, 0}, {&byte, 0}};
	int fd = opened(kind, 0);

	EXPECT(readv(fd, none, 2) == 0);
	EXPECT_ERRNO(writev(fd, none, 2), EIO);
	EXPECT_ERRNO(writev(fd, none, 0), EIO);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	EXPECT(readv(fd, none, 2) == 0);
	EXPECT_ERRNO(writev(fd, none, 2), EINVAL);
	EXPECT_ERRNO(writev(fd, none, 0), EINVAL);
}

static void
vectors_of_many_parts(enum kind kind)
{
	/* IOV_MAX parts, the most that readv and writev take. */
	static struct iovec parts[1024];
	uint8_t sent[1024], got[2000];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	packet_make(kind, sent, sizeof(sent), 1);
	for (unsigned i = 0; i < 1024; i++) {
		parts[i] = (struct iovec){&sent[i], 1};
	}
	EXPECT(writev(fd, parts, 1024) == 1024);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == 1024 && memcmp(sent, got, 1024) == 0);
	kernel_send(kernel, name_of(kind, 0), kind, sent, sizeof(sent));
	wait_readable(fd);
	memset(got, 0, sizeof(got));
	for (unsigned i = 0; i < 1024; i++) {
		parts[i] = (struct iovec){&got[i], 1};
	}
	EXPECT(readv(fd, parts, 1024) == 1024 && memcmp(sent, got, 1024) == 0);
}

static void
write_reaches_the_kernel_whole(enum kind kind)
{
	uint8_t sent[ROOM], got[ROOM];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));
	static const size_t sizes[] = {PACKET_MIN, 100, 1499, 1500};

	for (uint32_t i = 0; i < 4; i++) {
		size_t bytes = sizes[i] + header_bytes(kind);

		packet_make(kind, sent, bytes, i);
		EXPECT(write(fd, sent, bytes) == (ssize_t)bytes);
		EXPECT(kernel_receive(kernel, got, sizeof(got)) == (long)bytes && memcmp(sent, got, bytes) == 0);
	}
}

static void
too_short_is_einval(enum kind kind)
{
	uint8_t packet[ROOM], got[ROOM];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT_ERRNO(write(fd, packet, 0), EINVAL);
	if (kind == TAP) {
		EXPECT_ERRNO(write(fd, packet, 1), EINVAL);
		EXPECT_ERRNO(write(fd, packet, 13), EINVAL);
		EXPECT(write(fd, packet, 14) == 14);
	} else {
		static const uint8_t versions[] = {0x00, 0x15, 0x35, 0x55, 0x75, 0xf5};

		for (size_t i = 0; i < sizeof(versions); i++) {
			packet[0] = versions[i];
			EXPECT_ERRNO(write(fd, packet, PACKET_MIN), EINVAL);
		}
	}
	/* None of the refused ones came through. */
	packet_make(kind, packet, PACKET_MIN, 2);
	EXPECT(write(fd, packet, PACKET_MIN) == PACKET_MIN);
	if (kind == TAP) {
		EXPECT(kernel_receive(kernel, got, sizeof(got)) == 14);
	}
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == PACKET_MIN && packet_number(kind, got) == 2);
}

static void
too_long_is_emsgsize(enum kind kind)
{
	uint8_t packet[ROOM], got[ROOM];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));
	size_t limit = 1500 + header_bytes(kind);
	struct iovec iov[2] = {{packet, 100}, {packet + 100, limit + 1 - 100}};

	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT_ERRNO(write(fd, packet, limit + 1), EMSGSIZE);
	EXPECT_ERRNO(write(fd, packet, limit + 4), EMSGSIZE);
	EXPECT_ERRNO(write(fd, packet, 9000), EMSGSIZE);
	EXPECT_ERRNO(writev(fd, iov, 2), EMSGSIZE);
	/* Nothing of it was sent: the next that the kernel sees is the next that fits. */
	packet_make(kind, packet, limit, 2);
	EXPECT(write(fd, packet, limit) == (ssize_t)limit);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == (long)limit && packet_number(kind, got) == 2);
}

static void
tagged_frame_may_be_four_longer(enum kind kind)
{
	uint8_t packet[ROOM];
	int fd = opened_up(kind, 0);
	struct iovec iov[3] = {{packet, 12}, {packet + 12, 1}, {packet + 13, 1518 - 13}};

	packet_make(kind, packet, sizeof(packet), 1);
	packet[12] = 0x81;
	packet[13] = 0x00;
	EXPECT(write(fd, packet, 1518) == 1518);
	EXPECT(writev(fd, iov, 3) == 1518);
	EXPECT_ERRNO(write(fd, packet, 1519), EMSGSIZE);
	packet[13] = 0x01;
	EXPECT_ERRNO(write(fd, packet, 1518), EMSGSIZE);
}

static void
limit_follows_the_mtu(enum kind kind)
{
	static const int mtus[] = {9000, 1280, 576, 1500};
	uint8_t packet[ROOM], got[ROOM];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	for (uint32_t i = 0; i < 4; i++) {
		size_t limit = (size_t)mtus[i] + header_bytes(kind);

		if_set_mtu(name_of(kind, 0), mtus[i]);
		packet_make(kind, packet, limit + 1, i);
		/* Raised: at once, whatever the news.  Lowered: as soon as it is known. */
		EXPECT(write(fd, packet, limit) == (ssize_t)limit);
		/* After what passed the last time, while the lower one was not known yet. */
		WAIT_UNTIL(kernel_receive(kernel, got, sizeof(got)) == (long)limit && packet_number(kind, got) == i, 10000);
		WAIT_UNTIL(write(fd, packet, limit + 1) == -1 && errno == EMSGSIZE, 10000);
	}
}

static void
jumbo_both_ways(enum kind kind)
{
	uint8_t sent[ROOM], got[ROOM];
	int fd = opened(kind, 0), kernel;
	size_t bytes = 9000 + header_bytes(kind);

	if_silence(name_of(kind, 0));
	if_set_mtu(name_of(kind, 0), 9000);
	if_up(name_of(kind, 0));
	kernel = kernel_open(name_of(kind, 0));
	packet_make(kind, sent, bytes, 1);
	EXPECT(write(fd, sent, bytes) == (ssize_t)bytes);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == (long)bytes && memcmp(sent, got, bytes) == 0);
	kernel_send(kernel, name_of(kind, 0), kind, sent, bytes);
	wait_readable(fd);
	memset(got, 0, sizeof(got));
	EXPECT(read(fd, got, sizeof(got)) == (ssize_t)bytes && memcmp(sent, got, bytes) == 0);
}

static void
order_is_kept_both_ways(enum kind kind)
{
	uint8_t packet[ROOM], got[ROOM];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	for (uint32_t i = 0; i < 400; i++) {
		packet_make(kind, packet, PACKET_MIN + i % 100, i);
		kernel_send(kernel, name_of(kind, 0), kind, packet, PACKET_MIN + i % 100);
		EXPECT(write(fd, packet, PACKET_MIN + i % 100) == (ssize_t)(PACKET_MIN + i % 100));
	}
	for (uint32_t i = 0; i < 400; i++) {
		wait_readable(fd);
		EXPECT(read(fd, got, sizeof(got)) == (ssize_t)(PACKET_MIN + i % 100) && packet_number(kind, got) == i);
		EXPECT(kernel_receive(kernel, got, sizeof(got)) == (long)(PACKET_MIN + i % 100));
		EXPECT(packet_number(kind, got) == i);
	}
	set_nonblock(fd, true);
	EXPECT_ERRNO(read(fd, got, sizeof(got)), EAGAIN);
	EXPECT(!is_readable(kernel));
}

/* Past a thousand waiting packets (Linux's own queue), or some thousand (a relay's), the newest are dropped, the oldest kept in order. */
static void
overload_keeps_the_oldest(enum kind kind)
{
	uint8_t packet[PACKET_MIN], got[ROOM];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));
	uint32_t read_count = 0, last = 0, sent = options.relayed ? 12000 : 3000;

	for (uint32_t i = 0; i < sent; i++) {
		packet_make(kind, packet, sizeof(packet), i);
		kernel_offer(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	}
	set_nonblock(fd, true);
	while (read_count < sent) {
		if (read(fd, got, sizeof(got)) != sizeof(packet)) {
			EXPECT(errno == EAGAIN);
			if (!options.relayed || read_count >= 100) {
				break;
			}
			wait_readable(fd);
			continue;
		}
		/* A relay may still be at work, and find the room that this makes. */
		EXPECT(packet_number(kind, got) == read_count || (options.relayed && read_count >= 100 && packet_number(kind, got) > last));
		last = packet_number(kind, got);
		read_count++;
	}
	EXPECT(read_count >= 100 && read_count < sent);
}

#define MANY 20000

/* A packet costs its writer less than it costs whoever carries it on, so that the queue between them fills. */
static void
without_room_a_write_waits_or_is_eagain(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = opened_up(kind, 0), refused = 0;
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	set_nonblock(fd, true);
	packet_make(kind, packet, sizeof(packet), 1);
	for (int i = 0; refused < 3; i++) {
		if (write(fd, packet, sizeof(packet)) == sizeof(packet)) {
			EXPECT(i < 100 * MANY);
			continue;
		}
		EXPECT(errno == EAGAIN);
		EXPECT(poll(&p, 1, 10000) == 1 && p.revents == POLLOUT);
		EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
		refused++;
	}
	set_nonblock(fd, false);
	for (int i = 0; i < MANY; i++) {
		EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
	}
}

static volatile sig_atomic_t alarms;

static void
on_alarm(int number)
{
	alarms++;
}

static void
blocking_read_is_interrupted_by_a_signal(enum kind kind)
{
	struct sigaction action = {.sa_handler = on_alarm};
	uint8_t packet[ROOM];
	int fd = opened_up(kind, 0);
	pid_t pid;

	set_nonblock(fd, false);
	EXPECT(sigaction(SIGUSR1, &action, NULL) == 0);
	pid = fork();
	if (pid == 0) {
		/* Again and again: one signal might come before the read sleeps. */
		for (int i = 0; i < 5000; i++) {
			kill(getppid(), SIGUSR1);
			nap();
		}
		_exit(0);
	}
	EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EINTR);
	EXPECT(alarms > 0);
	kill(pid, SIGKILL);
}

struct reader {
	int fd;
	_Atomic int done; /* bytes, or -errno */
};

static void *
read_once(void *argument)
{
	struct reader *reader = argument;
	uint8_t packet[ROOM];
	ssize_t n = read(reader->fd, packet, sizeof(packet));

	reader->done = n < 0 ? -errno : (int)n;
	return NULL;
}

/* Whether a thread of this process sleeps in the driver's read (its kernel stack is not for everybody, its state is). */
static bool
others_sleep(void)
{
	return system("for t in /proc/$PPID/task/*; do [ ${t##*/} = $PPID ] || grep -q '^State:.S' $t/status || exit 1; done") == 0;
}

static void
sleeping_reader_survives_down_and_up(enum kind kind)
{
	struct reader reader = {.fd = opened_up(kind, 0)};
	uint8_t packet[PACKET_MIN];
	int kernel;
	pthread_t thread;

	set_nonblock(reader.fd, false);
	EXPECT(pthread_create(&thread, NULL, read_once, &reader) == 0);
	WAIT_UNTIL(others_sleep(), 10000);
	for (int i = 0; i < 5; i++) {
		if_down(name_of(kind, 0));
		if_up(name_of(kind, 0));
	}
	EXPECT(reader.done == 0);
	kernel = kernel_open(name_of(kind, 0));
	packet_make(kind, packet, sizeof(packet), 1);
	kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	EXPECT(pthread_join(thread, NULL) == 0);
	EXPECT(reader.done == PACKET_MIN);
}

static void
one_thread_reads_while_another_writes(enum kind kind)
{
	struct reader reader = {.fd = opened_up(kind, 0)};
	uint8_t packet[PACKET_MIN], got[ROOM];
	int kernel = kernel_open(name_of(kind, 0));
	pthread_t thread;

	set_nonblock(reader.fd, false);
	EXPECT(pthread_create(&thread, NULL, read_once, &reader) == 0);
	WAIT_UNTIL(others_sleep(), 10000);
	packet_make(kind, packet, sizeof(packet), 3);
	EXPECT(write(reader.fd, packet, sizeof(packet)) == sizeof(packet));
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == sizeof(packet));
	kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	EXPECT(pthread_join(thread, NULL) == 0 && reader.done == PACKET_MIN);
}

#define SHARED_PACKETS 400
#define READERS 4

struct shared {
	int fd;
	enum kind kind;
	_Atomic unsigned seen[SHARED_PACKETS];
	_Atomic unsigned total;
};

static void *
read_many(void *argument)
{
	struct shared *shared = argument;
	uint8_t packet[ROOM];

	for (;;) {
		ssize_t n = read(shared->fd, packet, sizeof(packet));
		uint32_t number;

		if (n < 0) {
			if (errno == EAGAIN && shared->total < SHARED_PACKETS) {
				nap();
				continue;
			}
			return NULL;
		}
		number = packet_number(shared->kind, packet);
		if (n == PACKET_MIN && number < SHARED_PACKETS) {
			shared->seen[number]++;
			shared->total++;
		}
	}
}

static void
each_packet_goes_to_one_reader(enum kind kind)
{
	static struct shared shared;
	uint8_t packet[PACKET_MIN];
	pthread_t threads[READERS];
	int kernel;

	shared.kind = kind;
	shared.fd = opened_up(kind, 0);
	set_nonblock(shared.fd, true);
	kernel = kernel_open(name_of(kind, 0));
	for (unsigned i = 0; i < READERS; i++) {
		EXPECT(pthread_create(&threads[i], NULL, read_many, &shared) == 0);
	}
	for (uint32_t i = 0; i < SHARED_PACKETS; i++) {
		packet_make(kind, packet, sizeof(packet), i);
		kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	}
	for (unsigned i = 0; i < READERS; i++) {
		EXPECT(pthread_join(threads[i], NULL) == 0);
	}
	for (uint32_t i = 0; i < SHARED_PACKETS; i++) {
		EXPECT(shared.seen[i] == 1);
	}
}

static void
read_never_returns_zero_when_the_interface_is_taken_away(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = opened_up(kind, 0);

	set_nonblock(fd, true);
	EXPECT(if_destroy(name_of(kind, 0)));
	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT_EIO_SOON(write(fd, packet, sizeof(packet)));
	for (int i = 0; i < 10; i++) {
		EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EIO);
		EXPECT_ERRNO(write(fd, packet, sizeof(packet)), EIO);
		EXPECT_ERRNO(write(fd, packet, 0), EIO);
	}
	EXPECT(close(fd) == 0);
	opened(kind, 0);
}

const struct contract_case io_cases[] = {
	{"read.down", "read while down is EIO at once, blocking or not", ON_BOTH, read_down_is_eio},
	{"write.down", "write while down is EIO before any other error", ON_BOTH, write_down_is_eio_before_any_other_error},
	{"write.down", "whole packets written while down are EIO", ON_BOTH | NATIVE, whole_frames_down_are_eio_by_the_kernel},
	{"read.down", "EIO follows down, and nothing says it once up", ON_BOTH, eio_follows_down_and_ends_with_up},
	{"read.zero", "a read of no bytes returns 0 and takes nothing", ON_BOTH, read_of_nothing_takes_nothing},
	{"read.one", "one packet per read, whole", ON_BOTH | NATIVE, one_packet_per_read},
	{"read.short", "a short buffer gets the first bytes, and the rest is gone", ON_BOTH | NATIVE,
	    short_buffer_takes_the_first_bytes},
	{"read.vector", "readv scatters and writev gathers", ON_BOTH | NATIVE, readv_scatters_and_writev_gathers},
	{"read.vector", "a vector shorter than the packet gets its first bytes", ON_BOTH | NATIVE, short_vector_takes_the_first_bytes},
	{"read.vector", "vectors of no bytes are answered as calls of no bytes", ON_BOTH, vectors_of_no_bytes},
	{"read.vector", "vectors of as many parts as there may be", ON_BOTH | NATIVE, vectors_of_many_parts},
	{"write.one", "one packet per write, whole", ON_BOTH | NATIVE, write_reaches_the_kernel_whole},
	{"write.short", "too short, or of no IP version, is EINVAL", ON_BOTH | NATIVE, too_short_is_einval},
	{"write.long", "longer than MTU plus header is EMSGSIZE, and nothing is sent", ON_BOTH, too_long_is_emsgsize},
	{"write.tagged", "a frame with an 802.1Q tag may be 4 longer", ON_TAP, tagged_frame_may_be_four_longer},
	{"write.mtu", "the longest write follows the MTU", ON_BOTH, limit_follows_the_mtu},
	{"write.mtu", "jumbo packets pass both ways", ON_BOTH | NATIVE, jumbo_both_ways},
	{"write.noroom", "without room a write waits, or is EAGAIN", ON_BOTH | RELAYED, without_room_a_write_waits_or_is_eagain},
	{"order.kept", "order is kept both ways, none is lost or doubled", ON_BOTH | NATIVE, order_is_kept_both_ways},
	{"overload.oldest", "past the queue's bound the newest are dropped", ON_BOTH | NATIVE, overload_keeps_the_oldest},
	{"read.eintr", "a signal interrupts a blocking read", ON_BOTH | NATIVE, blocking_read_is_interrupted_by_a_signal},
	{"read.asleep", "a sleeping reader sleeps through down and up, and gets the next packet", ON_BOTH | NATIVE,
	    sleeping_reader_survives_down_and_up},
	{"threads.both", "one thread reads while another writes", ON_BOTH | NATIVE, one_thread_reads_while_another_writes},
	{"threads.one", "each packet goes to exactly one reader", ON_BOTH | NATIVE, each_packet_goes_to_one_reader},
	{"read.never0", "an interface taken away is EIO, never a read of 0", ON_BOTH,
	    read_never_returns_zero_when_the_interface_is_taken_away},
	{0},
};
