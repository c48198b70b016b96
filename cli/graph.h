/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * graph.h - the last values of something, and their graph in one line of text.  Pure functions.
 */
#ifndef TUNTAPD_CLI_GRAPH_H
#define TUNTAPD_CLI_GRAPH_H

#include <stdbool.h>
#include <stddef.h>

/* More than a terminal has columns, mostly; what is older is forgotten. */
#define GRAPH_VALUES_MAX 256
/* Room for the widest graph: three bytes for each character of UTF-8, and a NUL. */
#define GRAPH_TEXT_SIZE (GRAPH_VALUES_MAX * 3 + 1)

/* Zeroed: empty. */
struct graph {
	double values[GRAPH_VALUES_MAX]; /* a ring; NAN: not known */
	unsigned count;
	unsigned next;
};

void graph_add(struct graph *g, double value);

/* The greatest of the last width values; 0 if none is known. */
double graph_peak(const struct graph *g, unsigned width);

/*
 * The last width values (at most GRAPH_VALUES_MAX), the newest at the right, one column each: blank
 * where none is known, a dot for 0, and one of eight heights up to peak, the least one for the least
 * value that is not 0.  In block characters, or in ASCII.
 */
void graph_draw(
    const struct graph *g, unsigned width, double peak, bool utf8, char text[GRAPH_TEXT_SIZE]);

#endif
