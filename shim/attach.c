/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach.c - asks the daemon.  See attach.h.
 *
 * Theory of operation.  Connect, send one record, wait for one record, close.  On Linux the request brings a descriptor of
 * /dev/net/tun that the program could open itself; the daemon makes it the device, and what comes back is the same open file.
 * Where the program could not open the node the daemon opened it.  At the end one number is left, the lowest
 * free one, as after open(2); the page is mapped and its descriptor closed.
 *
 * All waits are bounded; a signal does not end them (open(2) of a device is not interruptible either).  Nothing here allocates.
 */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "os.h"
#include "protocol/fdpass.h"
#include "protocol/message.h"
#include "protocol/sys.h"
#include "protocol/transport.h"
#include "real.h"
#include "state.h"

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

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 0 when sock is readable; -1 with EIO after ATTACH_TIMEOUT_MS. */
static int
wait_readable(int sock)
{
	int64_t end = now_ms() + ATTACH_TIMEOUT_MS, left;
	struct pollfd p = {.fd = sock, .events = POLLIN};

	while ((left = end - now_ms()) > 0) {
		int n = poll(&p, 1, (int)left);

		if (n > 0) {
			return 0;
		}
		if (n < 0 && errno != EINTR) {
			return -1;
		}
	}
	errno = EIO;
	return -1;
}

/*
 * One request and its reply, with fd_count descriptors out and at most *in_count in.  Returns the daemon's error (0: success) with
 * *m the reply; or -1 with errno: ENOENT (nobody serves), EIO (no answer), EMFILE, ENFILE.  *lost: the connection ended
 * without an answer.
 */
static int
ask(union message *m, const int *fds, unsigned fd_count, int *in, unsigned *in_count, bool *lost)
{
	uint16_t type = m->header.type;
	uint32_t serial = m->header.serial;
	int sock = transport_connect(state_socket()), error = -1;
	ssize_t n;

	*lost = false;
	if (sock < 0) {
		if (errno != EMFILE && errno != ENFILE && errno != ENOMEM) {
			errno = ENOENT;
		}
		return -1;
	}
	if (fdpass_send(sock, m, m->header.size, fds, fd_count) < 0) {
		*lost = true;
		errno = EIO;
		goto out;
	}
	if (wait_readable(sock) < 0) {
		goto out;
	}
	n = fdpass_receive(sock, m, sizeof(*m), in, in_count);
	if (n <= 0) {
		*in_count = 0;
		*lost = n == 0 || errno == ECONNRESET;
		if (n == 0 || (errno != EMFILE && errno != ENFILE)) {
			errno = EIO;
		}
		goto out;
	}
	if (message_check_reply(m, (size_t)n, *in_count, type, serial) != 0) {
		while (*in_count > 0) {
			sys_close(in[--*in_count]);
		}
		errno = EIO;
		goto out;
	}
	switch (m->header.type) {
	case MESSAGE_ATTACH | MESSAGE_REPLY:
		error = m->attached.error;
		break;
	default:
		error = m->result.error;
		break;
	}
out:
	sys_close(sock);
	return error;
}

/* The same; a daemon that is just ending or starting gets a second try. */
static int
ask_twice(union message *m, const int *fds, unsigned fd_count, int *in, unsigned *in_count)
{
	union message again = *m;
	unsigned room = *in_count;
	bool lost;
	int error = ask(m, fds, fd_count, in, in_count, &lost);

	if (error < 0 && lost) {
		*m = again;
		*in_count = room;
		error = ask(m, fds, fd_count, in, in_count, &lost);
	}
	return error;
}

static const char *
reason(int error)
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

int
attach_open(struct device_id id, int flags)
{
	union message m;
	int given, in[2], error, fd, saved = errno;
	unsigned in_count = 2;

	message_init(&m, MESSAGE_ATTACH, 1);
	m.attach.kind = id.kind;
	m.attach.unit = id.unit;
	m.attach.access = access_of_flags(flags);
	m.attach.nonblock = (flags & O_NONBLOCK) != 0;
	given = os_open_node(flags);
	error = ask_twice(&m, &given, given >= 0 ? 1 : 0, in, &in_count);
	if (given >= 0) {
		sys_close(given); /* on success the channel is the same open file */
	}
	if (error != 0) {
		if (error > 0) {
			errno = error;
		}
		state_explain(id, reason(errno));
		return -1;
	}
	if (state_map(m.attached.place, in[1]) < 0) {
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
		fdtable_set(fd, fdtable_pack(id, m.attached.place, m.attached.open_number));
		errno = saved;
	}
	return fd;
}

int
attach_set_header_mode(int fd, fdtable_held held, bool on)
{
	union message m;
	unsigned in_count = 0;
	int none[1], error, saved = errno;

	message_init(&m, MESSAGE_HEADER_MODE, 1);
	m.header_mode.place = fdtable_place(held);
	m.header_mode.open_number = fdtable_open_number(held);
	m.header_mode.on = on;
	error = ask_twice(&m, &fd, 1, none, &in_count);
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
attach_tun(int fd, uint8_t kind, uint16_t tun_flags, char ifname[MESSAGE_IFNAME_SIZE])
{
	union message m;
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
	error = ask_twice(&m, &fd, 1, in, &in_count);
	if (error != 0) {
		if (error > 0) {
			errno = error;
		}
		return -1;
	}
	/* fd is the same open file; and of what the page says nothing is of use in this dialect. */
	sys_close(in[0]);
	sys_close(in[1]);
	memcpy(ifname, m.attached.ifname, sizeof(m.attached.ifname));
	errno = saved;
	return 0;
}

int
attach_node(int flags)
{
	union message m;
	int in[1], error, saved = errno, fd;
	unsigned in_count = 1;

	message_init(&m, MESSAGE_NODE, 1);
	m.node.access = access_of_flags(flags);
	m.node.nonblock = (flags & O_NONBLOCK) != 0;
	error = ask_twice(&m, NULL, 0, in, &in_count);
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
attach_tun_set(int fd, enum message_tun_what what, uint32_t value)
{
	union message m;
	int none[1], error, saved = errno;
	unsigned in_count = 0;

	message_init(&m, MESSAGE_TUN_SET, 1);
	m.tun_set.what = (uint8_t)what;
	m.tun_set.value = value;
	error = ask_twice(&m, &fd, 1, none, &in_count);
	if (error != 0) {
		if (error > 0) {
			errno = error;
		}
		return -1;
	}
	errno = saved;
	return 0;
}
