/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-copies.c - rows "dup, fork", "exec", and fstat of a descriptor.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* The number is the device: the contract's EIO while down, and a packet goes out and comes in while up. */
static void
is_the_device(int fd, enum kind kind, int kernel)
{
	uint8_t packet[PACKET_MIN], got[200];
	static uint32_t number;

	number++;
	packet_make(kind, packet, sizeof(packet), number);
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == sizeof(packet) && packet_number(kind, got) == number);
	kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	wait_readable(fd);
	EXPECT(read(fd, got, sizeof(got)) == sizeof(packet) && packet_number(kind, got) == number);
	if (!native_mode()) {
		EXPECT_ERRNO(write(fd, got, 0), EINVAL);
		EXPECT_ERRNO(write(fd, memset((uint8_t[1600]){0}, 0x45, 1600), 1600), EMSGSIZE);
	}
}

static void
copies_are_the_same_device(enum kind kind)
{
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), copies[5];
	struct stat a, b;

	copies[0] = dup(fd);
	copies[1] = dup2(fd, 40);
	copies[2] = dup_cloexec(fd, 41);
	copies[3] = fcntl(fd, F_DUPFD, 50);
	copies[4] = fcntl(fd, F_DUPFD_CLOEXEC, 60);
	EXPECT(copies[1] == 40 && copies[2] == 41 && copies[3] == 50 && copies[4] == 60);
	EXPECT(fstat(fd, &a) == 0);
	for (unsigned i = 0; i < 5; i++) {
		is_the_device(copies[i], kind, kernel);
		EXPECT(fstat(copies[i], &b) == 0 && a.st_rdev == b.st_rdev && a.st_ino == b.st_ino);
	}
	EXPECT(close(fd) == 0);
	for (unsigned i = 0; i < 5; i++) {
		EXPECT(if_exists(name_of(kind, 0)));
		is_the_device(copies[i], kind, kernel);
		EXPECT(close(copies[i]) == 0);
	}
	wait_gone(name_of(kind, 0));
}

static void
dup2_over_a_device_closes_it(enum kind kind)
{
	int fd = opened(kind, 0), null = open("/dev/null", O_RDWR);
	char byte;

	EXPECT(dup2(null, fd) == fd);
	wait_gone(name_of(kind, 0));
	EXPECT(read(fd, &byte, 1) == 0 && write(fd, &byte, 1) == 1);
}

static void
child_holds_it_after_the_parent_closes(enum kind kind)
{
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), ready[2], go[2], status;
	char byte;
	pid_t pid;

	EXPECT(pipe(ready) == 0 && pipe(go) == 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		EXPECT(write(ready[1], "r", 1) == 1 && read(go[0], &byte, 1) == 1);
		is_the_device(fd, kind, kernel);
		/* In a child of fork, too, a copy is the device. */
		is_the_device(dup(fd), kind, kernel);
		_exit(0);
	}
	EXPECT(read(ready[0], &byte, 1) == 1);
	EXPECT(close(fd) == 0);
	EXPECT(if_exists(name_of(kind, 0)));
	EXPECT(write(go[1], "g", 1) == 1);
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	wait_gone(name_of(kind, 0));
}

static void
child_of_vfork_leaves_the_parent_its_device(enum kind kind)
{
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), status;
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(fd, 70);
		close(fd);
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	is_the_device(fd, kind, kernel);
	EXPECT_ERRNO(read(70, &status, 1), EBADF);
}

static void
dup2_onto_itself(enum kind kind)
{
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	EXPECT(dup2(fd, fd) == fd);
	EXPECT_ERRNO(dup2(fd, -1), EBADF);
	EXPECT_ERRNO(dup2(999, fd), EBADF);
	is_the_device(fd, kind, kernel);
}

