/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privmsg.h - everything that crosses between worker and monitor.
 *
 * The worker hands a client's checked request to the monitor, together with the client's connection; the monitor checks it
 * again, asks the kernel who is at the other end, acts, and answers on that connection itself.  So a captured
 * worker never holds a channel, and its word about who asks counts for nothing.  Both sides are one executable: there
 * is one version.  A record that breaks these rules comes from a worker that is not ours any more, and ends the daemon's service.
 *
 *	worker to monitor	PRIV_REQUEST	1 + n descriptors: the connection, then those of the message
 *	monitor to worker	PRIV_DONE	none
 */
#ifndef TUNTAPD_DAEMON_PRIVMSG_H
#define TUNTAPD_DAEMON_PRIVMSG_H

#include <assert.h>
#include <stdint.h>

#include "protocol/message.h"

#define PRIV_MAGIC 0x76707474u /* "ttpv", little end first */

enum priv_type {
	PRIV_REQUEST = 1,
	PRIV_DONE = 2,
};

struct priv_header {
	uint32_t magic;
	uint32_t type;
	uint64_t client; /* the worker's number of the connection */
};

struct priv_request {
	struct priv_header header;
	uint32_t message_bytes; /* as received from the client */
	uint32_t pad;
	union message message;  /* zero past message_bytes */
};

struct priv_done {
	struct priv_header header;
	int32_t error;    /* what the client was, or is to be, told */
	uint8_t answered; /* 0: the monitor has not answered; the worker is to */
	uint8_t pad[3];
};

static_assert(sizeof(struct priv_header) == 16, "layout");
static_assert(sizeof(struct priv_request) == 24 + sizeof(union message), "layout");
static_assert(sizeof(struct priv_done) == 24, "layout");

/* Descriptors that worker and monitor start with, by number. */
#define PRIV_FD_MONITOR 3  /* worker's end of the socket between them */
#define PRIV_FD_LISTENER 4 /* the control socket */
#define PRIV_FD_ROOT 5     /* an empty directory */
#define PRIV_FD_FIRST_FREE 6

#endif
