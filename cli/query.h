/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query.h - questions to the daemon: one connection, several requests, no wait longer than
 * QUERY_TIMEOUT_MS each.
 *
 * Functions that end in an exit status have said on standard error what is wrong and what to do,
 * unless the query is quiet.
 */
#ifndef TUNTAPD_CLI_QUERY_H
#define TUNTAPD_CLI_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/devname.h"
#include "protocol/message.h"

/* A daemon answers in well under a millisecond; one that has not in this time never will. */
#define QUERY_TIMEOUT_MS 5000

struct query {
	const char *socket_path; /* borrowed */
	int sock;                /* -1: closed */
	uint32_t serial;
	unsigned devices;        /* that query_next() gave since the first */
	uint32_t found_at;       /* cursor of the device that query_find() found last */
	bool quiet;
};

/*
 * The control socket: what -s said, else TUNTAPD_SOCKET, else the default.  option is NULL without
 * -s.
 */
const char *query_socket_path(const char *option);

/* Connects.  EXIT_CODE_OK, or another exit status. */
int query_open(struct query *q, const char *socket_path, bool quiet);
void query_close(struct query *q);

/*
 * The first device at or after *cursor, which moves on; it becomes 0 after the last one.
 * EXIT_CODE_OK; EXIT_CODE_NO: there is none, nothing is said; or another exit status.
 */
int query_next(struct query *q, uint32_t *cursor, struct message_device *device);

/*
 * The device of that name: the one in the caller's network namespace, if several have it.
 * EXIT_CODE_USAGE, with a hint, if the daemon serves none of that name.
 */
int query_find(struct query *q, struct device_id id, struct message_device *device);

/*
 * True if the device's interface is in the network namespace of this process, or the platform has
 * none.
 */
bool query_is_in_our_netns(const struct message_device *device);

/* Asks the daemon to end with all its devices, and waits until it has. */
int query_stop(struct query *q);

#endif
