/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - what crosses between a capture and the process that looks at it.
 *
 * The answer to MESSAGE_CAPTURE brings one end of a stream (sockpair_stream()).  At the other end is a process without rights that sees the
 * device's packets.  Records follow each other without a gap, and each begins with its length: Darwin has no pair that keeps records of
 * this size apart and waits for room.
 *
 *	client to capture	once: struct capture_filter, and as many struct capture_instruction
 *	capture to client	struct capture_record and its packet, for each packet that the filter accepts; at the end one without
 *
 * Packets are seen from the answer on, whenever the filter comes.  The client says that it wants no more by shutdown(SHUT_WR), and gets
 * what passed before that, and the end.  A client that closes ends the capture without a word.
 *
 * Neither side trusts the other: each record is checked whole before anything of it is used.
 */
#ifndef TUNTAPD_PROTOCOL_CAPTURE_H
#define TUNTAPD_PROTOCOL_CAPTURE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CAPTURE_MAGIC 0x6b707474u /* "ttpk", little end first */
/* As many as any kernel takes (BPF_MAXINSNS). */
#define CAPTURE_INSTRUCTIONS_MAX 4096
/* Longest packet: what an interface can hand over at once, Ethernet header and one tag. */
#define CAPTURE_PACKET_MAX (65535 + 14 + 4)

struct capture_filter {
	uint32_t magic;
	uint32_t count; /* of instructions that follow; 0: all packets */
};

/* As struct bpf_insn of libpcap and the kernels (bpf(4)). */
struct capture_instruction {
	uint16_t code;
	uint8_t jump_true;
	uint8_t jump_false;
	uint32_t k;
};

enum capture_type {
	CAPTURE_PACKET = 1,
	CAPTURE_END = 2,
};

enum capture_direction {
	CAPTURE_TO_PROGRAM = 1,
	CAPTURE_FROM_PROGRAM = 2,
};

struct capture_record {
	uint32_t magic;
	uint8_t type;            /* enum capture_type */
	uint8_t direction;       /* of a packet: enum capture_direction */
	uint16_t pad;
	uint32_t bytes;          /* of the packet that follows; at the end 0 */
	uint32_t original_bytes; /* that it had */
	int32_t error;           /* at the end: 0 (asked for), ENODEV (the interface is gone), EINVAL (the filter is none), ...; else 0 */
	uint32_t pad2;
	uint64_t time_ns;        /* since 1970; of a packet: when it passed */
	uint64_t received;       /* packets seen up to now, whatever the filter says */
	uint64_t dropped;        /* packets not seen up to now, for want of room */
};

static_assert(sizeof(struct capture_filter) == 8, "wire layout");
static_assert(sizeof(struct capture_instruction) == 8, "wire layout");
static_assert(sizeof(struct capture_record) == 48, "wire layout");

/* Longest record each way, bytes. */
#define CAPTURE_FILTER_BYTES_MAX (sizeof(struct capture_filter) + CAPTURE_INSTRUCTIONS_MAX * sizeof(struct capture_instruction))
#define CAPTURE_RECORD_BYTES_MAX (sizeof(struct capture_record) + CAPTURE_PACKET_MAX)

/*
 * The length of the filter, of the record, that data begins with, of which bytes have come; it may be more than that.  0: its head has not
 * come whole; -1: none begins so.
 */
ssize_t capture_filter_length(const void *data, size_t bytes);
ssize_t capture_record_length(const void *data, size_t bytes);

/* Whether bytes of data are a filter; what its instructions do is for libpcap to judge. */
bool capture_filter_ok(const void *data, size_t bytes);

/* Whether bytes of data are a record; bytes is its length, packet included. */
bool capture_record_ok(const void *data, size_t bytes);

#endif
