/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.c - read and write on a device, as device-contract.md says.
 *
 * Theory of operation.  On a direct link the kernel's descriptor already means one packet per call, and the plain path is:
 * one look in the table, one in the state page, the program's own call.  Everything else is off the plain path:
 *
 *   - reading while the page does not say "up": the kernel is asked; if it agrees, what is queued is thrown away, so that no poller
 *     spins, and the answer is EIO;
 *   - a write that is too long for the interface: the kernel is asked for its state and MTU, then EIO or EMSGSIZE;
 *   - an error of the kernel's own: translated where the contract has another (an interface that is gone is EIO; so is any
 *     refusal while it is down);
 *   - header mode: four bytes in front of each packet, put on and taken off by shifting the vector, not the packet.
 *
 * Calls with an offset.  A character device of the BSDs and macOS gets the offset and ignores it (XNU: dofileread() puts it in the
 * uio, spec_read() hands that to the driver, and a tun or tap driver looks at nothing but its length); so does Linux's driver, under a
 * kernel that refuses a negative one first.  So pread is read here, with all that the contract says of read.
 *
 * Before any refusal, and before a header is added or taken off, the kernel says whether the number is still the device.  If it
 * is not, the entry was stale: it is cleared, and the call made as the program meant it.
 *
 * What it must never do: wait, lock, allocate, or make a second call on the plain path.
 *
 * The kernel checks the program's pointers on the plain path.  Off it, the vector, and in header mode the packet's first bytes, are
 * touched here: a bad pointer there is a fault in the program, as with any function of a library.
 */
#include "io.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "fdtable.h"
#include "framed.h"
#include "iov.h"
#include "os.h"
#include "protocol/family.h"
#include "real.h"
#include "recognise.h"
#include "refuse.h"
#include "state.h"

#define ETHERNET_HEADER_BYTES 14
#define VLAN_TAG_BYTES 4

/* Parts of a vector that are shifted without a large copy on the stack, which may be a signal handler's own small one. */
#define PARTS_FEW 8

/* A call's direction, for what reading and writing share. */
enum direction { READING, WRITING };

static ssize_t
real_vector(enum direction direction, int fd, const struct iovec *iov, int count)
{
	return direction == READING ? real_readv(fd, iov, count) : real_writev(fd, iov, count);
}

static __attribute__((noinline)) ssize_t
shifted_many(enum direction direction, int fd, const struct iovec *iov, int count, size_t skip)
{
	struct iovec rest[IOV_MAX];

	return real_vector(direction, fd, rest, iov_skip(iov, count, skip, rest));
}

/* The real call, on what iov describes without its first skip bytes. */
static ssize_t
real_shifted(enum direction direction, int fd, const struct iovec *iov, int count, size_t skip)
{
	struct iovec rest[PARTS_FEW];

	return count > PARTS_FEW ? shifted_many(direction, fd, iov, count, skip) :
	    real_vector(direction, fd, rest, iov_skip(iov, count, skip, rest));
}

/* Whether the page vouches that the interface is up. */
static bool
page_says_up(const struct state_page *page)
{
	return page != NULL && state_watched(page) && state_up(page);
}

/* Bytes of a packet that count above the MTU. */
static inline size_t
link_header_bytes(fdtable_held held)
{
	return fdtable_id(held).kind == DEVICE_TAP ? ETHERNET_HEADER_BYTES : 0;
}

/* Flags and MTU of the interface, from the kernel.  0, or -1: it cannot be asked where the caller is. */
static int
ask_interface(int fd, const struct state_page *page, bool *up, uint32_t *mtu)
{
	return page != NULL && state_elsewhere(page) ? -1 : os_ask_interface(fd, up, mtu);
}

static bool
asked_is_down(int fd, const struct state_page *page)
{
	bool up;
	uint32_t mtu;

	/*
	 * Not writable is down, unless the page says that it is up: then the queue is full, or the page is late.  Where the
	 * interface cannot be asked (it is in another namespace), not writable is all there is to know.
	 */
	if (os_ask_up(fd)) {
		return false;
	}
	if (page != NULL && state_watched(page) && !state_up(page)) {
		return true;
	}
	return ask_interface(fd, page, &up, &mtu) < 0 || !up;
}

