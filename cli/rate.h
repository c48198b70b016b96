/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rate.h - how fast counters grow, and numbers for people.  Pure functions.
 */
#ifndef TUNTAPD_CLI_RATE_H
#define TUNTAPD_CLI_RATE_H

struct message_counters;

/* Each per second. */
struct rate {
	double packets;
	double bytes;
	double dropped;
};

/*
 * Between two looks at the same counters.  One that has gone back counts as one that stood still;
 * so do all where no time has passed.
 */
struct rate rate_between(
    const struct message_counters *before, const struct message_counters *after, double elapsed_s);

/* "1.23M" and its NUL, with room for the largest number. */
#define RATE_TEXT_SIZE 12

/*
 * At most three digits that count, in steps of 1000: "0", "0.25", "999", "1.23k", "12.3M", "456G".
 * What is no number, or below 0: "-".
 */
void rate_format(double value, char text[RATE_TEXT_SIZE]);

#endif
