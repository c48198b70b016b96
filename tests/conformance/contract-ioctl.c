/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-ioctl.c - ioctls on the device, header mode, blocking.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static void
fionbio_and_setfl_agree(enum kind kind)
{
	uint8_t packet[100];
	int fd = device_open(kind, 0, O_RDWR), on = 1, off = 0, copy;

	EXPECT(fd >= 0);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	copy = dup(fd);
	EXPECT(ioctl(fd, FIONBIO, &on) == 0);
	EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	EXPECT((fcntl(copy, F_GETFL) & O_NONBLOCK) != 0);
	EXPECT_ERRNO(read(copy, packet, sizeof(packet)), EAGAIN);
	EXPECT(ioctl(copy, FIONBIO, &off) == 0);
	EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
	EXPECT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	EXPECT_ERRNO(read(copy, packet, sizeof(packet)), EAGAIN);
	if (fork() == 0) {
		_exit(ioctl(fd, FIONBIO, &off) == 0 ? 0 : 1);
	}
	wait(NULL);
	EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
}

static void
fioasync_off_only(enum kind kind)
{
	int fd = opened(kind, 0), on = 1, off = 0;

	EXPECT(ioctl(fd, FIOASYNC, &off) == 0);
	EXPECT_ERRNO(ioctl(fd, FIOASYNC, &on), ENOTTY);
}

static void
fionread_tells_of_a_packet(enum kind kind)
{
	uint8_t packet[300];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), bytes = -1;

	EXPECT(ioctl(fd, FIONREAD, &bytes) == 0 && bytes == 0);
	packet_make(kind, packet, sizeof(packet), 1);
	kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	wait_readable(fd);
	EXPECT(ioctl(fd, FIONREAD, &bytes) == 0 && bytes >= (int)sizeof(packet));
	EXPECT(read(fd, packet, sizeof(packet)) == sizeof(packet));
	EXPECT(ioctl(fd, FIONREAD, &bytes) == 0 && bytes == 0);
}

static void
others_are_enotty(enum kind kind)
{
	/* SIOCGIFADDR, TUNSIFMODE, TIOCGWINSZ, TCGETS, TUNSETIFF, TUNGETIFF, TUNSETPERSIST, TAPGIFNAME's like, nonsense */
	static const unsigned long requests[] = {0x8915, 0x8004745e, 0x4004745e, 0x5413, 0x5401, 0x400454ca, 0x800454d2, 0x400454cb,
	    0x4020745d, 0x12345678};
	uint8_t space[64], before[64];
	int fd = opened(kind, 0);

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		memset(space, 0x5a, sizeof(space));
		memcpy(before, space, sizeof(space));
		EXPECT_ERRNO(ioctl(fd, requests[i], space), ENOTTY);
		EXPECT(memcmp(space, before, sizeof(space)) == 0);
	}
	EXPECT(!isatty(fd));
}

