/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * actions.h - file actions of posix_spawn(3) that open a device.
 */
#ifndef TUNTAPD_SHIM_ACTIONS_H
#define TUNTAPD_SHIM_ACTIONS_H

#include <spawn.h>

/* What one call of posix_spawn(3) uses. */
struct actions_use {
	const posix_spawn_file_actions_t *actions; /* what the C library is to be given */
	posix_spawn_file_actions_t own;            /* that, where a device is opened */
	int *channels;                             /* NULL: none is */
	unsigned count;
};

/*
 * Opens the devices that the program's actions open, and makes actions of them that the C library can do.  0, and actions_end() is called
 * once it has; or what posix_spawn(3) returns: the error of the open, or EMFILE, ENOMEM.  errno is kept.
 */
int actions_begin(const posix_spawn_file_actions_t *actions, struct actions_use *use);

/* Closes this process' side of them.  errno is kept. */
void actions_end(struct actions_use *use);

#endif
