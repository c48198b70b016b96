/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.h - the control socket: accept, limits per user, and the list of clients.
 */
#ifndef TUNTAPD_DAEMON_SERVER_H
#define TUNTAPD_DAEMON_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct client;
struct event_base;
struct server;

/* Connections at a time: of one user (root: only the total), and in all.  A program needs one, for the time of one open. */
#define SERVER_CLIENTS_PER_USER 32
#define SERVER_CLIENTS_MAX 512

/*
 * Hands a client's request on.  0: done; -1 with EAGAIN: no room now, server_retry() will be called; other errno: the way is
 * closed.
 */
typedef int (*server_forward_fn)(void *argument, const struct client *c);

/* Takes over listener.  NULL with errno. */
struct server *server_new(struct event_base *base, int listener, server_forward_fn forward, void *argument);
void server_free(struct server *s);

/* There is room again for requests that had to wait. */
void server_retry(struct server *s);

/* The request of that client is done.  A number of a client that has gone is ignored. */
void server_done(struct server *s, uint64_t client, int error, bool answered);

/* For clients: hand on the request in hand; end and free the client (why NULL: it just left). */
void server_forward(struct server *s, struct client *c);
void server_drop(struct server *s, struct client *c, const char *why);

#endif
