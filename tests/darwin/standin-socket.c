/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-socket.c - socket calls, with Darwin's numbers and layouts.  See standin.h.
 *
 * What a socket of one kind does is in the kind's file (standin-unix.c, standin-utun.c, standin-events.c); what all of them share is here.
 *
 * Strictness.  A sockaddr begins with its length, and one of AF_UNIX whose length is not that of the call ends the program; so does an
 * option, a flag or a family that is not known.  There are no SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_SEQPACKET (darwin.md 6).
 *
 * Sources: XNU bsd/sys/socket.h (levels, options, flags), bsd/sys/un.h, bsd/netinet/in.h, bsd/kern/uipc_syscalls.c,
 * bsd/kern/uipc_usrreq.c unp_internalize (exactly one control message, aligned to 4; darwin.md 6).
 */
#include "standin-bpf.h"
#include "standin.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define FDS_MAX 64
#define SOL_DARWIN 0xffff

/* bsd/sys/socket.h */
struct darwin_message {
	void *name;
	uint32_t name_bytes;
	struct iovec *iov;
	int32_t iov_count;
	void *control;
	uint32_t control_bytes;
	int32_t flags;
};
struct darwin_control {
	uint32_t bytes;
	int32_t level, type;
};

/* Flags of messages, both ways. */
static const struct {
	int darwin, linux;
} message_flags[] = {
	{0x1, MSG_OOB}, {0x2, MSG_PEEK}, {0x80, MSG_DONTWAIT}, {0x80000, MSG_NOSIGNAL}, {0x40, MSG_WAITALL},
};

int
standin_message_flags(int flags)
{
	int result = 0;

	for (size_t i = 0; i < sizeof(message_flags) / sizeof(message_flags[0]); i++) {
		if ((flags & message_flags[i].darwin) != 0) {
			result |= message_flags[i].linux;
			flags &= ~message_flags[i].darwin;
		}
	}
	if (flags != 0) {
		standin_refuse("message flags %#x", (unsigned)flags);
	}
	return result;
}

socklen_t
standin_linux_address(const void *address, uint32_t bytes, struct sockaddr_storage *out)
{
	const uint8_t *in = address;

	memset(out, 0, sizeof(*out));
	/*
	 * The kernel sets the length itself (getsockaddr), so many do not: on the Internet others' programs have there what was on their
	 * stack.  Among ours another one is a mistake.
	 */
	if (bytes < 2 || (in[0] != bytes && in[0] != 0 && in[1] != 2 && in[1] != 30)) {
		standin_refuse("an address of %u bytes says that it has %u", bytes, in[0]);
	}
	switch (in[1]) {
	case 1: {
		struct sockaddr_un *un = (struct sockaddr_un *)out;

		if (bytes > 106) {
			standin_refuse("a path of %u bytes", bytes - 2);
		}
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, in + 2, bytes - 2);
		return sizeof(*un);
	}
	case 2:
	case 30:
		if (bytes != (in[1] == 2 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6))) {
			standin_refuse("an address of family %u in %u bytes", in[1], bytes);
		}
		memcpy(out, in, bytes);
		out->ss_family = in[1] == 2 ? AF_INET : AF_INET6;
		return bytes;
	default:
		standin_refuse("an address of family %u", in[1]);
	}
}

void
standin_darwin_address(const struct sockaddr_storage *in, socklen_t length, void *address, uint32_t *bytes)
{
	uint8_t out[128] = {0};

	if (in->ss_family == AF_UNIX) {
		const struct sockaddr_un *un = (const struct sockaddr_un *)in;
		size_t path = length > sizeof(sa_family_t) ? strnlen(un->sun_path, sizeof(un->sun_path)) : 0;

		/* One without a name has 16 bytes (sun_noname). */
		out[0] = (uint8_t)(path > 0 ? 2 + path + 1 : 16);
		out[1] = 1;
		memcpy(out + 2, un->sun_path, path);
	} else {
		memcpy(out, in, length);
		out[0] = (uint8_t)length;
		out[1] = in->ss_family == AF_INET6 ? 30 : 2;
	}
	memcpy(address, out, *bytes < out[0] ? *bytes : out[0]);
	*bytes = out[0];
}

