/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node.h - what `tuntapd fd` does before it asks for a device, and what the kernel's own node is, by platform (node-OS.c).
 */
#ifndef TUNTAPD_CLI_NODE_H
#define TUNTAPD_CLI_NODE_H

#include <stdbool.h>

struct stat;

/*
 * Gives this process the name of the program that it will be, so that the daemon writes down that one
 * as the device's holder.
 */
void node_name_holder(const char *path);

/*
 * Opens a descriptor that the daemon can turn into a device, with this process' own
 * rights, close-on-exec: the interface will be in its network namespace.  -1 with errno: it cannot be
 * opened, or the platform has none, and the daemon makes the device by itself.
 */
int node_open(void);

/* Whether a file is the kernel's tun node.  False where there is none. */
bool node_is_tun(const struct stat *st);

#endif
