/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcapng.h - writes packets in the pcapng format, with the direction of each and what was lost.
 */
#ifndef TUNTAPD_CLI_PCAPNG_H
#define TUNTAPD_CLI_PCAPNG_H

#include <stdio.h>

#include "protocol/capture.h"

/* What a section's beginning says, once. */
struct pcapng_interface {
	const char *name;        /* as the kernel calls it */
	const char *description;
	const char *filter;      /* NULL: none */
	uint32_t linktype;
};

/*
 * All write to out with stdio; the caller looks at ferror(3) when it likes.  The beginning, before anything else.
 */
void pcapng_begin(FILE *out, const struct pcapng_interface *interface);

/* A packet; dropped: how many were lost since the one before. */
void pcapng_packet(FILE *out, const struct capture_record *record, const uint8_t *data, uint64_t dropped);

/* What is known at the end; start_ns: since when, accepted: packets written. */
void pcapng_end(FILE *out, const struct capture_record *end, uint64_t start_ns, uint64_t accepted);

#endif
