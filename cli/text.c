/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c - text on a terminal.  See text.h.
 */
#include "cli/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

size_t
text_utf8_length(const unsigned char *s, bool controls_too)
{
	uint32_t c;
	size_t length;

	if (s[0] < 0x80) {
		return controls_too || (s[0] >= 0x20 && s[0] != 0x7f) ? 1 : 0;
	}
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		length = 2;
		c = s[0] & 0x1fu;
	} else if ((s[0] & 0xf0) == 0xe0) {
		length = 3;
		c = s[0] & 0x0fu;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		length = 4;
		c = s[0] & 0x07u;
	} else {
		return 0;
	}
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80) { /* also the NUL of a cut sequence */
			return 0;
		}
		c = c << 6 | (s[i] & 0x3fu);
	}
	/* Longer than needed, surrogates, past the end of Unicode. */
	if ((length == 3 && c < 0x800) || (length == 4 && c < 0x10000) ||
	    (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff) {
		return 0;
	}
	if (controls_too) {
		return length;
	}
	/* C1 controls; marks that turn the direction of a line round, or break it. */
	if (c < 0xa0 || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069)) {
		return 0;
	}
	return length;
}

void
text_append_safe(char *cell, size_t size, const char *text)
{
	size_t used = strlen(cell);

	for (const unsigned char *s = (const unsigned char *)text;
	     *s != '\0' && used + 8 < size;) {
		size_t length = text_utf8_length(s, false);

		if (length > 0) {
			memcpy(cell + used, s, length);
			used += length;
			s += length;
		} else {
			used += (size_t)snprintf(cell + used, size - used, "\\x%02x", *s);
			s++;
		}
		cell[used] = '\0';
	}
}

void
text_append_quoted(char *cell, size_t size, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
	size_t used = strlen(cell);

	if (used + 8 > size) {
		return;
	}
	if (word[0] != '\0' && word[strspn(word, plain)] == '\0' && used + strlen(word) < size) {
		snprintf(cell + used, size - used, "%s", word);
		return;
	}
	used += (size_t)snprintf(cell + used, size - used, "'");
	for (; *word != '\0' && used + 8 < size; word++) {
		used += (size_t)snprintf(cell + used, size - used, *word == '\'' ? "'\\''" : "%c", *word);
	}
	snprintf(cell + used, size - used, *word == '\0' ? "'" : "...");
}

int
text_width(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++) {
		width += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return width;
}
