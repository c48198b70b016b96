/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.c - threads, memory and errors for the model of the kernel, on POSIX.
 */
#include "host.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static_assert(sizeof(pthread_mutex_t) <= sizeof(struct host_mutex), "room for a mutex");

#define NANOSECONDS 1000000000u
#define STACK_BYTES ((size_t)256 * 1024)

static pthread_cond_t all_wait;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static pthread_mutex_t *
mutex_of(struct host_mutex *m)
{
	return (pthread_mutex_t *)(void *)m;
}

static void
make_condition(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&all_wait, &attributes);
	pthread_condattr_destroy(&attributes);
}

void
host_mutex_init(struct host_mutex *m)
{
	pthread_mutex_init(mutex_of(m), NULL);
}

void
host_mutex_fini(struct host_mutex *m)
{
	if (pthread_mutex_destroy(mutex_of(m)) != 0) {
		host_panic("a mutex is destroyed that somebody holds");
	}
}

void
host_mutex_lock(struct host_mutex *m)
{
	if (pthread_mutex_lock(mutex_of(m)) != 0) {
		host_panic("a mutex cannot be locked");
	}
}

void
host_mutex_unlock(struct host_mutex *m)
{
	if (pthread_mutex_unlock(mutex_of(m)) != 0) {
		host_panic("a mutex cannot be unlocked");
	}
}

bool
host_wait(struct host_mutex *m, uint64_t nanoseconds)
{
	uint64_t until = host_now() + nanoseconds;
	struct timespec at = {.tv_sec = (time_t)(until / NANOSECONDS), .tv_nsec = (long)(until % NANOSECONDS)};

	pthread_once(&once, make_condition);
	if (nanoseconds == 0) {
		pthread_cond_wait(&all_wait, mutex_of(m));
		return true;
	}
	return pthread_cond_timedwait(&all_wait, mutex_of(m), &at) != ETIMEDOUT;
}

void
host_wake_all(void)
{
	pthread_once(&once, make_condition);
	pthread_cond_broadcast(&all_wait);
}

uint64_t
host_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

void *
host_alloc(size_t size)
{
	void *memory = calloc(1, size > 0 ? size : 1);

	if (memory == NULL) {
		host_panic("this machine has no memory");
	}
	return memory;
}

void
host_free(void *memory)
{
	free(memory);
}

struct start {
	void (*run)(void *);
	void *argument;
};

static void *
run_start(void *argument)
{
	struct start s = *(struct start *)argument;

	free(argument);
	s.run(s.argument);
	return NULL;
}

void
host_thread_start(void (*run)(void *), void *argument)
{
	struct start *s = host_alloc(sizeof(*s));
	pthread_attr_t attributes;
	pthread_t thread;

	*s = (struct start){.run = run, .argument = argument};
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(&thread, &attributes, run_start, s) != 0) {
		host_panic("this machine has no more threads");
	}
	pthread_attr_destroy(&attributes);
}

void
host_yield(void)
{
	(void)sched_yield();
}

void
host_format(char *to, size_t size, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vsnprintf(to, size, format, list);
	va_end(list);
}

void
host_format_list(char *to, size_t size, const char *format, va_list list)
{
	(void)vsnprintf(to, size, format, list);
}

int
host_fail(int darwin_errno)
{
	static const struct {
		int darwin, here;
	} numbers[] = {
		{-1, EINTR}, {1, EPERM}, {2, ENOENT}, {4, EINTR}, {5, EIO}, {6, ENXIO}, {9, EBADF}, {12, ENOMEM},
		{13, EACCES}, {14, EFAULT},
		{16, EBUSY}, {17, EEXIST}, {19, ENODEV}, {22, EINVAL}, {25, ENOTTY}, {35, EAGAIN}, {40, EMSGSIZE}, {43, EPROTONOSUPPORT},
		{45, ENOTSUP}, {47, EAFNOSUPPORT}, {49, EADDRNOTAVAIL}, {50, ENETDOWN}, {55, ENOBUFS}, {60, ETIMEDOUT}, {64, EHOSTDOWN},
		{102, EOPNOTSUPP},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].darwin == darwin_errno) {
			errno = numbers[i].here;
			return -1;
		}
	}
	host_panic("no such error: %d", darwin_errno);
}

uint32_t
host_random(void)
{
	static _Thread_local uint64_t state = 0;

	if (state == 0) {
		state = host_now() ^ (uint64_t)(uintptr_t)&state;
	}
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 32);
}

void
host_panic(const char *format, ...)
{
	va_list list;

	fputs("panic: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	abort();
}
