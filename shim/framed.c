/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * framed.c - read and write on a direct channel whose packets carry the kernel's own address-family header, as device-contract.md says.
 *
 * Theory of operation.  One packet is one record of a socket (macOS: a kernel control, utun), with four bytes before it both ways: the
 * address family, as in header mode.  In header mode the program has what the kernel has.  Otherwise the vector gets a part more, for
 * the header: nothing is copied, and the plain path is what it is on the other channels: a look in the table, one in the page, one system
 * call.  It is recvmsg(2) and sendmsg(2), which fail on a file that is no socket.
 *
 * Such a kernel asks nothing about what is written.  It takes packets while the interface is down, of any length, and drops without a
 * word those whose family it does not know.  So all that the contract refuses is refused here, before.  Nor does a read fail while
 * the interface is down: the page is the word, and before EIO the kernel is asked, since a page may be late; what is queued is thrown away
 * then, so that no poller spins.
 *
 * Before any refusal the kernel says whether the number is still the device; if not, the call is made as the program meant it.
 *
 * What it must never do: wait, lock or allocate, or make a second call on the plain path.
 *
 * Sources: XNU bsd/net/if_utun.c (utun_framer, utun_demux, utun_ctl_send), bsd/kern/kern_control.c (ctl_enqueuembuf: one record each).
 */
#include "framed.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "channel.h"
#include "iov.h"
#include "os.h"
#include "packet.h"
#include "real.h"
#include "recognise.h"
#include "refuse.h"
#include "state.h"

/* Parts of a vector that get their header without a large copy on the stack, which may be a signal handler's own small one. */
#define PARTS_FEW 8

/* The interface as it is now: its word is the descriptor's own.  An interface that cannot be asked is gone. */
static void
ask_interface(int fd, bool *up, uint32_t *mtu)
{
	if (os_ask_interface(fd, up, mtu) < 0) {
		*up = false;
		*mtu = UINT32_MAX;
	}
}

/* A call's direction, for what reading and writing share. */
enum direction { READING, WRITING };

static ssize_t
call(enum direction direction, int fd, struct iovec *iov, int count)
{
	struct msghdr message = {.msg_iov = iov};

	message.msg_iovlen = (__typeof__(message.msg_iovlen))count;
	return direction == READING ? real_recvmsg(fd, &message, 0) : sendmsg(fd, &message, MSG_NOSIGNAL);
}

static ssize_t
call_with(enum direction direction, int fd, const uint8_t *header, const struct iovec *iov, int count, struct iovec *parts)
{
	parts[0] = (struct iovec){.iov_base = (void *)(uintptr_t)header, .iov_len = FAMILY_HEADER_BYTES};
	memcpy(&parts[1], iov, (size_t)count * sizeof(*iov));
	return call(direction, fd, parts, count + 1);
}

/*
 * A vector as long as one can be has no room for one part more, so two short neighbours become one.  No packet is longer than 65535 bytes,
 * and parts that begin behind that are of no use; so among the others there are two that fit.
 */
static ssize_t
call_merged(enum direction direction, int fd, const uint8_t *header, const struct iovec *iov, int count, struct iovec *parts)
{
	uint8_t both[2 * 65535 / (IOV_MAX - 2) + 2];
	size_t before = 0;
	ssize_t n;
	int at = 0;

	while (at < count - 2 && iov[at].iov_len + iov[at + 1].iov_len > sizeof(both)) {
		before += iov[at++].iov_len;
	}
	if (iov[at].iov_len + iov[at + 1].iov_len > sizeof(both)) {
		return call_with(direction, fd, header, iov, count - 1, parts); /* the last part begins behind any packet's end */
	}
	parts[0] = (struct iovec){.iov_base = (void *)(uintptr_t)header, .iov_len = FAMILY_HEADER_BYTES};
	memcpy(&parts[1], iov, (size_t)at * sizeof(*iov));
	parts[1 + at] = (struct iovec){.iov_base = both, .iov_len = iov[at].iov_len + iov[at + 1].iov_len};
	memcpy(&parts[2 + at], &iov[at + 2], (size_t)(count - at - 2) * sizeof(*iov));
	if (direction == WRITING) {
		(void)iov_peek(&iov[at], 2, both, sizeof(both));
	}
	n = call(direction, fd, parts, count);
	if (direction == READING && n > (ssize_t)(FAMILY_HEADER_BYTES + before)) {
		size_t came = (size_t)n - FAMILY_HEADER_BYTES - before;

		(void)iov_poke(&iov[at], 2, both, came < parts[1 + at].iov_len ? came : parts[1 + at].iov_len);
	}
	return n;
}

static __attribute__((noinline)) ssize_t
call_with_many(enum direction direction, int fd, const uint8_t *header, const struct iovec *iov, int count)
{
	struct iovec parts[IOV_MAX];

	return count < IOV_MAX ? call_with(direction, fd, header, iov, count, parts) :
	    call_merged(direction, fd, header, iov, count, parts);
}

