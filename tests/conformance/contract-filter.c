/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-filter.c - programs that forbid themselves system calls (seccomp(2)), and have their devices from elsewhere: a library beside
 * them must not make a call that they did not allow.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define STACK_BYTES 65536

#define KILLS(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

/* What a program that has all its files has no use for ends it from now on. */
static void
forbid(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		KILLS(SYS_fstat), KILLS(SYS_newfstatat), KILLS(SYS_statx), KILLS(SYS_fcntl), KILLS(SYS_ioctl), KILLS(SYS_getpid),
		KILLS(SYS_getsockname), KILLS(SYS_getpeername), KILLS(SYS_openat), KILLS(SYS_mmap), KILLS(SYS_prctl),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* A child that shares memory and descriptors, but is no thread; the caller waits until it has ended. */
static void
in_a_sharing_child(int (*run)(void *argument), void *argument)
{
	static _Alignas(16) char stack[STACK_BYTES];
	pid_t pid = clone(run, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, argument);
	int status;

	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

struct opening {
	enum kind kind;
	int fd;
};

static int
open_kernel_s(void *argument)
{
	struct opening *o = argument;
	struct ifreq request = {.ifr_name = "any"};

	request.ifr_flags = (short)((o->kind == TAP ? IFF_TAP : IFF_TUN) | IFF_NO_PI);
	o->fd = open("/dev/net/tun", O_RDWR);
	return o->fd >= 0 && ioctl(o->fd, TUNSETIFF, &request) == 0 ? 0 : 1;
}

static int
open_device(void *argument)
{
	struct opening *o = argument;

	o->fd = device_open(o->kind, 0, O_RDWR);
	return o->fd >= 0 ? 0 : 1;
}

/* Packets both ways, by calls that the filter allows; and a file of another kind, made since. */
static void
still_moves_packets(int fd, const char *name, enum kind kind, int kernel, void (*restrain)(void))
{
	uint8_t packet[PACKET_MIN], seen[2048];
	int ends[2];

	packet_make(kind, packet, sizeof(packet), 5);
	kernel_send(kernel, name, kind, packet, sizeof(packet));
	wait_readable(fd);
	restrain();
	EXPECT(read(fd, seen, sizeof(seen)) == sizeof(packet) && packet_number(kind, seen) == 5);
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
	EXPECT(kernel_receive(kernel, seen, sizeof(seen)) == sizeof(packet) && packet_number(kind, seen) == 5);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	EXPECT(write(ends[0], "x", 1) == 1 && read(ends[1], seen, sizeof(seen)) == 1);
	EXPECT(dup2(ends[0], kernel) == kernel && write(kernel, "x", 1) == 1 && close(ends[0]) == 0 && close(kernel) == 0);
}

static void
kernel_s_device_of_a_sharing_child(enum kind kind)
{
	struct opening o = {.kind = kind};

	in_a_sharing_child(open_kernel_s, &o);
	if_silence("any");
	if_up("any");
	still_moves_packets(o.fd, "any", kind, kernel_open("any"), forbid);
}

static void
device_of_a_sharing_child(enum kind kind)
{
	struct opening o = {.kind = kind};

	in_a_sharing_child(open_device, &o);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	after_all_news(kind); /* until then the library asks the kernel whether it is up */
	still_moves_packets(o.fd, name_of(kind, 0), kind, kernel_open(name_of(kind, 0)), forbid);
}

static void
promise(void)
{
	EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

/* Without a filter yet, or ever. */
static void
promised_no_new_privileges(enum kind kind)
{
	struct opening o = {.kind = kind};
	const char *name = name_of(kind, 0);
	uint8_t packet[PACKET_MIN];
	int fd;

	in_a_sharing_child(open_device, &o);
	promise();
	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT_ERRNO(read(o.fd, packet, sizeof(packet)), EIO);
	if_silence(name);
	if_up(name);
	still_moves_packets(o.fd, name, kind, kernel_open(name), promise);
	EXPECT(close(o.fd) == 0);
	wait_gone(name);
	fd = opened(kind, 0);
	EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EIO);
	EXPECT(dup2(fd, 70) == 70 && close(fd) == 0);
	EXPECT_ERRNO(read(70, packet, sizeof(packet)), EIO);
	EXPECT_ERRNO(write(70, packet, sizeof(packet)), EIO);
#ifdef __GLIBC__
	EXPECT_ERRNO(close_range(70, ~0u, 0x80), EINVAL); /* and it is not closed */
	EXPECT_ERRNO(read(70, packet, sizeof(packet)), EIO);
#endif
}

/* What a child of vfork promises is its own affair. */
static void
promised_by_a_child_of_vfork(enum kind kind)
{
	struct opening o = {.kind = kind};
	uint8_t packet[PACKET_MIN];
	pid_t pid;
	int status;

	in_a_sharing_child(open_device, &o);
	pid = vfork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT_ERRNO(read(o.fd, packet, sizeof(packet)), EIO);
}

const struct contract_case filter_cases[] = {
	{"filter.calls", "the kernel's device that a sharing child opened works past a filter", ON_BOTH | NATIVE,
	    kernel_s_device_of_a_sharing_child},
	{"filter.calls", "a device that a sharing child opened works past a filter", ON_BOTH, device_of_a_sharing_child},
	{"filter.contract", "without new privileges a device is what it was, and is opened as ever", ON_BOTH, promised_no_new_privileges},
	{"filter.contract", "what a child of vfork promises is none of its parent's", ON_BOTH, promised_by_a_child_of_vfork},
	{0},
};
