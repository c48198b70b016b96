/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is one file with LLVMFuzzerTestOneInput(), which libFuzzer calls with its own inputs and replay.c with the kept ones.
 */
#ifndef TUNTAPD_TESTS_FUZZ_H
#define TUNTAPD_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How often input got past the checks so far: a corpus of which nothing does tests nothing, and replay.c fails. */
extern unsigned long fuzz_accepted;

/* Ends the process, so that libFuzzer keeps the input. */
static inline void
fuzz_must(bool truth, const char *what)
{
	if (!truth) {
		fprintf(stderr, "broken: %s\n", what);
		abort();
	}
}

#endif
