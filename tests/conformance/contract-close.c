/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-close.c - rows "close" and "the program dies".
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#if __has_include(<sys/syscall.h>)
#include <sys/syscall.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static void
interface_goes_with_the_last_close(enum kind kind)
{
	int fd = opened_up(kind, 0);

	EXPECT(close(fd) == 0);
	wait_gone(name_of(kind, 0));
}

static void
same_unit_again_at_once(enum kind kind)
{
	for (int i = 0; i < 10; i++) {
		int fd = opened(kind, 0);

		EXPECT(fd >= 0 && close(fd) == 0);
	}
}

static void
same_unit_again_from_another_process(enum kind kind)
{
	int fd = opened(kind, 0), status;

	for (int i = 0; i < 5; i++) {
		EXPECT(close(fd) == 0);
		if (fork() == 0) {
			_exit(device_open(kind, 0, O_RDWR) >= 0 ? 0 : 1);
		}
		EXPECT(wait(&status) > 0 && status == 0);
		fd = device_open(kind, 0, O_RDWR);
		EXPECT(fd >= 0);
	}
}

static void
killed_program_leaves_nothing(enum kind kind)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	EXPECT(pipe(ready) == 0);
	pid = fork();
	if (pid == 0) {
		opened_up(kind, 0);
		EXPECT(write(ready[1], "r", 1) == 1);
		pause();
	}
	EXPECT(read(ready[0], &byte, 1) == 1 && if_exists(name_of(kind, 0)));
	EXPECT(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid);
	wait_gone(name_of(kind, 0));
	opened(kind, 0);
}

static void
copy_outlives_the_killed_program(enum kind kind)
{
	int ready[2], status;
	pid_t pids[2];

	EXPECT(pipe(ready) == 0);
	pids[0] = fork();
	if (pids[0] == 0) {
		opened_up(kind, 0);
		pids[1] = fork();
		if (pids[1] > 0) {
			EXPECT(write(ready[1], &pids[1], sizeof(pids[1])) == sizeof(pids[1]));
		}
		for (;;) {
			pause();
		}
	}
	EXPECT(read(ready[0], &pids[1], sizeof(pids[1])) == sizeof(pids[1]));
	EXPECT(kill(pids[0], SIGKILL) == 0 && waitpid(pids[0], &status, 0) == pids[0]);
	/* The one that would go if it were to go: another device, closed later. */
	EXPECT(close(opened(kind, 1)) == 0);
	wait_gone(name_of(kind, 1));
	EXPECT(if_exists(name_of(kind, 0)));
	EXPECT_ERRNO(device_open(kind, 0, O_RDWR), EBUSY);
	EXPECT(kill(pids[1], SIGKILL) == 0);
	wait_gone(name_of(kind, 0));
}

/* Whether the process sleeps. */
static bool
sleeps(pid_t pid)
{
	char path[40], text[256];
	FILE *f;
	char state = '?';

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f != NULL) {
		if (fgets(text, sizeof(text), f) != NULL && strrchr(text, ')') != NULL) {
			state = strrchr(text, ')')[2];
		}
		fclose(f);
	}
	return state == 'S';
}

