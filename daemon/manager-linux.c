/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manager-linux.c - what the daemon and its service manager say to each other: the socket that it made for us, and that we serve.
 * See os.h.
 *
 * Both are systemd's ways, which others speak too, and both are small enough to need no library.
 *
 * Sources: sd_listen_fds(3), sd_notify(3).
 */
#include "os.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"
#include "protocol/sys.h"

/* The first descriptor that is handed over: SD_LISTEN_FDS_START. */
#define FIRST_HANDED_FD 3

/* A variable that is one whole number; -1: it is not. */
static long
number_in_environment(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long number;

	if (text == NULL || text[0] < '0' || text[0] > '9') {
		return -1;
	}
	number = strtol(text, &end, 10);
	return *end == '\0' ? number : -1;
}

int
os_take_socket(void)
{
	/* The process that the variables are for, so that one it started does not take them for its own. */
	long count = number_in_environment("LISTEN_PID") == (long)getpid() ? number_in_environment("LISTEN_FDS") : 0;

	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (count < 1) {
		errno = ENOENT;
		return -1;
	}
	if (count > 1) {
		for (int fd = FIRST_HANDED_FD; fd < FIRST_HANDED_FD + count && close(fd) == 0; fd++) {
		}
		errno = E2BIG;
		return -1;
	}
	return sys_set_cloexec(FIRST_HANDED_FD) < 0 ? -1 : FIRST_HANDED_FD;
}

void
os_notify_ready(void)
{
	static const char text[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path != NULL ? strlen(path) : 0;
	int fd;

	if (length < 2 || length >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@')) {
		return;
	}
	memcpy(address.sun_path, path, length);
	if (path[0] == '@') {
		address.sun_path[0] = '\0'; /* an abstract name */
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, sizeof(text) - 1, MSG_NOSIGNAL, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0) {
		log_warn("telling the service manager that we serve");
	}
	if (fd >= 0) {
		close(fd);
	}
}
