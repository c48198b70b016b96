/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * relay.c - moves frames between a relayed device's channel and its port.
 *
 * Theory of operation.  One process per open relayed device runs this, driven by two descriptors.  Port readable: up to PORT_BURST
 * frames from the link, one datagram each into the channel.  Channel readable: up to PORT_BURST datagrams, one frame each to the link.
 * The burst bounds how long one direction keeps the other waiting.  After a whole one the port is asked again: it may have taken more from
 * the kernel than it gave (port.h), and then its descriptor says nothing.  Frames are never split, merged, reordered or sent twice.  The
 * loop is poll(2) itself: with two descriptors, no timer and no callback there is nothing for a library to keep.
 *
 * Overload.  A full channel means a slow program: the new frame is dropped and counted, the queued ones stay (device contract,
 * "overload").  The other way a full link stops our reading, and so the program waits; what the link refuses for another
 * reason is dropped and counted.
 *
 * End of life.  Hang-up of the channel is the kernel's word that the last copy was closed; nothing else is: a datagram of no bytes, which
 * reads as an end would, is passed over.  A program that was opened for reading alone, or has shut its way to us down, writes nothing any
 * more and holds the device all the same: poll would call the channel readable for ever, so it is then asked for the hang-up
 * alone.  What was written before the hang-up is still sent.  The process then ends, and with it the
 * namespace in which it alone held the far end, so that the kernel takes the interface away even if no daemon serves.
 *
 * Ownership and limits.  The relay owns its end of the channel, the port and two bursts of buffers, of which only what
 * frames have filled is memory.  It has no rights, and outlives the daemon.  Per frame: no allocation, no log line, no request to
 * anybody.  Idle: no timer, so no wake-up, where the kernel tells of a hang-up (sockpair.h).
 */
#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "log.h"
#include "os.h"
#include "sockpair.h"

#define ETHERNET_HEADER_BYTES 14
/* One byte more than a frame can have shows one that is too long; a whole number of cache lines. */
#define SLOT_BYTES ((PORT_FRAME_MAX + 64) / 64 * 64)
#ifndef POLLRDHUP
#define POLLRDHUP 0 /* where poll does not tell */
#endif
/* Frames after which the port is asked once for what it lost: so asking costs nothing that shows. */
#define STATS_FRAMES 256

/* A burst of frames in one direction. */
struct burst {
	uint8_t *slots; /* PORT_BURST of SLOT_BYTES */
	struct sockpair_burst datagrams;
	unsigned count;
};

struct relay {
	int channel;
	struct port *port;
	struct relay_counters *counters;
	unsigned unasked; /* frames since the port was asked what it lost */
	bool silent;      /* nothing will come from the program any more */
	bool more;        /* the port gave a whole burst: it may hold the next one already */
	struct burst to_program, from_program;
};

/* The counters have one writer; their reader may be in the midst of a file read. */
static void
count(uint64_t *counter, uint64_t more)
{
	__atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

static int
burst_init(struct burst *b)
{
	b->slots = mmap(NULL, (size_t)PORT_BURST * SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->slots == MAP_FAILED) {
		b->slots = NULL;
		return -1;
	}
	for (unsigned i = 0; i < PORT_BURST; i++) {
		b->datagrams.parts[i] = (struct iovec){.iov_base = b->slots + (size_t)i * SLOT_BYTES, .iov_len = SLOT_BYTES};
	}
	return sockpair_burst_init(&b->datagrams);
}

static void
burst_free(struct burst *b)
{
	if (b->slots != NULL) {
		munmap(b->slots, (size_t)PORT_BURST * SLOT_BYTES);
	}
	sockpair_burst_clear(&b->datagrams);
}

struct relay *
relay_new(int channel, struct port *port, struct relay_counters *counters)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return NULL;
	}
	r->channel = channel;
	r->port = port;
	r->counters = counters;
	if (burst_init(&r->to_program) < 0 || burst_init(&r->from_program) < 0) {
		relay_free(r);
		errno = ENOMEM;
		return NULL;
	}
	counters->magic = RELAY_COUNTERS_MAGIC;
	counters->version = RELAY_COUNTERS_VERSION;
	return r;
}