static void
killed_reader_leaves_nothing(enum kind kind)
{
	int ready[2], status;
	char packet[100];
	pid_t pid;

	EXPECT(pipe(ready) == 0);
	pid = fork();
	if (pid == 0) {
		int fd = device_open(kind, 0, O_RDWR);

		if_silence(name_of(kind, 0));
		if_up(name_of(kind, 0));
		EXPECT(fd >= 0 && write(ready[1], "r", 1) == 1);
		(void)!read(fd, packet, sizeof(packet));
		_exit(0);
	}
	EXPECT(read(ready[0], packet, 1) == 1);
	WAIT_UNTIL(sleeps(pid), 10000);
	EXPECT(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	wait_gone(name_of(kind, 0));
}

/* The number that was a device is now one end of a socket pair: everything of a socket must work on it. */
static void
is_a_socket(int fd, int peer)
{
	uint8_t big[4000], byte = 'q';

	memset(big, 'z', sizeof(big));
	EXPECT(write(fd, &byte, 1) == 1 && read(peer, &byte, 1) == 1);
	EXPECT(write(peer, "pq", 2) == 2 && read(fd, big, 1) == 1 && big[0] == 'p');
	EXPECT(read(fd, big, sizeof(big)) == 1);
	EXPECT(write(fd, big, sizeof(big)) == sizeof(big)); /* EMSGSIZE, were it the device */
	EXPECT(read(peer, big, sizeof(big)) == sizeof(big));
	EXPECT(write(fd, big, 0) == 0);
	EXPECT(shutdown(peer, SHUT_WR) == 0 && read(fd, big, sizeof(big)) == 0);
}

static void
used_again(int fd, enum kind kind)
{
	int ends[2], moved;

	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	if (ends[0] == fd) {
		is_a_socket(fd, ends[1]);
		return;
	}
	/* Behind the library's back, as a library with system calls of its own would. */
	moved = raw_dup2(ends[0], fd);
	EXPECT(moved == fd && close(ends[0]) == 0);
	is_a_socket(fd, ends[1]);
}

/* The same for a file, and for a pipe: their own reads and writes, and no device's answers. */
static void
number_is_a_file_then_a_pipe(enum kind kind)
{
	char path[] = "/tmp/contract.XXXXXX", text[10];
	uint8_t big[4000] = {0};
	int fd, file, ends[2];

	for (int up = 0; up < 2; up++) {
		fd = up ? opened_up(kind, 0) : opened(kind, 0);
		EXPECT(raw_close(fd) == 0);
		file = mkstemp(path);
		EXPECT(file == fd && unlink(path) == 0);
		EXPECT(write(file, big, 0) == 0 && write(file, big, sizeof(big)) == sizeof(big) && write(file, "end", 3) == 3);
		EXPECT(lseek(file, -3, SEEK_END) == 4000 && read(file, text, sizeof(text)) == 3 && memcmp(text, "end", 3) == 0);
		EXPECT(read(file, text, sizeof(text)) == 0);
		EXPECT(close(file) == 0);
		strcpy(path, "/tmp/contract.XXXXXX");

		fd = up ? opened_up(kind, 0) : opened(kind, 0);
		EXPECT(raw_close(fd) == 0);
		EXPECT(pipe(ends) == 0 && ends[0] == fd);
		EXPECT(write(ends[1], "abc", 3) == 3 && read(fd, text, 2) == 2 && read(fd, text, 2) == 1 && text[0] == 'c');
		EXPECT(close(ends[1]) == 0 && read(fd, text, 1) == 0);
		EXPECT(close(fd) == 0);
	}
}

#ifdef SYS_close_range
static void
marked_by_close_range_it_stays_open(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = opened_up(kind, 0);

	EXPECT(syscall(SYS_close_range, fd, fd, 4 /* CLOSE_RANGE_CLOEXEC */) == 0);
#ifdef __GLIBC__
	EXPECT(close_range((unsigned)fd, ~0u, 4) == 0);
#endif
	EXPECT((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
	if (!native_mode()) {
		EXPECT_ERRNO(write(fd, packet, 0), EINVAL);
	}
}
#endif

#ifdef __GLIBC__
static void
refused_close_range_closes_nothing(enum kind kind)
{
	int fd = opened(kind, 0);
	char byte;

	EXPECT_ERRNO(close_range((unsigned)fd, ~0u, 0x80), EINVAL);
	EXPECT_ERRNO(close_range(~0u, (unsigned)fd, 0), EINVAL);
	EXPECT_ERRNO(write(fd, &byte, 0), EIO);
	EXPECT_ERRNO(read(fd, &byte, 1), EIO);
}
#endif

static void
number_after_close(enum kind kind)
{
	int fd = opened_up(kind, 0);

	EXPECT(close(fd) == 0);
	used_again(fd, kind);
}

static void
number_after_a_raw_close(enum kind kind)
{
	int fd = opened_up(kind, 0);

	EXPECT(raw_close(fd) == 0);
	used_again(fd, kind);
}

static void
number_after_a_raw_close_while_down(enum kind kind)
{
	int fd = opened(kind, 0);

	EXPECT(raw_close(fd) == 0);
	used_again(fd, kind);
}

/* The direction that the device was opened for says nothing of the next file. */
static void
flags_after_a_raw_close(enum kind kind)
{
	int fd = device_open(kind, 0, O_RDONLY), ends[2];

	EXPECT(fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
	EXPECT(raw_close(fd) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && ends[0] == fd);
	EXPECT((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
}

#ifdef SYS_close_range
static void
number_after_close_range(enum kind kind)
{
	int fd = opened(kind, 0);

#ifdef __GLIBC__
	EXPECT(close_range((unsigned)fd, (unsigned)fd, 0) == 0);
#else
	EXPECT(syscall(SYS_close_range, fd, fd, 0) == 0);
#endif
	wait_gone(name_of(kind, 0));
	used_again(fd, kind);
}
#endif

static void
number_after_fclose(enum kind kind)
{
	FILE *f = fopen(path_of(kind, 0), "r+");
	int fd;

	EXPECT(f != NULL);
	fd = fileno(f);
	EXPECT(fclose(f) == 0);
	used_again(fd, kind);
}

static void
number_after_a_raw_close_in_header_mode(enum kind kind)
{
	int fd = opened_up(kind, 0), on = 1;

	EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &on) == 0);
	EXPECT(raw_close(fd) == 0);
	used_again(fd, kind);
}

static void
closed_number_is_ebadf(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = opened_up(kind, 0);

	EXPECT(close(fd) == 0);
	EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EBADF);
	EXPECT_ERRNO(write(fd, packet, sizeof(packet)), EBADF);
	EXPECT_ERRNO(close(fd), EBADF);
}

static void
closing_all_numbers_closes_it(enum kind kind)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		opened(kind, 0);
		for (int fd = 3; fd < 256; fd++) {
			close(fd);
		}
		wait_gone(name_of(kind, 0));
#ifdef __GLIBC__
		opened(kind, 0);
		closefrom(3);
		wait_gone(name_of(kind, 0));
#endif
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
}

const struct contract_case close_cases[] = {
	{"close.last", "the interface goes with the last close", ON_BOTH | NATIVE, interface_goes_with_the_last_close},
	{"close.again", "the same unit opens again at once", ON_BOTH | NATIVE, same_unit_again_at_once},
	{"close.again", "the same unit opens again at once from another process", ON_BOTH | NATIVE,
	    same_unit_again_from_another_process},
	{"dies.killed", "a killed program leaves nothing", ON_BOTH | NATIVE, killed_program_leaves_nothing},
	{"dies.killed", "a child's copy outlives the killed program", ON_BOTH | NATIVE, copy_outlives_the_killed_program},
	{"dies.killed", "a program killed in its sleep leaves nothing", ON_BOTH | NATIVE, killed_reader_leaves_nothing},
	{"close.number", "a number used again after close is the other file's", ON_BOTH | NATIVE, number_after_close},
	{"close.number", "a number used again after a raw close is the other file's", ON_BOTH | NATIVE, number_after_a_raw_close},
	{"close.number", "so it is after a raw close while down", ON_BOTH | NATIVE, number_after_a_raw_close_while_down},
	{"close.number", "with the flags of that file", ON_BOTH, flags_after_a_raw_close},
#ifdef SYS_close_range
	{"close.number", "so it is after close_range", ON_BOTH | NATIVE, number_after_close_range},
#endif
	{"close.number", "so it is after fclose", ON_BOTH, number_after_fclose},
	{"close.number", "so it is after a raw close in header mode", ON_TUN, number_after_a_raw_close_in_header_mode},
	{"close.number", "a device's number is a file's or a pipe's at once", ON_BOTH | NATIVE, number_is_a_file_then_a_pipe},
#ifdef SYS_close_range
	{"close.number", "what close_range only marks stays the device", ON_BOTH | NATIVE, marked_by_close_range_it_stays_open},
#endif
#ifdef __GLIBC__
	{"close.number", "and so does what a refused close_range leaves open", ON_BOTH, refused_close_range_closes_nothing},
#endif
	{"close.ebadf", "a closed number is EBADF", ON_BOTH | NATIVE, closed_number_is_ebadf},
	{"close.all", "closing all numbers closes it", ON_BOTH | NATIVE, closing_all_numbers_closes_it},
	{0},
};
