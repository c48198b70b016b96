/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h - samples for people: a screen of them, and plain lines.
 */
#ifndef TUNTAPD_CLI_VIEW_H
#define TUNTAPD_CLI_VIEW_H

#include <stdbool.h>
#include <stdio.h>

struct samples;

struct view_size {
	unsigned columns;
	unsigned rows;
	bool utf8; /* what the terminal shows; else ASCII */
};

/*
 * Writes a whole screen, to be shown at once: each line is written over and its rest cleared, so that
 * nothing flickers.  No line is longer than the screen is wide.
 */
void view_screen(FILE *out, const struct samples *s, double interval_s, struct view_size size);

/*
 * One block of lines, without an escape sequence: a title, a line for each open device, and an empty
 * line.  Numbers are whole, and a second's.
 */
void view_plain(FILE *out, const struct samples *s);

#endif
