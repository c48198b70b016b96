/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rate.c - how fast counters grow.  See rate.h.
 */
#include "cli/rate.h"

#include <stdint.h>
#include <stdio.h>

#include "protocol/message.h"

static double
growth(uint64_t before, uint64_t after, double elapsed_s)
{
	return after > before && elapsed_s > 0 ? (double)(after - before) / elapsed_s : 0;
}

struct rate
rate_between(
    const struct message_counters *before, const struct message_counters *after, double elapsed_s)
{
	return (struct rate){
		.packets = growth(before->packets, after->packets, elapsed_s),
		.bytes = growth(before->bytes, after->bytes, elapsed_s),
		.dropped = growth(before->dropped, after->dropped, elapsed_s),
	};
}

void
rate_format(double value, char text[RATE_TEXT_SIZE])
{
	static const char units[] = " kMGTPE";
	unsigned unit = 0;
	int digits;

	if (!(value >= 0)) {
		snprintf(text, RATE_TEXT_SIZE, "-");
		return;
	}
	/* What would be printed as 1000 belongs to the next step. */
	while (value >= 999.5 && unit + 2 < sizeof(units)) {
		value /= 1000;
		unit++;
	}
	if (value >= 999.5) {
		snprintf(text, RATE_TEXT_SIZE, ">999%c", units[unit]);
		return;
	}
	digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
	snprintf(text, RATE_TEXT_SIZE, "%.*f", digits, value);
	if (unit == 0) {
		/* No ".00" on whole numbers: most are, and small ones are read as counts. */
		if (value < 0.005) {
			snprintf(text, RATE_TEXT_SIZE, "0");
		} else if (value == (double)(unsigned)value) {
			snprintf(text, RATE_TEXT_SIZE, "%u", (unsigned)value);
		}
	} else {
		size_t used = (size_t)snprintf(text, RATE_TEXT_SIZE, "%.*f", digits, value);

		snprintf(text + used, RATE_TEXT_SIZE - used, "%c", units[unit]);
	}
}