/* The kernel has refused: its errno, or the contract's.  Returns -1. */
static __attribute__((noinline)) ssize_t
failed(int fd, fdtable_held held)
{
	int error = errno;

	switch (error) {
	case EAGAIN:
	case EINTR:
	case EIO:
		break;
	case EBADF:
		/* The wrong direction for how it was opened, or a number that is no more. */
		(void)recognise_is_other(fd, held);
		break;
#ifdef EBADFD
	case EBADFD:
		error = EIO; /* its interface is gone; only a tun descriptor of Linux says this */
		break;
#endif
	default:
		if (os_ask_device(fd, fdtable_id(held)) == OS_DEVICE && asked_is_down(fd, state_page(held))) {
			error = EIO; /* before any other error */
		}
		break;
	}
	errno = error;
	return -1;
}

/* Not a device any more: forgets it and makes the call. */
static ssize_t
other_file(enum direction direction, int fd, const struct iovec *iov, int count)
{
	fdtable_set(fd, FDTABLE_OTHER);
	return real_vector(direction, fd, iov, count);
}

/* Reads a packet and puts the header in front of it. */
static ssize_t
read_with_header(int fd, fdtable_held held, const struct iovec *iov, int count, size_t bytes)
{
	uint8_t start[FAMILY_HEADER_BYTES + 1] = {0}, *first = &start[FAMILY_HEADER_BYTES];
	bool room = bytes > FAMILY_HEADER_BYTES;
	ssize_t n;

	/* Without room for any of the packet, its first byte is needed all the same. */
	n = room ? real_shifted(READING, fd, iov, count, FAMILY_HEADER_BYTES) : real_read(fd, first, 1);
	if (n < 0) {
		return failed(fd, held);
	}
	if (room) {
		(void)iov_peek(iov, count, start, sizeof(start));
	}
	family_header_make(start, *first);
	(void)iov_poke(iov, count, start, FAMILY_HEADER_BYTES);
	return room ? n + FAMILY_HEADER_BYTES : (ssize_t)bytes;
}

/* Everything that is not on the plain path of reading. */
static ssize_t
read_device(int fd, fdtable_held held, const struct iovec *iov, int count)
{
	const struct state_page *page = state_page(held);
	size_t bytes = iov_bytes(iov, count);
	bool header, up;
	ssize_t n;

	switch (channel_type_of(fd, page)) {
	case CHANNEL_RELAYED:
		return channel_read(fd, held, iov, count, 0);
	case CHANNEL_FRAMED:
		return framed_read(fd, held, iov, count);
	case CHANNEL_NODE:
		return other_file(READING, fd, iov, count);
	case CHANNEL_DIRECT:
		break;
	}
	header = page != NULL && state_header_mode(page);
	up = page_says_up(page);
	if (bytes != 0 && !header && (up || os_ask_up(fd))) {
		n = real_readv(fd, iov, count);
		return n < 0 ? failed(fd, held) : n;
	}
	switch (os_ask_device(fd, fdtable_id(held))) {
	case OS_OTHER:
		return other_file(READING, fd, iov, count);
	case OS_GONE:
		return bytes == 0 ? 0 : refuse(EIO);
	case OS_DEVICE:
		break;
	}
	if (bytes == 0) {
		return 0;
	}
	if (!up && asked_is_down(fd, page)) {
		os_drain(fd);
		return refuse(EIO);
	}
	if (!header) {
		n = real_readv(fd, iov, count);
		return n < 0 ? failed(fd, held) : n;
	}
	return read_with_header(fd, held, iov, count, bytes);
}

/* Whether a write of that size must not reach the kernel: it is longer than the interface takes. */
static bool
too_long(fdtable_held held, const struct iovec *iov, int count, size_t bytes, size_t mtu)
{
	size_t limit = mtu + link_header_bytes(held);
	uint8_t start[ETHERNET_HEADER_BYTES];

	if (bytes <= limit) {
		return false;
	}
	/* A frame that carries an 802.1Q tag may be longer by the tag. */
	return fdtable_id(held).kind != DEVICE_TAP || bytes > limit + VLAN_TAG_BYTES ||
	    iov_peek(iov, count, start, sizeof(start)) < sizeof(start) || start[12] != 0x81 || start[13] != 0x00;
}

