/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * requests.h - the monitor's answers to clients' requests.
 */
#ifndef TUNTAPD_DAEMON_REQUESTS_H
#define TUNTAPD_DAEMON_REQUESTS_H

#include "daemon/captures.h"
#include "daemon/device.h"
#include "daemon/pairs.h"
#include "daemon/privmsg.h"

struct requests;

/* What requests are about; all of it outlives them. */
struct requests_setup {
	struct devices *devices;
	struct captures *captures;
	struct pairs *pairs;
	/* The daemon is to end, with that exit status: a stop request, or one that no worker of ours sends. */
	void (*finish)(void *argument, int status);
	void *argument;
};

/* NULL with errno ENOMEM. */
struct requests *requests_new(const struct requests_setup *setup);
void requests_free(struct requests *q);

/*
 * Serves a request that was checked whole, and answers it on fds[0], the client's connection; then come the descriptors of the message.  All
 * are the caller's, but for one that is closed here, whose place is then -1.  What the client was told.
 */
int requests_serve(struct requests *q, const struct priv_request *r, int *fds);

#endif
