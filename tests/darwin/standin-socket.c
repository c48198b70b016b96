/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-socket.c - sockets, interface ioctls and utun, with Darwin's numbers.  See standin.h.
 *
 * A utun is a tun device of Linux's with its packet information, which is turned into the family header and back: each record has the
 * family before it, in network order, 2 or 30.  A packet whose family is another is taken and dropped without a word, as the kernel does.
 *
 * Sources, by the facts that each function follows: XNU bsd/net/if_utun.c (header, options 2 and 16; option 16 is kept here in the tun's
 * send-buffer limit, which is as good a place for a number), bsd/kern/uipc_syscalls.c, bsd/sys/socket.h (levels, options, flags; a
 * sockaddr begins with its length; cmsghdr is aligned to 4), bsd/sys/sockio.h and bsd/net/if.h (ifreq is 32 bytes), bsd/sys/fcntl.h.
 */
#include "standin.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX 65536
#define FDS_MAX 8

/* bsd/sys/un.h, socket.h */
struct darwin_un {
	uint8_t length, family;
	char path[104];
};
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

static int
is_utun(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 10 && minor(st.st_rdev) == 200;
}

int
standin_socket(int family, int type, int protocol)
{
	if (family != AF_UNIX || (type != SOCK_STREAM && type != SOCK_DGRAM) || protocol != 0) {
		errx(125, "stand-in: socket(%d, %d, %d)", family, type, protocol);
	}
	return (int)standin_translated(socket(family, type, 0));
}

int
standin_connect(int fd, const struct darwin_un *address, uint32_t bytes)
{
	struct sockaddr_un out = {.sun_family = AF_UNIX};

	if (address->length != bytes || address->family != 1 || bytes < 3 || bytes > sizeof(*address)) {
		errx(125, "stand-in: connect: length %u in %u bytes, family %u", address->length, bytes, address->family);
	}
	memcpy(out.sun_path, address->path, bytes - 2);
	return (int)standin_translated(connect(fd, (struct sockaddr *)&out, sizeof(out)));
}

int
standin_getpeername(int fd, struct darwin_un *address, uint32_t *bytes)
{
	struct sockaddr_un in = {0};
	socklen_t length = sizeof(in);
	int result;

	if (is_utun(fd)) {
		errno = ENOTCONN; /* a control socket has a peer of another family; none of ours asks further */
		return (int)standin_translated(-1);
	}
	result = getpeername(fd, (struct sockaddr *)&in, &length);
	if (result == 0) {
		memset(address, 0, *bytes < sizeof(*address) ? *bytes : sizeof(*address));
		address->length = 2;
		address->family = 1;
		*bytes = 16;
	}
	return (int)standin_translated(result);
}

int
standin_setsockopt(int fd, int level, int option, const void *value, uint32_t bytes)
{
	const struct { int64_t seconds; int32_t micros; int32_t pad; } *timeout = value;
	struct timeval out;

	if (level != 0xffff) {
		errx(125, "stand-in: setsockopt: level %#x", (unsigned)level);
	}
	switch (option) {
	case 0x1022: /* SO_NOSIGPIPE: the stand-in never lets one through */
		return 0;
	case 0x1005: /* SO_SNDTIMEO */
		if (bytes != 16) {
			errx(125, "stand-in: SO_SNDTIMEO of %u bytes", bytes);
		}
		out = (struct timeval){.tv_sec = timeout->seconds, .tv_usec = timeout->micros};
		return (int)standin_translated(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &out, sizeof(out)));
	default:
		errx(125, "stand-in: setsockopt: option %#x", (unsigned)option);
	}
}

