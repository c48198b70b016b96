/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ethertun.h - a tun device on an Ethernet interface: packets in frames and out of them.  Pure, but for what it learns.
 */
#ifndef TUNTAPD_DAEMON_ETHERTUN_H
#define TUNTAPD_DAEMON_ETHERTUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ETHERTUN_MAC_BYTES 6
#define ETHERTUN_HEADER_BYTES 14
/* Longest answer, bytes: a neighbour advertisement with one option. */
#define ETHERTUN_ANSWER_MAX (ETHERTUN_HEADER_BYTES + 40 + 32)

struct ethertun {
	uint8_t near[ETHERTUN_MAC_BYTES]; /* the interface's own */
	uint8_t far[ETHERTUN_MAC_BYTES];  /* of whoever is beyond it */
};

/* What a frame from the kernel is. */
enum ethertun_frame {
	ETHERTUN_PACKET,  /* IP: the packet is what follows the Ethernet header */
	ETHERTUN_ASKED,   /* the kernel looks for a neighbour, and is to get the answer */
	ETHERTUN_IGNORED, /* it tells, or asks, what no neighbour has to answer */
	ETHERTUN_FOREIGN, /* no tun carries it */
};

/* Of an interface with that address. */
void ethertun_init(struct ethertun *t, const uint8_t near[ETHERTUN_MAC_BYTES]);

/* ETHERTUN_ASKED: answer, and *answer_bytes of it. */
enum ethertun_frame ethertun_take(struct ethertun *t, const void *frame, size_t bytes, uint8_t answer[ETHERTUN_ANSWER_MAX],
    size_t *answer_bytes);

/* The Ethernet header for a packet of the program's.  False: it is no IP packet. */
bool ethertun_put(const struct ethertun *t, const void *packet, size_t bytes, uint8_t header[ETHERTUN_HEADER_BYTES]);

#endif
