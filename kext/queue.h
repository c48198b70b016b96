/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue.h - the packets that wait for the program: first in, first out, bounded.
 *
 * A queue owns the packets in it.  It takes no lock: who calls holds the device's, and nothing here sleeps, allocates or frees, so that
 * the lock is short.  A packet that does not fit stays the caller's, who frees it without the lock.
 */
#ifndef TUNTAPD_KEXT_QUEUE_H
#define TUNTAPD_KEXT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/kpi_mbuf.h>

/* Both bounds hold, so that neither many small packets nor few large ones take the kernel's memory: about 700 full Ethernet frames. */
#define QUEUE_PACKETS_MAX 512
#define QUEUE_BYTES_MAX (1024 * 1024)

struct queue {
	mbuf_t head;
	mbuf_t tail;
	uint32_t packets;
	size_t bytes;
};

/* Whether it was taken.  An empty queue takes any packet. */
bool queue_put(struct queue *q, mbuf_t packet);

/* The oldest packet, now the caller's, or NULL. */
mbuf_t queue_get(struct queue *q);

/* All packets, as a list for queue_free(), or NULL. */
mbuf_t queue_take(struct queue *q);

/* Bytes of the oldest packet; 0: there is none. */
size_t queue_next_bytes(const struct queue *q);

/* Frees a list from queue_take(); without any lock.  How many there were. */
uint32_t queue_free(mbuf_t list);

#endif
