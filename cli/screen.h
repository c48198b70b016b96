/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen.h - the terminal while a live view is on it: its modes, its size, keys and signals.
 *
 * One at a time in a process: signals are the process'.  Whatever ends the view, the terminal is left as
 * it was found.
 */
#ifndef TUNTAPD_CLI_SCREEN_H
#define TUNTAPD_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

enum screen_event {
	SCREEN_TIME, /* the time has come */
	SCREEN_DRAW, /* draw again: another size, or another program had the terminal meanwhile */
	SCREEN_END,  /* q was typed, a signal came, or the terminal has gone */
};

/* Whether standard output is a terminal that can show a view. */
bool screen_possible(void);

/* Whether the locale's characters are those of UTF-8. */
bool screen_is_utf8(void);

/* Takes the terminal.  From here on only screen_wait() hears signals.  0, or -1 with errno. */
int screen_open(void);

/* Gives it back.  If a signal ended the view, it now ends this process, and the call does not return. */
void screen_close(void);

/* Waits until then, CLOCK_MONOTONIC. */
enum screen_event screen_wait(double until_s);

void screen_size(unsigned *columns, unsigned *rows);

/* Shows bytes, with escape sequences in them.  0, or -1 with errno: the terminal has gone. */
int screen_show(const char *bytes, size_t size);

#endif
