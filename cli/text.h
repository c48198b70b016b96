/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - text on a terminal: what a client chose never commands it, and how wide it is.
 */
#ifndef TUNTAPD_CLI_TEXT_H
#define TUNTAPD_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Length of the UTF-8 sequence of a printable character that begins at s, or 0: escape one byte.
 * controls_too: of any character.
 */
size_t text_utf8_length(const unsigned char *s, bool controls_too);

/*
 * Appends a stranger's text to what is in cell, size bytes large, escaped (\xNN) for a terminal; what
 * finds no room is left out.
 */
void text_append_safe(char *cell, size_t size, const char *text);

/*
 * Appends a word for a shell, in quotes where it needs them; for what finds no room, an ellipsis, so that nobody runs half a word.  Control
 * characters are as they are: text_append_safe() is for the terminal.
 */
void text_append_quoted(char *cell, size_t size, const char *word);

/* Columns that a text takes, near enough: one for each character. */
int text_width(const char *text);

#endif
