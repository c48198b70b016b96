/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-doors.c - the less usual calls on an open device: with an offset, by a high number; and what a device is not: a file
 * with places, a terminal, a socket, a pipe's end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#if __has_include(<sys/sendfile.h>)
#include <sys/sendfile.h>
#endif
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "harness.h"

#define FAR ((off_t)1 << 40)

static void
offsets_are_ignored(enum kind kind)
{
	uint8_t packet[PACKET_MIN], got[2000];
	volatile size_t size = sizeof(got); /* not a constant: what a fortified program calls */
	struct iovec in[2] = {{got, 30}, {got + 30, sizeof(got) - 30}}, out[2] = {{packet, 30}, {packet + 30, sizeof(packet) - 30}};
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	packet_arrive(fd, kernel, kind, 1);
	EXPECT(pread(fd, got, sizeof(got), 0) == PACKET_MIN && packet_number(kind, got) == 1);
	packet_arrive(fd, kernel, kind, 2);
	EXPECT(pread(fd, got, size, FAR) == PACKET_MIN && packet_number(kind, got) == 2);
	packet_arrive(fd, kernel, kind, 3);
	EXPECT(preadv(fd, in, 2, 7) == PACKET_MIN && packet_number(kind, got) == 3);
	packet_make(kind, packet, sizeof(packet), 4);
	EXPECT(pwrite(fd, packet, sizeof(packet), 0) == PACKET_MIN);
	packet_has_gone(kernel, kind, 4);
	packet_make(kind, packet, sizeof(packet), 5);
	EXPECT(pwrite(fd, packet, sizeof(packet), FAR) == PACKET_MIN);
	packet_has_gone(kernel, kind, 5);
	packet_make(kind, packet, sizeof(packet), 6);
	EXPECT(pwritev(fd, out, 2, 7) == PACKET_MIN);
	packet_has_gone(kernel, kind, 6);
	/* Only a negative one is nobody's. */
	EXPECT_ERRNO(pread(fd, got, sizeof(got), -1), EINVAL);
	EXPECT_ERRNO(pwrite(fd, packet, sizeof(packet), -1), EINVAL);
	EXPECT_ERRNO(preadv(fd, in, 2, -1), EINVAL);
	EXPECT_ERRNO(pwritev(fd, out, 2, -1), EINVAL);
}

static void
short_pread_takes_the_first_bytes(enum kind kind)
{
	uint8_t packet[PACKET_MIN], got[100] = {0};
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	packet_arrive(fd, kernel, kind, 1);
	packet_arrive(fd, kernel, kind, 2);
	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT(pread(fd, got, 10, 0) == 10 && memcmp(got, packet, 10) == 0);
	wait_readable(fd);
	EXPECT(pread(fd, got, sizeof(got), 10) == PACKET_MIN && packet_number(kind, got) == 2);
}

static void
pread_family_keeps_the_contract(enum kind kind)
{
	uint8_t packet[1600] = {0};
	struct iovec whole = {packet, PACKET_MIN}, nothing = {packet, 0};
	int fd = opened(kind, 0), kernel;

	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT_ERRNO(pread(fd, packet, sizeof(packet), 0), EIO);
	EXPECT_ERRNO(preadv(fd, &whole, 1, 0), EIO);
	EXPECT(pread(fd, packet, 0, 0) == 0 && preadv(fd, &nothing, 1, 0) == 0);
	EXPECT_ERRNO(pwrite(fd, packet, PACKET_MIN, 0), EIO);
	EXPECT_ERRNO(pwrite(fd, packet, 0, 0), EIO);
	EXPECT_ERRNO(pwrite(fd, packet, sizeof(packet), 0), EIO);
	EXPECT_ERRNO(pwritev(fd, &nothing, 1, 0), EIO);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	kernel = kernel_open(name_of(kind, 0));
	EXPECT(pread(fd, packet, 0, 0) == 0);
	EXPECT_ERRNO(pwrite(fd, packet, 0, 0), EINVAL);
	EXPECT_ERRNO(pwritev(fd, &nothing, 1, 0), EINVAL);
	EXPECT_ERRNO(pwrite(fd, packet, sizeof(packet), 0), EMSGSIZE);
	EXPECT(pwrite(fd, packet, PACKET_MIN, 0) == PACKET_MIN);
	packet_has_gone(kernel, kind, 1);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	EXPECT_ERRNO(pread(fd, packet, sizeof(packet), 0), EAGAIN);
	EXPECT_ERRNO(preadv(fd, &whole, 1, 0), EAGAIN);
	if_down(name_of(kind, 0));
	WAIT_UNTIL(pread(fd, packet, sizeof(packet), 0) == -1 && errno == EIO, 10000);
}

