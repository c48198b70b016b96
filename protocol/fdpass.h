/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fdpass.h - one record with its exact number of descriptors over a unix socket.
 *
 * Never blocks and never raises SIGPIPE.  Received descriptors are close-on-exec from receipt (where the
 * platform can; else at once after).  Descriptors beyond the caller's room, and all of a truncated record, are closed.
 */
#ifndef TUNTAPD_PROTOCOL_FDPASS_H
#define TUNTAPD_PROTOCOL_FDPASS_H

#include <stddef.h>
#include <sys/types.h>

/* Most descriptors that one record can carry here (client connection, and two of a message). */
#define FDPASS_MAX 3

/*
 * Sends size bytes and fd_count (<= FDPASS_MAX) descriptors as one record.  The descriptors stay the caller's.
 * 0, or -1 with errno: EAGAIN (no room now), EPIPE / ECONNRESET (peer gone), EINVAL, or as sendmsg(2).
 */
int fdpass_send(int sock, const void *data, size_t size, const int *fds, unsigned fd_count);

/*
 * Receives one record of at most size bytes and at most *fd_count descriptors; *fd_count is set to what came.
 * Returns the record's length; 0 at end-of-file (an empty record reads the same and is treated the same).
 * -1 with errno: EAGAIN; EBADMSG: the record was longer than size, or carried more descriptors than
 * there was room for, or its control data was truncated (EMFILE if the receiver's table was full and that can be told):
 * it is consumed and every descriptor that came is closed; or as recvmsg(2).
 */
ssize_t fdpass_receive(int sock, void *data, size_t size, int *fds, unsigned *fd_count);

#endif
