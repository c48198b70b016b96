/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transport-linux.c - the control socket as AF_UNIX SOCK_SEQPACKET.  See transport.h; unix(7).
 */
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

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
	(void)sys_set_send_timeout(fd, TRANSPORT_CONNECT_S);
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
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		sys_close(fd);
		return -1;
	}
	/*
	 * The file's mode comes from the socket's own (fchmod before bind sets it) less the process' umask (unix_bind_bsd in
	 * net/unix/af_unix.c), and umask belongs to all threads: so it is set afterwards, by name.  Nobody can connect before listen, and
	 * where others may write to the directory, AT_SYMLINK_NOFOLLOW keeps a link put in its place from leading elsewhere.
	 */
	if (fchmodat(AT_FDCWD, path, 0666, AT_SYMLINK_NOFOLLOW) < 0 || listen(fd, backlog) < 0) {
		int saved = errno;

		(void)unlink(path);
		sys_close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

const int transport_type = SOCK_SEQPACKET;

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
transport_send(int sock, const struct msghdr *message)
{
	ssize_t n;

	if (message->msg_iov->iov_len > TRANSPORT_RECORD_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	do {
		n = sendmsg(sock, message, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n;
}

ssize_t
transport_receive(int sock, struct msghdr *message)
{
	ssize_t n;

	do {
		n = sys_recvmsg(sock, message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n;
}

void
transport_mark_received(int fd)
{
	/* MSG_CMSG_CLOEXEC did it, with no moment in between. */
	(void)fd;
}
