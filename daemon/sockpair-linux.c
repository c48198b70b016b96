/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockpair-linux.c - a pair of SOCK_SEQPACKET, whose relay's end has an abstract name.  See sockpair.h.
 *
 * The buffers are forced past the host's limit; where that right is missing (a user namespace) they are what the host allows,
 * net.core.wmem_max.
 *
 * Sources: unix(7); net/unix/af_unix.c (a sender's own SO_SNDBUF bounds what waits for the other end to read it).
 */
#include "sockpair.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/transport.h"

/*
 * Room each way, bytes; the kernel doubles it, and counts its own overhead: 2731 frames of 64 bytes, 911 of 1514 (measured), as many as the
 * kernel's own tap holds by number.
 */
#define CHANNEL_BYTES (1024 * 1024)

static void
make_room(int end, int bytes)
{
	static const int options[][2] = {{SO_SNDBUFFORCE, SO_SNDBUF}, {SO_RCVBUFFORCE, SO_RCVBUF}};

	for (unsigned i = 0; i < 2; i++) {
		if (setsockopt(end, SOL_SOCKET, options[i][0], &bytes, sizeof(bytes)) < 0) {
			(void)setsockopt(end, SOL_SOCKET, options[i][1], &bytes, sizeof(bytes));
		}
	}
}

int
sockpair_make(int rundir, const struct channelname *name, int ends[2])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char text[CHANNELNAME_SIZE];
	size_t bytes = channelname_format(name, text);

	if (transport_pair(ends) < 0) {
		return -1;
	}
	make_room(ends[0], CHANNEL_BYTES);
	make_room(ends[1], CHANNEL_BYTES);
	memcpy(address.sun_path, text, bytes);
	if (bind(ends[1], (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes)) < 0) {
		int saved = errno;

		close(ends[0]);
		close(ends[1]);
		ends[0] = ends[1] = -1;
		errno = saved;
		return -1;
	}
	return 0;
}

int
sockpair_stream(int ends[2], int bytes)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		return -1;
	}
	make_room(ends[0], bytes);
	make_room(ends[1], bytes);
	return 0;
}

bool
sockpair_is_ours(int rundir, int fd, struct channelname *name)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address);
	struct transport_peer peer;

	/* Anybody can bind such a name; whose end it is the kernel says. */
	return getpeername(fd, (struct sockaddr *)&address, &length) == 0 && address.sun_family == AF_UNIX &&
	    length > offsetof(struct sockaddr_un, sun_path) &&
	    channelname_parse(address.sun_path, length - offsetof(struct sockaddr_un, sun_path), name) &&
	    transport_peer(fd, &peer) == 0 && peer.uid == geteuid();
}

int
sockpair_burst_init(struct sockpair_burst *b)
{
	struct mmsghdr *messages = calloc(PORT_BURST, sizeof(*messages));

	b->messages = messages;
	if (messages == NULL) {
		return -1;
	}
	for (unsigned i = 0; i < PORT_BURST; i++) {
		messages[i].msg_hdr.msg_iov = &b->parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	return 0;
}

void
sockpair_burst_clear(struct sockpair_burst *b)
{
	free(b->messages);
	b->messages = NULL;
}

int
sockpair_send(int end, struct sockpair_burst *b, unsigned first, unsigned count)
{
	return sendmmsg(end, (struct mmsghdr *)b->messages + first, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
sockpair_receive(int end, struct sockpair_burst *b)
{
	const struct mmsghdr *messages = b->messages;
	int n = recvmmsg(end, b->messages, PORT_BURST, MSG_DONTWAIT, NULL);

	for (int i = 0; i < n; i++) {
		b->bytes[i] = messages[i].msg_len;
	}
	return n;
}

size_t
sockpair_room(int end)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	/* Both ends are made alike. */
	return getsockopt(end, SOL_SOCKET, SO_SNDBUF, &bytes, &length) == 0 && bytes > 0 ? 2 * (size_t)bytes : 0;
}

bool
sockpair_is_closed(int end, short revents)
{
	return (revents & POLLHUP) != 0;
}

int
sockpair_ask_ms(void)
{
	return -1;
}
