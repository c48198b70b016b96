/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fdpass.c - one record with its descriptors.  See fdpass.h.
 *
 * A record's control data holds at most one SCM_RIGHTS message.  The receive buffer has room for one descriptor more than the
 * caller takes, so that a surplus one is seen, and closed, instead of being cut off by the kernel.
 */
#include "fdpass.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "sys.h"
#include "transport.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE((FDPASS_MAX + 1) * sizeof(int))];
};

int
fdpass_send(int sock, const void *data, size_t size, const int *fds, unsigned fd_count)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;

	if (fd_count > FDPASS_MAX || size == 0) {
		errno = EINVAL;
		return -1;
	}
	if (fd_count > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		message.msg_control = control.bytes;
		/* Without the space after it: Darwin's kernel wants a control message that fills its buffer (unp_internalize). */
		message.msg_controllen = CMSG_LEN(fd_count * sizeof(int));
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	return transport_send(sock, &message) < 0 ? -1 : 0;
}

/* Takes the descriptors out of a received message: the first room ones into fds, the others closed.  How many there were. */
static unsigned
take_descriptors(struct msghdr *message, int *fds, unsigned room)
{
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		size_t length;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0)) {
			continue;
		}
		length = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < length; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			transport_mark_received(fd);
			if (count < room) {
				fds[count] = fd;
			} else {
				sys_close(fd);
			}
			count++;
		}
	}
	return count;
}

ssize_t
fdpass_receive(int sock, void *data, size_t size, int *fds, unsigned *fd_count)
{
	struct iovec iov = {.iov_base = data, .iov_len = size};
	union control control;
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	unsigned room = *fd_count < FDPASS_MAX ? *fd_count : FDPASS_MAX, count;
	ssize_t n;

	*fd_count = 0;
	n = transport_receive(sock, &message);
	if (n < 0) {
		return -1;
	}
	count = take_descriptors(&message, fds, room);
	if (n == 0 || count > room || (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) {
		for (unsigned i = 0; i < count && i < room; i++) {
			sys_close(fds[i]);
		}
		if (n == 0) {
			return 0; /* callers take it for the end and look at nothing else: an empty record can carry descriptors, too */
		}
		/* Linux cuts the control data when it finds no free number for a descriptor; one too many shows as surplus. */
		errno = count <= room && (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == MSG_CTRUNC ? EMFILE : EBADMSG;
		return -1;
	}
	*fd_count = count;
	return n;
}
