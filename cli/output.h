/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.h - devices for people and for programs: a table, one device's list of fields, JSON.
 *
 * All three are made from one description of the fields, in output.c.  The JSON is described by
 * docs/status-schema.json. Text that a client chose is never passed on raw: control characters and
 * bytes that are no UTF-8 are escaped for people
 * (\xNN), and replaced (U+FFFD) in JSON.
 */
#ifndef TUNTAPD_CLI_OUTPUT_H
#define TUNTAPD_CLI_OUTPUT_H

#include <stddef.h>
#include <stdio.h>

struct message_device;

/*
 * "version" of the JSON: it grows when a field changes its meaning or goes, not when one is added.
 */
#define OUTPUT_JSON_VERSION 1

/* 0, or -1 with errno: ENOMEM.  What could not be written shows in ferror(out). */
int output_table(FILE *out, const struct message_device *devices, size_t count);
int output_list(FILE *out, const struct message_device *device);
int output_json(
    FILE *out, const char *socket_path, const struct message_device *devices, size_t count);

#endif