/* What a fresh socket of datagrams has (darwin.md 6); Linux keeps twice as much, or its least. */
static int
with_defaults(int fd)
{
	static const int send_bytes = 2048, receive_bytes = 4096;

	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)) < 0)) {
		standin_refuse("a datagram socket's buffers: %s", strerror(errno));
	}
	return fd;
}

static int
make_socket(int family, int type, int protocol)
{
	switch (family) {
	case 1:
		if (standin_fails("socket/unix")) {
			return -1;
		}
		if (type != 1 && type != 2) {
			errno = EPROTONOSUPPORT; /* SOCK_SEQPACKET */
			return -1;
		}
		return type == 2 ? with_defaults(socket(AF_UNIX, type, 0)) : socket(AF_UNIX, type, 0);
	case 2:
	case 30:
		if (type < 1 || type > 3) {
			standin_refuse("socket(%d, %d, %d)", family, type, protocol);
		}
		return standin_fails("socket/inet") ? -1 : socket(family == 30 ? AF_INET6 : AF_INET, type, protocol);
	case 17:
		return type == 3 ? standin_routes_socket() : (errno = EPROTOTYPE, -1);
	case 27:
		return standin_ndrv_socket(type, protocol);
	case 32:
		if (protocol == 2) {
			/* Another type is an error of connect (darwin.md 1); nobody makes one. */
			return type == 2 ? standin_utun_socket() : (errno = EPROTOTYPE, -1);
		}
		return protocol == 1 && type == 3 ? standin_events_socket() : (errno = EPROTONOSUPPORT, -1);
	default:
		standin_refuse("socket(%d, %d, %d)", family, type, protocol);
	}
}

static int
darwin_socket(int family, int type, int protocol)
{
	return (int)standin_translated(make_socket(family, type, protocol));
}

static int
darwin_socketpair(int family, int type, int protocol, int ends[2])
{
	int result;

	if (family != 1 || (type != 1 && type != 2) || protocol != 0) {
		errno = EPROTONOSUPPORT;
		return (int)standin_translated(-1);
	}
	result = standin_fails("socketpair") ? -1 : socketpair(AF_UNIX, type, 0, ends);
	for (int i = 0; i < 2 && result == 0 && type == 2; i++) {
		(void)with_defaults(ends[i]);
	}
	return (int)standin_translated(result);
}

/* The kind of a socket; NULL and errno: it is none. */
static const struct standin_kind *
socket_kind(int fd)
{
	const struct standin_kind *kind = standin_kind_of(fd);
	int value;
	socklen_t size = sizeof(value);

	if (kind == NULL || kind->type == 0) {
		/* EBADF or ENOTSOCK. */
		(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size);
		return NULL;
	}
	return kind;
}

static int
darwin_bind(int fd, const void *address, uint32_t bytes)
{
	const struct standin_kind *kind = socket_kind(fd);
	struct sockaddr_storage out;
	int result = -1;

	if (kind != NULL && kind->bind != NULL) {
		result = kind->bind(fd, address, bytes);
	} else if (kind != NULL && !standin_fails("bind")) {
		socklen_t length = standin_linux_address(address, bytes, &out);

		result = bind(fd, (struct sockaddr *)&out, length);
	}
	return (int)standin_translated(result);
}

static int
darwin_connect(int fd, const void *address, uint32_t bytes)
{
	const struct standin_kind *kind = socket_kind(fd);
	struct sockaddr_storage out;
	int result = -1;

	if (kind != NULL && kind->connect != NULL) {
		result = kind->connect(fd, address, bytes);
	} else if (kind != NULL && !standin_fails("connect")) {
		socklen_t length = standin_linux_address(address, bytes, &out);

		result = connect(fd, (struct sockaddr *)&out, length);
	}
	return (int)standin_translated(result);
}

static int
darwin_listen(int fd, int backlog)
{
	return (int)standin_translated(standin_fails("listen") ? -1 : listen(fd, backlog));
}

static int
darwin_accept(int fd, void *address, uint32_t *bytes)
{
	struct sockaddr_storage in;
	socklen_t length = sizeof(in);
	int result = standin_fails("accept") ? -1 : accept(fd, (struct sockaddr *)&in, &length);

	if (result >= 0 && address != NULL) {
		standin_darwin_address(&in, length, address, bytes);
	}
	return (int)standin_translated(result);
}

