/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kpi-mbuf.c - packets of the model: chains of buffers, counted, each in memory of exactly its size.
 *
 * A fresh packet's buffers are empty, as the interface's words leave open; a packet that is freed twice, used afterwards, or freed with
 * another still linked behind it is a panic.  Random bytes and atomic counters are here, too.
 */
#include <libkern/OSAtomic.h>
#include <string.h>
#include <sys/errno.h>
#include <sys/kpi_mbuf.h>
#include <sys/random.h>

#include "kpi.h"
#include "model.h"

#define MAGIC 0x6d627566u
#define CLUSTER_BYTES 2048
#define SMALL_BYTES 96

struct mbuf {
	uint32_t magic;
	mbuf_t next, nextpkt;
	uint8_t *buffer, *data;
	size_t len, size; /* size: of the buffer */
	bool is_packet;
	size_t packet_len;
	ifnet_t rcvif;
	void *header;
};

static unsigned alive;
static bool small;

void
kpi_small_buffers(bool on)
{
	small = on;
}

unsigned
kpi_mbufs(void)
{
	return __atomic_load_n(&alive, __ATOMIC_RELAXED);
}

static mbuf_t
look_at(const mbuf_t m, const char *what)
{
	if (m == NULL || m->magic != MAGIC) {
		host_panic("%s of what is no mbuf, or was freed", what);
	}
	return m;
}

static mbuf_t
new_buffer(size_t size)
{
	mbuf_t m = host_alloc(sizeof(*m));

	m->magic = MAGIC;
	m->buffer = m->data = host_alloc(size);
	m->size = size;
	__atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
	return m;
}

static mbuf_t
new_packet(size_t size, size_t first, size_t others)
{
	mbuf_t packet = NULL, *at = &packet;

	for (size_t done = 0; done < size || packet == NULL; at = &(*at)->next) {
		size_t most = packet == NULL ? first : others, here = size - done < most ? size - done : most;

		*at = new_buffer(here > 0 ? here : 1);
		done += here;
	}
	packet->is_packet = true;
	return packet;
}

errno_t
mbuf_allocpacket(mbuf_how_t how, size_t size, unsigned int *chunks, mbuf_t *out)
{
	if (how == MBUF_WAITOK) {
		model_may_block("mbuf_allocpacket");
	}
	if (size == 0) {
		return EINVAL;
	}
	if (model_fails("mbuf_allocpacket")) {
		return ENOMEM;
	}
	*out = new_packet(size, small ? SMALL_BYTES : CLUSTER_BYTES, small ? SMALL_BYTES : CLUSTER_BYTES);
	return 0;
}

mbuf_t
model_packet(const void *bytes, size_t size)
{
	mbuf_t packet = new_packet(size, SMALL_BYTES, CLUSTER_BYTES);
	size_t done = 0;

	for (mbuf_t m = packet; m != NULL && size > 0; m = m->next) {
		memcpy(m->data, (const uint8_t *)bytes + done, m->size);
		m->len = m->size;
		done += m->size;
	}
	packet->packet_len = size;
	return packet;
}

void *
model_packet_header(mbuf_t packet)
{
	return look_at(packet, "header")->header;
}

ifnet_t
model_packet_rcvif(mbuf_t packet)
{
	return look_at(packet, "rcvif")->rcvif;
}

void
mbuf_freem(mbuf_t m)
{
	model_may_block("mbuf_freem");
	if (m != NULL && look_at(m, "mbuf_freem")->nextpkt != NULL) {
		host_panic("mbuf_freem of a packet with another behind it");
	}
	while (m != NULL) {
		mbuf_t next = look_at(m, "mbuf_freem")->next;

		m->magic = 0;
		host_free(m->buffer);
		host_free(m);
		__atomic_sub_fetch(&alive, 1, __ATOMIC_RELAXED);
		m = next;
	}
}

void *
mbuf_data(mbuf_t m)
{
	return look_at(m, "mbuf_data")->data;
}

size_t
mbuf_len(const mbuf_t m)
{
	return look_at(m, "mbuf_len")->len;
}

size_t
mbuf_maxlen(const mbuf_t m)
{
	look_at(m, "mbuf_maxlen");
	return m->size - (size_t)(m->data - m->buffer);
}

void
mbuf_setlen(mbuf_t m, size_t len)
{
	if (len > mbuf_maxlen(m)) {
		host_panic("mbuf_setlen past the buffer's end");
	}
	m->len = len;
}

mbuf_t
mbuf_next(const mbuf_t m)
{
	return look_at(m, "mbuf_next")->next;
}

mbuf_t
mbuf_nextpkt(const mbuf_t m)
{
	return look_at(m, "mbuf_nextpkt")->nextpkt;
}

void
mbuf_setnextpkt(mbuf_t m, mbuf_t next)
{
	look_at(m, "mbuf_setnextpkt")->nextpkt = next;
}

static mbuf_t
look_at_packet(const mbuf_t m, const char *what)
{
	if (!look_at(m, what)->is_packet) {
		host_panic("%s of what is no packet", what);
	}
	return m;
}

size_t
mbuf_pkthdr_len(const mbuf_t m)
{
	return look_at_packet(m, "mbuf_pkthdr_len")->packet_len;
}

void
mbuf_pkthdr_setlen(mbuf_t m, size_t len)
{
	look_at_packet(m, "mbuf_pkthdr_setlen")->packet_len = len;
}

errno_t
mbuf_pkthdr_setrcvif(mbuf_t m, ifnet_t ifp)
{
	look_at_packet(m, "mbuf_pkthdr_setrcvif")->rcvif = ifp;
	return 0;
}

void
mbuf_pkthdr_setheader(mbuf_t m, void *header)
{
	look_at_packet(m, "mbuf_pkthdr_setheader")->header = header;
}

void
mbuf_adj(mbuf_t packet, int len)
{
	size_t left = (size_t)len;

	look_at_packet(packet, "mbuf_adj");
	if (len < 0 || left > packet->packet_len) {
		host_panic("mbuf_adj of %d bytes of %zu", len, packet->packet_len);
	}
	for (mbuf_t m = packet; m != NULL && left > 0; m = m->next) {
		size_t here = m->len < left ? m->len : left;

		m->data += here;
		m->len -= here;
		left -= here;
	}
	packet->packet_len -= (size_t)len;
}

errno_t
mbuf_copydata(const mbuf_t packet, size_t offset, size_t length, void *out)
{
	size_t done = 0;

	for (mbuf_t m = look_at(packet, "mbuf_copydata"); m != NULL && done < length; m = m->next) {
		size_t from = offset < m->len ? offset : m->len, here = m->len - from;

		offset -= from;
		here = here < length - done ? here : length - done;
		memcpy((uint8_t *)out + done, m->data + from, here);
		done += here;
	}
	return done == length ? 0 : EINVAL;
}

void
read_random(void *buffer, u_int size)
{
	for (u_int i = 0; i < size; i++) {
		((uint8_t *)buffer)[i] = (uint8_t)host_random();
	}
}

SInt32
OSAddAtomic(SInt32 amount, volatile SInt32 *address)
{
	SInt32 before = __atomic_fetch_add(address, amount, __ATOMIC_SEQ_CST);

	model_entered();
	return before;
}

SInt32
OSIncrementAtomic(volatile SInt32 *address)
{
	return OSAddAtomic(1, address);
}

SInt32
OSDecrementAtomic(volatile SInt32 *address)
{
	return OSAddAtomic(-1, address);
}