static void
fioclex_works(enum kind kind)
{
	int fd = opened(kind, 0);

	EXPECT(ioctl(fd, FIOCLEX) == 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	EXPECT(ioctl(fd, FIONCLEX) == 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0);
}

static void
make_version(uint8_t *packet, size_t bytes, int version)
{
	packet_make(TUN, packet, bytes, 7);
	if (version == 6) {
		/* Payload length and "no next header" (RFC 8200); between documentation addresses (RFC 3849). */
		memset(packet, 0, 40);
		packet[0] = 0x60;
		packet[5] = (uint8_t)(bytes - 40);
		packet[6] = 59;
		packet[7] = 64;
		memcpy(packet + 8, "\x20\x01\x0d\xb8", 4);
		memcpy(packet + 24, "\x20\x01\x0d\xb8", 4);
		packet[39] = 1;
	}
}

static const uint8_t header4[4] = {0, 0, 0, AF_INET}, header6[4] = {0, 0, 0, AF_INET6};

static void
other_platforms_header_ioctls_are_enotty(enum kind kind)
{
	int fd = opened(kind, 0), value = 1;

	EXPECT_ERRNO(ioctl(fd, contract_foreign_set_header, &value), ENOTTY);
	EXPECT_ERRNO(ioctl(fd, contract_foreign_get_header, &value), ENOTTY);
	EXPECT(value == 1);
	if (kind == TUN) {
		EXPECT(ioctl(fd, TUNGIFHEAD_VALUE, &value) == 0 && value == 0);
	}
}

static void
header_mode_while_packets_wait(enum kind kind)
{
	/* What counts is the mode when the packet is read. */
	uint8_t sent[80], got[200];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), on = 1, off = 0;

	make_version(sent, sizeof(sent), 4);
	for (int i = 0; i < 3; i++) {
		kernel_send(kernel, name_of(kind, 0), kind, sent, sizeof(sent));
	}
	wait_readable(fd);
	EXPECT(read(fd, got, sizeof(got)) == 80 && memcmp(got, sent, 80) == 0);
	wait_readable(fd);
	EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &on) == 0);
	EXPECT(read(fd, got, sizeof(got)) == 84 && memcmp(got, header4, 4) == 0 && memcmp(got + 4, sent, 80) == 0);
	wait_readable(fd);
	EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &off) == 0);
	EXPECT(read(fd, got, sizeof(got)) == 80 && memcmp(got, sent, 80) == 0);
}

static void
header_mode_keeps_blocking_and_eio(enum kind kind)
{
	uint8_t got[200];
	struct iovec parts[2] = {{got, 4}, {got + 4, 100}};
	int fd = opened(kind, 0), on = 1;

	EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &on) == 0);
	EXPECT_ERRNO(read(fd, got, sizeof(got)), EIO);
	EXPECT_ERRNO(readv(fd, parts, 2), EIO);
	EXPECT_ERRNO(read(fd, got, 2), EIO);
	EXPECT(read(fd, got, 0) == 0);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	EXPECT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	EXPECT_ERRNO(read(fd, got, sizeof(got)), EAGAIN);
	EXPECT_ERRNO(readv(fd, parts, 2), EAGAIN);
	EXPECT_ERRNO(read(fd, got, 2), EAGAIN);
	EXPECT(read(fd, got, 0) == 0);
}

static void
header_with_many_parts(enum kind kind)
{
	uint8_t sent[84], got[200];
	struct iovec out[84], in[90];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), on = 1;

	EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &on) == 0);
	memcpy(sent, header4, 4);
	make_version(sent + 4, 80, 4);
	for (unsigned i = 0; i < 84; i++) {
		out[i] = (struct iovec){&sent[i], 1};
	}
	for (unsigned i = 0; i < 90; i++) {
		in[i] = (struct iovec){&got[i], 1};
	}
	EXPECT(writev(fd, out, 84) == 84);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == 80 && memcmp(got, sent + 4, 80) == 0);
	kernel_send(kernel, name_of(kind, 0), kind, sent + 4, 80);
	wait_readable(fd);
	memset(got, 0xee, sizeof(got));
	EXPECT(readv(fd, in, 90) == 84 && memcmp(got, sent, 84) == 0 && got[84] == 0xee);
}

static void
header_ioctls_on_a_tap_are_enotty(enum kind kind)
{
	int fd = opened(kind, 0), value = 1;

	EXPECT_ERRNO(ioctl(fd, TUNSIFHEAD_VALUE, &value), ENOTTY);
	EXPECT_ERRNO(ioctl(fd, TUNGIFHEAD_VALUE, &value), ENOTTY);
}

static void
set_header(int fd, int on)
{
	int got = -1;

	EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &on) == 0);
	EXPECT(ioctl(fd, TUNGIFHEAD_VALUE, &got) == 0 && got == on);
}

static void
header_mode_is_off_by_default(enum kind kind)
{
	int fd = opened(kind, 0), got = -1;

	EXPECT(ioctl(fd, TUNGIFHEAD_VALUE, &got) == 0 && got == 0);
	set_header(fd, 1);
	set_header(fd, 0);
}