/* net/if_utun.h, the control's level. */
static int
get_utun_option(int fd, int option, void *value, uint32_t *bytes)
{
	struct ifreq request = {0};

	if (!is_utun(fd)) {
		errno = ENOPROTOOPT;
		return -1;
	}
	switch (option) {
	case 2: /* UTUN_OPT_IFNAME */
		if (ioctl(fd, TUNGETIFF, &request) < 0) {
			errno = EINVAL;
			return -1;
		}
		if (*bytes <= strlen(request.ifr_name)) {
			errno = EMSGSIZE;
			return -1;
		}
		strcpy(value, request.ifr_name);
		*bytes = (uint32_t)strlen(value) + 1;
		return 0;
	case 16: /* UTUN_OPT_MAX_PENDING_PACKETS */
		if (*bytes < 4) {
			errno = EMSGSIZE;
			return -1;
		}
		*bytes = 4;
		return ioctl(fd, TUNGETSNDBUF, value);
	default:
		errx(125, "stand-in: utun option %d", option);
	}
}

int
standin_getsockopt(int fd, int level, int option, void *value, uint32_t *bytes)
{
	if (level != 2) {
		errx(125, "stand-in: getsockopt: level %#x, option %#x", (unsigned)level, (unsigned)option);
	}
	return (int)standin_translated(get_utun_option(fd, option, value, bytes));
}

static int
linux_flags(int flags)
{
	int result = 0;

	/* MSG_PEEK, MSG_DONTWAIT, MSG_NOSIGNAL */
	if ((flags & ~(0x2 | 0x80 | 0x80000)) != 0) {
		errx(125, "stand-in: message flags %#x", (unsigned)flags);
	}
	result |= (flags & 0x2) != 0 ? MSG_PEEK : 0;
	result |= (flags & 0x80) != 0 ? MSG_DONTWAIT : 0;
	return result;
}

/* Non-blocking where the descriptor is, or the flag says so. */
static int
has_packet(int fd, int flags)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if ((flags & 0x80) == 0 || poll(&p, 1, 0) == 1) {
		return 1;
	}
	errno = EAGAIN;
	return 0;
}

static ssize_t
receive_packet(int fd, const struct iovec *iov, int count, int flags)
{
	static uint8_t record[4 + PACKET_MAX];
	size_t left, done = 0;
	ssize_t n = has_packet(fd, flags) ? read(fd, record, sizeof(record)) : -1;

	if (n < 0) {
		return -1;
	}
	/* Flags and EtherType become the family (tuntap.rst). */
	memcpy(record, record[2] == 0x86 ? "\0\0\0\x1e" : "\0\0\0\x02", 4);
	left = (size_t)n;
	for (int i = 0; i < count && left > 0; i++) {
		size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;

		memcpy(iov[i].iov_base, record + done, part);
		done += part;
		left -= part;
	}
	return (ssize_t)done; /* the rest of the record is gone */
}

static ssize_t
send_packet(int fd, const struct iovec *iov, int count)
{
	static uint8_t record[4 + PACKET_MAX];
	size_t bytes = 0;
	ssize_t n;

	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > sizeof(record) - bytes) {
			errno = EMSGSIZE;
			return -1;
		}
		memcpy(record + bytes, iov[i].iov_base, iov[i].iov_len);
		bytes += iov[i].iov_len;
	}
	if (bytes < 4 || memcmp(record, "\0\0\0", 3) != 0 || (record[3] != 2 && record[3] != 30)) {
		return (ssize_t)bytes;
	}
	memcpy(record, record[3] == 30 ? "\0\0\x86\xdd" : "\0\0\x08\0", 4);
	n = write(fd, record, bytes);
	return n < 0 && errno == EIO ? (ssize_t)bytes : n; /* down: taken all the same */
}

/* Control data: one message of descriptors at most. */
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
	if (control->bytes != message->control_bytes || control->level != 0xffff || control->type != 1 ||
	    (control->bytes - sizeof(*control)) / 4 > FDS_MAX) {
		errx(125, "stand-in: sendmsg: control data that the kernel refuses");
	}
	out->msg_controllen = CMSG_LEN(control->bytes - sizeof(*control));
	c->cmsg_len = out->msg_controllen;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(c), control + 1, control->bytes - sizeof(*control));
}

