/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-inherit.c - rows "exec" and "SCM_RIGHTS": the whole contract in a program image that has not opened the device itself.
 *
 * The next image is this program again, with what it is to do in its arguments (image_main).
 */
#include <errno.h>
#include <fcntl.h>
#if __has_include(<linux/if_tun.h>)
#include <linux/if_tun.h>
#endif
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#if __has_include(<sys/pidfd.h>)
#include <sys/pidfd.h> /* glibc, from 2.36 */
#define HAVE_PIDFD_GETFD
#endif
#include <sys/socket.h>
#include <sys/stat.h>
#if __has_include(<sys/syscall.h>)
#include <sys/syscall.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define UNIT 0
/* TUNGETIFF and TUNSETSNDBUF, Linux's. */
#define GET_INTERFACE 0x800454d2u
#define SET_ROOM 0x400454d4u

extern char **environ;

/*
 * Reading says EIO, now or within the second that the contract gives a state to come round: meanwhile a blocking read would sleep.
 */
static void
reads_eio(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	char got[2048];

	EXPECT(flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
	WAIT_UNTIL(read(fd, got, sizeof(got)) == -1 && errno == EIO, 10000);
	EXPECT(fcntl(fd, F_SETFL, flags) == 0);
}

/* Every row that the library makes, on a device that is not up. */
static void
has_the_contract(int fd, enum kind kind)
{
	uint8_t packet[PACKET_MIN], big[1600], got[2048];
	const char *name = name_of(kind, UNIT);
	struct stat here, path;
	int kernel, waiting = -1;

	reads_eio(fd);
	EXPECT_ERRNO(write(fd, got, 0), EIO);
	EXPECT(fstat(fd, &here) == 0 && S_ISCHR(here.st_mode));
	EXPECT(stat(path_of(kind, UNIT), &path) == 0 && path.st_rdev == here.st_rdev && path.st_ino == here.st_ino);
	EXPECT_ERRNO(ioctl(fd, GET_INTERFACE, got), ENOTTY);
	EXPECT_ERRNO(ioctl(fd, SET_ROOM, &(int){100000}), ENOTTY); /* or the next image would not know it */
	EXPECT(!contract_tells_size(kind) || (ioctl(fd, FIONREAD, &waiting) == 0 && waiting == 0));
	if_silence(name);
	if_up(name);
	kernel = kernel_open(name);
	packet_make(kind, packet, sizeof(packet), 3);
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == sizeof(packet) && packet_number(kind, got) == 3);
	kernel_send(kernel, name, kind, packet, sizeof(packet));
	wait_readable(fd);
	EXPECT(!contract_tells_size(kind) || (ioctl(fd, FIONREAD, &waiting) == 0 && waiting >= PACKET_MIN));
	EXPECT(read(fd, got, sizeof(got)) == sizeof(packet) && packet_number(kind, got) == 3);
	EXPECT_ERRNO(write(fd, got, 0), EINVAL);
	EXPECT_ERRNO(write(fd, memset(big, 0x45, sizeof(big)), sizeof(big)), EMSGSIZE);
	if_down(name);
	/* This image has no options: the descriptor tells. */
	options.relayed |= !contract_news_lags && getsockopt(fd, SOL_SOCKET, SO_TYPE, &waiting, &(socklen_t){sizeof(waiting)}) == 0;
	EXPECT_EIO_SOON(write(fd, packet, sizeof(packet)));
	close(kernel);
}

static void
has_the_contract_and_so_have_copies(int fd, enum kind kind)
{
	int copy = dup(fd);

	EXPECT(copy >= 0);
	has_the_contract(copy, kind);
	EXPECT(dup2(fd, 60) == 60);
	EXPECT(close(copy) == 0);
	has_the_contract(60, kind);
	EXPECT(close(60) == 0);
	has_the_contract(fd, kind);
	EXPECT(close(fd) == 0);
	EXPECT_ERRNO(read(fd, &copy, 1), EBADF);
	wait_gone(name_of(kind, UNIT));
}

