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
	/* The relay of a place serves.  channel: the program's end, close-on-exec, the receiver's. */
	void (*on_ready)(void *argument, uint32_t place, pid_t pid, int channel);
	/*
	 * The relay of a place has ended, perhaps before it was ready; what it moved is still to be read until the next start at that
	 * place.
	 */
	void (*on_end)(void *argument, uint32_t place, pid_t pid);
	void *argument;
};

/* What a relay is to serve. */
struct relays_start {
	uint32_t place;
	uint8_t kind;       /* enum device_kind */
	uint64_t open_number;
	int netns_fd;       /* where the device's interface is, and the channel is to be; -1: the daemon's own */
	uint32_t ifindex;   /* of the device's interface */
	uint8_t mac[ETHERTUN_MAC_BYTES]; /* the same, of a tun */
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
 * Starts a relay.  0, with *process; -1 with errno: EMFILE, ENFILE, ENOMEM, or as socketpair(2).  Takes no time: on_ready tells when it
 * serves; on_end, that it does not come up, as it or we have logged.
 */
int relays_start(struct relays *r, const struct relays_start *how, struct relays_process *process);

/* A directory with nothing in it, for a process without rights to have as its root: close-on-exec; -1 with errno. */
int relays_open_root(const struct relays *r);

/* Watches one that an earlier daemon started.  0, or -1 with errno ESRCH: it has ended. */
int relays_adopt(struct relays *r, uint32_t place, const struct relays_process *process);

/* Who holds the channel of a relay. */
enum relays_hold {
	RELAYS_HELD,   /* somebody; or it cannot be told, for an adopted relay that this daemon may not look into */
	RELAYS_ENDING, /* nobody any more: the relay passes on what was written, then ends, which on_end tells, within RELAYS_END_MS */
	RELAYS_OVER,   /* nobody, and the relay has ended */
};
#define RELAYS_END_MS 2000

enum relays_hold relays_look(struct relays *r, uint32_t place);

/* Whether fd is the program's end of that open's channel, made by this daemon or an earlier one of the same RUNDIR. */
bool relays_is_channel(const struct relays *r, int fd, uint32_t place, uint64_t open_number);

/* Kills it, if it is still there; on_end is not called for it. */
void relays_end(struct relays *r, uint32_t place);

/* Bytes of the relay of a place: the bound of all that is held for the device, and what its process has now; 0 where it is not known. */
void relays_read_memory(const struct relays *r, uint32_t place, uint64_t *limit, uint64_t *now);

/* What the relay of a place has moved; zero where that is not known. */
void relays_read_counters(const struct relays *r, uint32_t place, struct relay_counters *counters);

#endif
