/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siphash.h - SipHash-2-4: a short hash of short texts under a secret key of 128 bits.
 */
#ifndef TUNTAPD_DAEMON_SIPHASH_H
#define TUNTAPD_DAEMON_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_BYTES 16

uint64_t siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *data, size_t bytes);

#endif
