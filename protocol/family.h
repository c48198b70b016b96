/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * family.h - the 4-byte address-family header of a tun device in header mode (TUNSIFHEAD).
 *
 * Layout: the address family in network byte order, with the platform's own AF_INET6: `00 00 00 02` for IPv4
 * everywhere; IPv6 is `00 00 00 1e` on macOS (30) and `00 00 00 0a` on Linux (10).
 */
#ifndef TUNTAPD_PROTOCOL_FAMILY_H
#define TUNTAPD_PROTOCOL_FAMILY_H

#include <stddef.h>
#include <stdint.h>

#define FAMILY_HEADER_BYTES 4

/* Header for a packet whose first byte is first_byte; a version that is neither 4 nor 6 gives family 0. */
void family_header_make(uint8_t header[FAMILY_HEADER_BYTES], uint8_t first_byte);

/*
 * Checks what a program wrote: 4 bytes of header and the first byte of the packet behind them.
 * 0, EAFNOSUPPORT (family neither AF_INET nor AF_INET6), or EINVAL (family and version disagree).  errno untouched.
 */
int family_header_check(const uint8_t header[FAMILY_HEADER_BYTES], uint8_t first_byte);

#endif
