/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h - `tuntapd status --watch`: looks again and again, until it is told to end.
 */
#ifndef TUNTAPD_CLI_WATCH_H
#define TUNTAPD_CLI_WATCH_H

#include <stdbool.h>

#include "protocol/devname.h"

/* Seconds between two looks. */
#define WATCH_INTERVAL_S 1.0
#define WATCH_INTERVAL_MIN_S 0.1
#define WATCH_INTERVAL_MAX_S 86400.0

/* one: NULL for all devices.  An exit status. */
int watch_run(const char *socket_path, const struct device_id *one, double interval_s, bool json);

#endif
