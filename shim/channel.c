/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel.c - read and write on a relayed channel, as device-contract.md says.
 *
 * Theory of operation.  A packet is a datagram of a socket pair whose other end a relay has.  The plain path is the same as on a direct
 * link: a look in the table, one in the page, one system call.  It is recv(2) or send(2), for a vector recvmsg(2) or sendmsg(2), which fail
 * on a file that is no socket, and raise no SIGPIPE.  What the interface would say itself is said here: too short, too long, down, gone.
 *
 *   - Down: the page is the word, but it may be late, so before EIO the kernel is asked about the interface, on the channel itself, which
 *     is of the interface's network namespace.  What is queued is thrown away, so that no poller spins.
 *   - Gone: the relay has ended, for which a read of 0, ECONNRESET, EPIPE and their like stand.  All are EIO; a read never returns 0.
 *
 * Before any refusal the kernel says whether the number is still the device; if not, the call is made as the program meant it.
 *
 * What it must never do: wait, lock or allocate, or make a second call on the plain path.
 *
 * Sources: unix(7); net/unix/af_unix.c (measured: after the other end closed with data unread, ECONNRESET comes first, then what was
 * queued, then 0).
 */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "fdtable.h"
#include "iov.h"
#include "os.h"
#include "real.h"

#define ETHERNET_HEADER_BYTES 14
#define VLAN_TAG_BYTES 4
/* More packets than a channel holds: twice CHANNEL_BYTES by the least that one costs in the kernel (daemon/relays.c). */
#define DRAIN_MAX 4096

static ssize_t
refuse(int error)
{
	errno = error;
	return -1;
}

/* Whether it was opened for that (MESSAGE_ACCESS_*); a page without the word is of an open for both. */
static inline bool
allows(const struct state_page *page, unsigned access)
{
	return page == NULL || page->access == 0 || (page->access & access) != 0;
}

static inline bool
says_up(const struct state_page *page)
{
	return page != NULL && state_watched(page) && state_up(page) && !state_gone(page);
}

/* The interface as it is now, or as the page has it.  mtu is UINT32_MAX where nobody knows. */
static void
ask_interface(int fd, const struct state_page *page, bool *up, uint32_t *mtu)
{
	if (page != NULL && state_gone(page)) {
		*up = false;
	} else if (os_ask_interface(fd, up, mtu) < 0) {
		/* It is gone, which shows at the socket, or was moved elsewhere by somebody. */
		*up = page == NULL || !state_watched(page) || state_up(page);
		*mtu = page != NULL && state_watched(page) ? state_mtu(page) : UINT32_MAX;
	}
}

static ssize_t
receive(int fd, const struct iovec *iov, int count, int flags)
{
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};

	/* One buffer is what a packet mostly is: the kernel then has no header and no vector to fetch. */
	return count == 1 ? recv(fd, iov->iov_base, iov->iov_len, flags) : real_recvmsg(fd, &message, flags);
}

/* Raises no SIGPIPE. */
static ssize_t
transmit(int fd, const struct iovec *iov, int count, int flags)
{
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};

	return count == 1 ? send(fd, iov->iov_base, iov->iov_len, flags | MSG_NOSIGNAL) : sendmsg(fd, &message, flags | MSG_NOSIGNAL);
}

static void
drain(int fd)
{
	char byte;
	const struct iovec iov = {.iov_base = &byte, .iov_len = sizeof(byte)};
	int saved = errno;

	for (unsigned i = 0; i < DRAIN_MAX && receive(fd, &iov, 1, MSG_DONTWAIT) > 0; i++) {
	}
	errno = saved;
}

static bool
is_other_file(int fd, fdtable_held held)
{
	if (os_ask_device(fd, fdtable_id(held)) != OS_OTHER) {
		return false;
	}
	fdtable_set(fd, FDTABLE_OTHER);
	return true;
}

/* A read gave n, which is no packet. */
static __attribute__((noinline)) ssize_t
no_packet(int fd, fdtable_held held, const struct iovec *iov, int count, ssize_t n)
{
	int error = n < 0 ? errno : 0;

	switch (error) {
	case EAGAIN:
	case EINTR:
	case EFAULT:
		return -1;
	case ECONNRESET:
		n = receive(fd, iov, count, MSG_DONTWAIT); /* what was queued before */
		if (n > 0) {
			return n;
		}
		break;
	default:
		break;
	}
	if (is_other_file(fd, held)) {
		return error == 0 ? 0 : error == ECONNRESET ? refuse(error) : real_readv(fd, iov, count);
	}
	if (error == 0 || error == ECONNRESET || error == ENOTCONN) {
		error = EIO;
	}
	return refuse(error);
}

