/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h - the configuration file, read into a checked policy, and a policy written as such a file.
 */
#ifndef TUNTAPD_DAEMON_CONFIG_H
#define TUNTAPD_DAEMON_CONFIG_H

#include <stddef.h>
#include <stdio.h>

#include "daemon/policy.h"

/* Told one line of text for each thing that is wrong, without newline: "FILE:LINE:COLUMN: what". */
struct config_listener {
	void (*say)(void *argument, const char *line);
	void *argument;
};

/*
 * Makes a policy of a file: defaults, then what the file says.  path NULL: the default file, which may be absent.  EX_OK and *policy, the
 * caller's; or EX_CONFIG (all that is wrong has been told), EX_NOINPUT (it cannot be read) or EX_OSERR, and *policy NULL.
 */
int config_load(struct policy **policy, const char *path, const struct config_listener *listener);

/* The same for a text; name stands for the file in what is told. */
int config_parse(struct policy **policy, const char *name, const char *text, size_t length,
    const struct config_listener *listener);

/* A listener that logs each line as an error. */
extern const struct config_listener config_log;

/* Writes all that holds by a policy, as a file that would make the same one.  only: that device's block and no more; NULL: all. */
void config_show(const struct policy *policy, const struct device_id *only, FILE *out);

#endif
