/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port-pcap.c - a port on libpcap.  See port.h.
 *
 * Theory of operation.  Opened in libpcap's own order: create, options, activate, and only then what needs an active handle
 * (non-blocking, direction).  Immediate mode, since the alternative is a time-out of at least a millisecond on each frame; no
 * promiscuous mode, which a veth does not need (it shows its handle every frame) and which would be seen.  Frames that the port itself
 * sends do not come back.  libpcap puts an 802.1Q tag, which the kernel keeps beside the frame, back into it.
 *
 * Long frames.  On Linux, in immediate mode, libpcap has a ring of slots of one size.  Slots for the longest frame would cost sixteen times
 * the memory, so they are made for an ordinary one.  Of a longer frame the ring gets the start, and the kernel queues the whole
 * frame on the handle's socket (PACKET_COPY_THRESH), in the same order; the two are matched by length and start.
 *
 * From a BPF device libpcap reads all that has come, hands over a burst, and keeps the rest for the next call.
 *
 * Limits.  The ring's RING_BYTES are the kernel's memory, allocated at start; the queue of long frames is bounded by LONG_BYTES.
 *
 * Sources: pcap(3PCAP); pcap-linux.c of libpcap 1.10 (TPACKET_V2 in immediate mode, slot size of snapshot length and MTU);
 * net/packet/af_packet.c tpacket_rcv; packet(7).
 */
#include "port.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ETHERNET_ADDRESSES_BYTES 12
#define TAG_BYTES 4
/* Two thousand frames and more of that size (measured: with a ring of 256 slots a busy machine loses frames before the relay runs). */
#define RING_BYTES (4 * 1024 * 1024)

struct pcap_port {
	struct port port; /* first: a struct port * is its pcap_port */
	pcap_t *handle;
	int sender;
	uint8_t *whole;     /* the next long frame, as it came from the socket */
	size_t whole_bytes; /* 0: none */
	uint8_t *tagged;    /* one with its tag put back */
	uint64_t unmatched; /* long frames of which the kernel kept no whole one */
};

/* What one call of receive() is about. */
struct delivery {
	struct pcap_port *p;
	void (*on_frame)(void *argument, const struct port_frame *frame);
	void *argument;
};

/* Whether the whole frame that waits is the one whose start the ring has; with the tag (of tag_bytes) that only the start has. */
static bool
matches(const struct pcap_port *p, const struct pcap_pkthdr *header, const u_char *start, size_t tag_bytes)
{
	size_t rest = header->caplen - ETHERNET_ADDRESSES_BYTES - tag_bytes;

	return p->whole_bytes + tag_bytes == header->len && memcmp(p->whole, start, ETHERNET_ADDRESSES_BYTES) == 0 &&
	    memcmp(p->whole + ETHERNET_ADDRESSES_BYTES, start + ETHERNET_ADDRESSES_BYTES + tag_bytes, rest) == 0;
}

/* A frame that is longer than a slot: the whole of it is, or was to be, on the socket. */
static void
deliver_long(struct delivery *d, const struct pcap_pkthdr *header, const u_char *start)
{
	struct pcap_port *p = d->p;
	struct port_frame frame = {.data = p->whole};

	if (p->whole_bytes == 0) {
		ssize_t n = recv(p->port.fd, p->whole, PORT_FRAME_MAX, MSG_DONTWAIT | MSG_TRUNC);

		p->whole_bytes = n > ETHERNET_ADDRESSES_BYTES && n <= PORT_FRAME_MAX ? (size_t)n : 0;
	}
	if (p->whole_bytes != 0 && header->caplen > ETHERNET_ADDRESSES_BYTES + TAG_BYTES && matches(p, header, start, 0)) {
		frame.bytes = p->whole_bytes;
	} else if (p->whole_bytes != 0 && header->caplen > ETHERNET_ADDRESSES_BYTES + TAG_BYTES && header->len <= PORT_FRAME_MAX &&
	    matches(p, header, start, TAG_BYTES)) {
		memcpy(p->tagged, start, ETHERNET_ADDRESSES_BYTES + TAG_BYTES);
		memcpy(p->tagged + ETHERNET_ADDRESSES_BYTES + TAG_BYTES, p->whole + ETHERNET_ADDRESSES_BYTES,
		    p->whole_bytes - ETHERNET_ADDRESSES_BYTES);
		frame.data = p->tagged;
		frame.bytes = header->len;
	} else {
		p->unmatched++; /* what waits, if anything, belongs to a later one */
		return;
	}
	p->whole_bytes = 0;
	d->on_frame(d->argument, &frame);
}