/* Reading that is not plain.  True: *result is the answer. */
static __attribute__((noinline)) bool
read_is_answered(int fd, fdtable_held held, const struct iovec *iov, int count, ssize_t *result)
{
	const struct state_page *page = state_page(held);
	uint32_t mtu = UINT32_MAX;
	bool up = true;

	if (is_other_file(fd, held)) {
		*result = real_readv(fd, iov, count);
		return true;
	}
	if (!allows(page, MESSAGE_ACCESS_READ)) {
		*result = refuse(EBADF);
		return true;
	}
	if (iov_bytes(iov, count) == 0) {
		*result = 0;
		return true;
	}
	ask_interface(fd, page, &up, &mtu);
	if (up) {
		return false;
	}
	drain(fd);
	*result = refuse(EIO);
	return true;
}

ssize_t
channel_read(int fd, fdtable_held held, const struct iovec *iov, int count, int flags)
{
	const struct state_page *page = state_page(held);
	ssize_t n;

	if ((!says_up(page) || !allows(page, MESSAGE_ACCESS_READ) || iov_bytes(iov, count) == 0) &&
	    read_is_answered(fd, held, iov, count, &n)) {
		return n;
	}
	n = receive(fd, iov, count, flags);
	return n > 0 ? n : no_packet(fd, held, iov, count, n);
}

/* Longer than the interface takes. */
static bool
too_long(const struct iovec *iov, int count, size_t bytes, size_t mtu)
{
	size_t limit = mtu + ETHERNET_HEADER_BYTES;
	uint8_t start[ETHERNET_HEADER_BYTES];

	if (bytes <= limit) {
		return false;
	}
	return bytes > limit + VLAN_TAG_BYTES || iov_peek(iov, count, start, sizeof(start)) < sizeof(start) || start[12] != 0x81 ||
	    start[13] != 0x00;
}

/* Writing that is not plain.  True: *result is the answer. */
static __attribute__((noinline)) bool
write_is_answered(int fd, fdtable_held held, const struct iovec *iov, int count, ssize_t *result)
{
	const struct state_page *page = state_page(held);
	size_t bytes = iov_bytes(iov, count);
	uint32_t mtu = UINT32_MAX;
	bool up = true;

	if (is_other_file(fd, held)) {
		*result = real_writev(fd, iov, count);
		return true;
	}
	ask_interface(fd, page, &up, &mtu);
	if (!allows(page, MESSAGE_ACCESS_WRITE)) {
		*result = refuse(EBADF);
	} else if (!up) {
		*result = refuse(EIO);
	} else if (bytes < ETHERNET_HEADER_BYTES) {
		*result = refuse(EINVAL); /* of no bytes: the relay would take it for nothing at all */
	} else if (mtu != UINT32_MAX && too_long(iov, count, bytes, mtu)) {
		*result = refuse(EMSGSIZE);
	} else {
		return false;
	}
	return true;
}

/* The kernel has refused a write. */
static __attribute__((noinline)) ssize_t
not_sent(int fd, fdtable_held held, const struct iovec *iov, int count)
{
	int error = errno;

	switch (error) {
	case EAGAIN:
	case EINTR:
	case EFAULT:
		return -1;
	default:
		break;
	}
	if (is_other_file(fd, held)) {
		return real_writev(fd, iov, count); /* with its SIGPIPE, if that is due */
	}
	if (error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == EDESTADDRREQ) {
		error = EIO;
	}
	return refuse(error);
}

ssize_t
channel_write(int fd, fdtable_held held, const struct iovec *iov, int count, int flags)
{
	const struct state_page *page = state_page(held);
	size_t bytes = iov_bytes(iov, count);
	ssize_t n;

	if ((!says_up(page) || !allows(page, MESSAGE_ACCESS_WRITE) || bytes < ETHERNET_HEADER_BYTES ||
	    bytes > state_mtu(page) + ETHERNET_HEADER_BYTES) && write_is_answered(fd, held, iov, count, &n)) {
		return n;
	}
	do {
		n = transmit(fd, iov, count, flags);
	} while (n < 0 && os_wait_for_room(fd, flags));
	return n < 0 ? not_sent(fd, held, iov, count) : n;
}

int
channel_flags(int fd, fdtable_held held, int flags)
{
	const struct state_page *page = state_page(held);

	if (flags < 0 || page == NULL || page->channel == CHANNEL_DIRECT || page->access == 0 || page->access == MESSAGE_ACCESS_ALL) {
		return flags;
	}
	return (flags & ~O_ACCMODE) | (page->access == MESSAGE_ACCESS_READ ? O_RDONLY : O_WRONLY);
}
