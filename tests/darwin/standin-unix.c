/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-unix.c - sockets of AF_UNIX, as darwin.md 6 has them, and those of the internet.  See standin.h.
 *
 * A stream is Linux's, but for its options.  A pair of datagrams is Linux's SOCK_DGRAM, which tells as little as Darwin's of the other
 * end's being closed; what Darwin tells is made up here: the other end is looked for by sock_diag(7), and who asks next hears
 * ECONNRESET, once.
 *
 * Buffers.  The largest datagram is the sender's SO_SNDBUF, 2048 unless it was set; Linux keeps twice what it is told, and its least is
 * 4608 (SOCK_MIN_SNDBUF), which stands for the default.  What waits counts against the sender there, with some hundred bytes for each;
 * so the room is not Darwin's to the byte.
 *
 * Sources: darwin.md 6 (XNU bsd/kern/uipc_usrreq.c); unix_diag.
 */
#include "standin.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define NUMBERS_MAX 4096
#define SOL_LOCAL 0
#define BUFFER_MOST (8 * 1024 * 1024) /* kern.ipc.maxsockbuf */
#define LINUX_LEAST 4608

/* By number: the inode of the socket that has told of its loss. */
static ino_t told[NUMBERS_MAX];

static ino_t
inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static bool
has_told(int fd)
{
	return fd < NUMBERS_MAX && told[fd] != 0 && told[fd] == inode_of(fd);
}

static void
tell(int fd)
{
	if (fd < NUMBERS_MAX) {
		told[fd] = inode_of(fd);
	}
}

/* Whether the other end of a pair has no descriptor any more: sock_diag knows it without an inode then. */
static bool
peer_is_gone(int fd)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} question = {
		.header = {.nlmsg_len = sizeof(question), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
		.request = {.sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX, .udiag_ino = (uint32_t)inode_of(fd),
		    .udiag_show = UDIAG_SHOW_PEER, .udiag_cookie = {UINT32_MAX, UINT32_MAX}},
	};
	_Alignas(struct nlmsghdr) char answer[1024];
	const struct nlmsghdr *header = (const struct nlmsghdr *)(void *)answer;
	const struct nlattr *attribute;
	ssize_t n;
	int diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	if (diag < 0 && errno == EPROTONOSUPPORT) {
		return false; /* an emulator of the processor has no sock_diag (qemu-user) */
	}
	n = diag >= 0 && send(diag, &question, sizeof(question), 0) > 0 ? recv(diag, answer, sizeof(answer), 0) : -1;
	if (diag >= 0) {
		close(diag);
	}
	if (n < (ssize_t)sizeof(*header) || header->nlmsg_type != SOCK_DIAG_BY_FAMILY) {
		standin_refuse("sock_diag does not answer");
	}
	attribute = (const struct nlattr *)(const void *)((const char *)NLMSG_DATA(header) + NLMSG_ALIGN(sizeof(struct unix_diag_msg)));
	while ((const char *)attribute < answer + header->nlmsg_len) {
		if (attribute->nla_type == UNIX_DIAG_PEER) {
			return *(const uint32_t *)(attribute + 1) == 0;
		}
		attribute = (const struct nlattr *)(const void *)((const char *)attribute + NLA_ALIGN(attribute->nla_len));
	}
	return false; /* it never had one */
}

bool
standin_is_orphan(int fd)
{
	return !has_told(fd) && peer_is_gone(fd);
}

/* struct xucred: 76 bytes. */
struct darwin_xucred {
	uint32_t version, uid;
	int16_t group_count;
	uint32_t groups[16];
};
_Static_assert(sizeof(struct darwin_xucred) == 76, "the kernel's layout");

static int
give_credentials(int fd, void *value, uint32_t *bytes)
{
	struct darwin_xucred *out = value;
	struct ucred peer;
	gid_t groups[64];
	socklen_t size = sizeof(peer), group_size = sizeof(groups);

	if (*bytes != sizeof(*out)) {
		standin_refuse("LOCAL_PEERCRED with %u bytes", *bytes);
	}
	if (standin_fails("getsockopt/LOCAL_PEERCRED") || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		return -1;
	}
	if (peer.uid == (uid_t)-1) {
		errno = ENOTCONN;
		return -1;
	}
	memset(out, 0, sizeof(*out));
	out->uid = peer.uid;
	out->groups[0] = peer.gid;
	out->group_count = 1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &group_size) == 0) {
		for (size_t i = 0; i < group_size / sizeof(gid_t) && out->group_count < 16; i++) {
			out->groups[out->group_count++] = groups[i];
		}
	}
	return 0;
}

static int
give_pid(int fd, void *value, uint32_t *bytes)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (*bytes != sizeof(int)) {
		standin_refuse("LOCAL_PEERPID with %u bytes", *bytes);
	}
	if (standin_fails("getsockopt/LOCAL_PEERPID") || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		return -1;
	}
	if (peer.pid == 0) {
		errno = ENOTCONN;
		return -1;
	}
	memcpy(value, &peer.pid, sizeof(int));
	return 0;
}

static int
get_stream_option(int fd, int level, int option, void *value, uint32_t *bytes)
{
	if (level != SOL_LOCAL) {
		errno = ENOPROTOOPT;
		return -1;
	}
	switch (option) {
	case 1:
		return give_credentials(fd, value, bytes);
	case 2:
		return give_pid(fd, value, bytes);
	default:
		standin_refuse("getsockopt: option %d of SOL_LOCAL", option);
	}
}

static ssize_t
send_on_stream(int fd, const struct iovec *iov, int count, int flags)
{
	struct msghdr out = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};

	return sendmsg(fd, &out, standin_message_flags(flags) | MSG_NOSIGNAL);
}

