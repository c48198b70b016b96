/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mac.c - MAC addresses of our own making.  See mac.h.
 */
#include "mac.h"

#include <sys/random.h>
#include <unistd.h>

int
mac_make_random(uint8_t mac[6])
{
	if (getentropy(mac, 6) < 0) {
		return -1;
	}
	mac[0] = (uint8_t)((mac[0] & ~1u) | 2u);
	return 0;
}
