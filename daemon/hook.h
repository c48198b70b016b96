/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hook.h - the administrator's programs that run when a device opens and closes.
 */
#ifndef TUNTAPD_DAEMON_HOOK_H
#define TUNTAPD_DAEMON_HOOK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How long a hook may run; then it and its process group are killed.  Also how long a daemon that ends waits for its hooks. */
#define HOOK_TIME_S 10
/* How many run at once, and how many wait for that. */
#define HOOKS_RUNNING_MAX 8
#define HOOKS_WAITING_MAX 256

struct event_base;
struct hooks;

/* What a hook is told.  All is copied. */
struct hook_call {
	const char *path;
	const char *what;   /* "open", "close" */
	const char *device; /* "tap0" */
	const char *ifname;
	uid_t uid; /* the opener's */
	pid_t pid;
	uint64_t netns; /* identity of the interface's network namespace */
	int netns_fd;   /* the same, where the hook runs; -1: the daemon's own */
};

/*
 * Whether a path may be run: the file and every directory above it are root's, can be written by nobody else, and none is a symbolic
 * link; the file is one, and executable.  0, or -1 and why not.
 */
int hook_check(const char *path, char *why, size_t size);

/* NULL with ENOMEM.  base: of the loop that the hooks' ends are heard in; time_s: HOOK_TIME_S, or a test's. */
struct hooks *hooks_new(struct event_base *base, unsigned time_s);

/*
 * Runs a hook, soon: never waits.  Those of one device run one after the other, in order.  What cannot be run is logged.  hooks NULL:
 * nothing is done.
 */
void hooks_run(struct hooks *h, const struct hook_call *call);

/* Lets those that are there come to their end, for time_s at most, and kills the rest.  h may be NULL. */
void hooks_free(struct hooks *h);

#endif
