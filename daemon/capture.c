/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.c - shows a client what passes through a device.
 *
 * Theory of operation.  One process per capture, without rights from before it reads its first byte: a descriptor that shows an interface's
 * packets can be bound to another interface, and may be able to send, so no client ever has it.  The client has one end of a stream, the
 * process the other.  It waits for the filter, then for packets: a burst from the source, each judged by the filter, one record for each
 * that passes.
 *
 * The filter is classic BPF, compiled by the client's libpcap, checked and run by ours, here and not in the kernel: the kernel keeps an
 * 802.1Q tag beside the packet, where an instruction that counts bytes would not see it, and a filter must mean the same on the wire, in
 * a file and on another platform.
 *
 * Overload.  A client that does not read makes the process wait, in the midst of a send; what then finds no room at the source is
 * dropped by the kernel and counted.  Nobody else waits: neither the device, nor the daemon, nor another capture.
 *
 * End.  The client says that it has seen enough by shutting down its side: it still gets what passed until then, and the last record.  The
 * interface goes: the same, with ENODEV.  The client is gone: that looks the same until something is sent.  The daemon is not asked, and
 * may be gone.
 *
 * Ownership and limits.  The source's room, one burst, and the socket's.  No allocation per packet, no log line that a client can
 * repeat.  Idle: no timer, but while the interface is down, of whose departure the source does not tell by itself.
 */
#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/os.h"

/* How often an interface that is down is looked at. */
#define LOOK_MS 200

struct capture {
	int client;
	struct source *source;
	bool filtered;      /* the filter has come */
	bool ending;        /* the client has seen enough: what passed until end_ns is still to come */
	bool down;
	bool gone;          /* so is the client */
	uint64_t end_ns;
	uint64_t received;
	uint64_t dropped;
	unsigned count;     /* in instructions; 0: all packets */
	struct bpf_insn instructions[CAPTURE_INSTRUCTIONS_MAX];
	size_t filter_bytes; /* of what comes from the client, up to now */
	uint8_t filter[CAPTURE_FILTER_BYTES_MAX + 1];
	unsigned burst_count;
	struct capture_record records[SOURCE_BURST];
	unsigned part_count;
	struct iovec parts[2 * SOURCE_BURST];
};

static_assert(sizeof(struct capture_instruction) == sizeof(struct bpf_insn), "one layout");

struct capture *
capture_new(int client, struct source *source)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (c != NULL) {
		c->client = client;
		c->source = source;
	}
	return c;
}

void
capture_free(struct capture *c)
{
	free(c);
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now); /* as the packets' times are */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Sends the records of the burst, however long the client takes; packets are the source's until then. */
static void
send_burst(struct capture *c)
{
	struct msghdr rest = {.msg_iov = c->parts, .msg_iovlen = c->part_count};

	while (!c->gone && rest.msg_iovlen > 0) {
		ssize_t n = sendmsg(c->client, &rest, MSG_NOSIGNAL);

		if (n < 0) {
			c->gone = errno != EINTR;
			continue;
		}
		for (; rest.msg_iovlen > 0 && (size_t)n >= rest.msg_iov->iov_len; rest.msg_iov++, rest.msg_iovlen--) {
			n -= (ssize_t)rest.msg_iov->iov_len;
		}
		if (rest.msg_iovlen > 0) {
			rest.msg_iov->iov_base = (uint8_t *)rest.msg_iov->iov_base + n;
			rest.msg_iov->iov_len -= (size_t)n;
		}
	}
	c->burst_count = 0;
	c->part_count = 0;
}

static enum capture_state
say_end(struct capture *c, int error)
{
	struct capture_record r = {
		.magic = CAPTURE_MAGIC, .type = CAPTURE_END, .error = error, .time_ns = now_ns(), .received = c->received,
	};

	r.dropped = c->source->ops->dropped(c->source);
	c->parts[0] = (struct iovec){.iov_base = &r, .iov_len = sizeof(r)};
	c->part_count = 1;
	send_burst(c);
	return CAPTURE_OVER;
}