static void
header_ioctl_by_a_sign_extended_int(enum kind kind)
{
	int fd = opened(kind, 0), got = -1, on = 1, request = (int)TUNGIFHEAD_VALUE;

	EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &on, 0) == 0); /* tinc passes a stray fourth argument */
	EXPECT(ioctl(fd, (unsigned long)(long)request, &got) == 0 && got == 1);
}

static void
header_is_read_before_the_packet(enum kind kind)
{
	uint8_t sent[80], got[200], head[4];
	struct iovec own[2] = {{head, 4}, {got, sizeof(got)}}, odd[4] = {{got, 1}, {got + 1, 2}, {got + 3, 3}, {got + 6, 194}};
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	set_header(fd, 1);
	for (int version = 4; version <= 6; version += 2) {
		const uint8_t *header = version == 4 ? header4 : header6;

		make_version(sent, sizeof(sent), version);
		for (int i = 0; i < 3; i++) {
			kernel_send(kernel, name_of(kind, 0), kind, sent, sizeof(sent));
		}
		wait_readable(fd);
		EXPECT(read(fd, got, sizeof(got)) == 84);
		EXPECT(memcmp(got, header, 4) == 0 && memcmp(got + 4, sent, 80) == 0);
		memset(got, 0, sizeof(got));
		wait_readable(fd);
		EXPECT(readv(fd, own, 2) == 84);
		EXPECT(memcmp(head, header, 4) == 0 && memcmp(got, sent, 80) == 0);
		memset(got, 0, sizeof(got));
		wait_readable(fd);
		EXPECT(readv(fd, odd, 4) == 84);
		EXPECT(memcmp(got, header, 4) == 0 && memcmp(got + 4, sent, 80) == 0);
	}
}

static void
header_with_short_buffers(enum kind kind)
{
	static const size_t rooms[] = {1, 3, 4, 5, 20, 83};
	uint8_t sent[80], got[200], wanted[84];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	set_header(fd, 1);
	make_version(sent, sizeof(sent), 4);
	memcpy(wanted, header4, 4);
	memcpy(wanted + 4, sent, 80);
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		kernel_send(kernel, name_of(kind, 0), kind, sent, sizeof(sent));
		wait_readable(fd);
		memset(got, 0xee, sizeof(got));
		EXPECT(read(fd, got, rooms[i]) == (ssize_t)rooms[i]);
		EXPECT(memcmp(got, wanted, rooms[i]) == 0 && got[rooms[i]] == 0xee);
		EXPECT(!is_readable(fd));
	}
}

static void
header_is_written_before_the_packet(enum kind kind)
{
	uint8_t sent[84], got[200];
	struct iovec own[2] = {{sent, 4}, {sent + 4, 80}}, odd[3] = {{sent, 2}, {sent + 2, 3}, {sent + 5, 79}};
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	set_header(fd, 1);
	memcpy(sent, header4, 4);
	make_version(sent + 4, 80, 4);
	EXPECT(write(fd, sent, 84) == 84);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == 80 && memcmp(got, sent + 4, 80) == 0);
	EXPECT(writev(fd, own, 2) == 84);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == 80 && memcmp(got, sent + 4, 80) == 0);
	EXPECT(writev(fd, odd, 3) == 84);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == 80 && memcmp(got, sent + 4, 80) == 0);
	memcpy(sent, header6, 4);
	make_version(sent + 4, 80, 6);
	EXPECT(write(fd, sent, 84) == 84);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == 80 && memcmp(got, sent + 4, 80) == 0);
}

