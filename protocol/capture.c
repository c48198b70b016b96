/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.c - checks of what crosses between a capture and its client.  See capture.h.
 */
#include "capture.h"

#include <string.h>

bool
capture_filter_ok(const void *data, size_t bytes)
{
	struct capture_filter filter;

	if (bytes < sizeof(filter)) {
		return false;
	}
	memcpy(&filter, data, sizeof(filter));
	return filter.magic == CAPTURE_MAGIC && filter.count <= CAPTURE_INSTRUCTIONS_MAX &&
	    bytes == sizeof(filter) + filter.count * sizeof(struct capture_instruction);
}

bool
capture_record_ok(const void *data, size_t bytes)
{
	struct capture_record r;

	if (bytes < sizeof(r)) {
		return false;
	}
	memcpy(&r, data, sizeof(r));
	if (r.magic != CAPTURE_MAGIC || r.pad != 0 || r.pad2 != 0 || r.bytes > CAPTURE_PACKET_MAX || bytes != sizeof(r) + r.bytes) {
		return false;
	}
	switch (r.type) {
	case CAPTURE_PACKET:
		return (r.direction == CAPTURE_TO_PROGRAM || r.direction == CAPTURE_FROM_PROGRAM) && r.bytes <= r.original_bytes &&
		    r.error == 0;
	case CAPTURE_END:
		return r.direction == 0 && r.bytes == 0 && r.original_bytes == 0 && r.error >= 0;
	default:
		return false;
	}
}
