/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-threads.c - everybody at once: programs that open, read, write, ask and close, an administrator who brings interfaces up
 * and down and changes them, a stack that sends, revocations, signals, and attempts to unload.
 *
 * Nothing is expected of a single call but a result that the contract knows.  What is looked for is what the model and the
 * sanitizers find: a lock held or taken in two orders, memory used after its end, a race, a packet or a reference that is left;
 * and threads that stay asleep, which the bound on the test ends.
 */
#include <pthread.h>
#include <time.h>

#include "world.h"
#include "tests/unit/suite.h"

#define UNITS 2
#define SECONDS_DEFAULT 2
#define STACK_PACKETS 40

static bool over;
static unsigned reloads;

static bool
is_over(void)
{
	return __atomic_load_n(&over, __ATOMIC_SEQ_CST);
}

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

struct worker {
	pthread_t thread;
	uint32_t seed;
	unsigned unit;
	struct kpi_file *file;
	struct kpi_thread *self; /* atomic */
	unsigned long done; /* atomic: calls */
};

static void
did(struct worker *w)
{
	__atomic_add_fetch(&w->done, 1, __ATOMIC_SEQ_CST);
}

static void
check_error(long result, const char *call)
{
	static const int known[] = {EIO, ENXIO, EAGAIN, EINTR, EMSGSIZE, EINVAL, EAFNOSUPPORT, ENOTTY, EBUSY, ENOENT, ENOMEM};

	for (size_t i = 0; result < 0 && i < sizeof(known) / sizeof(known[0]); i++) {
		if (errno == known[i]) {
			return;
		}
	}
	ck_assert_msg(result >= 0, "%s: %s", call, strerror(errno));
}

static void *
read_until_over(void *argument)
{
	struct worker *w = argument;
	uint8_t buffer[2000];

	__atomic_store_n(&w->self, kpi_self(), __ATOMIC_SEQ_CST);
	while (!is_over()) {
		long n = kpi_read(w->file, buffer, 1 + next_random(&w->seed) % sizeof(buffer));

		check_error(n, "read");
		ck_assert(n != 0);
		did(w);
		if (n < 0 && errno == ENXIO) {
			break; /* revoked */
		}
	}
	return NULL;
}

static void *
write_until_over(void *argument)
{
	struct worker *w = argument;
	uint8_t packet[1600];

	while (!is_over()) {
		long n;

		world_packet(packet, sizeof(packet), w->seed);
		n = kpi_write(w->file, packet, next_random(&w->seed) % sizeof(packet));
		check_error(n, "write");
		did(w);
		if (n < 0 && errno == ENXIO) {
			break;
		}
	}
	return NULL;
}

static void *
ask_until_over(void *argument)
{
	struct worker *w = argument;

	while (!is_over()) {
		static const unsigned long commands[] = {KPI_FIONREAD, KPI_FIONBIO, KPI_FIOASYNC, KPI_TUNSIFHEAD, KPI_TUNGIFHEAD};
		int value = (int)(next_random(&w->seed) % 2);
		int result = kpi_ioctl(w->file, commands[next_random(&w->seed) % 5], &value);

		check_error(result, "ioctl");
		check_error(kpi_select(w->file, KPI_READ | (value != 0 ? KPI_WRITE : 0), 1), "select");
		did(w);
		if (result < 0 && errno == ENXIO) {
			break;
		}
	}
	return NULL;
}

/* One program: opens, three threads use it, closes. */
static void *
be_a_program(void *argument)
{
	struct worker *w = argument;

	while (!is_over()) {
		struct worker users[3];
		struct kpi_file *f = kpi_open(world_path(w->unit), KPI_READ | KPI_WRITE);
		void *(*const calls[3])(void *) = {read_until_over, write_until_over, ask_until_over};
		struct timespec moment = {.tv_nsec = 2000000};

		did(w);
		if (f == NULL) {
			check_error(-1, "open");
			continue;
		}
		for (unsigned i = 0; i < 3; i++) {
			users[i] = (struct worker){.seed = next_random(&w->seed), .unit = w->unit, .file = f};
			ck_assert_int_eq(pthread_create(&users[i].thread, NULL, calls[i], &users[i]), 0);
		}
		nanosleep(&moment, NULL);
		/* A read that sleeps in a device that nobody sends to is ended as an administrator would. */
		(void)kpi_revoke(world_path(w->unit));
		for (unsigned i = 0; i < 3; i++) {
			pthread_join(users[i].thread, NULL);
		}
		kpi_close(f);
	}
	return NULL;
}

