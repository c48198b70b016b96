/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel.c - read and write on a relayed channel, as device-contract.md says.
 *
 * Theory of operation.  A packet is a datagram of a socket pair whose other end a relay has.  The plain path is the same as on a direct
 * link: a look in the table, one in the page, one system call.  It is recv(2) or send(2), for a vector recvmsg(2) or sendmsg(2), which fail
 * on a file that is no socket, and raise no SIGPIPE.  What the interface would say itself is said here: too short, too long, down, gone.
 *
 * A tun's packets are bare in the channel; in header mode their header is put on and taken off here, by shifting the vector and not the
 * packet.  So a change of mode has no part in what is under way: what counts is the mode when the packet is read or written.
 *
 *   - Down: the page is the word, but it may be late, so before EIO the kernel is asked about the interface, on the channel itself, which
 *     is of the interface's network namespace.  What is queued is thrown away, so that no poller spins.
 *   - Gone: the relay has ended, for which a read of 0, ECONNRESET, EPIPE and their like stand.  All are EIO; a read never returns 0.
 *
 * The first bytes of what is written to a tun are looked at: a bad pointer there is a fault in the program, as with any function of a
 * library; for all else the kernel checks the pointers.
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
#include <limits.h>
#include <sys/socket.h>

#include "fdtable.h"
#include "iov.h"
#include "os.h"
#include "packet.h"
#include "real.h"
#include "recognise.h"
#include "refuse.h"

#define ETHERNET_HEADER_BYTES 14
#define VLAN_TAG_BYTES 4
/* More packets than a channel holds: twice CHANNEL_BYTES by the least that one costs in the kernel (daemon/relays.c). */
#define DRAIN_MAX 4096
/* Parts of a vector that are shifted without a large copy on the stack, which may be a signal handler's own small one. */
#define PARTS_FEW 8

/* A call's direction, for what reading and writing share. */
enum direction { READING, WRITING };

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

static ssize_t
move(enum direction direction, int fd, const struct iovec *iov, int count, int flags)
{
	return direction == READING ? receive(fd, iov, count, flags) : transmit(fd, iov, count, flags);
}

static __attribute__((noinline)) ssize_t
move_behind_many(enum direction direction, int fd, const struct iovec *iov, int count, int flags)
{
	struct iovec rest[IOV_MAX];

	return move(direction, fd, rest, iov_skip(iov, count, FAMILY_HEADER_BYTES, rest), flags);
}

/* The packet alone, behind its header. */
static __attribute__((noinline)) ssize_t
move_behind_header(enum direction direction, int fd, const struct iovec *iov, int count, int flags)
{
	struct iovec rest[PARTS_FEW];

	return count > PARTS_FEW ? move_behind_many(direction, fd, iov, count, flags) :
	    move(direction, fd, rest, iov_skip(iov, count, FAMILY_HEADER_BYTES, rest), flags);
}

/* Receives a packet and puts its header in front of it. */
static __attribute__((noinline)) ssize_t
receive_with_header(int fd, const struct iovec *iov, int count, int flags)
{
	uint8_t start[FAMILY_HEADER_BYTES + 1] = {0}, *first = &start[FAMILY_HEADER_BYTES];
	const struct iovec alone = {.iov_base = first, .iov_len = 1};
	size_t bytes = iov_bytes(iov, count);
	bool room = bytes > FAMILY_HEADER_BYTES;
	/* Without room for any of the packet, its first byte is needed all the same. */
	ssize_t n = room ? move_behind_header(READING, fd, iov, count, flags) : receive(fd, &alone, 1, flags);

	if (n <= 0) {
		return n;
	}
	if (room) {
		(void)iov_peek(iov, count, start, sizeof(start));
	}
	family_header_make(start, *first);
	(void)iov_poke(iov, count, start, FAMILY_HEADER_BYTES);
	return room ? n + FAMILY_HEADER_BYTES : (ssize_t)bytes;
}

static inline ssize_t
receive_packet(int fd, bool header, const struct iovec *iov, int count, int flags)
{
	return header ? receive_with_header(fd, iov, count, flags) : receive(fd, iov, count, flags);
}

static inline ssize_t
transmit_packet(int fd, bool header, const struct iovec *iov, int count, int flags)
{
	ssize_t n;

	if (!header) {
		return transmit(fd, iov, count, flags);
	}
	n = move_behind_header(WRITING, fd, iov, count, flags);
	return n < 0 ? n : n + FAMILY_HEADER_BYTES;
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
		/* what was queued before */
		n = receive_packet(fd, packet_has_header(state_page(held)), iov, count, MSG_DONTWAIT);
		if (n > 0) {
			return n;
		}
		break;
	default:
		break;
	}
	if (recognise_is_other(fd, held)) {
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

	if ((!state_says_up(page) || !state_allows(page, MESSAGE_ACCESS_READ) || iov_bytes(iov, count) == 0) &&
	    read_is_answered(fd, held, iov, count, &n)) {
		return n;
	}
	n = receive_packet(fd, packet_has_header(page), iov, count, flags);
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

/* What the contract has against what is to be written, as errno; 0: nothing. */
static inline int
check(fdtable_held held, bool header, const struct iovec *iov, int count, size_t bytes, uint32_t mtu)
{
	if (fdtable_id(held).kind == DEVICE_TUN) {
		return packet_check(header, iov, count, bytes, mtu, NULL);
	}
	if (bytes < ETHERNET_HEADER_BYTES) {
		return EINVAL; /* of no bytes: the relay would take it for nothing at all */
	}
	return mtu != UINT32_MAX && too_long(iov, count, bytes, mtu) ? EMSGSIZE : 0;
}

/* Writing that is not plain.  True: *result is the answer. */
static __attribute__((noinline)) bool
write_is_answered(int fd, fdtable_held held, bool header, const struct iovec *iov, int count, ssize_t *result)
{
	const struct state_page *page = state_page(held);
	uint32_t mtu = UINT32_MAX;
	bool up = true;
	int error;

	if (recognise_is_other(fd, held)) {
		*result = real_writev(fd, iov, count);
		return true;
	}
	ask_interface(fd, page, &up, &mtu);
	if (!state_allows(page, MESSAGE_ACCESS_WRITE)) {
		*result = refuse(EBADF);
	} else if (!up) {
		*result = refuse(EIO);
	} else {
		error = check(held, header, iov, count, iov_bytes(iov, count), mtu);
		*result = error != 0 ? refuse(error) : 0;
		return error != 0;
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
	if (recognise_is_other(fd, held)) {
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
	bool header = packet_has_header(page);
	ssize_t n;

	if ((!state_says_up(page) || !state_allows(page, MESSAGE_ACCESS_WRITE) ||
	    check(held, header, iov, count, iov_bytes(iov, count), state_mtu(page)) != 0) &&
	    write_is_answered(fd, held, header, iov, count, &n)) {
		return n;
	}
	do {
		n = transmit_packet(fd, header, iov, count, flags);
	} while (n < 0 && os_wait_for_room(fd, flags));
	return n < 0 ? not_sent(fd, held, iov, count) : n;
}

int
channel_next_bytes(int fd, fdtable_held held)
{
	int bytes = os_next_bytes(fd);

	return bytes > 0 && packet_has_header(state_page(held)) ? bytes + FAMILY_HEADER_BYTES : bytes;
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