union descriptor_message {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static void
send_descriptor(int sock, int fd)
{
	union descriptor_message control = {0};
	char byte = 'd';
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	EXPECT(sendmsg(sock, &message, 0) == 1);
}

static int
receive_descriptor(int sock)
{
	union descriptor_message control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	int fd;

	EXPECT(recvmsg(sock, &message, 0) == 1 && message.msg_controllen >= CMSG_LEN(sizeof(int)));
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static void
sent_to_another_process(enum kind kind)
{
	uint8_t packet[PACKET_MIN], got[200];
	int ends[2], fd, kernel, status;
	char byte;
	pid_t pid;

	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	packet_make(kind, packet, sizeof(packet), 6);
	pid = fork();
	if (pid == 0) {
		EXPECT(close(ends[0]) == 0);
		EXPECT(read(ends[1], &byte, 1) == 1); /* the first one's word to go on */
		fd = receive_descriptor(ends[1]);
		EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
		wait_readable(fd);
		EXPECT(read(fd, got, sizeof(got)) == sizeof(packet) && packet_number(kind, got) == 6);
		EXPECT(write(ends[1], "r", 1) == 1 && read(ends[1], &byte, 1) == 1);
		EXPECT(close(fd) == 0);
		_exit(0);
	}
	EXPECT(close(ends[1]) == 0);
	fd = opened_up(kind, 0);
	kernel = kernel_open(name_of(kind, 0));
	/* The byte must not be read together with the descriptor's. */
	EXPECT(write(ends[0], "g", 1) == 1);
	send_descriptor(ends[0], fd);
	EXPECT(close(fd) == 0);
	/* Underway or received, it is open. */
	EXPECT(if_exists(name_of(kind, 0)));
	EXPECT_ERRNO(device_open(kind, 0, O_RDWR), EBUSY);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == sizeof(packet) && packet_number(kind, got) == 6);
	kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	EXPECT(read(ends[0], &byte, 1) == 1);
	EXPECT(if_exists(name_of(kind, 0)));
	EXPECT(write(ends[0], "c", 1) == 1);
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	wait_gone(name_of(kind, 0));
}

static void
inherited_by_exec_it_moves_packets(enum kind kind)
{
	/* What recognises it as a device in the new image is another row's; that packets flow is the kernel's. */
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), status;
	uint8_t packet[PACKET_MIN], got[200];
	char script[64];
	pid_t pid;

	packet_make(kind, packet, sizeof(packet), 4);
	kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	wait_readable(fd);
	EXPECT(fcntl(fd, F_SETFD, 0) == 0);
	snprintf(script, sizeof(script), "dd bs=2000 count=1 status=none <&%d >&%d", fd, fd);
	pid = fork();
	if (pid == 0) {
		execl("/bin/bash", "bash", "-c", script, (char *)NULL);
		_exit(127);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == sizeof(packet) && memcmp(packet, got, sizeof(packet)) == 0);
}

