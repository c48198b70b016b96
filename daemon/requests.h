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

struct event_base;
struct requests;

/* What requests are about; all of it outlives them. */
struct requests_setup {
	struct event_base *base;
	struct devices *devices;
	struct captures *captures;
	struct pairs *pairs;
	/* The daemon is to end, with that exit status: a stop request, or one that no worker of ours sends. */
	void (*finish)(void *argument, int status);
	/* A request that requests_serve() had put aside has been answered: what the client was told. */
	void (*done)(void *argument, uint64_t client, int error);
	void *argument;
};

/* NULL with errno ENOMEM. */
struct requests *requests_new(const struct requests_setup *setup);
void requests_free(struct requests *q);

/*
 * Serves a request that was checked whole, and answers it on fds[0], the client's connection; then come the descriptors of the message.
 * All are the caller's, but for those that are kept or closed here, whose places are then -1.  What the client was told; or EINPROGRESS: an
 * open that waits for a relay, which setup.done will tell the end of.  *answered false: what it is to be told, by the worker.
 */
int requests_serve(struct requests *q, const struct priv_request *r, int *fds, bool *answered);

/*
 * The relay of a place is ready, and channel is the program's end, closed here; or -1: it has ended, which the table of devices knows.
 * What waits goes on.
 */
void requests_go_on(struct requests *q, uint32_t place, int channel);

#endif