static void
on_packet(u_char *argument, const struct pcap_pkthdr *header, const u_char *data)
{
	struct delivery *d = (struct delivery *)(void *)argument;
	struct port_frame frame = {.data = data, .bytes = header->caplen};

	if (header->caplen < header->len) {
		deliver_long(d, header, data);
		return;
	}
	d->on_frame(d->argument, &frame);
}

static int
pcap_port_receive(struct port *port, unsigned burst, void (*on_frame)(void *argument, const struct port_frame *frame), void *argument)
{
	struct delivery d = {.p = (struct pcap_port *)port, .on_frame = on_frame, .argument = argument};
	int n = pcap_dispatch(d.p->handle, (int)burst, on_packet, (u_char *)&d);

	/*
	 * Woken for nothing.  The kernel tells once that the interface goes down, before it is gone, and libpcap then waits for it to come
	 * up again.  Nobody takes the port's interface down but who takes it away.
	 */
	if (n < 0 || (n == 0 && !port_sender_is_up(d.p->sender))) {
		errno = ENXIO;
		return -1;
	}
	return n;
}

static int
pcap_port_send(struct port *port, const struct port_frame *frames, unsigned count)
{
	return port_sender_send(((struct pcap_port *)port)->sender, frames, count);
}

/* A socket's bound, as the kernel counts. */
static size_t
room_of(int fd, int option)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	return getsockopt(fd, SOL_SOCKET, option, &bytes, &length) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

static size_t
pcap_port_memory(struct port *port)
{
	const struct pcap_port *p = (const struct pcap_port *)port;

	return RING_BYTES + room_of(port->fd, SO_RCVBUF) + room_of(p->sender, SO_SNDBUF) + 2 * (size_t)PORT_FRAME_MAX;
}

static uint64_t
pcap_port_dropped(struct port *port)
{
	struct pcap_port *p = (struct pcap_port *)port;
	struct pcap_stat stat;

	return p->unmatched + (pcap_stats(p->handle, &stat) == 0 ? stat.ps_drop : 0);
}

static void
pcap_port_close(struct port *port)
{
	struct pcap_port *p = (struct pcap_port *)port;

	if (p->handle != NULL) {
		pcap_close(p->handle);
	}
	if (p->sender >= 0) {
		close(p->sender);
	}
	free(p->whole);
	free(p->tagged);
	free(p);
}

static const struct port_ops pcap_port_ops = {
	.receive = pcap_port_receive,
	.send = pcap_port_send,
	.memory = pcap_port_memory,
	.dropped = pcap_port_dropped,
	.close = pcap_port_close,
};

/* An active handle in the right state, or NULL, with *problem. */
static pcap_t *
open_handle(const char *ifname, const char **problem)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *handle = pcap_create(ifname, text);

	*problem = "libpcap cannot make a handle";
	if (handle == NULL) {
		return NULL;
	}
	if (pcap_set_snaplen(handle, (int)port_sender_slot_bytes()) != 0 || pcap_set_promisc(handle, 0) != 0 ||
	    pcap_set_immediate_mode(handle, 1) != 0 || pcap_set_buffer_size(handle, RING_BYTES) != 0) {
		goto fail;
	}
	*problem = "libpcap cannot open the interface";
	if (pcap_activate(handle) < 0) { /* above 0: a warning */
		goto fail;
	}
	*problem = "the interface is no Ethernet";
	if (pcap_datalink(handle) != DLT_EN10MB) {
		goto fail;
	}
	*problem = "libpcap cannot be made not to wait";
	if (pcap_setnonblock(handle, 1, text) < 0 || pcap_setdirection(handle, PCAP_D_IN) < 0 || pcap_get_selectable_fd(handle) < 0) {
		goto fail;
	}
	return handle;
fail:
	pcap_close(handle);
	return NULL;
}

struct port *
port_open(const char *ifname, const char **problem)
{
	struct pcap_port *p = calloc(1, sizeof(*p));

	*problem = "out of memory";
	if (p == NULL) {
		return NULL;
	}
	p->port.ops = &pcap_port_ops;
	p->sender = -1;
	p->whole = malloc(PORT_FRAME_MAX);
	p->tagged = malloc(PORT_FRAME_MAX);
	if (p->whole == NULL || p->tagged == NULL) {
		goto fail;
	}
	p->handle = open_handle(ifname, problem);
	if (p->handle == NULL) {
		goto fail;
	}
	p->port.fd = pcap_get_selectable_fd(p->handle);
	*problem = "the socket to send with cannot be opened";
	p->sender = port_sender_open(ifname);
	if (p->sender < 0) {
		goto fail;
	}
	*problem = "the kernel does not tell frames apart as is needed";
	if (port_sender_hide(p->port.fd) < 0 || port_sender_keep_long(p->port.fd) < 0) {
		goto fail;
	}
	return &p->port;
fail:
	pcap_port_close(&p->port);
	return NULL;
}