static void
cloexec_device_closes_at_exec(enum kind kind)
{
	int fd = device_open(kind, 0, O_RDWR | O_CLOEXEC), status;
	pid_t pid = fork();

	EXPECT(fd >= 0);
	if (pid == 0) {
		char script[64];

		snprintf(script, sizeof(script), "[ ! -e /dev/fd/%d ]", fd);
		execl("/bin/sh", "sh", "-c", script, (char *)NULL);
		_exit(127);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	EXPECT(close(fd) == 0);
	wait_gone(name_of(kind, 0));
}

static void
fstat_and_stat_agree(enum kind kind)
{
	struct stat by_path, by_number;
	int fd;

	EXPECT(stat(path_of(kind, 4), &by_path) == 0);
	fd = opened(kind, 4);
#ifdef AT_EMPTY_PATH
	EXPECT(fstatat(fd, "", &by_number, AT_EMPTY_PATH) == 0 && by_number.st_rdev == by_path.st_rdev);
#endif
	EXPECT(fstat(fd, &by_number) == 0);
	EXPECT(S_ISCHR(by_number.st_mode) && by_number.st_mode == by_path.st_mode);
	EXPECT(by_number.st_rdev == by_path.st_rdev && by_number.st_ino == by_path.st_ino);
	EXPECT(by_number.st_uid == by_path.st_uid && by_number.st_gid == by_path.st_gid);
}

/* What programs import that were built with a C library before glibc 2.33, where stat is an inline function. */
#ifdef __GLIBC__
static void
older_names_agree(enum kind kind)
{
	int (*xstat)(int, const char *, struct stat *), (*lxstat)(int, const char *, struct stat *), (*fxstat)(int, int, struct stat *);
	int (*fxstatat)(int, int, const char *, struct stat *, int);
	struct stat now, st[6];
	int fd, version;

	*(void **)&xstat = dlsym(RTLD_DEFAULT, "__xstat");
	*(void **)&lxstat = dlsym(RTLD_DEFAULT, "__lxstat64");
	*(void **)&fxstat = dlsym(RTLD_DEFAULT, "__fxstat");
	*(void **)&fxstatat = dlsym(RTLD_DEFAULT, "__fxstatat64");
	EXPECT(xstat != NULL && lxstat != NULL && fxstat != NULL && fxstatat != NULL);
	EXPECT(stat(path_of(kind, 4), &now) == 0);
	fd = opened(kind, 4);
	/* The version is the architecture's: 1 where struct stat had an older form once, else 0. */
	version = xstat(1, "/", &st[0]) == 0 ? 1 : 0;
	EXPECT(xstat(version, path_of(kind, 4), &st[0]) == 0 && lxstat(version, path_of(kind, 4), &st[1]) == 0);
	EXPECT(fxstatat(version, AT_FDCWD, path_of(kind, 4), &st[2], 0) == 0);
	EXPECT(fxstat(version, fd, &st[3]) == 0 && fxstatat(version, fd, "", &st[4], AT_EMPTY_PATH) == 0);
	for (int i = 0; i < 5; i++) {
		EXPECT(st[i].st_mode == now.st_mode && st[i].st_rdev == now.st_rdev && st[i].st_ino == now.st_ino);
	}
	EXPECT_ERRNO(xstat(version, path_of(kind, 99), &st[5]), ENOENT);
}
#endif

/* Linux, from 6.11: a path that is NULL is an empty one. */
#ifdef __GLIBC__
static void
no_path_is_an_empty_one(enum kind kind)
{
	const char *volatile none = NULL;
	struct stat by_path, st;
	int fd = opened(kind, 4), result = fstatat(fd, none, &st, AT_EMPTY_PATH);

	EXPECT(stat(path_of(kind, 4), &by_path) == 0);
	EXPECT(result == 0 ? st.st_rdev == by_path.st_rdev && st.st_ino == by_path.st_ino : errno == EFAULT);
#ifdef STATX_BASIC_STATS
	{
		struct statx sx;

		result = statx(fd, none, AT_EMPTY_PATH, STATX_BASIC_STATS, &sx);
		EXPECT(result == 0 ? sx.stx_ino == by_path.st_ino && sx.stx_mode == by_path.st_mode : errno == EFAULT);
	}
#endif
}
#endif

#ifdef STATX_BASIC_STATS
static void
statx_agrees(enum kind kind)
{
	struct statx by_path, by_number;
	struct stat st;
	int fd;

	EXPECT(stat(path_of(kind, 4), &st) == 0);
	EXPECT(statx(AT_FDCWD, path_of(kind, 4), 0, STATX_BASIC_STATS, &by_path) == 0);
	EXPECT(S_ISCHR(by_path.stx_mode) && by_path.stx_ino == st.st_ino && by_path.stx_uid == st.st_uid);
	fd = opened(kind, 4);
	EXPECT(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &by_number) == 0);
	EXPECT(by_number.stx_rdev_minor == by_path.stx_rdev_minor && by_number.stx_rdev_major == by_path.stx_rdev_major);
}
#endif

const struct contract_case copy_cases[] = {
	{"copies.dup", "dup, dup2, dup3 and F_DUPFD give the same device, open until the last closes", ON_BOTH | NATIVE,
	    copies_are_the_same_device},
	{"copies.dup2", "dup2 over a device closes it", ON_BOTH | NATIVE, dup2_over_a_device_closes_it},
	{"copies.fork", "a child holds the device after its parent closed it", ON_BOTH | NATIVE,
	    child_holds_it_after_the_parent_closes},
	{"copies.vfork", "what a child of vfork closes stays the parent's", ON_BOTH | NATIVE,
	    child_of_vfork_leaves_the_parent_its_device},
	{"copies.same", "dup2 of a device onto itself changes nothing", ON_BOTH | NATIVE, dup2_onto_itself},
	{"copies.sent", "sent to another process it stays open until that closes it, and moves packets", ON_BOTH | NATIVE,
	    sent_to_another_process},
	{"exec.inherited", "a descriptor without close-on-exec moves packets in the next image", ON_BOTH | NATIVE,
	    inherited_by_exec_it_moves_packets},
	{"exec.cloexec", "a close-on-exec device is not in the next image", ON_BOTH | NATIVE, cloexec_device_closes_at_exec},
	{"before.stat", "fstat shows the same node as stat", ON_BOTH, fstat_and_stat_agree},
#ifdef __GLIBC__
	{"before.stat", "so do the older names of both", ON_BOTH, older_names_agree},
	{"before.stat", "so do fstatat and statx of no path", ON_BOTH, no_path_is_an_empty_one},
#endif
#ifdef STATX_BASIC_STATS
	{"before.stat", "statx shows the same node as stat", ON_BOTH, statx_agrees},
#endif
	{0},
};
