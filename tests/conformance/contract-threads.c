/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-threads.c - many at once: threads and processes that open, close, copy and use devices beside each other.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define OPENERS 8

struct opener {
	_Atomic unsigned *missing; /* until all have come */
	enum kind kind;
	unsigned unit;
	int fd, error;
};

static void *
open_once(void *argument)
{
	struct opener *opener = argument;

	--*opener->missing;
	while (*opener->missing > 0) {
		sched_yield();
	}
	opener->fd = device_open(opener->kind, opener->unit, O_RDWR);
	opener->error = errno;
	return NULL;
}

/* Eight threads, all at once: each opens its unit, or all the same. */
static void
open_together(struct opener *openers, enum kind kind, bool same_unit)
{
	pthread_t threads[OPENERS];
	_Atomic unsigned missing = OPENERS;

	for (unsigned i = 0; i < OPENERS; i++) {
		openers[i] = (struct opener){.missing = &missing, .kind = kind, .unit = same_unit ? 0 : i};
		EXPECT(pthread_create(&threads[i], NULL, open_once, &openers[i]) == 0);
	}
	for (unsigned i = 0; i < OPENERS; i++) {
		EXPECT(pthread_join(threads[i], NULL) == 0);
	}
}

static void
one_of_many_threads_wins(enum kind kind)
{
	struct opener openers[OPENERS];

	for (int round = 0; round < contract_times(5); round++) {
		int winner = -1, winners = 0;

		open_together(openers, kind, true);
		for (unsigned i = 0; i < OPENERS; i++) {
			if (openers[i].fd >= 0) {
				winner = openers[i].fd;
				winners++;
			} else {
				EXPECT(openers[i].error == EBUSY);
			}
		}
		EXPECT(winners == 1 && if_exists(name_of(kind, 0)));
		EXPECT(close(winner) == 0);
	}
}

static void
threads_open_units_of_their_own(enum kind kind)
{
	struct opener openers[OPENERS];

	for (int round = 0; round < contract_times(5); round++) {
		open_together(openers, kind, false);
		for (unsigned i = 0; i < OPENERS; i++) {
			EXPECT(openers[i].fd >= 0 && if_exists(name_of(kind, i)));
			for (unsigned j = 0; j < i; j++) {
				EXPECT(openers[i].fd != openers[j].fd);
			}
		}
		for (unsigned i = 0; i < OPENERS; i++) {
			EXPECT(close(openers[i].fd) == 0);
		}
	}
}

static void
one_of_many_processes_wins(enum kind kind)
{
	int start[2], end[2], status, winners = 0;
	char byte;

	EXPECT(pipe(start) == 0 && pipe(end) == 0);
	for (unsigned i = 0; i < OPENERS; i++) {
		if (fork() == 0) {
			bool won;

			close(start[1]);
			close(end[1]);
			(void)!read(start[0], &byte, 1);
			won = device_open(kind, 0, O_RDWR) >= 0;
			if (won) {
				(void)!read(end[0], &byte, 1); /* holds it until all have tried */
				_exit(7);
			}
			_exit(errno == EBUSY ? 0 : 1);
		}
	}
	close(start[1]);
	for (unsigned i = 0; i < OPENERS - 1; i++) {
		EXPECT(wait(&status) > 0 && status == 0);
	}
	close(end[1]);
	EXPECT(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	winners++;
	EXPECT(winners == 1);
}

struct churn {
	enum kind kind;
	_Atomic bool ended;
};

static void *
open_and_close(void *argument)
{
	struct churn *churn = argument;

	for (int i = 0; i < contract_times(60); i++) {
		int fd = device_open(churn->kind, 0, O_RDWR);

		EXPECT(fd >= 0);
		EXPECT(close(fd) == 0);
	}
	churn->ended = true;
	return NULL;
}

/* Numbers pass from devices to pipes and back between two threads; a pipe must never be taken for a device. */
static void
numbers_change_hands_between_threads(enum kind kind)
{
	struct churn churn = {.kind = kind};
	uint8_t sent[3000], got[3000];
	unsigned rounds = 0;
	pthread_t thread;

	memset(sent, 'y', sizeof(sent));
	EXPECT(pthread_create(&thread, NULL, open_and_close, &churn) == 0);
	while (!churn.ended || rounds < 100) {
		int ends[2], copy;

		EXPECT(pipe(ends) == 0);
		copy = dup(ends[1]);
		/* EIO, EINVAL or EMSGSIZE, were it a device. */
		EXPECT(write(copy, sent, 1) == 1);
		EXPECT(write(ends[1], sent, sizeof(sent) - 1) == sizeof(sent) - 1);
		EXPECT(read(ends[0], got, sizeof(got)) == sizeof(got) && memcmp(sent, got, sizeof(got)) == 0);
		EXPECT(close(ends[1]) == 0 && close(copy) == 0);
		EXPECT(read(ends[0], got, sizeof(got)) == 0);
		EXPECT(close(ends[0]) == 0);
		rounds++;
	}
	EXPECT(pthread_join(thread, NULL) == 0);
}

static int handler_fd;
static uint8_t handler_packet[PACKET_MIN];
static volatile sig_atomic_t handled, handler_failures;

static void
write_in_handler(int number)
{
	int saved = errno;

	/* One plain write, one that is refused. */
	handler_failures += !is_written(handler_fd, handler_packet, sizeof(handler_packet));
	if (!native_mode()) {
		handler_failures += !(write(handler_fd, handler_packet, 0) == -1 && errno == EINVAL);
	}
	handled++;
	errno = saved;
}

static void
signal_handler_writes(enum kind kind)
{
	struct sigaction action = {.sa_handler = write_in_handler, .sa_flags = SA_RESTART};
	struct itimerval every = {.it_interval.tv_usec = 500, .it_value.tv_usec = 500}, never = {0};
	uint8_t packet[PACKET_MIN];

	handler_fd = opened_up(kind, 0);
	EXPECT(fcntl(handler_fd, F_SETFL, O_NONBLOCK) == 0);
	packet_make(kind, handler_packet, sizeof(handler_packet), 1);
	packet_make(kind, packet, sizeof(packet), 2);
	EXPECT(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &every, NULL) == 0);
	/* In the midst of calls of every sort. */
	while (handled < 300) {
		uint8_t got[2000];
		int copy;

		EXPECT(is_written(handler_fd, packet, sizeof(packet)));
		EXPECT_ERRNO(read(handler_fd, got, sizeof(got)), EAGAIN);
		copy = dup(handler_fd);
		EXPECT(copy >= 0 && close(copy) == 0);
	}
	EXPECT(setitimer(ITIMER_REAL, &never, NULL) == 0);
	EXPECT(handler_failures == 0);
}