static void
give_control(struct darwin_message *message, struct msghdr *in)
{
	struct darwin_control *control = message->control;
	struct cmsghdr *c = CMSG_FIRSTHDR(in);
	size_t bytes;

	if (c == NULL || control == NULL) {
		message->control_bytes = 0;
		return;
	}
	bytes = c->cmsg_len - CMSG_LEN(0);
	if (message->control_bytes < sizeof(*control) + bytes) {
		errx(125, "stand-in: recvmsg: descriptors are cut");
	}
	*control = (struct darwin_control){.bytes = (uint32_t)(sizeof(*control) + bytes), .level = 0xffff, .type = 1};
	memcpy(control + 1, CMSG_DATA(c), bytes);
	message->control_bytes = control->bytes;
}

ssize_t
standin_sendmsg(int fd, const struct darwin_message *message, int flags)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct msghdr out = {.msg_iov = message->iov, .msg_iovlen = (size_t)message->iov_count, .msg_control = control};
	int linux_ones = linux_flags(flags);

	if (is_utun(fd)) {
		return standin_translated(send_packet(fd, message->iov, message->iov_count));
	}
	take_control(message, &out);
	return standin_translated(sendmsg(fd, &out, linux_ones | MSG_NOSIGNAL));
}

ssize_t
standin_recvmsg(int fd, struct darwin_message *message, int flags)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct msghdr in = {.msg_iov = message->iov, .msg_iovlen = (size_t)message->iov_count, .msg_control = control,
	    .msg_controllen = message->control != NULL ? sizeof(control) : 0};
	int linux_ones = linux_flags(flags);
	ssize_t n;

	if (is_utun(fd)) {
		return standin_translated(receive_packet(fd, message->iov, message->iov_count, flags));
	}
	n = recvmsg(fd, &in, linux_ones);
	if (n >= 0) {
		give_control(message, &in);
		message->flags = (in.msg_flags & MSG_TRUNC) != 0 ? 0x10 : 0;
	}
	return standin_translated(n);
}

ssize_t
standin_recv(int fd, void *data, size_t size, int flags)
{
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct darwin_message message = {.iov = &iov, .iov_count = 1};

	return standin_recvmsg(fd, &message, flags);
}

int
standin_ioctl(int fd, unsigned long request, ...)
{
	struct { char name[16]; union { int16_t flags; int32_t mtu; char all[16]; } u; } *darwin;
	struct ifreq out = {0};
	va_list args;
	int sock, result;

	va_start(args, request);
	darwin = va_arg(args, void *);
	va_end(args);
	if (request != 0xc0206911ul && request != 0xc0206933ul) {
		errx(125, "stand-in: ioctl %#lx", request);
	}
	/* The kernel answers these on any socket; and says ENXIO of a name that nobody has. */
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(out.ifr_name, darwin->name, sizeof(out.ifr_name));
	result = ioctl(sock, request == 0xc0206911ul ? SIOCGIFFLAGS : SIOCGIFMTU, &out);
	if (result == 0 && request == 0xc0206911ul) {
		darwin->u.flags = (int16_t)(out.ifr_flags & (IFF_UP | IFF_RUNNING)); /* the two have the same bits */
	} else if (result == 0) {
		darwin->u.mtu = out.ifr_mtu;
	} else if (errno == ENODEV) {
		errno = ENXIO;
	}
	result = (int)standin_translated(result);
	close(sock);
	return result;
}

int
standin_fcntl(int fd, int command, ...)
{
	va_list args;
	long argument;
	int flags;

	va_start(args, command);
	argument = va_arg(args, long);
	va_end(args);
	switch (command) {
	case 0: /* F_DUPFD */
		return (int)standin_translated(fcntl(fd, F_DUPFD, (int)argument));
	case 1: /* F_GETFD */
		return (int)standin_translated(fcntl(fd, F_GETFD));
	case 2: /* F_SETFD */
		return (int)standin_translated(fcntl(fd, F_SETFD, (int)argument));
	case 3: /* F_GETFL */
		flags = fcntl(fd, F_GETFL);
		return flags < 0 ? (int)standin_translated(flags) : (flags & O_ACCMODE) | ((flags & O_NONBLOCK) != 0 ? 0x4 : 0);
	case 4: /* F_SETFL */
		if ((argument & ~0x7) != 0) {
			errx(125, "stand-in: F_SETFL %#lx", (unsigned long)argument);
		}
		return (int)standin_translated(fcntl(fd, F_SETFL, (argument & 0x4) != 0 ? O_NONBLOCK : 0));
	case 67: /* F_DUPFD_CLOEXEC */
		return (int)standin_translated(fcntl(fd, F_DUPFD_CLOEXEC, (int)argument));
	default:
		errx(125, "stand-in: fcntl command %d", command);
	}
}

