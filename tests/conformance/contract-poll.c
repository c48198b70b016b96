/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-poll.c - row "select, poll, kqueue, epoll": what announces a packet, and what must not.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "harness.h"

static bool
selected(int fd)
{
	struct timeval none = {0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &none) == 1;
}

static bool
queued(int fd)
{
	int queue = queue_open(fd, PACKETS);
	bool ready = queue_tells(queue, fd, 0);

	close(queue);
	return ready;
}

/* All three ways must say the same, and none speak of errors or an end. */
static bool
announced(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI};
	bool by_poll, by_select, by_queue;

	/* A packet that comes or goes between the questions: they are asked again. */
	do {
		by_poll = poll(&p, 1, 0) == 1;
		by_select = selected(fd);
		by_queue = queued(fd);
		EXPECT((p.revents & ~POLLIN) == 0);
	} while (is_readable(fd) != by_poll);
	EXPECT(by_select == by_poll && by_queue == by_poll);
	return by_poll;
}

static void
never_up_is_not_readable(enum kind kind)
{
	uint8_t packet[100];
	int fd = opened(kind, 0);

	EXPECT(!announced(fd));
	if (!native_mode()) {
		EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EIO);
		EXPECT(!announced(fd));
	}
}

static void
readable_exactly_when_a_packet_waits(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	for (uint32_t i = 0; i < 5; i++) {
		EXPECT(!announced(fd));
		packet_make(kind, packet, sizeof(packet), i);
		kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
		wait_readable(fd);
		EXPECT(announced(fd));
		EXPECT(read(fd, packet, sizeof(packet)) == sizeof(packet));
	}
	EXPECT(!announced(fd));
}

static void
edge_triggered_queue_tells_of_each_packet(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), queue = queue_open(fd, EDGES_OF_PACKETS);

	EXPECT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	for (uint32_t i = 0; i < 5; i++) {
		EXPECT(!queue_tells(queue, fd, 0));
		packet_make(kind, packet, sizeof(packet), i);
		kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
		EXPECT(queue_tells(queue, fd, 10000));
		EXPECT(read(fd, packet, sizeof(packet)) == sizeof(packet) && packet_number(kind, packet) == i);
		EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EAGAIN);
	}
}

static void
writable_when_up(enum kind kind)
{
	int fd = opened_up(kind, 0);

	EXPECT(is_writable(fd));
	EXPECT(queue_tells(queue_open(fd, QUEUE_ROOM), fd, 0));
}

static bool
quiet_after_reading(int fd)
{
	uint8_t packet[100];

	return read(fd, packet, sizeof(packet)) == -1 && errno == EIO && !is_readable(fd);
}

/* Whether a program that reads what it is told of has that packet; others before it, if anything, and no error. */
static bool
has_read(int fd, enum kind kind, uint32_t number)
{
	uint8_t packet[PACKET_MIN];
	ssize_t n = read(fd, packet, sizeof(packet));

	EXPECT(n == sizeof(packet) || (n == -1 && errno == EAGAIN));
	return n != -1 && packet_number(kind, packet) == number;
}

static void
down_never_spins_a_poller(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	EXPECT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	packet_make(kind, packet, sizeof(packet), 1);
	for (uint32_t i = 0; i < 50; i++) {
		kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	}
	if_down(name_of(kind, 0));
	/* A program that reads whenever it is told to comes to rest. */
	WAIT_UNTIL(quiet_after_reading(fd), 10000);
	for (int i = 0; i < 20; i++) {
		if (options.relayed) {
			WAIT_UNTIL(quiet_after_reading(fd), 10000); /* what was under way may come late */
			continue;
		}
		EXPECT(!announced(fd));
		EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EIO);
	}
	/* And nothing that announced "down" is left after the next "up". */
	if_up(name_of(kind, 0));
	if (options.relayed) {
		/* What was under way may come now, and has all come when one that was sent after it has. */
		packet_make(kind, packet, sizeof(packet), 2);
		kernel = kernel_open(name_of(kind, 0)); /* the other may tell that the network was down */
		kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
		WAIT_UNTIL(has_read(fd, kind, 2), 10000);
	}
	EXPECT(!announced(fd));
	EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EAGAIN);
}

static void
waiting_poller_is_woken_by_a_packet_only(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = opened_up(kind, 0), kernel;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	pid_t pid = fork();

	EXPECT(pid >= 0);
	if (pid == 0) {
		if_down(name_of(kind, 0));
		if_up(name_of(kind, 0));
		kernel = kernel_open(name_of(kind, 0));
		packet_make(kind, packet, sizeof(packet), 8);
		kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
		_exit(0);
	}
	/* If down or up woke the poller with nothing to read, the read below would not find the packet. */
	EXPECT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	EXPECT(poll(&p, 1, 10000) == 1 && (p.revents & POLLIN) != 0);
	EXPECT(read(fd, packet, sizeof(packet)) == PACKET_MIN && packet_number(kind, packet) == 8);
}

const struct contract_case poll_cases[] = {
	{"poll.neverup", "an interface that was never up is not readable", ON_BOTH | NATIVE, never_up_is_not_readable},
	{"poll.readable", "readable exactly when a packet can be read, by select, poll and epoll or kqueue", ON_BOTH | NATIVE,
	    readable_exactly_when_a_packet_waits},
	{"poll.readable", "edge-triggered, epoll or kqueue tells of each packet", ON_BOTH | NATIVE,
	    edge_triggered_queue_tells_of_each_packet},
	{"poll.writable", "writable while up", ON_BOTH | NATIVE, writable_when_up},
	{"poll.down", "going down with packets queued never spins a poller", ON_BOTH, down_never_spins_a_poller},
	{"poll.asleep", "a waiting poller is woken by a packet, not by down or up", ON_BOTH | NATIVE,
	    waiting_poller_is_woken_by_a_packet_only},
	{0},
};
