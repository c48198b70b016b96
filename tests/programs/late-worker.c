/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * late-worker.c - a library with which a daemon's worker hears the monitor late: each message only some time after it was there.  For tests
 * of what clients do in the meantime.
 */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/privmsg.h"

#define LATE_MS 300

static long
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((visibility("default"))) ssize_t
recvmsg(int sock, struct msghdr *message, int flags)
{
	static long since;
	void *symbol = dlsym(RTLD_NEXT, "recvmsg");
	ssize_t (*next)(int, struct msghdr *, int);

	memcpy(&next, &symbol, sizeof(next));
	if (sock == PRIV_FD_MONITOR) {
		since = since != 0 ? since : now_ms();
		if (now_ms() < since + LATE_MS) {
			errno = EAGAIN;
			return -1;
		}
		since = 0;
	}
	return next(sock, message, flags);
}