void
relay_free(struct relay *r)
{
	if (r == NULL) {
		return;
	}
	burst_free(&r->to_program);
	burst_free(&r->from_program);
	free(r);
}

/* A frame from the link joins the burst: what libpcap shows is gone after its call. */
static void
on_frame(void *argument, const struct port_frame *frame)
{
	struct relay *r = argument;
	struct burst *b = &r->to_program;

	if (frame->bytes < ETHERNET_HEADER_BYTES || frame->bytes > PORT_FRAME_MAX) {
		count(&r->counters->to_program.dropped, 1);
		return;
	}
	memcpy(b->datagrams.parts[b->count].iov_base, frame->data, frame->bytes);
	b->datagrams.parts[b->count].iov_len = frame->bytes;
	b->count++;
}

/* Counts those of the burst's datagrams from first on that the channel took. */
static void
count_sent(struct relay *r, unsigned first, unsigned sent)
{
	uint64_t bytes = 0;

	for (unsigned i = first; i < first + sent; i++) {
		bytes += r->to_program.datagrams.parts[i].iov_len;
	}
	count(&r->counters->to_program.packets, sent);
	count(&r->counters->to_program.bytes, bytes);
}

/* One datagram for each frame of the burst; what finds no room is dropped, and so is what comes after it. */
static void
fill_channel(struct relay *r)
{
	struct burst *b = &r->to_program;
	unsigned done = 0;

	while (done < b->count) {
		int n = sockpair_send(r->channel, &b->datagrams, done, b->count - done);

		if (n > 0) {
			count_sent(r, done, (unsigned)n);
			done += (unsigned)n;
		} else if (errno == EMSGSIZE) {
			count(&r->counters->to_program.dropped, 1); /* longer than the channel ever takes */
			done++;
		} else if (errno != EINTR) {
			/* No room; or nobody there any more, which shows at the next turn. */
			count(&r->counters->to_program.dropped, b->count - done);
			break;
		}
	}
}

static enum relay_state
from_port(struct relay *r)
{
	int n;

	r->to_program.count = 0;
	n = r->port->ops->receive(r->port, PORT_BURST, on_frame, r);
	if (n < 0) {
		return RELAY_PORT_GONE;
	}
	fill_channel(r);
	r->more = n == PORT_BURST;
	r->unasked += (unsigned)n;
	return RELAY_GOES_ON;
}

/* Sends what is a frame of the datagrams that have come. */
static enum relay_state
empty_burst(struct relay *r, unsigned received)
{
	const struct burst *b = &r->from_program;
	struct port_frame frames[PORT_BURST];
	uint64_t bytes = 0, refused = 0;
	unsigned frame_count = 0;
	int sent = 0;

	for (unsigned i = 0; i < received; i++) {
		size_t length = b->datagrams.bytes[i];

		if (length >= ETHERNET_HEADER_BYTES && length <= PORT_FRAME_MAX) {
			frames[frame_count++] = (struct port_frame){.data = b->datagrams.parts[i].iov_base, .bytes = length};
			bytes += length;
		} else {
			refused += length != 0;
		}
	}
	if (frame_count > 0) {
		sent = r->port->ops->send(r->port, frames, frame_count);
	}
	if (sent < 0) {
		return RELAY_PORT_GONE;
	}
	if ((unsigned)sent < frame_count) {
		bytes = bytes / frame_count * (unsigned)sent; /* which of them is not told */
	}
	count(&r->counters->from_program.packets, (unsigned)sent);
	count(&r->counters->from_program.bytes, bytes);
	count(&r->counters->from_program.dropped, refused + frame_count - (unsigned)sent);
	return RELAY_GOES_ON;
}

/* At most one burst from the channel. */
static enum relay_state
from_channel(struct relay *r)
{
	int n = sockpair_receive(r->channel, &r->from_program.datagrams);

	if (n < 0) {
		/* ECONNRESET: closed, before it had read all, which shows at the next turn. */
		return errno == EAGAIN || errno == EINTR || errno == ECONNRESET ? RELAY_GOES_ON : RELAY_FAILED;
	}
	return empty_burst(r, (unsigned)n);
}

