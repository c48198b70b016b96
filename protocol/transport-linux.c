/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transport-linux.c - the control socket as AF_UNIX SOCK_SEQPACKET.  See transport.h; unix(7).
 */
#include "transport.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "sys.h"

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
	return 0;
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
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -1;
	}
	/* connect(2) waits for room in the backlog of a daemon that does not accept, as long as a send may wait. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EINTR) {
			sys_close(fd);
			return -1;
		}
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
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -1;
	}
	/*
	 * The mode of the file is a mode of the socket at bind, less the process' umask (unix_bind in net/unix/af_unix.c), so
	 * chmod after it: nobody can connect before listen, in any case.
	 */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0666) < 0 || listen(fd, backlog) < 0) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

int
transport_accept(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int
transport_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

int
transport_peer(int sock, struct transport_peer *peer)
{
	struct ucred credentials;
	socklen_t length = sizeof(credentials);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) {
		return -1;
	}
	peer->pid = credentials.pid;
	peer->uid = credentials.uid;
	peer->gid = credentials.gid;
	return 0;
}

ssize_t
transport_receive(int sock, struct msghdr *message)
{
	ssize_t n;

	do {
		n = recvmsg(sock, message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n;
}

void
transport_mark_received(int fd)
{
	/* MSG_CMSG_CLOEXEC did it, with no moment in between. */
	(void)fd;
}