static void
has_header_mode(int fd, enum kind kind)
{
	uint8_t packet[4 + PACKET_MIN] = {0, 0, 0, 2}, got[2048];
	int on = 0, kernel;

	EXPECT(ioctl(fd, TUNGIFHEAD_VALUE, &on) == 0 && on == 1);
	if_silence(name_of(kind, UNIT));
	if_up(name_of(kind, UNIT));
	kernel = kernel_open(name_of(kind, UNIT));
	packet_make(kind, packet + 4, PACKET_MIN, 8);
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == PACKET_MIN && packet_number(kind, got) == 8);
	kernel_send(kernel, name_of(kind, UNIT), kind, packet + 4, PACKET_MIN);
	wait_readable(fd);
	EXPECT(read(fd, got, sizeof(got)) == sizeof(packet) && memcmp(got, packet, sizeof(packet)) == 0);
	EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &(int){0}) == 0 && ioctl(fd, TUNGIFHEAD_VALUE, &on) == 0 && on == 0);
}

/* No daemon's directory is named to it: the mark alone says what it is, and the kernel is asked each time. */
static void
has_the_contract_without_a_page(int fd, enum kind kind)
{
	uint8_t packet[PACKET_MIN], big[1600], got[2048];
	const char *name = name_of(kind, UNIT);

	reads_eio(fd);
	EXPECT_ERRNO(write(fd, got, 0), EIO);
	EXPECT_ERRNO(ioctl(fd, GET_INTERFACE, got), ENOTTY);
	if_silence(name);
	if_up(name);
	packet_make(kind, packet, sizeof(packet), 3);
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
	EXPECT_ERRNO(write(fd, got, 0), EINVAL);
	EXPECT_ERRNO(write(fd, memset(big, 0x45, sizeof(big)), sizeof(big)), EMSGSIZE);
	if_down(name);
	reads_eio(fd);
}

#ifdef TUNGETIFF
static void
is_the_kernel_s_own(int fd, enum kind kind)
{
	char got[2048];
	struct ifreq request;

	EXPECT_ERRNO(read(fd, got, sizeof(got)), EAGAIN);
	EXPECT(ioctl(fd, TUNGETIFF, &request) == 0);
}
#endif

/* What the image asks first. */
static void
was_opened_for_reading(int fd, enum kind kind)
{
	(void)kind;
	EXPECT((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
}

static void run_image(const char *role, enum kind kind, int fd, char *const environment[]);

static void
starts_another_image(int fd, enum kind kind)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		run_image("contract", kind, fd, environ);
	}
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

static const struct {
	const char *role;
	void (*run)(int fd, enum kind kind);
} roles[] = {
	{"contract", has_the_contract},
	{"copies", has_the_contract_and_so_have_copies},
	{"header", has_header_mode},
	{"no-page", has_the_contract_without_a_page},
#ifdef TUNGETIFF
	{"kernel", is_the_kernel_s_own},
#endif
	{"reading", was_opened_for_reading},
	{"another", starts_another_image},
};

int
image_main(const char *role, const char *kind_name, const char *fd)
{
	enum kind kind = strcmp(kind_name, "tap") == 0 ? TAP : TUN;

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(roles[i].role, role) == 0) {
			roles[i].run(atoi(fd), kind);
			return 0;
		}
	}
	return spawn_main(role, kind, atoi(fd));
}

static void
fill_arguments(const char *role, enum kind kind, int fd, char number[16], char *argv[])
{
	snprintf(number, 16, "%d", fd);
	argv[0] = (char *)"contract";
	argv[1] = (char *)"--image";
	argv[2] = (char *)(uintptr_t)role;
	argv[3] = (char *)(kind == TAP ? "tap" : "tun");
	argv[4] = number;
	argv[5] = NULL;
}

