/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfctl-darwin.h - runs pfctl(8), macOS' command for its packet filter.
 */
#ifndef TUNTAPD_DAEMON_PFCTL_DARWIN_H
#define TUNTAPD_DAEMON_PFCTL_DARWIN_H

/* Of what it says, as much is kept. */
#define PFCTL_TEXT_SIZE 16384

/*
 * Runs it with arguments (a list that ends with NULL, without its own name) and input, and waits, some seconds at most.  Its exit status,
 * with what it said on both of its outputs in text; -1 with errno: ETIMEDOUT (it was ended), ECHILD (a signal ended it), or as fork(2).
 */
int pfctl_run(const char *const *arguments, const char *input, char text[PFCTL_TEXT_SIZE]);

#endif
