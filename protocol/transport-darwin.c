/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transport-darwin.c - the control socket as AF_UNIX SOCK_STREAM with records of its own.  See transport.h.
 *
 * Theory of operation.  A stream keeps no record marks, so each record is preceded by its size, in the host's byte order, and
 * goes out in one sendmsg(2) with its descriptors.  The receiver peeks at the size and then asks for exactly that record; so it never
 * takes bytes of the next one, and needs no memory between calls.
 *
 * Whole or not at all.  sosend (bsd/kern/uipc_socket.c) refuses a non-blocking send that does not fit while there is less room than the
 * socket's low-water mark, which is 2048 bytes (MCLBYTES) by default and never changed here.  A record with its size is at most that:
 * so what does not fit is refused whole.  It then reaches the other end as one piece, and a record that is there in part comes from a
 * program that speaks something else.  Such a connection is shut down for reading, which throws away what waits in it,
 * descriptors included: a reader that waits for readiness sees end-of-file next, and never spins.
 *
 * Close-on-exec and non-blocking are set after the fact; there are no calls that do it at once.  A fork of another thread between the two
 * can leak a descriptor into a new program.
 */
#include "transport.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/ucred.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys.h"

static_assert(sizeof(uint32_t) + TRANSPORT_RECORD_MAX <= 2048, "a record goes out whole or not at all");

static int
fill_address(struct sockaddr_un *address, const char *path)
{
	size_t length = strlen(path);

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (length == 0 || length >= sizeof(address->sun_path)) {
		errno = length == 0 ? ENOENT : ENAMETOOLONG;
		return -1;
	}
	memcpy(address->sun_path, path, length);
	address->sun_len = (uint8_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	return 0;
}

/* For the end of every connection: MSG_NOSIGNAL is younger than the option. */
static int
prepare_connection(int fd)
{
	static const int on = 1;

	return sys_set_cloexec(fd) < 0 ? -1 : setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
}

int
transport_connect(const char *path)
{
	static const struct timeval timeout = {.tv_sec = TRANSPORT_CONNECT_S};
	struct sockaddr_un address;
	int fd;

	if (fill_address(&address, path) < 0) {
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0) {
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (prepare_connection(fd) < 0 || connect(fd, (struct sockaddr *)&address, address.sun_len) < 0) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

int
transport_listen(const char *path, int backlog)
{
	struct sockaddr_un address;
	int fd;

	if (fill_address(&address, path) < 0) {
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0) {
		return -1;
	}
	if (sys_set_cloexec(fd) < 0 || sys_set_nonblock(fd) < 0 ||
	    bind(fd, (struct sockaddr *)&address, address.sun_len) < 0) {
		sys_close(fd);
		return -1;
	}
	/* bind gives the file what umask leaves, and umask belongs to all threads: so by name, before anybody can connect. */
	if (fchmodat(AT_FDCWD, path, 0666, AT_SYMLINK_NOFOLLOW) < 0 || listen(fd, backlog) < 0) {
		int saved = errno;

		(void)unlink(path);
		sys_close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

const int transport_type = SOCK_STREAM;

int
transport_accept(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd >= 0 && (prepare_connection(fd) < 0 || sys_set_nonblock(fd) < 0)) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

int
transport_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
		return -1;
	}
	if (prepare_connection(ends[0]) < 0 || prepare_connection(ends[1]) < 0) {
		sys_close(ends[0]);
		sys_close(ends[1]);
		return -1;
	}
	return 0;
}

int
transport_peer(int sock, struct transport_peer *peer)
{
	struct xucred credentials;
	socklen_t length = sizeof(credentials), pid_length = sizeof(peer->pid);

	/* Captured at connect; LOCAL_PEERPID is who used the socket last, so it is good for display and nothing else. */
	if (getsockopt(sock, SOL_LOCAL, LOCAL_PEERCRED, &credentials, &length) < 0 ||
	    getsockopt(sock, SOL_LOCAL, LOCAL_PEERPID, &peer->pid, &pid_length) < 0) {
		return -1;
	}
	if (length != sizeof(credentials) || credentials.cr_version != XUCRED_VERSION || credentials.cr_ngroups < 1) {
		errno = EINVAL;
		return -1;
	}
	peer->uid = credentials.cr_uid;
	peer->gid = credentials.cr_groups[0];
	return 0;
}

ssize_t
transport_send(int sock, const struct msghdr *message)
{
	struct msghdr framed = *message;
	uint32_t size = (uint32_t)message->msg_iov->iov_len;
	struct iovec iov[2] = {{.iov_base = &size, .iov_len = sizeof(size)}, *message->msg_iov};
	ssize_t n;

	if (message->msg_iov->iov_len > TRANSPORT_RECORD_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	framed.msg_iov = iov;
	framed.msg_iovlen = 2;
	do {
		n = sendmsg(sock, &framed, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return -1;
	}
	if ((size_t)n != sizeof(size) + size) {
		/* Not possible, see above; nothing that follows could be understood at the other end. */
		(void)shutdown(sock, SHUT_RDWR);
		errno = EPIPE;
		return -1;
	}
	return (ssize_t)size;
}

/* recvmsg(2) that waits for nothing and is not interrupted. */
static ssize_t
receive(int sock, struct msghdr *message, int flags)
{
	ssize_t n;

	do {
		n = sys_recvmsg(sock, message, flags | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n;
}

static ssize_t
refuse(int sock)
{
	(void)shutdown(sock, SHUT_RD);
	errno = EBADMSG;
	return -1;
}

ssize_t
transport_receive(int sock, struct msghdr *message)
{
	uint32_t size = 0;
	char rest[TRANSPORT_RECORD_MAX]; /* of a record that is longer than the caller's room */
	size_t room = message->msg_iov->iov_len, data;
	struct iovec iov[3] = {{.iov_base = &size, .iov_len = sizeof(size)}};
	struct msghdr framed = {.msg_iov = iov, .msg_iovlen = 1};
	ssize_t n;

	/* Without room for control data: a peek that has some makes descriptors of it. */
	n = receive(sock, &framed, MSG_PEEK);
	if (n <= 0) {
		message->msg_controllen = 0; /* the caller looks for descriptors after an end-of-file, too */
		message->msg_flags = 0;
		return n;
	}
	if (n != (ssize_t)sizeof(size) || size == 0 || size > TRANSPORT_RECORD_MAX) {
		return refuse(sock);
	}
	data = size < room ? size : room;
	iov[1] = (struct iovec){.iov_base = message->msg_iov->iov_base, .iov_len = data};
	iov[2] = (struct iovec){.iov_base = rest, .iov_len = size - data};
	framed = *message;
	framed.msg_iov = iov;
	framed.msg_iovlen = 3;
	n = receive(sock, &framed, 0);
	if (n < 0) {
		return -1;
	}
	message->msg_controllen = framed.msg_controllen;
	message->msg_flags = framed.msg_flags;
	if (n != (ssize_t)(sizeof(size) + data + iov[2].iov_len)) {
		/* Part of a record, perhaps with descriptors: what came is reported as cut, and the caller closes them. */
		(void)shutdown(sock, SHUT_RD);
		message->msg_flags |= MSG_TRUNC;
		return (ssize_t)data;
	}
	if (size > room) {
		message->msg_flags |= MSG_TRUNC;
	}
	return (ssize_t)data;
}

void
transport_mark_received(int fd)
{
	(void)sys_set_cloexec(fd);
}
