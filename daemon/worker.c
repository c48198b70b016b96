/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.c - the process without rights.
 *
 * Theory of operation.  The worker starts with three descriptors: the socket to the monitor, the control socket, and an empty
 * directory that becomes its root.  It gives up every right before it looks at the first client.  It accepts
 * clients, reads and checks what they send, hands whole requests to the monitor and keeps nothing that a request
 * brought.  When the monitor's socket closes, it ends.  Signals that end a daemon are the monitor's business.
 */
#include "worker.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/client.h"
#include "daemon/log.h"
#include "daemon/os.h"
#include "daemon/patience.h"
#include "daemon/privmsg.h"
#include "daemon/server.h"
#include "protocol/fdpass.h"

/* Answers taken from the monitor per turn of the loop. */
#define ANSWERS_PER_TURN 64

struct worker {
	struct event_base *base;
	struct event *readable; /* the monitor's socket */
	struct event *writable; /* pending only while a request waits for room */
	struct server *server;
	int status;
};

static void
finish(struct worker *w, int status)
{
	w->status = status;
	event_base_loopbreak(w->base);
}

static int
forward(void *argument, const struct client *c)
{
	struct worker *w = argument;
	struct priv_request r;
	int fds[FDPASS_MAX] = {c->fd};

	memset(&r, 0, sizeof(r));
	r.header = (struct priv_header){.magic = PRIV_MAGIC, .type = PRIV_REQUEST, .client = c->number};
	r.message_bytes = (uint32_t)c->request_bytes;
	memcpy(&r.message, &c->request, c->request_bytes);
	memcpy(fds + 1, c->fds, c->fd_count * sizeof(fds[0]));
	if (fdpass_send(PRIV_FD_MONITOR, &r, sizeof(r), fds, 1 + c->fd_count) == 0) {
		return 0;
	}
	if (errno == EAGAIN) {
		event_add(w->writable, NULL);
		errno = EAGAIN;
	}
	return -1;
}

static void
on_room(evutil_socket_t fd, short what, void *argument)
{
	struct worker *w = argument;

	server_retry(w->server);
}

static void
on_answer(evutil_socket_t fd, short what, void *argument)
{
	struct worker *w = argument;

	for (unsigned i = 0; i < ANSWERS_PER_TURN; i++) {
		struct priv_done done;
		unsigned no_fds = 0;
		ssize_t n = fdpass_receive(fd, &done, sizeof(done), NULL, &no_fds);

		if (n < 0 && errno == EAGAIN) {
			return;
		}
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			finish(w, EX_OK);
			return;
		}
		if (n != (ssize_t)sizeof(done) || done.header.magic != PRIV_MAGIC || done.header.type != PRIV_DONE) {
			log_errorx("the monitor sent what no monitor sends");
			finish(w, EX_PROTOCOL);
			return;
		}
		server_done(w->server, done.header.client, done.error, done.answered != 0);
	}
}

int
worker_run(void)
{
	struct worker w = {0};
	const char *step = NULL;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	w.base = event_base_new();
	if (w.base == NULL || patience_init() < 0) {
		log_errorx("no event loop");
		return EX_OSERR;
	}
	if (os_confine(PRIV_FD_ROOT, &step) < 0) {
		log_error("giving up rights: %s", step);
		event_base_free(w.base);
		return EX_NOPERM;
	}
	close(PRIV_FD_ROOT);
	if (os_limit_calls(OS_ROLE_WORKER) < 0) {
		log_info("no filter of system calls: this kernel, or this build, has none");
	}
	w.readable = event_new(w.base, PRIV_FD_MONITOR, EV_READ | EV_PERSIST, on_answer, &w);
	w.writable = event_new(w.base, PRIV_FD_MONITOR, EV_WRITE, on_room, &w);
	w.server = server_new(w.base, PRIV_FD_LISTENER, forward, &w);
	if (w.readable == NULL || w.writable == NULL || w.server == NULL || event_add(w.readable, NULL) < 0) {
		log_error("starting");
		w.status = EX_OSERR;
	} else if (event_base_dispatch(w.base) < 0) {
		log_errorx("the event loop failed");
		w.status = EX_SOFTWARE;
	}
	server_free(w.server);
	if (w.readable != NULL) {
		event_free(w.readable);
	}
	if (w.writable != NULL) {
		event_free(w.writable);
	}
	event_base_free(w.base);
	return w.status;
}
