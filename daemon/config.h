/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h - the configuration file, read into a checked policy.
 */
#ifndef TUNTAPD_DAEMON_CONFIG_H
#define TUNTAPD_DAEMON_CONFIG_H

#include "daemon/policy.h"

/*
 * Fills *policy: defaults, then what the file says.  path NULL: the default file, which may be absent.  EX_OK, or
 * EX_CONFIG or EX_NOINPUT, logged with file and line.
 */
int config_load(struct policy *policy, const char *path);

#endif
