/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * monitor.h - the privileged process: makes and removes interfaces, and little else.
 */
#ifndef TUNTAPD_DAEMON_MONITOR_H
#define TUNTAPD_DAEMON_MONITOR_H

#include "daemon/daemon.h"

/* Serves until told to end.  An exit status of sysexits.h. */
int monitor_run(const struct daemon_options *options);

#endif
