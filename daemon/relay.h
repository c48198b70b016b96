/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relay.h - the process that moves frames between a relayed device's channel and its port; or, of a tun, the packets in them.
 */
#ifndef TUNTAPD_DAEMON_RELAY_H
#define TUNTAPD_DAEMON_RELAY_H

#include <assert.h>
#include <stdint.h>

#include "daemon/ethertun.h"
#include "daemon/port.h"
#include "protocol/message.h"

#define RELAY_COUNTERS_MAGIC 0x63707474u /* "ttpc", little end first */
#define RELAY_COUNTERS_VERSION 1

/*
 * What a relay has moved: a file RUNDIR/relays/DEVICE (0600), written by the relay through a mapping, read by the daemon alone.  Of the
 * packets that the interface's own counters have, those that were lost here are the ones that matter.
 */
struct relay_counters {
	uint32_t magic;
	uint32_t version;
	struct message_counters to_program;   /* dropped: for want of room in the channel; of a tun, what is no IP packet, too */
	struct message_counters from_program; /* dropped: too short or too long, no IP packet, or the interface did not take it */
	uint64_t port_dropped;                /* toward the program, before the relay had them; may lag by PORT_STATS_FRAMES */
	uint64_t memory_limit;                /* bytes that the kernel and the relay hold for the device at most */
};

static_assert(sizeof(struct relay_counters) == 72, "file layout");

/* Descriptors that a relay starts with, by number. */
#define RELAY_FD_CHANNEL 3  /* the relay's end */
#define RELAY_FD_ROOT 4     /* an empty directory */
#define RELAY_FD_COUNTERS 5 /* its file, for reading and writing */
#define RELAY_FD_READY 6    /* gets RELAY_READY once the port is open and all rights are gone */
#define RELAY_FD_FIRST_FREE 7

#define RELAY_READY 'r'

struct relay;

enum relay_state {
	RELAY_GOES_ON,
	RELAY_HUNG_UP,   /* the last copy of the program's end is closed, and what it wrote has been passed on */
	RELAY_PORT_GONE, /* the interface is gone */
	RELAY_FAILED,    /* errno says how */
};

/*
 * channel is the relay's end of the socket pair.  These three stay the caller's and outlive the relay.  mac: NULL for a tap; for a tun the
 * address of the device's interface.  NULL with errno ENOMEM.
 */
struct relay *relay_new(int channel, struct port *port, struct relay_counters *counters, const uint8_t mac[ETHERTUN_MAC_BYTES]);
void relay_free(struct relay *r);

/* Waits until there is something to do, up to timeout_ms (-1: for ever), and does it: at most one burst in each direction. */
enum relay_state relay_turn(struct relay *r, int timeout_ms);

/*
 * The process: "tuntapd --role=relay VERBOSITY INTERFACE [MAC]", with the descriptors above.  MAC, of a tun: of the device's interface,
 * twelve hexadecimal digits; NULL: a tap.  An exit status of sysexits.h.
 */
int relay_run(const char *ifname, const char *mac_text);
#define RELAY_MAC_SIZE 13

#endif