/* The system call, with the header in a part of its own; what it moved, the header included. */
static ssize_t
call_framed(enum direction direction, int fd, const uint8_t *header, const struct iovec *iov, int count)
{
	struct iovec parts[PARTS_FEW + 1];

	return count > PARTS_FEW ? call_with_many(direction, fd, header, iov, count) :
	    call_with(direction, fd, header, iov, count, parts);
}

/* The kernel has refused: its errno, or the contract's; or the number is another file by now. */
static __attribute__((noinline)) ssize_t
failed(enum direction direction, int fd, fdtable_held held, const struct iovec *iov, int count)
{
	int error = errno;

	switch (error) {
	case EAGAIN:
	case EINTR:
	case EFAULT:
	case EMSGSIZE:
		return -1;
	default:
		break;
	}
	if (recognise_is_other(fd, held)) {
		return direction == READING ? real_readv(fd, iov, count) : real_writev(fd, iov, count);
	}
	return refuse(error == EBADF ? EBADF : EIO); /* its interface is gone, whatever the kernel calls it */
}

/* Reading that is not plain.  True: *result is the answer. */
static __attribute__((noinline)) bool
read_is_answered(int fd, fdtable_held held, const struct iovec *iov, int count, ssize_t *result)
{
	const struct state_page *page = state_page(held);
	uint32_t mtu;
	bool up;

	if (recognise_is_other(fd, held)) {
		*result = real_readv(fd, iov, count);
		return true;
	}
	if (!state_allows(page, MESSAGE_ACCESS_READ)) {
		*result = refuse(EBADF);
		return true;
	}
	if (iov_bytes(iov, count) == 0) {
		*result = 0;
		return true;
	}
	ask_interface(fd, &up, &mtu);
	if (up) {
		return false;
	}
	os_drain(fd);
	*result = refuse(EIO);
	return true;
}

ssize_t
framed_read(int fd, fdtable_held held, const struct iovec *iov, int count)
{
	const struct state_page *page = state_page(held);
	uint8_t header[FAMILY_HEADER_BYTES];
	ssize_t n;

	if ((!state_says_up(page) || !state_allows(page, MESSAGE_ACCESS_READ) || iov_bytes(iov, count) == 0) &&
	    read_is_answered(fd, held, iov, count, &n)) {
		return n;
	}
	if (packet_has_header(page)) {
		n = call(READING, fd, (struct iovec *)(uintptr_t)iov, count);
		return n > 0 ? n : n < 0 ? failed(READING, fd, held, iov, count) : refuse(EIO);
	}
	n = call_framed(READING, fd, header, iov, count);
	if (n < 0) {
		return failed(READING, fd, held, iov, count);
	}
	return n > FAMILY_HEADER_BYTES ? n - FAMILY_HEADER_BYTES : refuse(EIO); /* a packet has bytes, so this is the end */
}

/* Writing that is not plain.  True: *result is the answer. */
static __attribute__((noinline)) bool
write_is_answered(int fd, fdtable_held held, bool given, const struct iovec *iov, int count, ssize_t *result)
{
	const struct state_page *page = state_page(held);
	uint8_t header[FAMILY_HEADER_BYTES];
	uint32_t mtu;
	bool up;
	int error;

	if (recognise_is_other(fd, held)) {
		*result = real_writev(fd, iov, count);
		return true;
	}
	ask_interface(fd, &up, &mtu);
	if (!state_allows(page, MESSAGE_ACCESS_WRITE)) {
		error = EBADF;
	} else if (!up) {
		error = EIO;
	} else {
		error = packet_check(given, iov, count, iov_bytes(iov, count), mtu, header);
	}
	*result = error != 0 ? refuse(error) : 0;
	return error != 0;
}

ssize_t
framed_write(int fd, fdtable_held held, const struct iovec *iov, int count)
{
	const struct state_page *page = state_page(held);
	uint32_t mtu = page != NULL && state_watched(page) ? state_mtu(page) : UINT32_MAX;
	bool given = packet_has_header(page);
	size_t bytes = iov_bytes(iov, count);
	uint8_t header[FAMILY_HEADER_BYTES] = {0};
	ssize_t n;

	if ((!state_says_up(page) || !state_allows(page, MESSAGE_ACCESS_WRITE) ||
	    packet_check(given, iov, count, bytes, mtu, header) != 0) &&
	    write_is_answered(fd, held, given, iov, count, &n)) {
		return n;
	}
	if (given) {
		n = call(WRITING, fd, (struct iovec *)(uintptr_t)iov, count);
		return n < 0 ? failed(WRITING, fd, held, iov, count) : n;
	}
	(void)packet_check(given, iov, count, bytes, UINT32_MAX, header); /* the family, whatever the page says */
	n = call_framed(WRITING, fd, header, iov, count);
	return n < 0 ? failed(WRITING, fd, held, iov, count) : n - FAMILY_HEADER_BYTES;
}

int
framed_next_bytes(int fd, fdtable_held held)
{
	int bytes = os_next_bytes(fd), header = packet_has_header(state_page(held)) ? 0 : FAMILY_HEADER_BYTES;

	return bytes > header ? bytes - header : 0;
}