static void
on_packet(void *argument, const struct source_packet *packet)
{
	struct capture *c = argument;
	struct capture_record *r = &c->records[c->burst_count];
	size_t original = packet->original_bytes;

	if (c->ending && packet->time_ns > c->end_ns) {
		return;
	}
	c->received++;
	if (c->count > 0 && bpf_filter(c->instructions, packet->data, (u_int)original, (u_int)packet->bytes) == 0) {
		return;
	}
	*r = (struct capture_record){
		.magic = CAPTURE_MAGIC,
		.type = CAPTURE_PACKET,
		.direction = packet->to_program ? CAPTURE_TO_PROGRAM : CAPTURE_FROM_PROGRAM,
		.bytes = (uint32_t)packet->bytes,
		.original_bytes = (uint32_t)original,
		.time_ns = packet->time_ns,
		.received = c->received,
		.dropped = c->dropped,
	};
	c->burst_count++;
	c->parts[c->part_count++] = (struct iovec){.iov_base = r, .iov_len = sizeof(*r)};
	c->parts[c->part_count++] = (struct iovec){.iov_base = (void *)(uintptr_t)packet->data, .iov_len = packet->bytes};
}

static enum capture_state
from_source(struct capture *c)
{
	int n;

	/* Before the packets, so that a drop is told no later than with what came after it. */
	c->dropped = c->source->ops->dropped(c->source);
	n = c->source->ops->receive(c->source, SOURCE_BURST, on_packet, c);
	if (n < 0 && errno != ENETDOWN) {
		return say_end(c, errno);
	}
	c->down = n < 0 || c->source->look_again;
	send_burst(c);
	if (c->gone) {
		return CAPTURE_OVER;
	}
	/* A source that never runs dry has, before long, something that came later. */
	if (c->ending && (n <= 0 || now_ns() > c->end_ns + LOOK_MS * 1000000u)) {
		return say_end(c, 0);
	}
	return CAPTURE_GOES_ON;
}

/*
 * Whether libpcap's machine has that instruction: of the class BPF_MISC bpf_validate() lets all pass, and bpf_filter() ends the process
 * at one that it does not have.
 */
static bool
is_instruction(uint16_t code)
{
	switch (BPF_CLASS(code)) {
	case BPF_MISC:
		return code == (BPF_MISC | BPF_TAX) || code == (BPF_MISC | BPF_TXA);
	case BPF_RET:
		return code == (BPF_RET | BPF_K) || code == (BPF_RET | BPF_A);
	case BPF_JMP:
		return code == (BPF_JMP | BPF_JA) || ((code & ~(BPF_OP(code) | BPF_X)) == BPF_JMP && BPF_OP(code) > BPF_JA &&
		    BPF_OP(code) <= BPF_JSET);
	case BPF_ALU:
		return code == (BPF_ALU | BPF_NEG) || ((code & ~(BPF_OP(code) | BPF_X)) == BPF_ALU && BPF_OP(code) <= BPF_XOR &&
		    BPF_OP(code) != BPF_NEG);
	case BPF_ST:
	case BPF_STX:
		return code == BPF_ST || code == BPF_STX;
	case BPF_LDX:
		return code == (BPF_LDX | BPF_MSH | BPF_B) || code == (BPF_LDX | BPF_IMM) || code == (BPF_LDX | BPF_MEM) ||
		    code == (BPF_LDX | BPF_LEN);
	default:
		return code == BPF_IMM || code == BPF_MEM || code == BPF_LEN ||
		    ((code & ~(BPF_SIZE(code) | BPF_MODE(code))) == BPF_LD && BPF_SIZE(code) <= BPF_B &&
		    (BPF_MODE(code) == BPF_ABS || BPF_MODE(code) == BPF_IND));
	}
}

/* True: c has a filter now. */
static bool
take_filter(struct capture *c)
{
	struct capture_filter filter;

	if (!capture_filter_ok(c->filter, c->filter_bytes)) {
		return false;
	}
	memcpy(&filter, c->filter, sizeof(filter));
	memcpy(c->instructions, c->filter + sizeof(filter), c->filter_bytes - sizeof(filter));
	for (uint32_t i = 0; i < filter.count; i++) {
		if (!is_instruction(c->instructions[i].code)) {
			return false;
		}
	}
	if (filter.count > 0 && bpf_validate(c->instructions, (int)filter.count) == 0) {
		return false;
	}
	c->count = filter.count;
	c->filtered = true;
	return true;
}