/* Takes the header off and writes the packet behind it. */
static ssize_t
write_with_header(int fd, fdtable_held held, const struct iovec *iov, int count)
{
	uint8_t start[FAMILY_HEADER_BYTES + 1];
	int error = EINVAL;
	ssize_t n;

	if (iov_peek(iov, count, start, sizeof(start)) == sizeof(start)) {
		error = family_header_check(start, start[FAMILY_HEADER_BYTES]);
	}
	if (error != 0) {
		return refuse(asked_is_down(fd, state_page(held)) ? EIO : error);
	}
	n = real_shifted(WRITING, fd, iov, count, FAMILY_HEADER_BYTES);
	return n < 0 ? failed(fd, held) : n + FAMILY_HEADER_BYTES;
}

/* Everything that is not on the plain path of writing. */
static ssize_t
write_device(int fd, fdtable_held held, const struct iovec *iov, int count)
{
	const struct state_page *page = state_page(held);
	bool header = page != NULL && state_header_mode(page), up = page_says_up(page);
	size_t bytes = iov_bytes(iov, count);
	size_t packet = header && bytes >= FAMILY_HEADER_BYTES ? bytes - FAMILY_HEADER_BYTES : bytes;
	uint32_t mtu = page != NULL && state_watched(page) ? state_mtu(page) : UINT32_MAX;
	ssize_t n;

	switch (channel_type_of(fd, page)) {
	case CHANNEL_RELAYED:
		return channel_write(fd, held, iov, count, 0);
	case CHANNEL_FRAMED:
		return framed_write(fd, held, iov, count);
	case CHANNEL_NODE:
		return other_file(WRITING, fd, iov, count);
	case CHANNEL_DIRECT:
		break;
	}
	switch (os_ask_device(fd, fdtable_id(held))) {
	case OS_OTHER:
		return other_file(WRITING, fd, iov, count);
	case OS_GONE:
		return refuse(EIO);
	case OS_DEVICE:
		break;
	}
	/* What the page has nothing against needs no more questions: a packet with a header, or a tag. */
	if (!up || bytes == 0 || too_long(held, iov, count, packet, mtu)) {
		/*
		 * Where the interface cannot be asked, or without a page a stranger's of that name may have been, the descriptor knows
		 * at least whether it is up.
		 */
		if ((ask_interface(fd, page, &up, &mtu) < 0 || !up) && !os_ask_up(fd)) {
			return refuse(EIO);
		}
		if (bytes == 0) {
			return refuse(EINVAL); /* the kernel would not show a vector without bytes to the driver */
		}
		if (mtu != UINT32_MAX && too_long(held, iov, count, packet, mtu)) {
			return refuse(EMSGSIZE);
		}
	}
	if (header) {
		return write_with_header(fd, held, iov, count);
	}
	n = real_writev(fd, iov, count);
	return n < 0 ? failed(fd, held) : n;
}

/* read_device() and write_device() for one buffer.  Apart, so that the plain path has no vector on its stack. */
static __attribute__((noinline)) ssize_t
read_buffer_off_path(int fd, fdtable_held held, void *data, size_t size)
{
	struct iovec iov = {.iov_base = data, .iov_len = size};

	return read_device(fd, held, &iov, 1);
}

static __attribute__((noinline)) ssize_t
write_buffer_off_path(int fd, fdtable_held held, const void *data, size_t size)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};

	return write_device(fd, held, &iov, 1);
}

/* Whether the page lets a call of that size go straight to the kernel. */
static inline bool
is_plain(enum direction direction, fdtable_held held, size_t bytes)
{
	const struct state_page *page = state_page(held);

	return page != NULL && state_plain(page) && bytes != 0 &&
	    (direction == READING || bytes <= state_mtu(page) + link_header_bytes(held));
}

/* A device's calls are apart too, so that another descriptor's need no stack at all. */
static __attribute__((noinline)) ssize_t
read_buffer(int fd, fdtable_held held, void *data, size_t size)
{
	ssize_t n;

	if (!is_plain(READING, held, size)) {
		return read_buffer_off_path(fd, held, data, size);
	}
	n = ((real_read_fn)real_bound(REAL_read))(fd, data, size);
	return n < 0 ? failed(fd, held) : n;
}

