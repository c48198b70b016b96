/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h - the packets of an interface, both ways, as they pass: what a capture reads.
 *
 * One file per platform: source-packet.c, source-bpf.c.  A capture knows only the table of functions, so that its tests need neither
 * interface nor rights.  The monitor opens the descriptor, since that needs rights; the process that reads it has none.
 */
#ifndef TUNTAPD_DAEMON_SOURCE_H
#define TUNTAPD_DAEMON_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Packets handed over at once. */
#define SOURCE_BURST 32

struct source_packet {
	const uint8_t *data;
	size_t bytes;          /* in data */
	size_t original_bytes; /* that it had */
	uint64_t time_ns;      /* since 1970 */
	bool to_program;       /* the kernel sent it through the interface; else the interface received it */
};

struct source;

struct source_ops {
	/*
	 * Hands over what has come, up to burst packets (at most SOURCE_BURST), in order, each valid during the call only.  Returns how
	 * many; 0: none now; -1 with errno: ENETDOWN (the interface is down: look again), ENODEV (it is gone), or another.  Never waits.
	 */
	int (*receive)(struct source *source, unsigned burst, void (*on_packet)(void *argument, const struct source_packet *packet),
	    void *argument);

	/* Packets lost for want of room, since the start. */
	uint64_t (*dropped)(struct source *source);

	void (*close)(struct source *source);
};

struct source {
	const struct source_ops *ops;
	int fd;          /* select(2) says that it is readable when receive() has something to say */
	bool look_again; /* after receive(): before long it may have, also when fd is not readable */
	bool more;       /* after receive(): it has, whatever fd says */
};

/*
 * Opens the descriptor of an interface: packets wait on it from now on.  netns_fd: where the interface is; -1: here.  bare: a tun's, of
 * which IP packets alone are looked at, whatever link header its interface has.  *linktype: enum message_linktype.  -1 with errno: EPERM,
 * ENODEV, EPROTONOSUPPORT (it is neither Ethernet nor IP), EMFILE, ENFILE, ENOMEM.
 */
int source_open(int netns_fd, uint32_t ifindex, bool bare, uint32_t *linktype);

/* Reads such a descriptor; takes it over, also on failure.  NULL with errno. */
struct source *source_new(int fd);

#endif
