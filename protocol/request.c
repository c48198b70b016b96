/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * request.c - one request and its reply.  See request.h.
 *
 * The socket may belong to anybody: a reply is checked whole before anything of it is used, and what does not pass is closed.
 */
#include "request.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "fdpass.h"
#include "monotonic.h"
#include "sys.h"

/* Waits for events until the deadline.  0, or -1 with errno, ETIMEDOUT among them. */
static int
wait_for(int sock, short events, int64_t deadline_ms)
{
	struct pollfd item = {.fd = sock, .events = events};

	for (;;) {
		int64_t left_ms = deadline_ms - monotonic_ms();
		int n = poll(&item, 1, left_ms > 0 ? (int)left_ms : 0);

		if (n > 0) {
			return 0;
		}
		if (n == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (errno != EINTR) {
			return -1;
		}
	}
}

int
request_wait(int sock, short events, int timeout_ms)
{
	return wait_for(sock, events, monotonic_ms() + timeout_ms);
}

int
request_exchange(int sock, const union message *request, const int *fds, unsigned fd_count, union message *reply, int *in,
    unsigned *in_count, int timeout_ms)
{
	int64_t deadline_ms = monotonic_ms() + timeout_ms;
	unsigned room = *in_count;
	int error;
	ssize_t n;

	*in_count = 0;
	memset(reply, 0, sizeof(*reply));
	while (fdpass_send(sock, request, request->header.size, fds, fd_count) < 0) {
		if (errno != EAGAIN || wait_for(sock, POLLOUT, deadline_ms) < 0) {
			return -1;
		}
	}
	do {
		if (wait_for(sock, POLLIN, deadline_ms) < 0) {
			return -1;
		}
		*in_count = room;
		n = fdpass_receive(sock, reply, sizeof(*reply), in, in_count);
	} while (n < 0 && errno == EAGAIN);
	if (n <= 0) {
		*in_count = 0;
		if (n == 0) {
			errno = ECONNRESET;
		}
		return -1;
	}
	error = message_check_reply(reply, (size_t)n, *in_count, request->header.type, request->header.serial);
	if (error != 0) {
		while (*in_count > 0) {
			sys_close(in[--*in_count]);
		}
		errno = error;
		return -1;
	}
	return 0;
}

int
request_error(const union message *reply)
{
	switch (reply->header.type) {
	case MESSAGE_ATTACH | MESSAGE_REPLY:
		return reply->attached.error;
	case MESSAGE_STATUS | MESSAGE_REPLY:
		return reply->device.error;
	case MESSAGE_PAIR | MESSAGE_REPLY:
	case MESSAGE_PAIR_LIST | MESSAGE_REPLY:
		return reply->pair.error;
	case MESSAGE_CAPTURE | MESSAGE_REPLY:
		return reply->captured.error;
	default:
		return reply->result.error;
	}
}

const char *
request_attach_reason(int error)
{
	switch (error) {
	case ENOENT:
		return "no daemon serves it (is tuntapd running? see TUNTAPD_SOCKET)";
	case EBUSY:
		return "in use";
	case EACCES:
		return "the policy does not allow it, or this network namespace is not the user's own (the daemon's log says which)";
	case EMFILE:
	case ENFILE:
		return "out of descriptors";
	default:
		return "the daemon does not answer, or cannot make the interface (its log says why)";
	}
}
