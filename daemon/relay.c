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
 * A tun's channel has bare IP packets (ethertun.h): toward the program the Ethernet header is left out of the copy, toward the kernel it is
 * put before the packet, for which the buffers have room.  What the kernel asks a neighbour is answered with the burst that it came in.
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

#include "ethertun.h"
#include "log.h"
#include "os.h"
#include "sockpair.h"

/* One byte more than a frame can have shows one that is too long; a whole number of cache lines. */
#define SLOT_BYTES ((PORT_FRAME_MAX + 64) / 64 * 64)
/* Of a tun: the longest packet, and room before each for its Ethernet header, such that the packet is aligned. */
#define PACKET_MAX 65535
#define PACKET_OFFSET 16
/* Answered of a burst; who is not answered asks again. */
#define ANSWERS_MAX 16
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

/* What the kernel gets to hear from its neighbour. */
struct answers {
	uint8_t frames[ANSWERS_MAX][ETHERTUN_ANSWER_MAX];
	struct port_frame sent[ANSWERS_MAX];
	unsigned count;
};

struct relay {
	int channel;
	struct port *port;
	struct relay_counters *counters;
	unsigned unasked; /* frames since the port was asked what it lost */
	bool silent;      /* nothing will come from the program any more */
	bool more;        /* the port gave a whole burst: it may hold the next one already */
	bool is_tun;
	struct ethertun tun; /* of a tun, like what follows */
	struct answers answers;
	struct burst to_program, from_program;
};

/* The counters have one writer; their reader may be in the midst of a file read. */
static void
count(uint64_t *counter, uint64_t more)
{
	__atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

/* Datagrams begin at that offset in their slots. */
static int
burst_init(struct burst *b, size_t offset)
{
	b->slots = mmap(NULL, (size_t)PORT_BURST * SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->slots == MAP_FAILED) {
		b->slots = NULL;
		return -1;
	}
	for (unsigned i = 0; i < PORT_BURST; i++) {
		b->datagrams.parts[i] = (struct iovec){
			.iov_base = b->slots + (size_t)i * SLOT_BYTES + offset, .iov_len = SLOT_BYTES - offset,
		};
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
relay_new(int channel, struct port *port, struct relay_counters *counters, const uint8_t mac[ETHERTUN_MAC_BYTES])
{
	struct relay *r = calloc(1, sizeof(*r));
	size_t offset = mac != NULL ? PACKET_OFFSET : 0;

	if (r == NULL) {
		return NULL;
	}
	r->channel = channel;
	r->port = port;
	r->counters = counters;
	if (mac != NULL) {
		r->is_tun = true;
		ethertun_init(&r->tun, mac);
	}
	if (burst_init(&r->to_program, offset) < 0 || burst_init(&r->from_program, offset) < 0) {
		relay_free(r);
		errno = ENOMEM;
		return NULL;
	}
	/* Nothing else grows with what is moved. */
	counters->memory_limit = sizeof(*r) + 2 * (size_t)PORT_BURST * SLOT_BYTES + sockpair_room(channel) + port->ops->memory(port);
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

/* Joins the burst: what libpcap shows is gone after its call. */
static void
add_datagram(struct burst *b, const void *data, size_t bytes)
{
	memcpy(b->datagrams.parts[b->count].iov_base, data, bytes);
	b->datagrams.parts[b->count].iov_len = bytes;
	b->count++;
}

/* A frame from the link. */
static void
on_frame(void *argument, const struct port_frame *frame)
{
	struct relay *r = argument;

	if (frame->bytes < ETHERTUN_HEADER_BYTES || frame->bytes > PORT_FRAME_MAX) {
		count(&r->counters->to_program.dropped, 1);
		return;
	}
	add_datagram(&r->to_program, frame->data, frame->bytes);
}

/* A frame from the link of a tun. */
static void
on_frame_of_tun(void *argument, const struct port_frame *frame)
{
	struct relay *r = argument;
	struct answers *a = &r->answers;
	uint8_t answer[ETHERTUN_ANSWER_MAX];
	size_t answer_bytes;

	switch (ethertun_take(&r->tun, frame->data, frame->bytes, answer, &answer_bytes)) {
	case ETHERTUN_PACKET:
		if (frame->bytes - ETHERTUN_HEADER_BYTES <= PACKET_MAX) {
			add_datagram(&r->to_program, (const uint8_t *)frame->data + ETHERTUN_HEADER_BYTES,
			    frame->bytes - ETHERTUN_HEADER_BYTES);
			return;
		}
		break;
	case ETHERTUN_ASKED:
		if (a->count < ANSWERS_MAX) {
			memcpy(a->frames[a->count], answer, answer_bytes);
			a->sent[a->count] = (struct port_frame){.data = a->frames[a->count], .bytes = answer_bytes};
			a->count++;
		}
		return;
	case ETHERTUN_IGNORED:
		return;
	case ETHERTUN_FOREIGN:
		break;
	}
	count(&r->counters->to_program.dropped, 1);
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
	r->answers.count = 0;
	n = r->port->ops->receive(r->port, PORT_BURST, r->is_tun ? on_frame_of_tun : on_frame, r);
	if (n < 0) {
		return RELAY_PORT_GONE;
	}
	fill_channel(r);
	r->more = n == PORT_BURST;
	if (r->answers.count > 0 && r->port->ops->send(r->port, r->answers.sent, r->answers.count) < 0) {
		return RELAY_PORT_GONE;
	}
	r->unasked += (unsigned)n;
	return RELAY_GOES_ON;
}

/* Makes a frame of a datagram that has come; false: it is none. */
static bool
make_frame(const struct relay *r, void *data, size_t bytes, struct port_frame *frame)
{
	uint8_t *header = (uint8_t *)data - ETHERTUN_HEADER_BYTES;

	if (!r->is_tun) {
		*frame = (struct port_frame){.data = data, .bytes = bytes};
		return bytes >= ETHERTUN_HEADER_BYTES && bytes <= PORT_FRAME_MAX;
	}
	*frame = (struct port_frame){.data = header, .bytes = bytes + ETHERTUN_HEADER_BYTES};
	return bytes <= PACKET_MAX && ethertun_put(&r->tun, data, bytes, header);
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

		if (make_frame(r, b->datagrams.parts[i].iov_base, length, &frames[frame_count])) {
			frame_count++;
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

/* Of twelve digits. */
static bool
parse_mac(const char *text, uint8_t mac[ETHERTUN_MAC_BYTES])
{
	if (strlen(text) != 2 * (size_t)ETHERTUN_MAC_BYTES || strspn(text, "0123456789abcdef") != strlen(text)) {
		return false;
	}
	for (unsigned i = 0; i < ETHERTUN_MAC_BYTES; i++) {
		const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};

		mac[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}

/* Everything but the loop: the port with the rights that are left, then without them.  An exit status. */
static int
prepare(const char *ifname, const uint8_t *mac, struct port **port, struct relay **relay, struct relay_counters **counters)
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
	*relay = relay_new(RELAY_FD_CHANNEL, *port, *counters, mac);
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
relay_run(const char *ifname, const char *mac_text)
{
	static const char ready = RELAY_READY;
	uint8_t mac[ETHERTUN_MAC_BYTES];
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
	if (mac_text != NULL && !parse_mac(mac_text, mac)) {
		log_errorx("'%s' is no MAC address", mac_text);
		return EX_USAGE;
	}
	status = prepare(ifname, mac_text != NULL ? mac : NULL, &port, &relay, &counters);
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
