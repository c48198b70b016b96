/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-launchd.c - what launchd has for a process of a job: its sockets.  See standin.h.
 *
 * TUNTAPD_STANDIN_LAUNCHD=NAME:FD in the environment: this process is a job's, whose property list has one socket of that name, open as FD.
 * It is given once; the descriptor listens already, and is neither close-on-exec nor non-blocking.
 *
 * Sources: launch(3) (an errno is returned, not -1: ENOENT, no such key; ESRCH, not launchd's; EALREADY, asked before; the array is for
 * free(3)); XNU bsd/sys/errno.h (EALREADY 37).
 */
#include "standin.h"

#include <stdlib.h>
#include <string.h>

enum { DARWIN_ENOENT = 2, DARWIN_ESRCH = 3, DARWIN_ENOMEM = 12, DARWIN_EALREADY = 37 };

static int
darwin_launch_activate_socket(const char *name, int **fds, size_t *count)
{
	static bool given;
	const char *job = getenv("TUNTAPD_STANDIN_LAUNCHD"), *colon = job != NULL ? strrchr(job, ':') : NULL;

	if (colon == NULL) {
		return DARWIN_ESRCH;
	}
	if (strncmp(job, name, (size_t)(colon - job)) != 0 || name[colon - job] != '\0') {
		return DARWIN_ENOENT;
	}
	if (given) {
		return DARWIN_EALREADY;
	}
	*fds = malloc(sizeof(int));
	if (*fds == NULL) {
		return DARWIN_ENOMEM;
	}
	given = true;
	(*fds)[0] = atoi(colon + 1);
	*count = 1;
	return 0;
}

const struct standin_symbol standin_launchd_symbols[] = {OTHER(launch_activate_socket), {NULL, NULL}};