/* Becomes the next image; never returns. */
static void
run_image(const char *role, enum kind kind, int fd, char *const environment[])
{
	char number[16], *argv[6];

	fill_arguments(role, kind, fd, number, argv);
	fflush(stdout);
	execve(own_image(), argv, environment);
	_exit(99);
}

static void
next_image_has_the_contract(enum kind kind)
{
	run_image("contract", kind, opened(kind, UNIT), environ);
}

static void
copies_in_the_next_image_have_it(enum kind kind)
{
	run_image("copies", kind, opened(kind, UNIT), environ);
}

static void
next_image_knows_the_direction(enum kind kind)
{
	int fd = device_open(kind, UNIT, O_RDONLY);

	EXPECT(fd >= 0);
	run_image("reading", kind, fd, environ);
}

static void
the_image_after_the_next_has_it(enum kind kind)
{
	run_image("another", kind, opened(kind, UNIT), environ);
}

static void
a_spawned_program_has_it(enum kind kind)
{
	char number[16], *argv[6];
	posix_spawn_file_actions_t actions;
	int fd = opened(kind, UNIT), status;
	pid_t child;

	fill_arguments("contract", kind, 70, number, argv);
	EXPECT(posix_spawn_file_actions_init(&actions) == 0 && posix_spawn_file_actions_adddup2(&actions, fd, 70) == 0);
	EXPECT(posix_spawn(&child, own_image(), &actions, NULL, argv, environ) == 0);
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	posix_spawn_file_actions_destroy(&actions);
}

static void
next_image_has_header_mode(enum kind kind)
{
	int fd = opened(kind, UNIT);

	EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &(int){1}) == 0);
	run_image("header", kind, fd, environ);
}

static void
next_image_without_environment(enum kind kind)
{
	char preload[4096], *environment[] = {preload, NULL};
	const char *ours = getenv(contract_preload);

	EXPECT(ours != NULL);
	snprintf(preload, sizeof(preload), "%s=%s", contract_preload, ours);
	run_image("no-page", kind, opened(kind, UNIT), environment);
}

#ifdef TUNGETIFF
/* A tun descriptor that somebody else made: neither dialect's, by system calls that pass the library by. */
static void
a_stranger_s_descriptor_is_left_alone(enum kind kind)
{
	struct ifreq request = {.ifr_flags = (short)((kind == TAP ? IFF_TAP : IFF_TUN) | IFF_NO_PI)};
	long fd = syscall(SYS_openat, AT_FDCWD, "/dev/net/tun", O_RDWR | O_NONBLOCK);

	strcpy(request.ifr_name, "stranger");
	EXPECT(fd >= 0 && syscall(SYS_ioctl, fd, TUNSETIFF, &request) == 0);
	run_image("kernel", kind, (int)fd, environ);
}
#endif

