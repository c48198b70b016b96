/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * captures.h - the monitor's side of the captures: starts them, counts them, buries them.
 *
 * A capture goes on when the daemon ends: it lives as long as its client and its device.  The next daemon does not know of it, and
 * need not.
 */
#ifndef TUNTAPD_DAEMON_CAPTURES_H
#define TUNTAPD_DAEMON_CAPTURES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct captures;

/* At a time: of one user who is not root, and of all. */
#define CAPTURES_PER_USER 8
#define CAPTURES_MAX 64

struct captures_start {
	int netns_fd; /* where the interface is; -1: the daemon's own */
	uint32_t ifindex;
	bool bare;    /* source_open() */
	uid_t uid;    /* who asks */
};

/* rundir is a descriptor of RUNDIR, the caller's.  NULL with errno. */
struct captures *captures_new(struct event_base *base, int rundir);
/* Forgets them all; they go on. */
void captures_free(struct captures *c);

/*
 * Starts one.  0, with *client the client's end (close-on-exec, the caller's) and *linktype; -1 with errno: EMFILE (the user has as many as
 * one may), ENFILE (there are as many as there may be, or no more descriptors), or as source_open() and fork(2).
 */
int captures_start(struct captures *c, const struct captures_start *how, int *client, uint32_t *linktype);

#endif