static void
header_mode_with_an_offset(enum kind kind)
{
	static const uint8_t ipv4[4] = {0, 0, 0, 2};
	uint8_t packet[4 + PACKET_MIN] = {0, 0, 0, 2}, got[2000];
	struct iovec in[2] = {{got, 4}, {got + 4, 100}}, out[2] = {{packet, 4}, {packet + 4, PACKET_MIN}};
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), on = 1;

	EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &on) == 0);
	packet_arrive(fd, kernel, kind, 1);
	EXPECT(pread(fd, got, sizeof(got), 100) == 4 + PACKET_MIN && memcmp(got, ipv4, 4) == 0 && packet_number(kind, got + 4) == 1);
	packet_arrive(fd, kernel, kind, 2);
	EXPECT(preadv(fd, in, 2, 100) == 4 + PACKET_MIN && memcmp(got, ipv4, 4) == 0 && packet_number(kind, got + 4) == 2);
	packet_make(kind, packet + 4, PACKET_MIN, 3);
	EXPECT(pwrite(fd, packet, sizeof(packet), 100) == sizeof(packet));
	packet_has_gone(kernel, kind, 3);
	EXPECT(pwritev(fd, out, 2, 100) == sizeof(packet));
	packet_has_gone(kernel, kind, 3);
	packet[3] = 99;
	EXPECT_ERRNO(pwrite(fd, packet, sizeof(packet), 0), EAFNOSUPPORT);
#ifdef RWF_NOWAIT
	/* The kernel's driver takes no such flag with a header to be put on; a socket does. */
	EXPECT_ERRNO(preadv2(fd, in, 2, -1, RWF_NOWAIT), options.relayed ? EAGAIN : EOPNOTSUPP);
	EXPECT_ERRNO(pwritev2(fd, out, 2, -1, RWF_NOWAIT), options.relayed ? EAFNOSUPPORT : EOPNOTSUPP);
	packet[3] = 2;
	EXPECT(pwritev2(fd, out, 2, -1, 0) == sizeof(packet));
#endif
}

#ifdef RWF_NOWAIT
static void
vectors_with_flags(enum kind kind)
{
	uint8_t packet[PACKET_MIN], got[2000];
	struct iovec in = {got, sizeof(got)}, out = {packet, sizeof(packet)};
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	fcntl(fd, F_SETFL, 0);
	EXPECT_ERRNO(preadv2(fd, &in, 1, -1, RWF_NOWAIT), EAGAIN);
	EXPECT_ERRNO(preadv2(fd, &in, 1, 0, RWF_NOWAIT), EAGAIN);
	packet_arrive(fd, kernel, kind, 1);
	EXPECT(preadv2(fd, &in, 1, -1, RWF_NOWAIT) == PACKET_MIN && packet_number(kind, got) == 1);
	packet_arrive(fd, kernel, kind, 2);
	EXPECT(preadv2(fd, &in, 1, 5, 0) == PACKET_MIN && packet_number(kind, got) == 2);
	packet_make(kind, packet, sizeof(packet), 3);
	EXPECT(pwritev2(fd, &out, 1, -1, RWF_NOWAIT) == PACKET_MIN);
	packet_has_gone(kernel, kind, 3);
	EXPECT_ERRNO(preadv2(fd, &in, 1, -2, 0), EINVAL);
}

static void
vectors_with_flags_while_down(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	struct iovec whole = {packet, sizeof(packet)}, nothing = {packet, 0};
	int fd = opened(kind, 0);

	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT_ERRNO(preadv2(fd, &whole, 1, -1, RWF_NOWAIT), EIO);
	EXPECT_ERRNO(preadv2(fd, &whole, 1, 0, 0), EIO);
	EXPECT(preadv2(fd, &nothing, 1, 0, RWF_NOWAIT) == 0);
	EXPECT_ERRNO(pwritev2(fd, &whole, 1, -1, RWF_NOWAIT), EIO);
	EXPECT_ERRNO(pwritev2(fd, &nothing, 1, -1, 0), EIO);
}
#endif

