/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-capture.c - any bytes as what a client sends to a capture, and as what a capture sends to a client; and any packet as what
 * `tuntapd capture` says in a line.
 */
#include <string.h>

#include "cli/summary.h"
#include "fuzz.h"
#include "protocol/capture.h"
#include "protocol/message.h"

unsigned long fuzz_accepted;

static void
line_must_hold(uint32_t linktype, const uint8_t *data, size_t size)
{
	char text[SUMMARY_SIZE];
	size_t length;

	memset(text, 'x', sizeof(text));
	summary_packet(linktype, data, size, text);
	length = strnlen(text, sizeof(text));
	fuzz_must(length > 0 && length < sizeof(text), "a line with an end");
	for (size_t i = 0; i < length; i++) {
		fuzz_must(text[i] >= ' ' && text[i] < 0x7f, "a line of letters");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture_filter filter;
	struct capture_record r;

	if (capture_filter_ok(data, size)) {
		memcpy(&filter, data, sizeof(filter));
		fuzz_accepted++;
		fuzz_must(size == sizeof(filter) + filter.count * 8u && filter.count <= CAPTURE_INSTRUCTIONS_MAX &&
		    size <= CAPTURE_FILTER_BYTES_MAX, "size of a filter");
	}
	if (capture_record_ok(data, size)) {
		memcpy(&r, data, sizeof(r));
		fuzz_accepted++;
		fuzz_must(size == sizeof(r) + r.bytes && r.bytes <= r.original_bytes &&
		    size <= CAPTURE_RECORD_BYTES_MAX, "size of a record");
		fuzz_must(r.type == CAPTURE_PACKET ? (r.direction == 1 || r.direction == 2) && r.error == 0 :
		    r.type == CAPTURE_END && r.bytes == 0 && r.error >= 0, "fields of a record");
		line_must_hold(LINKTYPE_ETHERNET, data + sizeof(r), r.bytes);
		line_must_hold(LINKTYPE_RAW, data + sizeof(r), r.bytes);
	}
	line_must_hold(LINKTYPE_ETHERNET, data, size);
	line_must_hold(LINKTYPE_RAW, data, size);
	return 0;
}