/* Whether something waits in the channel: the sum of its bytes (unix(7) SIOCINQ). */
static bool
is_queued(const struct relay *r)
{
	int queued;

	return ioctl(r->channel, FIONREAD, &queued) == 0 && queued > 0;
}

/* The program's end is closed: sends what it wrote before. */
static enum relay_state
after_hang_up(struct relay *r)
{
	enum relay_state state = RELAY_GOES_ON;

	/* Nobody can add to it any more. */
	while (state == RELAY_GOES_ON && is_queued(r)) {
		state = from_channel(r);
	}
	return state == RELAY_GOES_ON ? RELAY_HUNG_UP : state;
}

static void
ask_what_was_lost(struct relay *r)
{
	__atomic_store_n(&r->counters->port_dropped, r->port->ops->dropped(r->port), __ATOMIC_RELAXED);
	r->unasked = 0;
}

enum relay_state
relay_turn(struct relay *r, int timeout_ms)
{
	const short wanted = r->silent ? 0 : POLLIN | POLLRDHUP;
	struct pollfd p[2] = {{.fd = r->channel, .events = wanted}, {.fd = r->port->fd, .events = POLLIN}};
	enum relay_state state = RELAY_GOES_ON;

	if (r->unasked >= STATS_FRAMES) {
		ask_what_was_lost(r);
	}
	if (poll(p, 2, r->more ? 0 : timeout_ms) < 0) {
		return errno == EINTR ? RELAY_GOES_ON : RELAY_FAILED;
	}
	if (p[1].revents != 0 || r->more) {
		state = from_port(r);
	}
	if (state == RELAY_GOES_ON && sockpair_is_closed(r->channel, p[0].revents)) {
		return after_hang_up(r);
	}
	if ((p[0].revents & POLLRDHUP) != 0 && !is_queued(r)) {
		r->silent = true;
	} else if (state == RELAY_GOES_ON && p[0].revents != 0) {
		state = from_channel(r);
	}
	return state;
}

/* Everything but the loop: the port with the rights that are left, then without them.  An exit status. */
static int
prepare(const char *ifname, struct port **port, struct relay **relay, struct relay_counters **counters)
{
	const char *problem;

	*counters = mmap(NULL, sizeof(**counters), PROT_READ | PROT_WRITE, MAP_SHARED, RELAY_FD_COUNTERS, 0);
	if (*counters == MAP_FAILED) {
		log_error("mapping the counters");
		return EX_OSERR;
	}
	close(RELAY_FD_COUNTERS);
	*port = port_open(ifname, &problem);
	if (*port == NULL) {
		log_error("%s: %s", ifname, problem);
		return EX_OSERR;
	}
	if (os_confine(RELAY_FD_ROOT, &problem) < 0) {
		log_error("giving up rights: %s", problem);
		return EX_NOPERM;
	}
	close(RELAY_FD_ROOT);
	*relay = relay_new(RELAY_FD_CHANNEL, *port, *counters);
	if (*relay == NULL) {
		log_error("starting");
		return EX_OSERR;
	}
	if (os_limit_calls(OS_ROLE_RELAY) < 0) {
		log_debug("no filter of system calls");
	}
	return EX_OK;
}

int
relay_run(const char *ifname)
{
	static const char ready = RELAY_READY;
	struct relay_counters *counters = NULL;
	enum relay_state state;
	struct relay *relay = NULL;
	struct port *port = NULL;
	int status;

	/* Whoever ends a daemon does not end its relays: they end with their channel. */
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	status = prepare(ifname, &port, &relay, &counters);
	if (status != EX_OK) {
		return status; /* the kernel frees the rest */
	}
	if (write(RELAY_FD_READY, &ready, 1) != 1) {
		return EX_OSERR; /* the daemon is gone, and nobody has the channel */
	}
	close(RELAY_FD_READY);
	do {
		state = relay_turn(relay, sockpair_ask_ms());
	} while (state == RELAY_GOES_ON);
	if (state == RELAY_FAILED) {
		log_error("the channel");
		status = EX_SOFTWARE;
	}
	ask_what_was_lost(relay);
	relay_free(relay);
	port->ops->close(port);
	return status;
}