static void
offset_of_a_file_that_took_the_number(enum kind kind)
{
	char got[8] = {0}, path[] = "/tmp/doors.XXXXXX";
	struct iovec iov = {got, 3};
	int file = mkstemp(path);

	EXPECT(file >= 0 && unlink(path) == 0 && write(file, "0123456789", 10) == 10);
	for (int up = 0; up < 2; up++) {
		int fd = up ? opened_up(kind, 0) : opened(kind, 0), copy = dup(fd);

		if (up) {
			EXPECT(pread(fd, got, 0, 0) == 0);
		}
		EXPECT(copy >= 0 && raw_dup2(file, fd) == fd); /* behind everybody's back */
		EXPECT(pread(fd, got, 3, 4) == 3 && memcmp(got, "456", 3) == 0);
		EXPECT(raw_dup2(copy, fd) == fd && close(fd) == 0);
		fd = fcntl(copy, F_DUPFD, fd);
		EXPECT(fd >= 0 && raw_dup2(file, fd) == fd);
		EXPECT(pwrite(fd, "x", 1, 9) == 1);
		EXPECT(preadv(fd, &iov, 1, 7) == 3 && memcmp(got, "78x", 3) == 0);
		EXPECT(pwritev(fd, &iov, 1, 0) == 3 && pread(fd, got, 4, 0) == 4 && memcmp(got, "78x3", 4) == 0);
		EXPECT(pwrite(fd, "0123456789", 10, 0) == 10);
		EXPECT(close(fd) == 0 && close(copy) == 0);
		wait_gone(name_of(kind, 0));
	}
}

static void
it_has_no_places(enum kind kind)
{
	int fd = opened(kind, 0);

	EXPECT_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
	EXPECT_ERRNO(lseek(fd, 5, SEEK_SET), ESPIPE);
	EXPECT_ERRNO(lseek(fd, 0, SEEK_CUR), ESPIPE);
	EXPECT_ERRNO(lseek(fd, 0, SEEK_END), ESPIPE);
	EXPECT_ERRNO(ftruncate(fd, 0), EINVAL);
	EXPECT_ERRNO(fsync(fd), EINVAL);
#ifdef FALLOC_FL_KEEP_SIZE
	EXPECT_ERRNO(fdatasync(fd), EINVAL);
	EXPECT(posix_fallocate(fd, 0, 100) == ENODEV);
#endif
	EXPECT(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
	EXPECT(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == ENODEV);
}

static void
it_is_no_terminal(enum kind kind)
{
	volatile size_t room = 64; /* not a constant: what a fortified program calls */
	struct termios settings;
	char name[64];
	int fd = opened(kind, 0);

	EXPECT(isatty(fd) == 0 && errno == ENOTTY);
	EXPECT(ttyname(fd) == NULL && errno == ENOTTY);
	EXPECT(ttyname_r(fd, name, sizeof(name)) == ENOTTY);
	EXPECT(ttyname_r(fd, name, room) == ENOTTY);
	EXPECT_ERRNO(tcgetattr(fd, &settings), ENOTTY);
	EXPECT(close(fd) == 0);
	EXPECT(isatty(fd) == 0 && errno == EBADF);
	EXPECT_ERRNO(tcgetattr(fd, &settings), EBADF);
}

#ifdef SPLICE_F_NONBLOCK
static void
it_is_no_socket_and_no_pipe(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	struct iovec iov = {packet, sizeof(packet)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	int fd = opened_up(kind, 0), file = open("/proc/self/exe", O_RDONLY), sink = open("/tmp", O_TMPFILE | O_RDWR, 0600), ends[2];
	socklen_t size = sizeof(int);
	int value;

	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT(file >= 0 && sink >= 0 && pipe(ends) == 0);
	EXPECT_ERRNO(recv(fd, packet, sizeof(packet), 0), ENOTSOCK);
	EXPECT_ERRNO(recvmsg(fd, &message, 0), ENOTSOCK);
	EXPECT_ERRNO(send(fd, packet, sizeof(packet), 0), ENOTSOCK);
	EXPECT_ERRNO(sendmsg(fd, &message, 0), ENOTSOCK);
	EXPECT_ERRNO(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size), ENOTSOCK);
	/* A packet is moved by a read or a write of its own, and by nothing else. */
	EXPECT_ERRNO(sendfile(fd, file, NULL, PACKET_MIN), EINVAL);
	EXPECT_ERRNO(sendfile(sink, fd, NULL, PACKET_MIN), EINVAL);
	EXPECT(write(ends[1], packet, sizeof(packet)) == sizeof(packet));
	EXPECT_ERRNO(splice(ends[0], NULL, fd, NULL, PACKET_MIN, 0), EINVAL);
	EXPECT_ERRNO(splice(fd, NULL, ends[1], NULL, PACKET_MIN, SPLICE_F_NONBLOCK), EINVAL);
	EXPECT_ERRNO(copy_file_range(file, NULL, fd, NULL, PACKET_MIN, 0), EINVAL);
}
#endif

/* The device under a number past what select(2)'s set holds by default. */
static int
high_number(enum kind kind, int *kernel)
{
	struct rlimit limit;
	int fd = opened_up(kind, 0), high;

	EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	if (limit.rlim_cur < 4096) {
		limit.rlim_cur = limit.rlim_max < 4096 ? 4096 : limit.rlim_max;
		limit.rlim_max = limit.rlim_cur;
		EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	}
	high = fcntl(fd, F_DUPFD, 3000);
	EXPECT(high >= 3000 && close(fd) == 0);
	*kernel = kernel_open(name_of(kind, 0));
	return high;
}

static void
high_number_is_polled(enum kind kind)
{
	uint8_t got[2000];
	int kernel, fd = high_number(kind, &kernel), queue = queue_open(fd, PACKETS);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	EXPECT(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
	EXPECT(!queue_tells(queue, fd, 0));
	packet_arrive(fd, kernel, kind, 1);
	EXPECT(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLOUT));
	EXPECT(queue_tells(queue, fd, 0));
	EXPECT(read(fd, got, sizeof(got)) == PACKET_MIN && packet_number(kind, got) == 1);
	EXPECT(!queue_tells(queue, fd, 0));
	if (!native_mode()) {
		EXPECT_ERRNO(write(fd, got, 0), EINVAL);
	}
}

static void
high_number_is_selected(enum kind kind)
{
	/* As a program with more numbers than FD_SETSIZE does it: a set of its own size. */
	unsigned long set[4096 / (8 * sizeof(unsigned long))];
	size_t bits = 8 * sizeof(unsigned long);
	struct timeval none = {0};
	uint8_t got[2000];
	int kernel, fd = high_number(kind, &kernel);

	memset(set, 0, sizeof(set));
	set[(size_t)fd / bits] = 1ul << ((size_t)fd % bits);
	EXPECT(select(fd + 1, (fd_set *)(void *)set, NULL, NULL, &none) == 0);
	packet_arrive(fd, kernel, kind, 1);
	none = (struct timeval){0};
	memset(set, 0, sizeof(set));
	set[(size_t)fd / bits] = 1ul << ((size_t)fd % bits);
	EXPECT(select(fd + 1, (fd_set *)(void *)set, NULL, NULL, &none) == 1);
	EXPECT(set[(size_t)fd / bits] == 1ul << ((size_t)fd % bits));
	EXPECT(read(fd, got, sizeof(got)) == PACKET_MIN && packet_number(kind, got) == 1);
}

static void
daemon_keeps_it(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), ends[2];
	char done;

	packet_make(kind, packet, sizeof(packet), 9);
	EXPECT(pipe(ends) == 0);
	if (fork() == 0) {
		uint8_t got[2000];

		if (daemon(0, 0) != 0) {
			_exit(1);
		}
		alarm(30);
		done = write(fd, packet, sizeof(packet)) == sizeof(packet) &&
		    poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20000) == 1 && read(fd, got, sizeof(got)) == PACKET_MIN &&
		    (native_mode() || (write(fd, packet, 0) == -1 && errno == EINVAL)) &&
		    write(ends[1], "y", 1) == 1;
		_exit(!done);
	}
	EXPECT(close(fd) == 0 && close(ends[1]) == 0);
	packet_has_gone(kernel, kind, 9);
	kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	EXPECT(read(ends[0], &done, 1) == 1 && done == 'y');
	wait_gone(name_of(kind, 0));
}

