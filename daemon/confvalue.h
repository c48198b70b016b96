/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confvalue.h - the values of a configuration, from text.  Pure but for the user database.
 *
 * Each returns NULL and the value, or what is wrong with the text; some write that into why, CONFVALUE_WHY_SIZE bytes.
 */
#ifndef TUNTAPD_DAEMON_CONFVALUE_H
#define TUNTAPD_DAEMON_CONFVALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/netif.h"

#define CONFVALUE_WHY_SIZE 160

const char *confvalue_number(const char *text, uint32_t least, uint32_t most, uint32_t *number, char *why);
const char *confvalue_bool(const char *text, bool *value, char *why);
const char *confvalue_user(const char *text, uint32_t *uid, char *why);
const char *confvalue_group(const char *text, uint32_t *gid, char *why);
const char *confvalue_mode(const char *text, uint16_t *mode);

/* "02:00:5e:10:00:01"; a group address, and all zeroes, are no interface's. */
const char *confvalue_mac(const char *text, uint8_t mac[6]);

/* "10.9.0.1/24", "10.1.0.1 peer 10.1.0.2", "fd00::1/64". */
const char *confvalue_address(const char *text, struct netif_address *address, char *why);

/* "10.20.0.0/16", "default via 10.9.0.2", "2001:db8::/32 via fd00::2". */
const char *confvalue_route(const char *text, struct netif_route *route, char *why);

/* A path from the root, no longer than fits. */
const char *confvalue_path(const char *text, char *path, unsigned size);

/* The same, back to text: room for CONFVALUE_TEXT_SIZE bytes. */
#define CONFVALUE_TEXT_SIZE 128
void confvalue_address_text(const struct netif_address *address, char text[CONFVALUE_TEXT_SIZE]);
void confvalue_route_text(const struct netif_route *route, char text[CONFVALUE_TEXT_SIZE]);

#endif
