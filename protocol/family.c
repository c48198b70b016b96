/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * family.c - the 4-byte address-family header.  See family.h.
 */
#include "family.h"

#include <errno.h>
#include <sys/socket.h>

static unsigned
family_of(uint8_t first_byte)
{
	switch (first_byte >> 4) {
	case 4:
		return AF_INET;
	case 6:
		return AF_INET6;
	default:
		return 0;
	}
}

void
family_header_make(uint8_t header[FAMILY_HEADER_BYTES], uint8_t first_byte)
{
	header[0] = header[1] = header[2] = 0;
	header[3] = (uint8_t)family_of(first_byte); /* both platforms' values fit a byte */
}

int
family_header_check(const uint8_t header[FAMILY_HEADER_BYTES], uint8_t first_byte)
{
	uint32_t family = (uint32_t)header[0] << 24 | (uint32_t)header[1] << 16 | (uint32_t)header[2] << 8 | header[3];

	if (family != AF_INET && family != AF_INET6) {
		return EAFNOSUPPORT;
	}
	return family == family_of(first_byte) ? 0 : EINVAL;
}
