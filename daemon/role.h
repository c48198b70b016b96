/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * role.h - starts one of the daemon's own processes: fork, descriptors laid out, this executable again.
 */
#ifndef TUNTAPD_DAEMON_ROLE_H
#define TUNTAPD_DAEMON_ROLE_H

#include <sys/types.h>

/* Descriptors of a role begin after the standard ones; at most so many. */
#define ROLE_FD_FIRST 3
#define ROLE_FDS_MAX 8

/*
 * Starts "tuntapd --role=NAME VERBOSITY" in a session of its own: fds[0] becomes its descriptor ROLE_FD_FIRST, fds[1] the next, and so on,
 * and it inherits nothing else.  They stay the caller's.  Its pid, or -1 with errno.
 */
pid_t role_start(const char *name, const int *fds, unsigned fd_count);

#endif