int
standin_poll(struct pollfd *fds, uint32_t count, int timeout_ms)
{
	return (int)standin_translated(poll(fds, count, timeout_ms)); /* the bits that are used here are the same */
}

/* sys/mman.h: MAP_ANON is 0x1000; the others that are used are Linux's. */
void *
standin_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	void *result;

	if ((flags & ~(0x1 | 0x2 | 0x10 | 0x1000)) != 0) {
		errx(125, "stand-in: mmap flags %#x", (unsigned)flags);
	}
	result = mmap(at, size, protection, (flags & 0x13) | ((flags & 0x1000) != 0 ? MAP_ANONYMOUS : 0), fd, offset);
	if (result == MAP_FAILED) {
		(void)standin_translated(-1);
	}
	return result;
}

/* time.h: CLOCK_MONOTONIC is 6. */
int
standin_clock_gettime(int clock, struct timespec *now)
{
	if (clock != 0 && clock != 6) {
		errx(125, "stand-in: clock %d", clock);
	}
	return clock_gettime(clock == 6 ? CLOCK_MONOTONIC : CLOCK_REALTIME, now);
}

/* sys/signal.h: a set is 32 bits, signal 1 in the lowest; SIG_BLOCK 1, SIG_UNBLOCK 2, SIG_SETMASK 3. */
static void
linux_set(uint32_t from, sigset_t *to)
{
	/* Those with the same number on both: of the others none is used. */
	static const int same[] = {SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGPIPE, SIGALRM, SIGTERM};

	sigemptyset(to);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		if ((from & 1u << (same[i] - 1)) != 0) {
			sigaddset(to, same[i]);
			from &= ~(1u << (same[i] - 1));
		}
	}
	if (from != 0) {
		errx(125, "stand-in: signals %#x", from);
	}
}

int
standin_sigprocmask(int how, const uint32_t *set, uint32_t *before)
{
	sigset_t in, out;

	if (set == NULL || how < 1 || how > 3) {
		errx(125, "stand-in: sigprocmask %d", how);
	}
	linux_set(*set, &in);
	sigprocmask(how == 1 ? SIG_BLOCK : how == 2 ? SIG_UNBLOCK : SIG_SETMASK, &in, &out);
	if (before != NULL) {
		*before = 0;
		for (int number = 1; number < 32; number++) {
			*before |= sigismember(&out, number) == 1 ? 1u << (number - 1) : 0;
		}
	}
	return 0;
}

int
standin_sigaction(int number, const void *action, void *before)
{
	const struct { void (*handler)(int); uint32_t mask; int32_t flags; } *darwin = action;
	struct sigaction out = {0};

	if ((number != SIGTERM && number != SIGINT) || before != NULL || darwin->flags != 0) {
		errx(125, "stand-in: sigaction of signal %d", number);
	}
	out.sa_handler = darwin->handler;
	linux_set(darwin->mask, &out.sa_mask);
	return (int)standin_translated(sigaction(number, &out, NULL));
}

int
standin_pselect(int count, void *reads, void *writes, void *errors, const struct timespec *timeout, const uint32_t *mask)
{
	sigset_t set;

	if (mask != NULL) {
		linux_set(*mask, &set);
	}
	/* Sets have the same bits. */
	return (int)standin_translated(pselect(count, reads, writes, errors, timeout, mask != NULL ? &set : NULL));
}
