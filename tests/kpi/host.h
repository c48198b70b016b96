/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - what the model of the kernel takes from the system that it runs on.
 *
 * The model is compiled against the kernel's declarations (include/), whose names and numbers are not this system's.  So it sees nothing
 * of the system's headers but this.
 */
#ifndef TUNTAPD_TESTS_KPI_HOST_H
#define TUNTAPD_TESTS_KPI_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_mutex {
	uint64_t room[8];
};

void host_mutex_init(struct host_mutex *m);
void host_mutex_fini(struct host_mutex *m);
void host_mutex_lock(struct host_mutex *m);
void host_mutex_unlock(struct host_mutex *m);

/* Waits on a condition that all share, whose mutex is m; nanoseconds 0: without end.  False: the time is over. */
bool host_wait(struct host_mutex *m, uint64_t nanoseconds);
void host_wake_all(void);
uint64_t host_now(void); /* nanoseconds */

/* Never NULL. */
void *host_alloc(size_t size);
void host_free(void *memory);

/* A thread that nobody joins. */
void host_thread_start(void (*run)(void *), void *argument);

void host_yield(void);

/* As snprintf, which is cut without a word. */
void host_format(char *to, size_t size, const char *format, ...) __attribute__((__format__(__printf__, 3, 4)));
void host_format_list(char *to, size_t size, const char *format, __builtin_va_list list);

/* The program's errno, from Darwin's number; always -1. */
int host_fail(int darwin_errno);

uint32_t host_random(void);

/* The end, as the kernel's. */
_Noreturn void host_panic(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

#endif