/* Unload is refused, but when nothing is open at the moment; then it is loaded again. */
static void
reload(void)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&one_at_a_time);
	if (kpi_unload() == 0) {
		reloads++;
		ck_assert_int_eq(kpi_load(), 0);
	} else {
		ck_assert_int_eq(errno, EBUSY);
	}
	pthread_mutex_unlock(&one_at_a_time);
}

static void *
be_the_administrator(void *argument)
{
	struct worker *w = argument;
	static const uint8_t address[6] = {2, 1, 2, 3, 4, 5};
	char text[900];

	while (!is_over()) {
		const char *name = world_name(next_random(&w->seed) % UNITS);
		int result = 0;

		switch (next_random(&w->seed) % 8) {
		case 0:
			result = kpi_if_add_address(name, next_random(&w->seed) % 2 == 0 ? KPI_INET : KPI_INET6);
			break;
		case 1:
			result = kpi_if_set_mtu(name, (int)(72 + next_random(&w->seed) % 2000));
			break;
		case 2:
			(void)kpi_if_set_address(name, address, 6);
			break;
		case 3:
			result = kpi_if_status(name, text, sizeof(text));
			break;
		case 4:
			result = kpi_if_set_up(name, false);
			break;
		case 5:
			reload();
			break;
		default:
			result = kpi_if_set_up(name, true);
			break;
		}
		check_error(result, "interface");
		did(w);
	}
	return NULL;
}

static void *
be_the_stack(void *argument)
{
	struct worker *w = argument;
	uint8_t packet[1000];

	while (!is_over()) {
		const char *name = world_name(next_random(&w->seed) % UNITS);

		world_packet(packet, sizeof(packet), w->seed);
		(void)kpi_if_send_list(name, packet, sizeof(packet), 1 + next_random(&w->seed) % STACK_PACKETS);
		did(w);
		while (kpi_if_receive(name, packet, sizeof(packet)) >= 0) {
			;
		}
	}
	return NULL;
}

static void
run_for(const struct timespec *time, struct worker *workers, void *(*const calls[])(void *), unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		workers[i].seed = i + 1;
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, calls[i], &workers[i]), 0);
	}
	nanosleep(time, NULL);
	/* On a busy machine the last one may not have begun; the test's own bound is for one that never does. */
	for (unsigned i = 0; i < count; i++) {
		while (__atomic_load_n(&workers[i].done, __ATOMIC_SEQ_CST) == 0) {
			struct timespec moment = {.tv_nsec = 1000000};

			nanosleep(&moment, NULL);
		}
	}
	__atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
	}
}

START_TEST(everybody_at_once)
{
	void *(*const calls[])(void *) = {be_a_program, be_a_program, be_a_program, be_the_administrator, be_the_administrator,
	    be_the_stack, be_the_stack};
	struct worker workers[7] = {[1] = {.unit = 1}};
	struct timespec time = {.tv_sec = SECONDS_DEFAULT};

	run_for(&time, workers, calls, 7);
}
END_TEST

static void *
signal_until_over(void *argument)
{
	struct worker *w = argument, *reader = w - 1;

	while (!is_over()) {
		struct kpi_thread *t = __atomic_load_n(&reader->self, __ATOMIC_SEQ_CST);
		struct timespec moment = {.tv_nsec = 100000};

		if (t != NULL) {
			kpi_signal(t);
			did(w);
		}
		nanosleep(&moment, NULL);
	}
	/* Until the reader has heard of the end. */
	for (unsigned i = 0; i < 100; i++) {
		struct timespec moment = {.tv_nsec = 1000000};

		kpi_signal(__atomic_load_n(&reader->self, __ATOMIC_SEQ_CST));
		nanosleep(&moment, NULL);
	}
	return NULL;
}

START_TEST(signals_and_packets)
{
	void *(*const calls[])(void *) = {read_until_over, signal_until_over, be_the_stack};
	struct worker workers[3] = {{.done = 0}};
	struct timespec time = {.tv_nsec = 500000000};
	struct kpi_file *f = world_open_up(0);

	workers[0].file = f;
	run_for(&time, workers, calls, 3);
	kpi_close(f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("threads");
	TCase *tcase = tcase_create("threads");

	world_learn_kind();
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, world_loaded, world_unloaded);
	tcase_add_test(tcase, everybody_at_once);
	tcase_add_test(tcase, signals_and_packets);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
