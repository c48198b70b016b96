/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transport.h - the control socket, by platform: transport-linux.c, transport-darwin.c; transport.c is what they have in common.
 *
 * Linux: AF_UNIX SOCK_SEQPACKET.  Darwin has no SOCK_SEQPACKET and tells the peer's credentials on
 * streams only, so there it is a SOCK_STREAM on which each record is preceded by its size, four bytes.
 * fdpass.h moves the records on both.
 */
#ifndef TUNTAPD_PROTOCOL_TRANSPORT_H
#define TUNTAPD_PROTOCOL_TRANSPORT_H

#include <sys/socket.h>
#include <sys/types.h>

struct transport_peer {
	pid_t pid; /* for display only */
	uid_t uid;
	gid_t gid;
};

/* Longest wait for a daemon that does not accept. */
#define TRANSPORT_CONNECT_S 5
/* Longest record, bytes: what every kernel here takes at once or not at all (transport-darwin.c). */
#define TRANSPORT_RECORD_MAX 2044

/*
 * Connects to the daemon: a descriptor, close-on-exec, blocking.  -1 with errno: ENAMETOOLONG (path does not fit
 * sun_path), ENOENT or ECONNREFUSED (no daemon), EACCES, EAGAIN (backlog full for TRANSPORT_CONNECT_S), EMFILE, ENFILE.
 */
int transport_connect(const char *path);

/*
 * A listening socket bound to path with mode 0666, close-on-exec, non-blocking.  path must not exist.  On failure no file is left behind.
 * -1 with errno: ENAMETOOLONG, EADDRINUSE, EACCES, ENOENT (no such directory), or as socket(2), bind(2).
 */
int transport_listen(const char *path, int backlog);

/*
 * Whether a socket that somebody else made is of transport_listen()'s kind, and listens; then it is made close-on-exec and non-blocking.
 * 0, or -1 with errno: EPROTOTYPE (of another type), EINVAL (it does not listen), ENOTSOCK, or as fcntl(2).
 */
int transport_adopt(int listener);

/* accept(2): close-on-exec, non-blocking.  -1 with errno. */
int transport_accept(int listener);

/* Two joined ends of the same type as a connection, close-on-exec; for the daemon's own processes and for tests. */
int transport_pair(int ends[2]);

/* Who connected, as the kernel says.  0, or -1 with errno. */
int transport_peer(int sock, struct transport_peer *peer);

/* For transport.c alone: the type of the sockets (socket(2)). */
extern const int transport_type;

/* For fdpass.c alone: what differs about one record.  The message has one iovec, and at most one SCM_RIGHTS of exactly msg_controllen. */

/*
 * Sends one record whole or not at all, never waiting, never raising SIGPIPE.  The bytes of data sent, or -1 with errno as
 * sendmsg(2); EMSGSIZE: longer than TRANSPORT_RECORD_MAX.
 */
ssize_t transport_send(int sock, const struct msghdr *message);

/*
 * One record, never waiting, with descriptors close-on-exec where the kernel can do that at once.  As recvmsg(2): MSG_TRUNC in
 * msg_flags for one that was longer.  EBADMSG: not a record; nothing more will come from this connection than end-of-file.
 */
ssize_t transport_receive(int sock, struct msghdr *message);

/* Makes a received descriptor close-on-exec where transport_receive() could not. */
void transport_mark_received(int fd);

#endif
