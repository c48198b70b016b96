/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patience.c - a timer that ends waits.  See patience.h.
 *
 * Sources: socket(7) SO_LINGER; net/core/stream.c sk_stream_wait_close (ends by a signal); setitimer(2).
 */
#include "patience.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>

static unsigned depth;

static void
on_alarm(int number)
{
	(void)number; /* that it came is all: the call that waited has returned */
}

int
patience_init(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_alarm; /* no SA_RESTART */
	sigemptyset(&action.sa_mask);
	return sigaction(SIGALRM, &action, NULL);
}

static void
set_timer(suseconds_t us)
{
	const struct itimerval timer = {.it_interval = {.tv_usec = us}, .it_value = {.tv_usec = us}};
	int saved = errno;

	(void)setitimer(ITIMER_REAL, &timer, NULL);
	errno = saved;
}

void
patience_begin(void)
{
	if (depth++ == 0) {
		set_timer(PATIENCE_MS * 1000);
	}
}

void
patience_end(void)
{
	if (--depth == 0) {
		set_timer(0);
	}
}
