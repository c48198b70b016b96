/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue.c - the packets that wait for the program, linked by the kernel's own pointer from packet to packet.
 *
 * Nothing is allocated: a queue is as large as what is in it.  A full one refuses the newest, so that what the program has not yet read
 * keeps its order and its age (device contract, "overload").
 */
#include "queue.h"

bool
queue_put(struct queue *q, mbuf_t packet)
{
	size_t bytes = mbuf_pkthdr_len(packet);

	if (q->packets >= QUEUE_PACKETS_MAX || (q->packets > 0 && q->bytes + bytes > QUEUE_BYTES_MAX)) {
		return false;
	}
	mbuf_setnextpkt(packet, NULL);
	if (q->tail == NULL) {
		q->head = packet;
	} else {
		mbuf_setnextpkt(q->tail, packet);
	}
	q->tail = packet;
	q->packets++;
	q->bytes += bytes;
	return true;
}

mbuf_t
queue_get(struct queue *q)
{
	mbuf_t packet = q->head;

	if (packet == NULL) {
		return NULL;
	}
	q->head = mbuf_nextpkt(packet);
	if (q->head == NULL) {
		q->tail = NULL;
	}
	q->packets--;
	q->bytes -= mbuf_pkthdr_len(packet);
	mbuf_setnextpkt(packet, NULL);
	return packet;
}

mbuf_t
queue_take(struct queue *q)
{
	mbuf_t list = q->head;

	*q = (struct queue){.head = NULL};
	return list;
}

size_t
queue_next_bytes(const struct queue *q)
{
	return q->head == NULL ? 0 : mbuf_pkthdr_len(q->head);
}

uint32_t
queue_free(mbuf_t list)
{
	uint32_t count = 0;

	while (list != NULL) {
		mbuf_t packet = list;

		list = mbuf_nextpkt(packet);
		mbuf_setnextpkt(packet, NULL);
		mbuf_freem(packet);
		count++;
	}
	return count;
}
