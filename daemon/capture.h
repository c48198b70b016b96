/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - the process that shows a client what passes through a device.
 */
#ifndef TUNTAPD_DAEMON_CAPTURE_H
#define TUNTAPD_DAEMON_CAPTURE_H

#include "daemon/source.h"
#include "protocol/capture.h"

/* Descriptors that a capture starts with, by number. */
#define CAPTURE_FD_CLIENT 3 /* its end of the socket pair */
#define CAPTURE_FD_ROOT 4   /* an empty directory */
#define CAPTURE_FD_SOURCE 5 /* source_open() */

struct capture;

enum capture_state {
	CAPTURE_GOES_ON,
	CAPTURE_OVER, /* the client has what it asked for, or has gone */
};

/* client is this side's end.  Both stay the caller's and outlive the capture.  NULL with errno ENOMEM. */
struct capture *capture_new(int client, struct source *source);
void capture_free(struct capture *c);

/* Waits until there is something to do, up to timeout_ms (-1: for ever), and does it: at most one burst. */
enum capture_state capture_turn(struct capture *c, int timeout_ms);

/* The process: "tuntapd --role=capture VERBOSITY", with the descriptors above.  An exit status of sysexits.h. */
int capture_run(void);

#endif