static void
wrong_headers_are_refused(enum kind kind)
{
	uint8_t packet[1600];
	int fd = opened_up(kind, 0);

	set_header(fd, 1);
	make_version(packet + 4, 80, 4);
	memcpy(packet, "\0\0\0\x05", 4);
	EXPECT_ERRNO(write(fd, packet, 84), EAFNOSUPPORT);
	memcpy(packet, "\x02\0\0\0", 4);
	EXPECT_ERRNO(write(fd, packet, 84), EAFNOSUPPORT);
	memcpy(packet, header6, 4);
	EXPECT_ERRNO(write(fd, packet, 84), EINVAL);
	memcpy(packet, header4, 4);
	EXPECT_ERRNO(write(fd, packet, 4), EINVAL);
	EXPECT_ERRNO(write(fd, packet, 3), EINVAL);
	EXPECT_ERRNO(write(fd, packet, 0), EINVAL);
	make_version(packet + 4, 1501, 4);
	EXPECT_ERRNO(write(fd, packet, 1505), EMSGSIZE);
	EXPECT(write(fd, packet, 1504) == 1504);
	if_down(name_of(kind, 0));
	EXPECT_EIO_SOON(write(fd, packet, 84));
	EXPECT_ERRNO(write(fd, packet, 3), EIO);
	memcpy(packet, "\0\0\0\x05", 4);
	EXPECT_ERRNO(write(fd, packet, 84), EIO);
}

static void
header_mode_belongs_to_the_open_device(enum kind kind)
{
	int fd = opened(kind, 0), copy = dup(fd), got = -1, status;

	set_header(copy, 1);
	EXPECT(ioctl(fd, TUNGIFHEAD_VALUE, &got) == 0 && got == 1);
	if (fork() == 0) {
		int off = 0;

		EXPECT(ioctl(fd, TUNGIFHEAD_VALUE, &got) == 0 && got == 1);
		_exit(ioctl(fd, TUNSIFHEAD_VALUE, &off) == 0 ? 0 : 1);
	}
	EXPECT(wait(&status) > 0 && status == 0);
	EXPECT(ioctl(copy, TUNGIFHEAD_VALUE, &got) == 0 && got == 0);
}

const struct contract_case ioctl_cases[] = {
	{"blocking.agree", "FIONBIO and O_NONBLOCK agree, shared by dup and fork", ON_BOTH | NATIVE, fionbio_and_setfl_agree},
	{"fioasync.off", "FIOASYNC off is accepted, on is ENOTTY", ON_BOTH, fioasync_off_only},
	{"fionread.size", "FIONREAD is 0, or at least the next packet's size", ON_BOTH, fionread_tells_of_a_packet},
	{"ioctl.others", "other ioctls are ENOTTY and touch nothing", ON_BOTH, others_are_enotty},
	{"ioctl.cloexec", "FIOCLEX and FIONCLEX work", ON_BOTH, fioclex_works},
	{"header.tap", "TUNSIFHEAD and TUNGIFHEAD on a tap are ENOTTY", ON_TAP, header_ioctls_on_a_tap_are_enotty},
	{"header.values", "another platform's values are ENOTTY and touch nothing", ON_BOTH, other_platforms_header_ioctls_are_enotty},
	{"header.read", "the mode counts that is on when a packet is read", ON_TUN, header_mode_while_packets_wait},
	{"header.read", "EIO and EAGAIN are the same in header mode", ON_TUN, header_mode_keeps_blocking_and_eio},
	{"header.read", "vectors of many parts, both ways", ON_TUN, header_with_many_parts},
	{"header.default", "header mode is off by default, and switches", ON_TUN, header_mode_is_off_by_default},
	{"header.values", "the request's value may be sign-extended, with a stray argument", ON_TUN,
	    header_ioctl_by_a_sign_extended_int},
	{"header.read", "the header is read before the packet, in one piece or several", ON_TUN, header_is_read_before_the_packet},
	{"header.short", "short buffers get header and packet from the start", ON_TUN, header_with_short_buffers},
	{"header.write", "the header is written before the packet", ON_TUN, header_is_written_before_the_packet},
	{"header.errors", "a wrong header is EAFNOSUPPORT or EINVAL, after EIO", ON_TUN, wrong_headers_are_refused},
	{"header.shared", "header mode is seen through dup and fork", ON_TUN, header_mode_belongs_to_the_open_device},
	{0},
};
