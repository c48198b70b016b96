/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockpair-darwin.c - a pair of SOCK_DGRAM, whose relay's end is bound to a file's name in RUNDIR.  See sockpair.h.
 *
 * Theory of operation.  There is no SOCK_SEQPACKET, and a stream keeps no marks between records.  On a datagram pair one record is one
 * packet, but the kernel's defaults are two frames of room, so both buffers of both ends are set before the first; and it never tells
 * that the other end is closed, so that is asked: by the option that gives the other end's process (ENOTCONN then), which takes no data
 * and no error from the socket.
 *
 * The name.  An end's name is what was given to bind(2), and stays after the file is removed, which is done at once.  Names are given in
 * full, and only root can make a file in RUNDIR/relays: so whoever sees such a name knows whose pair it is.
 *
 * Sources: XNU bsd/kern/uipc_usrreq.c (unp_dgram: net.local.dgram.maxdgram 2048, recvspace 4096; uipc_send: ENOBUFS for a full receiver,
 * blocking or not; unp_drop wakes nobody; uipc_peeraddr), bsd/kern/uipc_socket2.c.
 */
#include "sockpair.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/paths.h"
#include "protocol/sys.h"

/* Room each way, bytes; a datagram costs 16 more than it has.  The kernel's limit is 8 MiB (kern.ipc.maxsockbuf). */
#define CHANNEL_BYTES (1024 * 1024)
/* How late a closed channel may be noticed, where nothing else is.  A new open asks by itself (os_hangups_next). */
#define ASK_MS 100

/* Directory of the names, with a '/' after it.  0, or -1 with errno: ENAMETOOLONG. */
static int
name_directory(int rundir, char *path, size_t size)
{
	char own[PATH_MAX];

	if (fcntl(rundir, F_GETPATH, own) < 0) {
		return -1;
	}
	if ((size_t)snprintf(path, size, "%s/" PATHS_RELAYS_DIR "/", own) >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

static int
bind_name(int rundir, int end, const struct channelname *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char text[CHANNELNAME_SIZE];
	size_t length;
	int result;

	if (name_directory(rundir, address.sun_path, sizeof(address.sun_path)) < 0) {
		return -1;
	}
	channelname_format_file(name, text);
	length = strlen(address.sun_path);
	if (length + strlen(text) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path + length, text);
	address.sun_len = (uint8_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path) + 1);
	result = bind(end, (struct sockaddr *)&address, address.sun_len);
	if (result == 0) {
		(void)unlink(address.sun_path);
	}
	return result;
}

static int
prepare(int end, int bytes)
{
	static const int on = 1;

	return sys_set_cloexec(end) < 0 || setsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0 ||
	    setsockopt(end, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) < 0 ? -1 :
	    setsockopt(end, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
}

/* Two joined ends of a type, with room for bytes each way.  0, or -1 with errno. */
static int
make_pair(int type, int ends[2], int bytes)
{
	if (socketpair(AF_UNIX, type, 0, ends) < 0) {
		return -1;
	}
	if (prepare(ends[0], bytes) < 0 || prepare(ends[1], bytes) < 0) {
		sys_close(ends[0]);
		sys_close(ends[1]);
		ends[0] = ends[1] = -1;
		return -1;
	}
	return 0;
}

int
sockpair_make(int rundir, const struct channelname *name, int ends[2])
{
	if (make_pair(SOCK_DGRAM, ends, CHANNEL_BYTES) < 0) {
		return -1;
	}
	if (bind_name(rundir, ends[1], name) < 0) {
		sys_close(ends[0]);
		sys_close(ends[1]);
		ends[0] = ends[1] = -1;
		return -1;
	}
	return 0;
}

int
sockpair_stream(int ends[2], int bytes)
{
	return make_pair(SOCK_STREAM, ends, bytes);
}

bool
sockpair_is_ours(int rundir, int fd, struct channelname *name)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address);
	char directory[sizeof(address.sun_path)];
	size_t before;

	if (getpeername(fd, (struct sockaddr *)&address, &length) < 0 || address.sun_family != AF_UNIX ||
	    name_directory(rundir, directory, sizeof(directory)) < 0) {
		return false;
	}
	before = strlen(directory);
	return strnlen(address.sun_path, sizeof(address.sun_path)) < sizeof(address.sun_path) &&
	    strncmp(address.sun_path, directory, before) == 0 &&
	    channelname_parse_file(address.sun_path + before, strlen(address.sun_path + before), name);
}

int
sockpair_burst_init(struct sockpair_burst *b)
{
	return 0;
}

void
sockpair_burst_clear(struct sockpair_burst *b)
{
}

int
sockpair_send(int end, struct sockpair_burst *b, unsigned first, unsigned count)
{
	unsigned done = 0;

	while (done < count && send(end, b->parts[first + done].iov_base, b->parts[first + done].iov_len, MSG_DONTWAIT) >= 0) {
		done++;
	}
	if (done == 0 && count > 0) {
		errno = errno == ENOBUFS ? EAGAIN : errno; /* the receiver is full */
		return -1;
	}
	return (int)done;
}

int
sockpair_receive(int end, struct sockpair_burst *b)
{
	int done = 0;

	while (done < PORT_BURST) {
		ssize_t n = recv(end, b->parts[done].iov_base, b->parts[done].iov_len, MSG_DONTWAIT);

		if (n < 0) {
			break;
		}
		b->bytes[done++] = (size_t)n;
	}
	return done > 0 ? done : -1;
}

size_t
sockpair_room(int end)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	/* Both ends are made alike. */
	return getsockopt(end, SOL_SOCKET, SO_RCVBUF, &bytes, &length) == 0 && bytes > 0 ? 2 * (size_t)bytes : 0;
}

bool
sockpair_is_closed(int end, short revents)
{
	pid_t pid;
	socklen_t length = sizeof(pid);

	return getsockopt(end, SOL_LOCAL, LOCAL_PEERPID, &pid, &length) < 0 && errno == ENOTCONN;
}

int
sockpair_ask_ms(void)
{
	return ASK_MS;
}