static int
get_name(int fd, bool peer, void *address, uint32_t *bytes)
{
	const struct standin_kind *kind = socket_kind(fd);
	struct sockaddr_storage in = {0};
	socklen_t length = sizeof(in);
	int result;

	if (kind == NULL) {
		return -1;
	}
	if (kind->getname != NULL) {
		return kind->getname(fd, peer, address, bytes);
	}
	result = peer ? getpeername(fd, (struct sockaddr *)&in, &length) : getsockname(fd, (struct sockaddr *)&in, &length);
	if (result == 0) {
		standin_darwin_address(&in, length, address, bytes);
	}
	return result;
}

static int
darwin_getsockname(int fd, void *address, uint32_t *bytes)
{
	return (int)standin_translated(get_name(fd, false, address, bytes));
}

static int
darwin_getpeername(int fd, void *address, uint32_t *bytes)
{
	return (int)standin_translated(get_name(fd, true, address, bytes));
}

static int
darwin_shutdown(int fd, int how)
{
	const struct standin_kind *kind = socket_kind(fd);

	if (kind == NULL) {
		return (int)standin_translated(-1);
	}
	return kind == &standin_routes || kind == &standin_events ? 0 : (int)standin_translated(shutdown(fd, how));
}

/* Options of every socket that are Linux's by another number. */
static const struct {
	int darwin, linux;
} options[] = {
	{0x2, SO_ACCEPTCONN}, {0x4, SO_REUSEADDR}, {0x8, SO_KEEPALIVE}, {0x20, SO_BROADCAST}, {0x200, SO_REUSEPORT},
	{0x1001, SO_SNDBUF}, {0x1002, SO_RCVBUF},
};

static int
set_timeout(int fd, int option, const void *value, uint32_t bytes)
{
	const struct {
		int64_t seconds;
		int32_t micros, pad;
	} *timeout = value;
	struct timeval out;

	if (bytes != sizeof(*timeout)) {
		standin_refuse("a time-out of %u bytes", bytes);
	}
	out = (struct timeval){.tv_sec = timeout->seconds, .tv_usec = timeout->micros};
	return setsockopt(fd, SOL_SOCKET, option == 0x1005 ? SO_SNDTIMEO : SO_RCVTIMEO, &out, sizeof(out));
}

static int
set_option(int fd, int level, int option, const void *value, uint32_t bytes)
{
	const struct standin_kind *kind = socket_kind(fd);
	int result = -1;

	if (kind == NULL) {
		return -1;
	}
	errno = ENOPROTOOPT;
	if (kind->setsockopt != NULL) {
		result = kind->setsockopt(fd, level, option, value, bytes);
	}
	if (result == 0 || errno != ENOPROTOOPT) {
		return result;
	}
	if (level != SOL_DARWIN) {
		standin_refuse("setsockopt of a socket of %s: level %#x, option %#x", kind->name, (unsigned)level, (unsigned)option);
	}
	if (option == 0x1005 || option == 0x1006) {
		return set_timeout(fd, option, value, bytes);
	}
	if (bytes != sizeof(int)) {
		standin_refuse("setsockopt: option %#x with %u bytes", (unsigned)option, bytes);
	}
	if (option == 0x1022) { /* SO_NOSIGPIPE: the stand-in never lets one through */
		return 0;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].darwin == option) {
			return setsockopt(fd, SOL_SOCKET, options[i].linux, value, bytes);
		}
	}
	standin_refuse("setsockopt: option %#x", (unsigned)option);
}

static int
darwin_setsockopt(int fd, int level, int option, const void *value, uint32_t bytes)
{
	return (int)standin_translated(set_option(fd, level, option, value, bytes));
}