static __attribute__((noinline)) ssize_t
write_buffer(int fd, fdtable_held held, const void *data, size_t size)
{
	ssize_t n;

	if (!is_plain(WRITING, held, size)) {
		return write_buffer_off_path(fd, held, data, size);
	}
	n = ((real_write_fn)real_bound(REAL_write))(fd, data, size);
	return n < 0 ? failed(fd, held) : n;
}

/* And so is the first use of a number that is unknown. */
static __attribute__((noinline)) ssize_t
read_unknown(int fd, void *data, size_t size)
{
	fdtable_held held = recognise(fd);

	return held == 0 ? real_read(fd, data, size) : read_buffer(fd, held, data, size);
}

static __attribute__((noinline)) ssize_t
write_unknown(int fd, const void *data, size_t size)
{
	fdtable_held held = recognise(fd);

	return held == 0 ? real_write(fd, data, size) : write_buffer(fd, held, data, size);
}

static inline ssize_t
read_number(int fd, void *data, size_t size)
{
	fdtable_held held = fdtable_get(fd);

	if (held == FDTABLE_OTHER) {
		return real_read(fd, data, size);
	}
	return fdtable_is_device(held) ? read_buffer(fd, held, data, size) : read_unknown(fd, data, size);
}

static inline ssize_t
write_number(int fd, const void *data, size_t size)
{
	fdtable_held held = fdtable_get(fd);

	if (held == FDTABLE_OTHER) {
		return real_write(fd, data, size);
	}
	return fdtable_is_device(held) ? write_buffer(fd, held, data, size) : write_unknown(fd, data, size);
}

ssize_t
shim_read(int fd, void *data, size_t size)
{
	return read_number(fd, data, size);
}

ssize_t
shim_write(int fd, const void *data, size_t size)
{
	return write_number(fd, data, size);
}

ssize_t
io_read(int fd, void *data, size_t size)
{
	return read_number(fd, data, size);
}

ssize_t
io_write(int fd, const void *data, size_t size)
{
	return write_number(fd, data, size);
}

ssize_t
shim_readv(int fd, const struct iovec *iov, int count)
{
	fdtable_held held = recognise_device(fd);
	ssize_t n;

	if (held == 0 || count < 0 || count > IOV_MAX) {
		return real_readv(fd, iov, count);
	}
	if (!is_plain(READING, held, iov_bytes(iov, count))) {
		return read_device(fd, held, iov, count);
	}
	n = real_readv(fd, iov, count);
	return n < 0 ? failed(fd, held) : n;
}

ssize_t
shim_writev(int fd, const struct iovec *iov, int count)
{
	fdtable_held held = recognise_device(fd);
	ssize_t n;

	if (held == 0 || count < 0 || count > IOV_MAX) {
		return real_writev(fd, iov, count);
	}
	if (!is_plain(WRITING, held, iov_bytes(iov, count))) {
		return write_device(fd, held, iov, count);
	}
	n = real_writev(fd, iov, count);
	return n < 0 ? failed(fd, held) : n;
}

#ifdef ENTRY___read_chk
/* What read() becomes in a program built with _FORTIFY_SOURCE. */
ssize_t
shim___read_chk(int fd, void *data, size_t size, size_t room)
{
	if (size > room) {
		return real___read_chk(fd, data, size, room); /* ends the program, in its own words */
	}
	return read_number(fd, data, size);
}
#endif

bool
io_is_device(int fd)
{
	fdtable_held held = recognise_device(fd);

	return held != 0 && !recognise_is_other(fd, held);
}

/* What is not plain goes the way of read and write, which know of no offset: so the number must be the device for sure. */
static ssize_t
pread_number(int fd, void *data, size_t size, off_t offset)
{
	fdtable_held held = recognise_device(fd);
	ssize_t n;

	if (held == 0 || offset < 0) {
		return real_pread(fd, data, size, offset);
	}
	if (!is_plain(READING, held, size)) {
		return io_is_device(fd) ? read_buffer_off_path(fd, held, data, size) : real_pread(fd, data, size, offset);
	}
	n = real_pread(fd, data, size, offset);
	return n < 0 ? failed(fd, held) : n;
}

ssize_t
shim_pread(int fd, void *data, size_t size, off_t offset)
{
	return pread_number(fd, data, size, offset);
}

