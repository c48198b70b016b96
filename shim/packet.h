/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.h - what a program may write to a tun device whose kernel, or relay, would say nothing against it.
 */
#ifndef TUNTAPD_SHIM_PACKET_H
#define TUNTAPD_SHIM_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "protocol/family.h"
#include "shim/state.h"

/*
 * Whether packets come and go with their header; without a page nobody has said so.  Another thread may change it: who moves a packet asks
 * once, and stays with that.
 */
static inline bool
packet_has_header(const struct state_page *page)
{
	return page != NULL && state_header_mode(page);
}

/*
 * What the contract has against a packet of that many bytes, which begins with its header if that is given; 0, EINVAL, EMSGSIZE,
 * EAFNOSUPPORT.  mtu: UINT32_MAX where nobody knows.  *header, if it is not NULL: the one to put before a packet that has none.  Touches
 * the packet's first bytes, and no errno.
 */
int packet_check(bool given, const struct iovec *iov, int count, size_t bytes, uint32_t mtu, uint8_t *header);

#endif