static int
get_option(int fd, int level, int option, void *value, uint32_t *bytes)
{
	const struct standin_kind *kind = socket_kind(fd);
	int result = -1, error = 0;
	socklen_t size = sizeof(error);

	if (kind == NULL) {
		return -1;
	}
	errno = ENOPROTOOPT;
	if (kind->getsockopt != NULL) {
		result = kind->getsockopt(fd, level, option, value, bytes);
	}
	if (result == 0 || errno != ENOPROTOOPT) {
		return result;
	}
	if (level != SOL_DARWIN) {
		errno = kind == &standin_inet || level == 2 ? ENOPROTOOPT : EINVAL; /* a level that the protocol does not have */
		return -1;
	}
	if (*bytes < sizeof(int)) {
		standin_refuse("getsockopt: option %#x with %u bytes", (unsigned)option, *bytes);
	}
	*bytes = sizeof(int);
	switch (option) {
	case 0x1008: /* SO_TYPE */
		if (kind->type > 0) {
			memcpy(value, &kind->type, sizeof(int));
			return 0;
		}
		return getsockopt(fd, SOL_SOCKET, SO_TYPE, value, &size);
	case 0x1007: /* SO_ERROR */
		result = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
		error = error != 0 ? standin_darwin_error(error) : 0;
		memcpy(value, &error, sizeof(int));
		return result;
	default:
		break;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].darwin == option) {
			return getsockopt(fd, SOL_SOCKET, options[i].linux, value, &size);
		}
	}
	standin_refuse("getsockopt: option %#x", (unsigned)option);
}

static int
darwin_getsockopt(int fd, int level, int option, void *value, uint32_t *bytes)
{
	return (int)standin_translated(get_option(fd, level, option, value, bytes));
}

/* Control data: one message of descriptors at most, which fills it. */
static void
take_control(const struct darwin_message *message, struct msghdr *out)
{
	const struct darwin_control *control = message->control;
	struct cmsghdr *c = out->msg_control;

	if (message->control == NULL || message->control_bytes == 0) {
		out->msg_control = NULL;
		out->msg_controllen = 0;
		return;
	}
	if (control->bytes != message->control_bytes || control->level != SOL_DARWIN || control->type != 1 ||
	    (control->bytes - sizeof(*control)) / 4 > FDS_MAX) {
		standin_refuse("sendmsg: control data that the kernel refuses");
	}
	out->msg_controllen = CMSG_LEN(control->bytes - sizeof(*control));
	c->cmsg_len = out->msg_controllen;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(c), control + 1, control->bytes - sizeof(*control));
}

/* IP_RECVDSTADDR, 7: to which address a datagram came. */
static void
give_destination(struct darwin_message *message, const struct in_pktinfo *info)
{
	struct darwin_control *control = message->control;

	if (message->control_bytes < sizeof(*control) + sizeof(info->ipi_addr)) {
		standin_refuse("IP_RECVDSTADDR into %u bytes", message->control_bytes);
	}
	*control = (struct darwin_control){.bytes = (uint32_t)(sizeof(*control) + sizeof(info->ipi_addr)), .level = IPPROTO_IP, .type = 7};
	memcpy(control + 1, &info->ipi_addr, sizeof(info->ipi_addr));
	message->control_bytes = control->bytes;
}

/* What does not fit is closed, and the message says that it was cut: MSG_CTRUNC, 0x20. */
static void
give_control(struct darwin_message *message, struct msghdr *in)
{
	struct darwin_control *control = message->control;
	struct cmsghdr *c = CMSG_FIRSTHDR(in);
	size_t bytes, room;
	int fds[FDS_MAX];

	if (c != NULL && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		give_destination(message, (const struct in_pktinfo *)(const void *)CMSG_DATA(c));
		return;
	}
	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
		message->control_bytes = 0;
		return;
	}
	bytes = c->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(c), bytes);
	room = control == NULL || message->control_bytes < sizeof(*control) ? 0 : message->control_bytes - sizeof(*control);
	if (bytes > room) {
		message->flags |= 0x20;
		for (size_t i = room / sizeof(int); i < bytes / sizeof(int); i++) {
			close(fds[i]);
		}
		bytes = room / sizeof(int) * sizeof(int);
	}
	if (control == NULL) {
		return;
	}
	*control = (struct darwin_control){.bytes = (uint32_t)(sizeof(*control) + bytes), .level = SOL_DARWIN, .type = 1};
	memcpy(control + 1, fds, bytes);
	message->control_bytes = control->bytes;
}

