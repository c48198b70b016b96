/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.c - one control connection.  See client.h.
 *
 * The callback's last act may be server_drop(), which frees the client.  Descriptors that came with a request belong to the client
 * until the request is handed on, and longer where that matters (client_forwarded).
 *
 * Closing a stranger's descriptor, or a connection in whose queue there are some, can wait for the stranger: patience.h bounds it.
 */
#include "client.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/os.h"
#include "daemon/patience.h"
#include "daemon/server.h"
#include "protocol/fdpass.h"

static void
close_descriptors(struct client *c)
{
	for (unsigned i = 0; i < c->fd_count; i++) {
		close(c->fds[i]);
	}
	c->fd_count = 0;
}

static void
close_request(struct client *c)
{
	close_descriptors(c);
	c->request_bytes = 0;
}

static void
send_reply(struct client *c, const union message *reply)
{
	/* A client that does not read what it asked for is dropped all the same. */
	(void)fdpass_send(c->fd, reply, reply->header.size, NULL, 0);
}

static void
tell(struct client *c, const struct message_header *request, int error)
{
	union message reply;

	message_init(&reply, MESSAGE_RESULT, request->serial);
	reply.result.error = error;
	send_reply(c, &reply);
}

/*
 * What came with a request goes to the monitor only if it is of a kind that a device can be, so that nothing there waits for its owner.
 * 0, or the errno that the monitor has for others.
 */
static int
check_descriptor(const struct client *c)
{
	enum os_descriptor kind = c->fd_count > 0 ? os_descriptor_of(c->fds[0]) : OS_DESCRIPTOR_NODE;

	switch (c->request.header.type) {
	case MESSAGE_ATTACH:
		return kind == OS_DESCRIPTOR_NODE ? 0 : EINVAL;
	case MESSAGE_TUN_SET:
		return kind == OS_DESCRIPTOR_NODE ? 0 : ENXIO;
	case MESSAGE_PAIR:
		for (unsigned i = 0; i < c->fd_count; i++) {
			if (os_descriptor_of(c->fds[i]) != OS_DESCRIPTOR_SOCKET) {
				return EINVAL;
			}
		}
		return 0;
	default:
		return kind != OS_DESCRIPTOR_FOREIGN ? 0 : EPERM;
	}
}

static void
read_request(struct client *c, short what)
{
	ssize_t n;
	int error;

	if ((what & EV_TIMEOUT) != 0) {
		server_drop(c->server, c, "silent for too long");
		return;
	}
	memset(&c->request, 0, sizeof(c->request));
	c->fd_count = MESSAGE_FDS_MAX;
	n = fdpass_receive(c->fd, &c->request, sizeof(c->request), c->fds, &c->fd_count);
	if (n < 0) {
		c->fd_count = 0;
		if (errno == EAGAIN || errno == EINTR) {
			return;
		}
		if (errno == EMFILE || errno == ENFILE) {
			tell(c, &c->request.header, ENFILE);
			server_drop(c->server, c, "no room for its descriptors");
			return;
		}
		server_drop(c->server, c, errno == EBADMSG ? "broke the protocol" : NULL);
		return;
	}
	if (n == 0) {
		server_drop(c->server, c, NULL);
		return;
	}
	c->request_bytes = (size_t)n;
	error = message_check_request(&c->request, c->request_bytes, c->fd_count);
	if (error != 0) {
		tell(c, &c->request.header, error);
		server_drop(c->server, c, error == EPROTONOSUPPORT ? "speaks another version of the protocol: install "
		    "shim and daemon of one version" : "broke the protocol");
		return;
	}
	error = check_descriptor(c);
	if (error != 0) {
		tell(c, &c->request.header, error);
		close_request(c);
		return;
	}
	event_del(c->event);
	server_forward(c->server, c);
}

static void
on_readable(evutil_socket_t fd, short what, void *argument)
{
	patience_begin();
	read_request(argument, what);
	patience_end();
}

void
client_read(struct client *c)
{
	on_readable(c->fd, EV_READ, c);
}

static int
wait_for_request(struct client *c)
{
	static const struct timeval silence = {.tv_sec = CLIENT_SILENCE_S};

	c->state = CLIENT_READING;
	return event_add(c->event, &silence);
}

struct client *
client_new(struct server *server, struct event_base *base, int fd, uint64_t number, uid_t uid)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->server = server;
	c->number = number;
	c->uid = uid;
	c->fd = fd;
	c->event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	if (c->event == NULL || wait_for_request(c) < 0) {
		client_free(c);
		errno = ENOMEM;
		return NULL;
	}
	return c;
}

void
client_free(struct client *c)
{
	if (c == NULL) {
		return;
	}
	if (c->event != NULL) {
		event_free(c->event);
	}
	close_request(c);
	close(c->fd);
	free(c);
}

void
client_forwarded(struct client *c, bool sent)
{
	if (!sent) {
		c->state = CLIENT_FORWARDING;
		return;
	}
	c->state = CLIENT_WAITING;
	/*
	 * The monitor has its own copies now.  A node's is to be the only one, which becomes the device.  A socket stays until the
	 * answer, so that the monitor's close is never the last: that one waits for whatever the socket's queue holds.
	 */
	if (c->fd_count > 0 && os_descriptor_of(c->fds[0]) == OS_DESCRIPTOR_NODE) {
		close_descriptors(c);
	}
}

bool
client_done(struct client *c, int error, bool answered)
{
	union message reply;

	/* First: who has its answer may close the device, and open it again at once. */
	close_descriptors(c);
	if (!answered) {
		message_init_reply(&reply, &c->request.header, error);
		send_reply(c, &reply);
	}
	close_request(c);
	return wait_for_request(c) == 0;
}