const struct contract_case door_cases[] = {
	{"offset.ignored", "pread and its kin read the next packet, whatever the offset", ON_BOTH | NATIVE, offsets_are_ignored},
	{"offset.ignored", "a short pread gets the first bytes, and the rest is gone", ON_BOTH | NATIVE,
	    short_pread_takes_the_first_bytes},
	{"offset.contract", "they keep the contract of read and write, down and up", ON_BOTH, pread_family_keeps_the_contract},
	{"offset.contract", "they keep it in header mode", ON_TUN, header_mode_with_an_offset},
#ifdef RWF_NOWAIT
	{"offset.flags", "flags of preadv2 and pwritev2 are the kernel's", ON_BOTH | NATIVE, vectors_with_flags},
	{"offset.flags", "no flag changes EIO while down", ON_BOTH, vectors_with_flags_while_down},
#endif
	{"close.number", "a file that took the number has its offsets", ON_BOTH | NATIVE, offset_of_a_file_that_took_the_number},
	{"not.file", "no place to seek, cut or map", ON_BOTH | NATIVE, it_has_no_places},
	{"not.terminal", "no terminal: ENOTTY", ON_BOTH, it_is_no_terminal},
#ifdef SPLICE_F_NONBLOCK
	{"not.socket", "no socket, and nothing for sendfile or splice", ON_BOTH | DIRECT | NATIVE, it_is_no_socket_and_no_pipe},
#endif
	{"poll.high", "a number past 1024 is polled", ON_BOTH | NATIVE, high_number_is_polled},
	{"poll.high", "a number past 1024 is selected, in a set large enough", ON_BOTH | NATIVE, high_number_is_selected},
	{"copies.daemon", "daemon() keeps the device open", ON_BOTH | NATIVE, daemon_keeps_it},
	{0},
};
