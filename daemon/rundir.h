/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rundir.h - RUNDIR: the directory of one daemon's files, its lock, and the control socket.
 *
 * The lock (flock(2) on RUNDIR/lock, held for life) decides which of two daemons serves a socket; whoever holds it may
 * remove a socket that a killed daemon left.  All files are reached through one directory descriptor.
 */
#ifndef TUNTAPD_DAEMON_RUNDIR_H
#define TUNTAPD_DAEMON_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/os.h"
#include "daemon/policy.h"

struct rundir {
	int fd;      /* the directory */
	int lock_fd;
	char socket_path[192];
	char path[192];
	struct os_file socket_file; /* the control socket's, while it listens */
	bool handed_over;           /* the control socket is the service manager's */
};

/*
 * Makes the directory if it is missing, with its parts (state, empty); checks that nobody else can write to it; takes the lock.  0, or
 * an exit status of sysexits.h, logged.
 */
int rundir_open(struct rundir *r, const char *socket_path);
void rundir_close(struct rundir *r);

/* The listening control socket: the service manager's, or one in place of what a dead daemon left.  A descriptor, or -1, logged. */
int rundir_listen(struct rundir *r);

/*
 * Whether a socket is a connection that was accepted at the control socket: only of such a one the kernel's word about its peer is about a
 * client.  It can be anybody's.  0, or -1 with errno: EACCES (it is none), EMFILE, ENFILE.
 */
int rundir_check_connection(const struct rundir *r, int sock);

/* Writes RUNDIR/devices.  0, or -1 with errno. */
int rundir_write_devices(const struct rundir *r, const struct policy *policy);

/*
 * A clean end: list and socket go, so that programs see at once that nobody serves.  With the service manager's socket the next daemon
 * is started by whoever connects: so nothing goes, or (for_good: that is not to be) the list.  Whether the list has gone.
 */
bool rundir_withdraw(const struct rundir *r, bool for_good);

#endif
