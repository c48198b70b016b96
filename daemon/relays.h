/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relays.h - the monitor's side of the relays: starts them, finds an earlier daemon's again, watches them, reads their counters.
 *
 * A relay is known by its device's place, of which there is at most one.
 */
#ifndef TUNTAPD_DAEMON_RELAYS_H
#define TUNTAPD_DAEMON_RELAYS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/relay.h"

struct event_base;
struct relays;

struct relays_callbacks {
	/* The relay of a place has ended; what it moved is still to be read until the next start at that place. */
	void (*on_end)(void *argument, uint32_t place, pid_t pid);
	void *argument;
};

/* What a relay is to serve. */
struct relays_start {
	uint32_t place;
	uint64_t open_number;
	int netns_fd;       /* where the device's interface is, and the channel is to be; -1: the daemon's own */
	uint32_t ifindex;   /* of the device's interface */
	int port_netns_fd;  /* where the interface of the port is */
	const char *port_ifname;
	unsigned access;    /* MESSAGE_ACCESS_*: what the program's end allows */
	bool nonblock;      /* how the program's end starts */
};

/* A process that serves, as a journal record keeps it. */
struct relays_process {
	pid_t pid;
	uint64_t start; /* os_process_start() */
};

/* rundir is a descriptor of RUNDIR, the caller's.  NULL with errno. */
struct relays *relays_new(struct event_base *base, int rundir, const struct relays_callbacks *callbacks);

/* Forgets them all; they go on. */
void relays_free(struct relays *r);

/*
 * Starts a relay and waits until it serves.  0, with *channel the program's end (close-on-exec, the caller's) and *process; -1 with
 * errno: ENXIO (it did not come up, logged by it), EMFILE, ENFILE, ENOMEM, or as socketpair(2).
 */
int relays_start(struct relays *r, const struct relays_start *how, int *channel, struct relays_process *process);

/* Watches one that an earlier daemon started.  0, or -1 with errno ESRCH: it has ended. */
int relays_adopt(struct relays *r, uint32_t place, const struct relays_process *process);

/*
 * Whether the last copy of the channel's program end has been closed.  If so, waits until the relay has passed on what was written and has
 * ended, at most RELAYS_END_MS.  False for an adopted relay that this daemon may not look into.
 */
bool relays_is_over(struct relays *r, uint32_t place);
#define RELAYS_END_MS 2000

/* Whether fd is the program's end of that open's channel, made by this daemon or an earlier one of the same RUNDIR. */
bool relays_is_channel(const struct relays *r, int fd, uint32_t place, uint64_t open_number);

/* Kills it, if it is still there; on_end is not called for it. */
void relays_end(struct relays *r, uint32_t place);

/* What the relay of a place has moved; zero where that is not known. */
void relays_read_counters(const struct relays *r, uint32_t place, struct relay_counters *counters);

#endif
