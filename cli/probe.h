/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h - how `tuntapd doctor` and `tuntapd migrate` look at a system: its files, and what its own commands say.
 *
 * All looks go through here, so that a test can give another tree of files, and commands of its own.  Nothing here changes anything.
 */
#ifndef TUNTAPD_CLI_PROBE_H
#define TUNTAPD_CLI_PROBE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "cli/action.h"

struct probe {
	const char *root;        /* before every path; "" for the system itself */
	const char *socket_path; /* the daemon's; root does not count for it */
	/* Asks a command: action_ask(), or a test's. */
	int (*ask)(const char *const argv[], struct action_answer *answer);
};

/* Whether it is macOS that is looked at: by its own description of itself, which no other system has. */
bool probe_is_macos(const struct probe *p);

/* The path below the root.  False: it is too long. */
bool probe_path(const struct probe *p, const char *path, char full[PATH_MAX]);

/* Whether something of that path is there: what a link leads to does not count. */
bool probe_has(const struct probe *p, const char *path);
bool probe_stat(const struct probe *p, const char *path, struct stat *st);

/* A file's text, as much as finds room, ended by a NUL: its length, or -1. */
int probe_read(const struct probe *p, const char *path, char *text, size_t size);

/* The number that a file has as its text; fallback, if it has none. */
long probe_read_number(const struct probe *p, const char *path, long fallback);

/* The names in a directory, in order: calls each(context, name) for those that are no "." or "..". */
void probe_list(const struct probe *p, const char *path, void (*each)(void *context, const char *name), void *context);

/* What a command says, with at most three arguments, NULL from the first that is not there.  True if it ran and its status was 0. */
bool probe_ask(const struct probe *p, struct action_answer *answer, const char *command, const char *a, const char *b, const char *c);

/* The text of <key>KEY</key><string>...</string> in a property list that is text.  False: it has none. */
bool probe_plist_string(const char *plist, const char *key, char *value, size_t size);

#endif
