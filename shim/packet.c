/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.c - what a program may write to a tun device.  See packet.h.
 */
#include "packet.h"

#include <errno.h>

#include "iov.h"

int
packet_check(bool given, const struct iovec *iov, int count, size_t bytes, uint32_t mtu, uint8_t *header)
{
	size_t room = given ? FAMILY_HEADER_BYTES : 0;
	uint8_t start[FAMILY_HEADER_BYTES + 1], own[FAMILY_HEADER_BYTES];

	if (iov_peek(iov, count, start, room + 1) < room + 1) {
		return EINVAL;
	}
	if (mtu != UINT32_MAX && bytes - room > mtu) {
		return EMSGSIZE;
	}
	if (given) {
		return family_header_check(start, start[FAMILY_HEADER_BYTES]);
	}
	if (header == NULL) {
		header = own;
	}
	family_header_make(header, start[0]);
	return header[FAMILY_HEADER_BYTES - 1] != 0 ? 0 : EINVAL;
}