/* sendmsg and recvmsg: a count of parts that cannot be is EMSGSIZE; UIO_MAXIOV is 1024. */
static bool
has_parts(const struct darwin_message *message)
{
	if (message->iov_count > 0 && message->iov_count <= 1024) {
		return true;
	}
	errno = EMSGSIZE;
	return false;
}

static ssize_t
send_message(int fd, const struct darwin_message *message, int flags)
{
	const struct standin_kind *kind = socket_kind(fd);
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct sockaddr_storage to;
	struct msghdr out = {.msg_iov = message->iov, .msg_iovlen = (size_t)message->iov_count, .msg_control = control};

	if (kind == NULL || !has_parts(message)) {
		return -1;
	}
	if (kind->send != NULL && (message->control == NULL || message->control_bytes == 0)) {
		return kind->send(fd, message->iov, message->iov_count, flags);
	}
	if (message->name != NULL && message->name_bytes > 0) {
		out.msg_namelen = standin_linux_address(message->name, message->name_bytes, &to);
		out.msg_name = &to;
	}
	take_control(message, &out);
	return sendmsg(fd, &out, standin_message_flags(flags) | MSG_NOSIGNAL);
}

static ssize_t
receive_message(int fd, struct darwin_message *message, int flags)
{
	const struct standin_kind *kind = socket_kind(fd);
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct sockaddr_storage from;
	struct msghdr in = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = message->iov,
	    .msg_iovlen = (size_t)message->iov_count, .msg_control = control,
	    .msg_controllen = message->control != NULL ? sizeof(control) : 0};
	ssize_t n;

	if (kind == NULL || !has_parts(message)) {
		return -1;
	}
	message->flags = 0;
	if (kind->receive != NULL) {
		message->control_bytes = 0;
		message->name_bytes = 0;
		return kind->receive(fd, message->iov, message->iov_count, flags);
	}
	n = recvmsg(fd, &in, standin_message_flags(flags));
	if (n < 0) {
		return n;
	}
	message->flags = ((in.msg_flags & MSG_TRUNC) != 0 ? 0x10 : 0) | ((in.msg_flags & MSG_CTRUNC) != 0 ? 0x20 : 0);
	give_control(message, &in);
	if (message->name != NULL && in.msg_namelen > 0) {
		standin_darwin_address(&from, in.msg_namelen, message->name, &message->name_bytes);
	} else {
		message->name_bytes = 0;
	}
	return n;
}

static ssize_t
darwin_sendmsg(int fd, const struct darwin_message *message, int flags)
{
	return standin_translated(send_message(fd, message, flags));
}

static ssize_t
darwin_recvmsg(int fd, struct darwin_message *message, int flags)
{
	return standin_translated(receive_message(fd, message, flags));
}

static ssize_t
darwin_sendto(int fd, const void *data, size_t size, int flags, void *address, uint32_t bytes)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct darwin_message message = {.iov = &iov, .iov_count = 1, .name = address, .name_bytes = bytes};

	return darwin_sendmsg(fd, &message, flags);
}

static ssize_t
darwin_recvfrom(int fd, void *data, size_t size, int flags, void *address, uint32_t *bytes)
{
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct darwin_message message = {.iov = &iov, .iov_count = 1, .name = address, .name_bytes = address != NULL ? *bytes : 0};
	ssize_t n = darwin_recvmsg(fd, &message, flags);

	if (n >= 0 && address != NULL) {
		*bytes = message.name_bytes;
	}
	return n;
}

static ssize_t
darwin_send(int fd, const void *data, size_t size, int flags)
{
	return darwin_sendto(fd, data, size, flags, NULL, 0);
}

static ssize_t
darwin_recv(int fd, void *data, size_t size, int flags)
{
	return darwin_recvfrom(fd, data, size, flags, NULL, NULL);
}

const struct standin_symbol standin_socket_symbols[] = {
	OTHER(accept), OTHER(bind), OTHER(connect), OTHER(getpeername), OTHER(getsockname), OTHER(getsockopt), OTHER(listen), OTHER(recv),
	OTHER(recvfrom), OTHER(recvmsg), OTHER(send), OTHER(sendmsg), OTHER(sendto), OTHER(setsockopt), OTHER(shutdown), OTHER(socket),
	OTHER(socketpair),
	{NULL, NULL},
};
