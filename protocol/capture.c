/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.c - checks of what crosses between a capture and its client.  See capture.h.
 */
#include "capture.h"

#include <string.h>

ssize_t
capture_filter_length(const void *data, size_t bytes)
{
	struct capture_filter filter;

	if (bytes < sizeof(filter)) {
		return 0;
	}
	memcpy(&filter, data, sizeof(filter));
	if (filter.magic != CAPTURE_MAGIC || filter.count > CAPTURE_INSTRUCTIONS_MAX) {
		return -1;
	}
	return (ssize_t)(sizeof(filter) + filter.count * sizeof(struct capture_instruction));
}

bool
capture_filter_ok(const void *data, size_t bytes)
{
	ssize_t length = capture_filter_length(data, bytes);

	return length > 0 && (size_t)length == bytes;
}

ssize_t
capture_record_length(const void *data, size_t bytes)
{
	struct capture_record r;

	if (bytes < sizeof(r)) {
		return 0;
	}
	memcpy(&r, data, sizeof(r));
	return r.magic == CAPTURE_MAGIC && r.bytes <= CAPTURE_PACKET_MAX ? (ssize_t)(sizeof(r) + r.bytes) : -1;
}

bool
capture_record_ok(const void *data, size_t bytes)
{
	ssize_t length = capture_record_length(data, bytes);
	struct capture_record r;

	if (length <= 0 || (size_t)length != bytes) {
		return false;
	}
	memcpy(&r, data, sizeof(r));
	if (r.pad != 0 || r.pad2 != 0) {
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
