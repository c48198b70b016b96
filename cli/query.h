/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query.h - what the command asks of the daemon: one connection, several requests, no wait longer
 * than QUERY_TIMEOUT_MS each.
 *
 * Functions that end in an exit status have said on standard error what is wrong and what to do,
 * unless the query is quiet.
 */
#ifndef TUNTAPD_CLI_QUERY_H
#define TUNTAPD_CLI_QUERY_H

#include <stdbool.h>
#include <stddef.h>
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
	int timeout_ms;          /* for each answer */
	int error;               /* why the last question failed, for the functions below */
	struct device_id id;     /* which unit there was not */
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

/* Says on standard error why the last question of a quiet query failed, and what to do. */
void query_say(const struct query *q);

/*
 * Why a question that was asked past the functions below failed, as they would say it: error is
 * request_exchange()'s, or the daemon's.  The exit status for it.
 */
int query_complain(struct query *q, int error);

/*
 * True if it failed because the daemon went away, or is not there: another may serve soon.
 */
bool query_was_lost(const struct query *q);

/*
 * The first device at or after *cursor, which moves on; it becomes 0 after the last one.
 * EXIT_CODE_OK; EXIT_CODE_NO: there is none, nothing is said; or another exit status.
 */
int query_next(struct query *q, uint32_t *cursor, struct message_device *device);

/*
 * All devices in the daemon's order, in an array that the caller frees, also on failure.
 * EXIT_CODE_OK, or another exit status.
 */
int query_all(struct query *q, struct message_device **devices, size_t *count);

/*
 * The device of that name, of those in several network namespaces: the one that is open in the
 * caller's; else one that is open in another; else the closed one.  EXIT_CODE_USAGE, with a hint,
 * if the daemon serves none of that name.
 */
int query_find(struct query *q, struct device_id id, struct message_device *device);

/*
 * True if the device is open with its interface in the network namespace of this process, or the
 * platform has none.
 */
bool query_is_open_here(const struct message_device *device);

/*
 * Opens a device for reading and writing, with node as what becomes its channel (node.h; -1: the
 * daemon's).  EXIT_CODE_OK with *attached and *channel, close-on-exec and the caller's to close; or
 * another exit status: EXIT_CODE_BUSY (somebody has it open), EXIT_CODE_PERMISSION,
 * EXIT_CODE_USAGE (no such unit), ....
 */
int query_attach(struct query *q, struct device_id id, int node, struct message_attached *attached,
    int *channel);

/*
 * Asks for a device's packets.  EXIT_CODE_OK with *captured and *sock (protocol/capture.h),
 * close-on-exec and the caller's to close; or another exit status: EXIT_CODE_NO (nobody has it open
 * here), EXIT_CODE_PERMISSION, EXIT_CODE_USAGE (no such unit), ....
 */
int query_capture(struct query *q, struct device_id id, struct message_captured *captured, int *sock);

/*
 * Puts an open tap in a bridge with an interface, or (empty) out of one.  0, or an errno: the
 * daemon's answer, or that there is none.
 */
int query_bridge(struct query *q, struct device_id id, const char *ifname);

/* Asks the daemon to end with all its devices, and waits until it has. */
int query_stop(struct query *q);

#endif