static void
send_fd(int sock, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {.iov_base = (char[1]){'x'}, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	EXPECT(sendmsg(sock, &message, 0) == 1);
}

static int
receive_fd(int sock, ssize_t (*receive)(int sock, struct msghdr *message, int flags))
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (char[1]){0}, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int fd;

	EXPECT(receive(sock, &message, 0) == 1);
	EXPECT(message.msg_controllen >= CMSG_LEN(sizeof(int)) && control.header.cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

/* The child is there before the device, and has used and closed the number that the device gets. */
static void
receiver_has_it(enum kind kind, ssize_t (*receive)(int sock, struct msghdr *message, int flags))
{
	int ends[2], status, other;
	char byte;
	pid_t child;

	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		int fd;

		close(ends[0]);
		other = open("/dev/zero", O_RDONLY);
		EXPECT(read(other, &byte, 1) == 1);
		EXPECT(close(other) == 0);
		fd = receive_fd(ends[1], receive);
		has_the_contract_and_so_have_copies(fd, kind);
		fflush(stdout);
		_exit(0);
	}
	close(ends[1]);
	other = opened(kind, UNIT);
	send_fd(ends[0], other);
	EXPECT(close(other) == 0);
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

static void
received_by_recvmsg(enum kind kind)
{
	receiver_has_it(kind, recvmsg);
}

#ifdef MSG_WAITFORONE
static ssize_t
receive_by_recvmmsg(int sock, struct msghdr *message, int flags)
{
	struct mmsghdr one = {.msg_hdr = *message};
	int count = recvmmsg(sock, &one, 1, flags, NULL);

	*message = one.msg_hdr;
	return count;
}

static void
received_by_recvmmsg(enum kind kind)
{
	receiver_has_it(kind, receive_by_recvmmsg);
}
#endif

#ifdef HAVE_PIDFD_GETFD
/* Taken from the process that has it, as a supervisor does, into a number that was another file's. */
static void
taken_by_pidfd_getfd(enum kind kind)
{
	int fd = opened(kind, UNIT), ends[2], status, process, zero, got;
	pid_t holder;
	char byte;

	EXPECT(pipe(ends) == 0);
	fflush(stdout);
	holder = fork();
	if (holder == 0) {
		close(ends[1]);
		(void)!read(ends[0], &byte, 1); /* until the other end is closed */
		_exit(0);
	}
	EXPECT(close(fd) == 0 && close(ends[0]) == 0);
	zero = open("/dev/zero", O_RDONLY);
	EXPECT(zero >= 0 && read(zero, &byte, 1) == 1);
	process = pidfd_open(holder, 0);
	EXPECT(process >= 0 && close(zero) == 0);
	got = pidfd_getfd(process, fd, 0);
	EXPECT(got == zero);
	EXPECT(close(process) == 0 && close(ends[1]) == 0);
	EXPECT(waitpid(holder, &status, 0) == holder && status == 0);
	has_the_contract_and_so_have_copies(got, kind);
}
#endif

/* The other way round: what is received over a number that was a device is not one. */
static void
another_file_received_in_a_device_s_number(enum kind kind)
{
	int ends[2], fd = opened(kind, UNIT), zero = open("/dev/zero", O_RDWR), got;
	char byte = 1;

	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	EXPECT_ERRNO(read(fd, &byte, 1), EIO);
	send_fd(ends[0], zero);
	EXPECT(raw_close(fd) == 0);
	got = receive_fd(ends[1], recvmsg);
	EXPECT(got == fd && read(got, &byte, 1) == 1 && byte == 0);
}

const struct contract_case inherit_cases[] = {
	{"exec.contract", "the next image has the whole contract", ON_BOTH, next_image_has_the_contract},
	{"exec.contract", "so have copies that it makes", ON_BOTH, copies_in_the_next_image_have_it},
	{"exec.contract", "the direction that it was opened for among it", ON_BOTH, next_image_knows_the_direction},
	{"exec.contract", "and the child's image after the next", ON_BOTH, the_image_after_the_next_has_it},
	{"exec.contract", "a spawned program that gets it under another number has it", ON_BOTH, a_spawned_program_has_it},
	{"exec.contract", "it is told by the descriptor, not by the environment", ON_BOTH, next_image_without_environment},
#ifdef TUNGETIFF
	{"exec.contract", "somebody else's tun descriptor is left alone", ON_BOTH, a_stranger_s_descriptor_is_left_alone},
#endif
	{"header.exec", "header mode is seen and switched in the next image", ON_TUN, next_image_has_header_mode},
	{"copies.scm", "who receives it by recvmsg has the whole contract", ON_BOTH, received_by_recvmsg},
#ifdef MSG_WAITFORONE
	{"copies.scm", "who receives it by recvmmsg has the whole contract", ON_BOTH, received_by_recvmmsg},
#endif
#ifdef HAVE_PIDFD_GETFD
	{"copies.scm", "who takes it by pidfd_getfd has the whole contract", ON_BOTH, taken_by_pidfd_getfd},
#endif
	{"copies.scm", "another file in a device's number is that file", ON_BOTH, another_file_received_in_a_device_s_number},
	{0},
};
