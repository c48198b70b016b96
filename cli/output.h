/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.h - devices for people and for programs: a table, one device's list of fields, JSON.
 *
 * All three are made from one description of the fields, in output.c.  The JSON is described by
 * docs/status-schema.json.  Text that a client chose is never passed on raw: control characters and
 * bytes that are no UTF-8 are escaped for people
 * (\xNN), and replaced (U+FFFD) in JSON.
 */
#ifndef TUNTAPD_CLI_OUTPUT_H
#define TUNTAPD_CLI_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct message_device;
struct message_pair;
struct samples;

/*
 * "version" of the JSON: it grows when a field changes its meaning or goes, not when one is added.
 */
#define OUTPUT_JSON_VERSION 1

/*
 * The table and the list show a network namespace only where it is not the caller's own.
 *
 * 0, or -1 with errno: ENOMEM.  What could not be written shows in ferror(out).
 */
int output_table(FILE *out, const struct message_device *devices, size_t count);
int output_list(FILE *out, const struct message_device *device);
int output_json(
    FILE *out, const char *socket_path, const struct message_device *devices, size_t count);

/* One look as one line: the same object, with its time and with rates. */
int output_json_samples(FILE *out, const struct samples *samples);

/* "closed", "open", "up" */
const char *output_state_name(uint8_t state);

/*
 * Append to a cell, size bytes large: the device's name, the addresses of an open one, and who
 * opened it.
 */
void output_name(const struct message_device *device, char *cell, size_t size);
void output_addresses(const struct message_device *device, char *cell, size_t size);
void output_holder(const struct message_device *device, char *cell, size_t size);

/* Pairs of joined interfaces, as docs/pair-schema.json says.  0, or -1 with errno. */
int output_pair_json(FILE *out, const char *socket_path, const struct message_pair *pairs, size_t count);

#endif
