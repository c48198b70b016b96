/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siphash.c - SipHash-2-4.  See siphash.h.
 *
 * Source: Aumasson, Bernstein: SipHash: a fast short-input PRF (2012), whose test vectors the unit test has.
 */
#include "siphash.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t
rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

/* Up to 8 bytes, the first the lowest. */
static uint64_t
read_little(const uint8_t *bytes, size_t count)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++) {
		value |= (uint64_t)bytes[i] << (8 * i);
	}
	return value;
}

static void
rounds(struct state *s, unsigned count)
{
	for (; count > 0; count--) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static void
take_word(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	rounds(s, 2);
	s->v0 ^= word;
}

uint64_t
siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *data, size_t bytes)
{
	uint64_t k0 = read_little(key, 8), k1 = read_little(key + 8, 8);
	/* The constants spell "somepseudorandomlygeneratedbytes". */
	struct state s = {
		k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u,
	};
	const uint8_t *at = data;

	for (size_t left = bytes; left >= 8; left -= 8, at += 8) {
		take_word(&s, read_little(at, 8));
	}
	take_word(&s, read_little(at, bytes % 8) | (uint64_t)bytes << 56);
	s.v2 ^= 0xff;
	rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
