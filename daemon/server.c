/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.c - the control socket.  See server.h.
 *
 * Overload.  Connections past a user's limit are closed at once, so that one user cannot keep others out; with no
 * descriptor left, accepting pauses for a second, and what waits in the backlog is served then.
 */
#include "server.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/client.h"
#include "daemon/log.h"
#include "daemon/patience.h"
#include "protocol/transport.h"

/* Connections taken per turn of the loop. */
#define ACCEPTS_PER_TURN 16

struct server {
	struct event_base *base;
	int listener;
	struct event *listener_event;
	struct event *pause_timer;
	server_forward_fn forward;
	void *argument;
	TAILQ_HEAD(, client) clients;
	unsigned client_count;
	uint64_t next_number;
	struct log_limit drop_limit;
	struct log_limit accept_limit;
};

static unsigned
count_of_user(const struct server *s, uid_t uid)
{
	const struct client *c;
	unsigned count = 0;

	TAILQ_FOREACH(c, &s->clients, entry) {
		count += c->uid == uid;
	}
	return count;
}

static void
pause_accepting(struct server *s)
{
	static const struct timeval second = {.tv_sec = 1};

	if (log_limit_pass(&s->accept_limit, "failed accepts")) {
		log_warn("accepting a connection: trying again in a second");
	}
	event_del(s->listener_event);
	event_add(s->pause_timer, &second);
}

static void
on_pause_over(evutil_socket_t fd, short what, void *argument)
{
	struct server *s = argument;

	event_add(s->listener_event, NULL);
}

/* Takes over fd. */
static void
add_client(struct server *s, int fd)
{
	struct transport_peer peer;
	struct client *c;

	if (transport_peer(fd, &peer) < 0) {
		close(fd); /* gone before it was looked at */
		return;
	}
	if (s->client_count >= SERVER_CLIENTS_MAX ||
	    (peer.uid != 0 && count_of_user(s, peer.uid) >= SERVER_CLIENTS_PER_USER)) {
		if (log_limit_pass(&s->accept_limit, "refused connections")) {
			log_warnx("refused a connection of uid %ld, pid %ld: too many at a time", (long)peer.uid,
			    (long)peer.pid);
		}
		close(fd);
		return;
	}
	c = client_new(s, s->base, fd, ++s->next_number, peer.uid);
	if (c == NULL) {
		return;
	}
	TAILQ_INSERT_TAIL(&s->clients, c, entry);
	s->client_count++;
	/* A program sends right after it has connected: by now its request is there. */
	client_read(c);
}

static void
on_connection(evutil_socket_t listener, short what, void *argument)
{
	struct server *s = argument;

	for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = transport_accept(listener);

		if (fd >= 0) {
			patience_begin();
			add_client(s, fd);
			patience_end();
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED) {
			continue;
		}
		if (errno != EAGAIN && errno != EWOULDBLOCK) {
			pause_accepting(s);
		}
		return;
	}
}

struct server *
server_new(struct event_base *base, int listener, server_forward_fn forward, void *argument)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		close(listener);
		return NULL;
	}
	TAILQ_INIT(&s->clients);
	s->base = base;
	s->listener = listener;
	s->forward = forward;
	s->argument = argument;
	s->listener_event = event_new(base, listener, EV_READ | EV_PERSIST, on_connection, s);
	s->pause_timer = evtimer_new(base, on_pause_over, s);
	if (s->listener_event == NULL || s->pause_timer == NULL || event_add(s->listener_event, NULL) < 0) {
		server_free(s);
		errno = ENOMEM;
		return NULL;
	}
	return s;
}

static void
remove_client(struct server *s, struct client *c)
{
	TAILQ_REMOVE(&s->clients, c, entry);
	s->client_count--;
	client_free(c);
}

void
server_free(struct server *s)
{
	if (s == NULL) {
		return;
	}
	while (!TAILQ_EMPTY(&s->clients)) {
		remove_client(s, TAILQ_FIRST(&s->clients));
	}
	if (s->listener_event != NULL) {
		event_free(s->listener_event);
	}
	if (s->pause_timer != NULL) {
		event_free(s->pause_timer);
	}
	close(s->listener);
	free(s);
}

void
server_drop(struct server *s, struct client *c, const char *why)
{
	if (why != NULL && log_limit_pass(&s->drop_limit, "dropped clients")) {
		log_info("dropped a client of uid %ld: %s", (long)c->uid, why);
	}
	remove_client(s, c);
}

void
server_forward(struct server *s, struct client *c)
{
	if (s->forward(s->argument, c) == 0) {
		client_forwarded(c, true);
	} else if (errno == EAGAIN) {
		client_forwarded(c, false);
	} else {
		server_drop(s, c, NULL);
	}
}

void
server_retry(struct server *s)
{
	struct client *c, *next;

	for (c = TAILQ_FIRST(&s->clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->state == CLIENT_FORWARDING) {
			server_forward(s, c);
		}
	}
}

void
server_done(struct server *s, uint64_t client, int error, bool answered)
{
	struct client *c;

	TAILQ_FOREACH(c, &s->clients, entry) {
		if (c->number == client && c->state == CLIENT_WAITING) {
			patience_begin();
			if (!client_done(c, error, answered)) {
				server_drop(s, c, NULL);
			}
			patience_end();
			return;
		}
	}
}
