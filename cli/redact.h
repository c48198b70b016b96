/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redact.h - takes out of a line of text what is nobody else's business.
 */
#ifndef TUNTAPD_CLI_REDACT_H
#define TUNTAPD_CLI_REDACT_H

#include <stddef.h>

/*
 * Writes line to out, size bytes large, without: what follows a password's, secret's, token's or key's name; user and password in an
 * address; the names of users' home directories; the last half of MAC addresses; words behind a hook's program; lines that identify a
 * machine.  What finds no room is cut off.
 */
void redact_line(const char *line, char *out, size_t size);

#endif
