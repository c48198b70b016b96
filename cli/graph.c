/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * graph.c - a graph in one line of text.  See graph.h.
 */
#include "cli/graph.h"

#include <math.h>
#include <string.h>

#define HEIGHTS 8

/* U+2581 ... U+2588; U+00B7 for 0. */
static const char *const blocks[HEIGHTS + 1] = {"\xc2\xb7", "\xe2\x96\x81", "\xe2\x96\x82",
    "\xe2\x96\x83", "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88"};
static const char *const letters[HEIGHTS + 1] = {".", "_", "-", "~", "=", "+", "*", "%", "#"};

void
graph_add(struct graph *g, double value)
{
	g->values[g->next] = value;
	g->next = (g->next + 1) % GRAPH_VALUES_MAX;
	if (g->count < GRAPH_VALUES_MAX) {
		g->count++;
	}
}

/* The value that is so old, 0: the newest; NAN where there is none. */
static double
value_at(const struct graph *g, unsigned age)
{
	return age < g->count ? g->values[(g->next + GRAPH_VALUES_MAX - 1 - age) % GRAPH_VALUES_MAX]
			      : (double)NAN;
}

double
graph_peak(const struct graph *g, unsigned width)
{
	double peak = 0;

	for (unsigned age = 0; age < width; age++) {
		double value = value_at(g, age);

		if (value > peak) { /* never so of NAN */
			peak = value;
		}
	}
	return peak;
}

static unsigned
height_of(double value, double peak)
{
	double height = value / peak * HEIGHTS;

	if (!(value > 0) || !(peak > 0)) {
		return 0;
	}
	return height >= HEIGHTS ? HEIGHTS : height < 1 ? 1 : (unsigned)(height + 0.5);
}

void
graph_draw(const struct graph *g, unsigned width, double peak, bool utf8, char text[GRAPH_TEXT_SIZE])
{
	size_t used = 0;

	for (unsigned age = width < GRAPH_VALUES_MAX ? width : GRAPH_VALUES_MAX; age-- > 0;) {
		double value = value_at(g, age);
		unsigned height = height_of(value, peak);
		const char *sign = isnan(value) ? " " : utf8 ? blocks[height] : letters[height];

		memcpy(text + used, sign, strlen(sign));
		used += strlen(sign);
	}
	text[used] = '\0';
}
