/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paths.c - where a daemon's files are.  See paths.h.
 */
#include "paths.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

/* Appends text to out, which holds *length bytes.  0, or -1 with ENAMETOOLONG. */
static int
append(char *out, size_t size, size_t *length, const char *text)
{
	size_t more = strlen(text);

	if (*length + more >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(out + *length, text, more + 1);
	*length += more;
	return 0;
}

int
paths_in_rundir(const char *socket_path, const char *name, char *out, size_t size)
{
	size_t length = 0;

	if (socket_path[0] == '\0') {
		errno = EINVAL;
		return -1;
	}
	if (strlen(socket_path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (strcmp(socket_path, PATHS_SOCKET_DEFAULT) == 0) {
		if (append(out, size, &length, PATHS_RUNDIR_DEFAULT) < 0) {
			return -1;
		}
	} else if (append(out, size, &length, socket_path) < 0 || append(out, size, &length, ".d") < 0) {
		return -1;
	}
	if (name != NULL && (append(out, size, &length, "/") < 0 || append(out, size, &length, name) < 0)) {
		return -1;
	}
	return 0;
}
