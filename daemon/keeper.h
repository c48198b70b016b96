/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keeper.h - a process that holds a network namespace for as long as the far end of a pair is in it.
 */
#ifndef TUNTAPD_DAEMON_KEEPER_H
#define TUNTAPD_DAEMON_KEEPER_H

#include <sys/types.h>

/* How the far end is called. */
#define KEEPER_IFNAME "port"

/* Descriptors that a keeper starts with, by number. */
#define KEEPER_FD_ROOT 3  /* an empty directory */
#define KEEPER_FD_READY 4 /* gets the process' number once all rights are gone */

/*
 * Starts the keeper of namespace ns, in which the far end is; root: an empty directory.  It is no child of the caller's, and needs no
 * watching: it ends with the far end.  0 and *pid, or -1 with errno: EMFILE, ENFILE, ENOMEM, EPERM (no way into the namespace), ETIMEDOUT
 * (it does not come up, as it has logged).
 */
int keeper_start(int root, int ns, pid_t *pid);

/* The process: "tuntapd --role=keeper VERBOSITY", with the descriptors above.  An exit status of sysexits.h. */
int keeper_run(void);

#endif
