/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockpair.h - the socket pair behind a relayed channel, and that of a capture, by platform: sockpair-linux.c, sockpair-darwin.c.
 *
 * On a channel one datagram is one frame.  ends[0] is the program's, ends[1] the relay's; what the program's end is bound to tell, it tells
 * through the name of the relay's (protocol/channelname.h).
 */
#ifndef TUNTAPD_DAEMON_SOCKPAIR_H
#define TUNTAPD_DAEMON_SOCKPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "daemon/port.h"
#include "protocol/channelname.h"

/*
 * A pair with room for frames, close-on-exec, of the caller's network namespace; the relay's end has the name.  rundir: of the daemon,
 * where names are files.  0, or -1 with errno as socketpair(2) and bind(2).
 */
int sockpair_make(int rundir, const struct channelname *name, int ends[2]);

/* Two joined ends of a stream, close-on-exec, with room for bytes each way as far as that is allowed.  0, or -1 as socketpair(2). */
int sockpair_stream(int ends[2], int bytes);

/* Whether fd is the program's end of a pair that a daemon of that rundir made, which only such a daemon can; *name. */
bool sockpair_is_ours(int rundir, int fd, struct channelname *name);

/* Where the datagrams of one direction are. */
struct sockpair_burst {
	struct iovec parts[PORT_BURST]; /* to send: one datagram each; to receive into */
	size_t bytes[PORT_BURST];       /* received: how long each was */
	void *messages;                 /* the platform's */
};

/* The parts are the caller's to fill in.  0, or -1 with ENOMEM. */
int sockpair_burst_init(struct sockpair_burst *b);
void sockpair_burst_clear(struct sockpair_burst *b);

/*
 * Sends parts first ... first + count - 1, never waiting.  How many went, in order; -1 with errno: EMSGSIZE (the first is longer than
 * the pair ever takes), EAGAIN (no room for it), EINTR, or another: nobody is there.
 */
int sockpair_send(int end, struct sockpair_burst *b, unsigned first, unsigned count);

/* Receives up to PORT_BURST datagrams, never waiting.  How many; -1 with errno: EAGAIN, EINTR, ECONNRESET (the other end is closed). */
int sockpair_receive(int end, struct sockpair_burst *b);

/* Bytes that may wait in the pair, both ways, as the kernel counts. */
size_t sockpair_room(int end);

/*
 * Whether the last copy of the other end is closed; revents is what poll(2) has just said of this one.  What was written before can still
 * be received.
 */
bool sockpair_is_closed(int end, short revents);

/* How often that has to be asked, since the kernel does not tell by itself; -1: it tells. */
int sockpair_ask_ms(void);

#endif
