/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h - the process without rights: talks to strangers.
 */
#ifndef TUNTAPD_DAEMON_WORKER_H
#define TUNTAPD_DAEMON_WORKER_H

/* Serves on the descriptors of privmsg.h until the monitor goes.  An exit status of sysexits.h. */
int worker_run(void);

#endif
