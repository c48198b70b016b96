/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - one control connection: read a request, check it, hand it on, wait for its answer; then the next.
 *
 * A client holds at most one request at a time and is dropped when it breaks the protocol, goes away, or is silent for
 * CLIENT_SILENCE_S.  Its memory is this struct.
 */
#ifndef TUNTAPD_DAEMON_CLIENT_H
#define TUNTAPD_DAEMON_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "protocol/message.h"

struct event;
struct event_base;
struct server;

/* A program sends its request right after it has connected. */
#define CLIENT_SILENCE_S 5

enum client_state {
	CLIENT_READING,    /* for a request */
	CLIENT_FORWARDING, /* has one; the way to the monitor is full */
	CLIENT_WAITING,    /* the monitor has it */
};

struct client {
	TAILQ_ENTRY(client) entry; /* the server's */
	struct server *server;
	uint64_t number;
	uid_t uid;
	int fd;
	enum client_state state;
	struct event *event;
	/* The request in hand, while not READING. */
	union message request;
	size_t request_bytes;
	int fds[MESSAGE_FDS_MAX];
	unsigned fd_count;
};

/* Takes over fd, which is closed on failure, too.  NULL with errno ENOMEM. */
struct client *client_new(struct server *server, struct event_base *base, int fd, uint64_t number, uid_t uid);

/* Reads a request that may be there already.  May end in server_drop(), which frees c. */
void client_read(struct client *c);

/* Closes everything that it holds. */
void client_free(struct client *c);

/* The request was handed on (true), or has to wait for room (false). */
void client_forwarded(struct client *c, bool sent);

/*
 * The request in hand has its answer: sent by the monitor, or (answered false) still owed: error.  Returns false
 * if the client is to be dropped now.
 */
bool client_done(struct client *c, int error, bool answered);

#endif