static enum capture_state
from_client(struct capture *c)
{
	/* There is always room for a byte that is too many. */
	ssize_t n = recv(c->client, c->filter + c->filter_bytes, sizeof(c->filter) - c->filter_bytes, MSG_DONTWAIT), length;

	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? CAPTURE_GOES_ON : CAPTURE_OVER;
	}
	if (n == 0 && !c->filtered) {
		return CAPTURE_OVER;
	}
	if (n == 0) {
		c->ending = true;
		c->end_ns = now_ns();
		return CAPTURE_GOES_ON;
	}
	c->filter_bytes += (size_t)n;
	length = capture_filter_length(c->filter, c->filter_bytes);
	if (length == 0 || (length > 0 && (size_t)length > c->filter_bytes)) {
		return CAPTURE_GOES_ON;
	}
	/* Of one that is followed by anything the length is wrong. */
	return c->filtered || !take_filter(c) ? say_end(c, EINVAL) : CAPTURE_GOES_ON;
}

/*
 * Waits as select(2) does, which is what tells on every platform: poll(2) of Darwin's is kqueue's, which does not tell that the interface
 * of a BPF device went, and says of a client that shut down its side that it has hung up (XNU bsd/kern/sys_generic.c poll_nocancel,
 * poll_callback; bsd/net/bpf.c filt_bpfread_common).  0, or -1 with errno.
 */
static int
wait_for(const struct capture *c, bool *client, bool *source, int timeout_ms)
{
	struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	int top = -1, n;
	fd_set ready;

	FD_ZERO(&ready);
	/* Once it has shut down its side it has nothing more to say, and would be readable for ever. */
	if (!c->ending) {
		FD_SET(c->client, &ready);
		top = c->client;
	}
	if (c->filtered) {
		FD_SET(c->source->fd, &ready);
		top = c->source->fd > top ? c->source->fd : top;
	}
	n = select(top + 1, &ready, NULL, NULL, timeout_ms >= 0 ? &timeout : NULL);
	if (n < 0) {
		return -1;
	}
	*client = !c->ending && FD_ISSET(c->client, &ready);
	*source = c->filtered && FD_ISSET(c->source->fd, &ready);
	return 0;
}

enum capture_state
capture_turn(struct capture *c, int timeout_ms)
{
	enum capture_state state = CAPTURE_GOES_ON;
	bool client, source;

	if (c->ending || c->source->more) {
		timeout_ms = 0;
	} else if (c->down && (timeout_ms < 0 || timeout_ms > LOOK_MS)) {
		timeout_ms = LOOK_MS;
	}
	if (wait_for(c, &client, &source, timeout_ms) < 0) {
		return errno == EINTR ? CAPTURE_GOES_ON : CAPTURE_OVER;
	}
	if (client) {
		state = from_client(c);
	}
	if (state == CAPTURE_GOES_ON && (source || c->down || c->ending || c->source->more)) {
		state = from_source(c);
	}
	return state;
}

int
capture_run(void)
{
	struct source *source;
	struct capture *capture;
	const char *step;

	/* It ends with its client or its device, not with the daemon. */
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	if (os_confine(CAPTURE_FD_ROOT, &step) < 0) {
		log_error("giving up rights: %s", step);
		return EX_NOPERM;
	}
	close(CAPTURE_FD_ROOT);
	source = source_new(CAPTURE_FD_SOURCE);
	capture = source != NULL ? capture_new(CAPTURE_FD_CLIENT, source) : NULL;
	if (capture == NULL) {
		log_error("starting");
		return EX_OSERR; /* the kernel frees the rest */
	}
	if (os_limit_calls(OS_ROLE_CAPTURE) < 0) {
		log_debug("no filter of system calls");
	}
	while (capture_turn(capture, -1) == CAPTURE_GOES_ON) {
	}
	capture_free(capture);
	source->ops->close(source);
	return EX_OK;
}
