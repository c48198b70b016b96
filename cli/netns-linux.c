/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns-linux.c - network namespaces that a user names.  See netns.h.
 *
 * A socket belongs to the namespace that it was made in, for good.  So a child goes in, makes one and
 * sends it: this process stays where it is.  Who is not root, and made the user namespace that the
 * network namespace belongs to, goes into that one first.
 *
 * Sources: setns(2); ioctl_ns(2) NS_GET_USERNS; user_namespaces(7).
 */
#include "cli/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/fdpass.h"
#include "protocol/request.h"
#include "protocol/transport.h"

/* The child does nothing that takes time. */
#define CHILD_MS 5000

static int
open_namespace(const char *text)
{
	char path[PATH_MAX];

	if (strchr(text, '/') != NULL) {
		snprintf(path, sizeof(path), "%s", text);
	} else if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text)) {
		snprintf(path, sizeof(path), "/proc/%s/ns/net", text);
	} else {
		snprintf(path, sizeof(path), "/run/netns/%s", text);
	}
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static int
enter(int ns)
{
	int user;

	if (setns(ns, CLONE_NEWNET) == 0) {
		return 0;
	}
	user = errno == EPERM ? ioctl(ns, NS_GET_USERNS) : -1;
	if (user < 0) {
		return -1;
	}
	return setns(user, CLONE_NEWUSER) == 0 ? setns(ns, CLONE_NEWNET) : -1;
}

/* In the child: sends a socket of the namespace, or an errno. */
static void
make_socket(int ns, int parent)
{
	int sock = enter(ns) == 0 ? socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0) : -1;
	int error = sock < 0 ? errno : 0;

	_exit(fdpass_send(parent, &error, sizeof(error), &sock, sock >= 0 ? 1 : 0) < 0);
}

int
netns_socket(const char *text)
{
	int ns = open_namespace(text), ends[2], error = EPIPE, sock = -1;
	unsigned count = 1;
	pid_t pid;

	if (ns < 0) {
		return -1;
	}
	if (transport_pair(ends) < 0) {
		error = errno;
		close(ns);
		errno = error;
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		make_socket(ns, ends[1]);
	}
	close(ends[1]);
	close(ns);
	if (pid < 0 || request_wait(ends[0], POLLIN, CHILD_MS) < 0 ||
	    fdpass_receive(ends[0], &error, sizeof(error), &sock, &count) != (ssize_t)sizeof(error)) {
		error = errno != 0 ? errno : EPIPE;
		sock = -1;
	}
	close(ends[0]);
	if (pid > 0) {
		(void)waitpid(pid, NULL, 0);
	}
	errno = error;
	return sock;
}
