/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng.c - writes packets in the pcapng format.  See pcapng.h.
 *
 * By hand, since libpcap writes only the older format, which has neither directions nor losses.  A
 * file is one section with one interface: its header, a description of the interface, a block for
 * each packet, and the interface's statistics.  All in the host's byte order, which the header
 * tells.
 *
 * Direction.  The format's is the interface's: what the program wrote is inbound, since the
 * interface received it; what the kernel sent through the interface, to the program, is outbound.
 *
 * Sources: draft-ietf-opsawg-pcapng, 4.1 (section header), 4.2 (interface description), 4.3
 * (enhanced packet), 4.6 (interface statistics), 3.5 (options).
 */
#include "cli/pcapng.h"

#include <string.h>

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_STATISTICS = 5, BLOCK_PACKET = 6 };

enum {
	OPTION_END = 0,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_RESOLUTION = 9,
	INTERFACE_FILTER = 11,
	PACKET_FLAGS = 2,
	PACKET_DROPPED = 4,
	STATISTICS_START = 2,
	STATISTICS_END = 3,
	STATISTICS_RECEIVED = 4,
	STATISTICS_ACCEPTED = 6,
	STATISTICS_DROPPED = 7,
	STATISTICS_DELIVERED = 8,
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define SECTION_LENGTH_UNKNOWN UINT64_MAX
#define RESOLUTION_NS 9 /* 10^-9 s */
#define FILTER_IS_TEXT 0
#define FLAG_INBOUND 1u
#define FLAG_OUTBOUND 2u

/* Type and length before, and the length once more after what a block holds. */
#define BLOCK_BYTES 12u
#define OPTION_BYTES 4u
/* Longest text that is written: a device's name, a filter. */
#define TEXT_BYTES_MAX 4096u

static size_t
padded(size_t bytes)
{
	return (bytes + 3) & ~(size_t)3;
}

static void
put(FILE *out, const void *data, size_t bytes)
{
	static const uint8_t zeroes[4];

	(void)fwrite(data, 1, bytes, out);
	(void)fwrite(zeroes, 1, padded(bytes) - bytes, out);
}

static void
put32(FILE *out, uint32_t value)
{
	put(out, &value, sizeof(value));
}

/* A time has its upper half first, in either byte order. */
static void
put_time(FILE *out, uint64_t time_ns)
{
	put32(out, (uint32_t)(time_ns >> 32));
	put32(out, (uint32_t)time_ns);
}

static void
put_option(FILE *out, uint16_t code, const void *data, size_t bytes)
{
	const uint16_t head[2] = {code, (uint16_t)bytes};

	put(out, head, sizeof(head));
	put(out, data, bytes);
}

static void
put_end_of_options(FILE *out)
{
	put32(out, OPTION_END);
}

static void
put_time_option(FILE *out, uint16_t code, uint64_t time_ns)
{
	const uint32_t halves[2] = {(uint32_t)(time_ns >> 32), (uint32_t)time_ns};

	put_option(out, code, halves, sizeof(halves));
}

static size_t
text_length(const char *text)
{
	return strnlen(text, TEXT_BYTES_MAX);
}

/* Bytes of an option whose value has so many. */
static size_t
option_bytes(size_t bytes)
{
	return OPTION_BYTES + padded(bytes);
}

static void
put_section(FILE *out)
{
	static const char application[] = "tuntapd " TUNTAPD_VERSION;
	const uint32_t bytes = (uint32_t)(BLOCK_BYTES + 16 + option_bytes(strlen(application)) + OPTION_BYTES);
	const uint16_t version[2] = {1, 0};
	const uint64_t length = SECTION_LENGTH_UNKNOWN;

	put32(out, BLOCK_SECTION);
	put32(out, bytes);
	put32(out, BYTE_ORDER_MAGIC);
	put(out, version, sizeof(version));
	put(out, &length, sizeof(length));
	put_option(out, SECTION_APPLICATION, application, strlen(application));
	put_end_of_options(out);
	put32(out, bytes);
}

void
pcapng_begin(FILE *out, const struct pcapng_interface *interface)
{
	const uint16_t type[2] = {(uint16_t)interface->linktype, 0};
	const uint8_t resolution = RESOLUTION_NS;
	uint8_t filter[1 + TEXT_BYTES_MAX] = {FILTER_IS_TEXT};
	size_t name = text_length(interface->name), description = text_length(interface->description), text = 0;
	uint32_t bytes;

	if (interface->filter != NULL) {
		text = text_length(interface->filter);
		memcpy(filter + 1, interface->filter, text);
	}
	put_section(out);
	bytes = (uint32_t)(BLOCK_BYTES + 8 + option_bytes(name) + option_bytes(description) + option_bytes(sizeof(resolution)) +
	    (text > 0 ? option_bytes(1 + text) : 0) + OPTION_BYTES);
	put32(out, BLOCK_INTERFACE);
	put32(out, bytes);
	put(out, type, sizeof(type));
	put32(out, CAPTURE_PACKET_MAX);
	put_option(out, INTERFACE_NAME, interface->name, name);
	put_option(out, INTERFACE_DESCRIPTION, interface->description, description);
	put_option(out, INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
	if (text > 0) {
		put_option(out, INTERFACE_FILTER, filter, 1 + text);
	}
	put_end_of_options(out);
	put32(out, bytes);
}

void
pcapng_packet(FILE *out, const struct capture_record *record, const uint8_t *data, uint64_t dropped)
{
	const uint32_t flags = record->direction == CAPTURE_TO_PROGRAM ? FLAG_OUTBOUND : FLAG_INBOUND;
	const uint32_t bytes = (uint32_t)(BLOCK_BYTES + 20 + padded(record->bytes) + option_bytes(sizeof(flags)) +
	    (dropped > 0 ? option_bytes(sizeof(dropped)) : 0) + OPTION_BYTES);

	put32(out, BLOCK_PACKET);
	put32(out, bytes);
	put32(out, 0); /* the only interface */
	put_time(out, record->time_ns);
	put32(out, record->bytes);
	put32(out, record->original_bytes);
	put(out, data, record->bytes);
	put_option(out, PACKET_FLAGS, &flags, sizeof(flags));
	if (dropped > 0) {
		put_option(out, PACKET_DROPPED, &dropped, sizeof(dropped));
	}
	put_end_of_options(out);
	put32(out, bytes);
}

void
pcapng_end(FILE *out, const struct capture_record *end, uint64_t start_ns, uint64_t accepted)
{
	const uint32_t bytes = (uint32_t)(BLOCK_BYTES + 12 + 6 * option_bytes(sizeof(uint64_t)) + OPTION_BYTES);

	put32(out, BLOCK_STATISTICS);
	put32(out, bytes);
	put32(out, 0); /* the only interface */
	put_time(out, end->time_ns);
	put_time_option(out, STATISTICS_START, start_ns);
	put_time_option(out, STATISTICS_END, end->time_ns);
	put_option(out, STATISTICS_RECEIVED, &end->received, sizeof(end->received));
	put_option(out, STATISTICS_ACCEPTED, &accepted, sizeof(accepted));
	put_option(out, STATISTICS_DROPPED, &end->dropped, sizeof(end->dropped));
	put_option(out, STATISTICS_DELIVERED, &accepted, sizeof(accepted));
	put_end_of_options(out);
	put32(out, bytes);
}
