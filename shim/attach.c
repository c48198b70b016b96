/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach.c - asks the daemon.  See attach.h.
 *
 * Theory of operation.  Connect, send one record, wait for one record, close.  On Linux the request brings a descriptor of
 * /dev/net/tun that the program could open itself; the daemon makes it the device, and what comes back is the same open file.
 * Where the program could not open the node the daemon opened it.  At the end one number is left, the lowest
 * free one, as after open(2); the page is mapped and its descriptor closed.  Of a kernel extension's node (CHANNEL_NODE) nothing else is
 * remembered: reading, writing, waiting and what it answers to ioctls are the kernel's from then on.
 *
 * All waits are bounded; a signal does not end them (open(2) of a device is not interruptible either), nor does a cancellation of the
 * thread.  Nothing here allocates.
 */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cancel.h"
#include "os.h"
#include "protocol/message.h"
#include "protocol/request.h"
#include "protocol/sys.h"
#include "protocol/transport.h"
#include "real.h"
#include "state.h"

/* Not overridden everywhere. */
#ifndef ENTRY_setsockopt
#define real_setsockopt setsockopt
#endif

/* protocol/sys.h for code that is linked into the shim. */
void
sys_close(int fd)
{
	int saved = errno;

	real_close(fd);
	errno = saved;
}

int
sys_set_cloexec(int fd)
{
	return real_fcntl(fd, F_SETFD, (void *)(uintptr_t)FD_CLOEXEC);
}

int
sys_set_nonblock(int fd)
{
	int flags = real_fcntl(fd, F_GETFL, NULL);

	return flags < 0 ? -1 : real_fcntl(fd, F_SETFL, (void *)(uintptr_t)(unsigned)(flags | O_NONBLOCK));
}

ssize_t
sys_recvmsg(int sock, struct msghdr *message, int flags)
{
	return real_recvmsg(sock, message, flags);
}

