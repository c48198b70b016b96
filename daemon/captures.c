/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * captures.c - starts captures and counts them.  See captures.h.
 *
 * Theory of operation.  The monitor opens the source, which needs rights, and makes the stream; a process of role "capture" gets both
 * and an empty directory, gives up its rights, and serves the client (capture.c).  The monitor keeps neither.  It watches the process, to
 * know how many there are, and for whom.
 *
 * Limits.  For each: one process, the source's room, and CLIENT_BYTES toward the client.
 */
#include "captures.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/capture.h"
#include "daemon/os.h"
#include "daemon/role.h"
#include "daemon/sockpair.h"
#include "protocol/paths.h"

/* Room toward the client, bytes; Linux doubles it, and counts its own overhead.  A whole packet of the longest fits several times. */
#define CLIENT_BYTES (512 * 1024)

struct entry {
	struct captures *captures;
	uid_t uid;
	pid_t pid; /* 0: free */
	int watch;
	struct event *event;
};

struct captures {
	struct event_base *base;
	int rundir;
	struct entry at[CAPTURES_MAX];
};

struct captures *
captures_new(struct event_base *base, int rundir)
{
	struct captures *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return NULL;
	}
	c->base = base;
	c->rundir = rundir;
	for (unsigned i = 0; i < CAPTURES_MAX; i++) {
		c->at[i] = (struct entry){.captures = c, .watch = -1};
	}
	return c;
}

static void
forget(struct entry *e)
{
	if (e->event != NULL) {
		event_free(e->event);
		e->event = NULL;
	}
	if (e->watch >= 0) {
		os_process_reap(e->watch, e->pid);
		close(e->watch);
		e->watch = -1;
	}
	e->pid = 0;
}

void
captures_free(struct captures *c)
{
	if (c == NULL) {
		return;
	}
	for (unsigned i = 0; i < CAPTURES_MAX; i++) {
		forget(&c->at[i]);
	}
	free(c);
}

static void
on_process_end(evutil_socket_t fd, short what, void *argument)
{
	forget(argument);
}

/* A free entry that the user may have, or NULL with errno. */
static struct entry *
find_free(struct captures *c, uid_t uid)
{
	struct entry *e = NULL;
	unsigned of_user = 0;

	for (unsigned i = CAPTURES_MAX; i-- > 0;) {
		of_user += c->at[i].pid != 0 && c->at[i].uid == uid;
		e = c->at[i].pid == 0 ? &c->at[i] : e;
	}
	if (uid != 0 && of_user >= CAPTURES_PER_USER) {
		errno = EMFILE;
		return NULL;
	}
	if (e == NULL) {
		errno = ENFILE;
	}
	return e;
}

/* Its end is noticed from now on.  0, or -1 with errno. */
static int
watch(struct entry *e)
{
	e->watch = os_process_watch(e->pid);
	if (e->watch < 0) {
		return -1;
	}
	e->event = event_new(e->captures->base, e->watch, EV_READ, on_process_end, e);
	if (e->event == NULL || event_add(e->event, NULL) < 0) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

/* The process, which gets all descriptors.  0, or -1 with errno, and there is none. */
static int
start_process(struct entry *e, int client, int root, int source)
{
	const int fds[] = {client, root, source}; /* CAPTURE_FD_CLIENT, ... */
	int saved;

	static_assert(CAPTURE_FD_CLIENT == ROLE_FD_FIRST && CAPTURE_FD_ROOT == ROLE_FD_FIRST + 1 && CAPTURE_FD_SOURCE == ROLE_FD_FIRST + 2,
	    "the order above");
	e->pid = role_start("capture", fds, 3);
	if (e->pid < 0) {
		e->pid = 0;
		return -1;
	}
	if (watch(e) < 0) {
		saved = errno;
		(void)kill(e->pid, SIGKILL);
		(void)waitpid(e->pid, NULL, 0);
		forget(e);
		errno = saved;
		return -1;
	}
	return 0;
}

int
captures_start(struct captures *c, const struct captures_start *how, int *client, uint32_t *linktype)
{
	struct entry *e = find_free(c, how->uid);
	int ends[2] = {-1, -1}, root = -1, source = -1, result = -1, saved;

	if (e == NULL) {
		return -1;
	}
	e->uid = how->uid;
	root = openat(c->rundir, PATHS_EMPTY_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	source = root >= 0 ? source_open(how->netns_fd, how->ifindex, how->bare, linktype) : -1;
	if (source >= 0 && sockpair_stream(ends, CLIENT_BYTES) == 0) {
		result = start_process(e, ends[1], root, source);
	}
	saved = errno;
	if (root >= 0) {
		close(root);
	}
	if (source >= 0) {
		close(source);
	}
	if (ends[1] >= 0) {
		close(ends[1]);
	}
	if (result < 0 && ends[0] >= 0) {
		close(ends[0]);
	}
	*client = ends[0];
	errno = saved;
	return result;
}