static int
answer_ioctl(int fd, uint32_t request, void *argument)
{
	if (request == 0x4004667f) { /* FIONREAD */
		return ioctl(fd, FIONREAD, argument);
	}
	errno = ENOTTY;
	return -1;
}

const struct standin_kind standin_stream = {
	.name = "AF_UNIX, stream", .type = SOCK_STREAM, .getsockopt = get_stream_option, .send = send_on_stream, .ioctl = answer_ioctl,
};
const struct standin_kind standin_inet = {.name = "the internet", .type = -1, .ioctl = answer_ioctl, .setsockopt = standin_inet_setsockopt};

/* A buffer's size as Darwin counts it. */
static int
read_buffer(int fd, int linux_option, int least)
{
	int bytes = 0;
	socklen_t size = sizeof(bytes);

	(void)getsockopt(fd, SOL_SOCKET, linux_option, &bytes, &size);
	return bytes <= LINUX_LEAST ? least : bytes / 2;
}

static int
get_datagram_option(int fd, int level, int option, void *value, uint32_t *bytes)
{
	int room;

	if (level == SOL_LOCAL && option == 1) {
		errno = EINVAL; /* of streams alone */
		return -1;
	}
	if (level == SOL_LOCAL && option == 2) {
		if (has_told(fd) || peer_is_gone(fd)) {
			errno = ENOTCONN;
			return -1;
		}
		return give_pid(fd, value, bytes);
	}
	if (level == 0xffff && (option == 0x1001 || option == 0x1002)) {
		room = option == 0x1001 ? read_buffer(fd, SO_SNDBUF, 2048) : read_buffer(fd, SO_RCVBUF, 4096);
		memcpy(value, &room, sizeof(room));
		*bytes = sizeof(room);
		return 0;
	}
	if (level == 0xffff && option == 0x1020) { /* SO_NREAD: the next one's size */
		struct iovec none = {0};
		struct msghdr peek = {.msg_iov = &none, .msg_iovlen = 1};
		ssize_t n = recvmsg(fd, &peek, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

		room = n > 0 ? (int)n : 0;
		memcpy(value, &room, sizeof(room));
		*bytes = sizeof(room);
		return 0;
	}
	errno = ENOPROTOOPT;
	return -1;
}

static int
set_datagram_option(int fd, int level, int option, const void *value, uint32_t bytes)
{
	int room;

	if (level != 0xffff || (option != 0x1001 && option != 0x1002) || bytes != sizeof(room)) {
		errno = ENOPROTOOPT;
		return -1;
	}
	if (standin_fails(option == 0x1001 ? "setsockopt/SO_SNDBUF" : "setsockopt/SO_RCVBUF")) {
		return -1;
	}
	memcpy(&room, value, sizeof(room));
	room = room < BUFFER_MOST ? room : BUFFER_MOST;
	if (setsockopt(fd, SOL_SOCKET, option == 0x1001 ? SO_SNDBUFFORCE : SO_RCVBUFFORCE, &room, sizeof(room)) < 0) {
		return setsockopt(fd, SOL_SOCKET, option == 0x1001 ? SO_SNDBUF : SO_RCVBUF, &room, sizeof(room));
	}
	return 0;
}

/* Never waits for room: the newest is the one lost. */
static ssize_t
send_datagram(int fd, const struct iovec *iov, int count, int flags)
{
	struct msghdr out = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
	size_t bytes = 0;
	ssize_t n;

	for (int i = 0; i < count; i++) {
		bytes += iov[i].iov_len;
	}
	if (has_told(fd)) {
		errno = EDESTADDRREQ;
		return -1;
	}
	if (bytes > (size_t)read_buffer(fd, SO_SNDBUF, 2048)) {
		errno = EMSGSIZE;
		return -1;
	}
	n = standin_fails("send/datagram") ? -1 : sendmsg(fd, &out, standin_message_flags(flags) | MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		errno = ENOBUFS;
	} else if (n < 0 && (errno == ECONNREFUSED || errno == ECONNRESET)) {
		tell(fd);
		errno = ECONNRESET;
	} else if (n < 0 && errno == ENOTCONN) {
		errno = EDESTADDRREQ;
	}
	return n;
}

static ssize_t
receive_datagram(int fd, const struct iovec *iov, int count, int flags)
{
	struct msghdr in = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
	int how = standin_message_flags(flags);
	ssize_t n = recvmsg(fd, &in, how | MSG_DONTWAIT);
	bool waits = (how & MSG_DONTWAIT) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;

	if (n >= 0 || (errno != EAGAIN && errno != ENOTCONN)) {
		return n;
	}
	if (standin_is_orphan(fd)) {
		tell(fd);
		errno = ECONNRESET;
		return -1;
	}
	if (!waits) {
		errno = EAGAIN;
		return -1;
	}
	if (has_told(fd)) {
		pause(); /* for ever: nothing wakes it */
		errno = EINTR;
		return -1;
	}
	return recvmsg(fd, &in, how);
}

/* so_error is part of what poll looks at, when it is called. */
static short
poll_datagram(int fd, short events, short revents)
{
	return (events & POLLIN) != 0 && standin_is_orphan(fd) ? POLLIN : 0;
}

const struct standin_kind standin_datagram = {
	.name = "AF_UNIX, datagrams", .type = SOCK_DGRAM, .getsockopt = get_datagram_option, .setsockopt = set_datagram_option,
	.send = send_datagram, .receive = receive_datagram, .poll = poll_datagram, .ioctl = answer_ioctl,
};
