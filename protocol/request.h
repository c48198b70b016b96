/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * request.h - the client's side of the control socket, for shim and CLI: one request on an open connection, and its reply.
 *
 * All waits are bounded, and a signal does not end them.  Nothing here allocates.
 */
#ifndef TUNTAPD_PROTOCOL_REQUEST_H
#define TUNTAPD_PROTOCOL_REQUEST_H

#include "message.h"

/*
 * Sends a request with fd_count descriptors and waits for its reply, timeout_ms in all.  *in_count is the room at in, and becomes the
 * number of descriptors that came, close-on-exec.  0: the reply has passed message_check_reply(); request_error() says what the daemon
 * answers.  -1, and no descriptor came, with errno: ETIMEDOUT; ECONNRESET, EPIPE (the connection ended without an answer);
 * EMFILE, ENFILE; EBADMSG, EPROTONOSUPPORT (not our protocol, or another version of it); or as sendmsg(2).
 */
int request_exchange(int sock, const union message *request, const int *fds, unsigned fd_count, union message *reply, int *in,
    unsigned *in_count, int timeout_ms);

/* Waits for poll(2)'s events on the connection.  0, or -1 with errno, ETIMEDOUT among them. */
int request_wait(int sock, short events, int timeout_ms);

/* The daemon's error in a checked reply of any type: an errno, or 0. */
int request_error(const union message *reply);

/* Why an attach failed, in words that follow a device's name and a colon.  error: an errno that a daemon answers, or ENOENT, EIO. */
const char *request_attach_reason(int error);

#endif