ssize_t
shim_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	fdtable_held held = recognise_device(fd);
	ssize_t n;

	if (held == 0 || offset < 0) {
		return real_pwrite(fd, data, size, offset);
	}
	if (!is_plain(WRITING, held, size)) {
		return io_is_device(fd) ? write_buffer_off_path(fd, held, data, size) : real_pwrite(fd, data, size, offset);
	}
	n = real_pwrite(fd, data, size, offset);
	return n < 0 ? failed(fd, held) : n;
}

ssize_t
shim_preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	fdtable_held held = recognise_device(fd);
	ssize_t n;

	if (held == 0 || offset < 0 || count < 0 || count > IOV_MAX) {
		return real_preadv(fd, iov, count, offset);
	}
	if (!is_plain(READING, held, iov_bytes(iov, count))) {
		return io_is_device(fd) ? read_device(fd, held, iov, count) : real_preadv(fd, iov, count, offset);
	}
	n = real_preadv(fd, iov, count, offset);
	return n < 0 ? failed(fd, held) : n;
}

ssize_t
shim_pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	fdtable_held held = recognise_device(fd);
	ssize_t n;

	if (held == 0 || offset < 0 || count < 0 || count > IOV_MAX) {
		return real_pwritev(fd, iov, count, offset);
	}
	if (!is_plain(WRITING, held, iov_bytes(iov, count))) {
		return io_is_device(fd) ? write_device(fd, held, iov, count) : real_pwritev(fd, iov, count, offset);
	}
	n = real_pwritev(fd, iov, count, offset);
	return n < 0 ? failed(fd, held) : n;
}

#ifdef ENTRY_preadv2
/*
 * An offset of -1 is the file's own place, so the call is readv or writev.  Flags (RWF_NOWAIT, of what a tun file honours) go to
 * the kernel with the plain call.  The shifted call of header mode has none to take: it is refused, as a flag that a file does not
 * know is.
 */
ssize_t
shim_preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	fdtable_held held = recognise_device(fd);
	const struct state_page *page;
	ssize_t n;

	if (held == 0 || offset < -1 || count < 0 || count > IOV_MAX) {
		return real_preadv2(fd, iov, count, offset, flags);
	}
	if (!is_plain(READING, held, iov_bytes(iov, count))) {
		if (!io_is_device(fd)) {
			return real_preadv2(fd, iov, count, offset, flags);
		}
		page = state_page(held);
		if (flags != 0 && channel_is_relayed(fd, page)) {
			return flags != RWF_NOWAIT ? refuse(EOPNOTSUPP) : channel_read(fd, held, iov, count, MSG_DONTWAIT);
		}
		if (flags == 0 || iov_bytes(iov, count) == 0 || !os_ask_up(fd)) {
			return read_device(fd, held, iov, count);
		}
		if (page != NULL && state_header_mode(page)) {
			return refuse(EOPNOTSUPP);
		}
	}
	n = real_preadv2(fd, iov, count, offset, flags);
	return n < 0 ? failed(fd, held) : n;
}

ssize_t
shim_pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
	fdtable_held held = recognise_device(fd);
	const struct state_page *page;
	ssize_t n;

	if (held == 0 || offset < -1 || count < 0 || count > IOV_MAX) {
		return real_pwritev2(fd, iov, count, offset, flags);
	}
	if (!is_plain(WRITING, held, iov_bytes(iov, count))) {
		if (!io_is_device(fd)) {
			return real_pwritev2(fd, iov, count, offset, flags);
		}
		page = state_page(held);
		if (flags != 0 && channel_is_relayed(fd, page)) {
			return flags != RWF_NOWAIT ? refuse(EOPNOTSUPP) : channel_write(fd, held, iov, count, MSG_DONTWAIT);
		}
		if (flags != 0 && os_ask_up(fd) && page != NULL && state_header_mode(page)) {
			return refuse(EOPNOTSUPP);
		}
		return write_device(fd, held, iov, count); /* what it refuses, no flag allows; the driver's write does not wait */
	}
	n = real_pwritev2(fd, iov, count, offset, flags);
	return n < 0 ? failed(fd, held) : n;
}
#endif

#ifdef ENTRY___pread_chk
ssize_t
shim___pread_chk(int fd, void *data, size_t size, off_t offset, size_t room)
{
	if (size > room) {
		return real___pread_chk(fd, data, size, offset, room); /* ends the program, in its own words */
	}
	return pread_number(fd, data, size, offset);
}
#endif