struct writer {
	int fd;
	uint8_t packet[PACKET_MIN];
	_Atomic bool ended;
	_Atomic unsigned failures;
};

static void *
write_on(void *argument)
{
	struct writer *writer = argument;

	while (!writer->ended) {
		int copy = dup(writer->fd);

		writer->failures += !is_written(copy, writer->packet, sizeof(writer->packet));
		writer->failures += close(copy) != 0;
	}
	return NULL;
}

static void
threaded_program_forks(enum kind kind)
{
	struct writer writer = {.fd = opened_up(kind, 0)};
	pthread_t threads[2];
	int status;

	packet_make(kind, writer.packet, sizeof(writer.packet), 1);
	for (unsigned i = 0; i < 2; i++) {
		EXPECT(pthread_create(&threads[i], NULL, write_on, &writer) == 0);
	}
	for (int i = 0; i < contract_times(100); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			/* The other threads are not here, and whatever they were doing is half done. */
			int copy = dup(writer.fd), other = device_open(kind, 1, O_RDWR);

			alarm(10);
			EXPECT(is_written(writer.fd, writer.packet, sizeof(writer.packet)));
			EXPECT(is_written(copy, writer.packet, sizeof(writer.packet)));
			EXPECT(other >= 0 && close(copy) == 0 && close(other) == 0);
			_exit(0);
		}
		EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	}
	writer.ended = true;
	for (unsigned i = 0; i < 2; i++) {
		EXPECT(pthread_join(threads[i], NULL) == 0);
	}
	EXPECT(writer.failures == 0);
}

const struct contract_case thread_cases[] = {
	{"open.exclusive", "of threads that open a unit at once, one gets it and the rest EBUSY", ON_BOTH | NATIVE,
	    one_of_many_threads_wins},
	{"open.exclusive", "of processes that open a unit at once, one gets it and the rest EBUSY", ON_BOTH | NATIVE,
	    one_of_many_processes_wins},
	{"open.many", "threads that open units of their own at once get all of them", ON_BOTH | NATIVE,
	    threads_open_units_of_their_own},
	{"close.number", "numbers that change hands between threads are never taken for a device", ON_BOTH | NATIVE,
	    numbers_change_hands_between_threads},
	{"threads.signal", "a signal handler writes in the midst of other calls", ON_BOTH | NATIVE, signal_handler_writes},
	{"threads.fork", "a child of a threaded program uses the device and opens others", ON_BOTH | NATIVE,
	    threaded_program_forks},
	{0},
};