int
sys_set_send_timeout(int fd, unsigned seconds)
{
	struct timeval timeout = {.tv_sec = seconds};

	return real_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

/*
 * One request on a connection of its own, with fd_count descriptors out and at most *in_count in.  Returns the daemon's error
 * (0: success) with *reply set; or -1 with errno: ENOENT (nobody serves), EIO (no answer), EMFILE, ENFILE.  *lost: the connection
 * ended without an answer.
 */
static int
ask(const union message *request, const int *fds, unsigned fd_count, union message *reply, int *in, unsigned *in_count, bool *lost)
{
	int sock = transport_connect(state_socket()), error;

	*lost = false;
	if (sock < 0) {
		if (errno == EAGAIN) {
			errno = EIO; /* it has so many waiting that it does not accept: it serves, but does not answer */
		} else if (errno != EMFILE && errno != ENFILE && errno != ENOMEM) {
			errno = ENOENT;
		}
		return -1;
	}
	error = request_exchange(sock, request, fds, fd_count, reply, in, in_count, ATTACH_TIMEOUT_MS);
	if (error == 0) {
		error = request_error(reply);
	} else {
		*lost = errno == ECONNRESET || errno == EPIPE;
		if (errno != EMFILE && errno != ENFILE) {
			errno = EIO;
		}
	}
	sys_close(sock);
	return error;
}

/* The same; a daemon that is just ending or starting gets a second try. */
static int
ask_twice(const union message *request, const int *fds, unsigned fd_count, union message *reply, int *in, unsigned *in_count)
{
	unsigned room = *in_count;
	bool lost;
	int error = ask(request, fds, fd_count, reply, in, in_count, &lost);

	if (error < 0 && lost) {
		*in_count = room;
		error = ask(request, fds, fd_count, reply, in, in_count, &lost);
	}
	return error;
}

/* Gives a descriptor the lowest free number, and the flags that the program asked for. */
static int
settle(int channel, int flags)
{
	bool cloexec = (flags & O_CLOEXEC) != 0;
	int lower = real_fcntl(channel, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, NULL);

	if (lower >= 0 && lower < channel) {
		sys_close(channel);
		return lower;
	}
	if (lower >= 0) {
		sys_close(lower);
	}
	if (!cloexec && real_fcntl(channel, F_SETFD, NULL) < 0) {
		sys_close(channel);
		return -1;
	}
	return channel;
}

static uint8_t
access_of_flags(int flags)
{
	return (flags & O_ACCMODE) == O_RDONLY ? MESSAGE_ACCESS_READ :
	    (flags & O_ACCMODE) == O_WRONLY ? MESSAGE_ACCESS_WRITE : MESSAGE_ACCESS_ALL;
}

static int
open_uncancelled(struct device_id id, int flags)
{
	union message m, reply;
	int given, in[2], error, fd, saved = errno;
	unsigned in_count = 2;

	message_init(&m, MESSAGE_ATTACH, 1);
	m.attach.kind = id.kind;
	m.attach.unit = id.unit;
	m.attach.access = access_of_flags(flags);
	m.attach.nonblock = (flags & O_NONBLOCK) != 0;
	given = os_open_node(flags);
	error = ask_twice(&m, &given, given >= 0 ? 1 : 0, &reply, in, &in_count);
	if (given >= 0) {
		sys_close(given); /* on success the channel is the same open file */
	}
	if (error != 0) {
		if (error > 0) {
			errno = error;
		}
		state_explain(id, request_attach_reason(errno));
		return -1;
	}
	if (state_map(reply.attached.place, in[1]) < 0) {
		sys_close(in[0]);
		sys_close(in[1]);
		state_explain(id, "its state page cannot be mapped");
		errno = errno == ENOMEM ? ENOMEM : EIO;
		return -1;
	}
	sys_close(in[1]);
	fd = settle(in[0], flags);
	if (fd >= FDTABLE_MAX) {
		sys_close(fd);
		errno = EMFILE;
		return -1;
	}
	if (fd >= 0) {
		real_bind_early(); /* an earlier library's constructor may be who opens */
		/* A driver's node is the kernel's own in every respect, here and in whatever program has it next. */
		fdtable_set(fd, reply.attached.channel == CHANNEL_NODE ? FDTABLE_OTHER :
		    fdtable_pack(id, reply.attached.place, reply.attached.open_number));
		errno = saved;
	}
	return fd;
}

int
attach_open(struct device_id id, int flags)
{
	int before = cancel_hold(), result = open_uncancelled(id, flags);

	cancel_release(before);
	return result;
}

static int
set_header_mode_uncancelled(int fd, fdtable_held held, bool on)
{
	union message m, reply;
	unsigned in_count = 0;
	int none[1], error, saved = errno;

	message_init(&m, MESSAGE_HEADER_MODE, 1);
	m.header_mode.place = fdtable_place(held);
	m.header_mode.open_number = fdtable_open_number(held);
	m.header_mode.on = on;
	error = ask_twice(&m, &fd, 1, &reply, none, &in_count);
	if (error != 0) {
		if (error > 0 && error != ENOENT) {
			errno = error;
		} else if (errno == ENOENT) {
			errno = EIO; /* nobody serves now; the device itself goes on */
		}
		return -1;
	}
	errno = saved;
	return 0;
}

int
attach_set_header_mode(int fd, fdtable_held held, bool on)
{
	int before = cancel_hold(), result = set_header_mode_uncancelled(fd, held, on);

	cancel_release(before);
	return result;
}

static int
tun_uncancelled(int fd, uint8_t kind, uint16_t tun_flags, char ifname[MESSAGE_IFNAME_SIZE])
{
	union message m, reply;
	int in[2], error, saved = errno, flags = real_fcntl(fd, F_GETFL, NULL);
	unsigned in_count = 2;

	if (flags < 0) {
		return -1;
	}
	message_init(&m, MESSAGE_ATTACH, 1);
	m.attach.kind = kind;
	m.attach.unit = DEVICE_UNIT_NAMED;
	m.attach.access = access_of_flags(flags);
	m.attach.nonblock = (flags & O_NONBLOCK) != 0;
	m.attach.dialect = DIALECT_LINUX;
	m.attach.tun_flags = tun_flags;
	memcpy(m.attach.ifname, ifname, strnlen(ifname, sizeof(m.attach.ifname) - 1));
	error = ask_twice(&m, &fd, 1, &reply, in, &in_count);
	if (error != 0) {
		if (error > 0) {
			errno = error;
		}
		return -1;
	}
	/* fd is the same open file; and of what the page says nothing is of use in this dialect. */
	sys_close(in[0]);
	sys_close(in[1]);
	memcpy(ifname, reply.attached.ifname, sizeof(reply.attached.ifname));
	errno = saved;
	return 0;
}

int
attach_tun(int fd, uint8_t kind, uint16_t tun_flags, char ifname[MESSAGE_IFNAME_SIZE])
{
	int before = cancel_hold(), result = tun_uncancelled(fd, kind, tun_flags, ifname);

	cancel_release(before);
	return result;
}

static int
node_uncancelled(int flags)
{
	union message m, reply;
	int in[1], error, saved = errno, fd;
	unsigned in_count = 1;

	message_init(&m, MESSAGE_NODE, 1);
	m.node.access = access_of_flags(flags);
	m.node.nonblock = (flags & O_NONBLOCK) != 0;
	error = ask_twice(&m, NULL, 0, &reply, in, &in_count);
	if (error != 0) {
		if (error > 0) {
			errno = error;
		}
		return -1;
	}
	fd = settle(in[0], flags);
	if (fd >= 0) {
		errno = saved;
	}
	return fd;
}

int
attach_node(int flags)
{
	int before = cancel_hold(), result = node_uncancelled(flags);

	cancel_release(before);
	return result;
}

static int
tun_set_uncancelled(int fd, enum message_tun_what what, uint32_t value)
{
	union message m, reply;
	int none[1], error, saved = errno;
	unsigned in_count = 0;

	message_init(&m, MESSAGE_TUN_SET, 1);
	m.tun_set.what = (uint8_t)what;
	m.tun_set.value = value;
	error = ask_twice(&m, &fd, 1, &reply, none, &in_count);
	if (error != 0) {
		if (error > 0) {
			errno = error;
		}
		return -1;
	}
	errno = saved;
	return 0;
}

int
attach_tun_set(int fd, enum message_tun_what what, uint32_t value)
{
	int before = cancel_hold(), result = tun_set_uncancelled(fd, what, value);

	cancel_release(before);
	return result;
}
