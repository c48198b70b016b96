/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-calls-linux.c - cases of several rows by calls that only Linux has: network namespaces, dup3, streams without a lock,
 * filters of system calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* Each namespace has its own devices; one that is opened here stays here when its holder goes elsewhere. */
static void
appears_in_the_opener_s_namespace(enum kind kind)
{
	const char *name = name_of(kind, 0);
	int here = opened_up(kind, 0), there;

	EXPECT(unshare(CLONE_NEWNET) == 0);
	EXPECT(!if_exists(name));
	there = opened(kind, 0);
	EXPECT(if_exists(name) && (if_flags(name) & IFF_UP) == 0);
	EXPECT_ERRNO(device_open(kind, 0, O_RDWR), EBUSY);
	EXPECT(is_writable(here) && !is_readable(there));
	EXPECT(close(here) == 0);
	EXPECT(if_exists(name));
	EXPECT(close(there) == 0);
	wait_gone(name);
	opened(kind, 0);
}

static void
works_in_the_opener_s_namespace(enum kind kind)
{
	uint8_t packet[PACKET_MIN], seen[2048];
	int fd, kernel;

	EXPECT(unshare(CLONE_NEWNET) == 0);
	fd = opened(kind, 7);
	packet_make(kind, packet, sizeof(packet), 5);
	EXPECT_ERRNO(read(fd, seen, sizeof(seen)), EIO);
	EXPECT_ERRNO(write(fd, packet, sizeof(packet)), EIO);
	if_silence(name_of(kind, 7));
	if_up(name_of(kind, 7));
	if_set_mtu(name_of(kind, 7), 1000);
	kernel = kernel_open(name_of(kind, 7));
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
	EXPECT(kernel_receive(kernel, seen, sizeof(seen)) == sizeof(packet) && packet_number(kind, seen) == 5);
	kernel_send(kernel, name_of(kind, 7), kind, packet, sizeof(packet));
	wait_readable(fd);
	EXPECT(read(fd, seen, sizeof(seen)) == sizeof(packet) && packet_number(kind, seen) == 5);
	if_down(name_of(kind, 7));
	EXPECT_EIO_SOON(write(fd, packet, sizeof(packet)));
}

/* A process in a network namespace of its own, which goes with us: a daemon finds only those that somebody is in. */
static pid_t
inhabitant(void)
{
	int ends[2];
	char byte;
	pid_t pid;

	EXPECT(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) == 0 && write(ends[1], "", 1) == 1) {
			pause();
		}
		_exit(1);
	}
	EXPECT(pid > 0 && close(ends[1]) == 0 && read(ends[0], &byte, 1) == 1 && close(ends[0]) == 0);
	return pid;
}

/* Where the interface is is none of the descriptor's business: it is there what it was here. */
static void
stays_the_device_s_when_it_is_moved(enum kind kind)
{
	const char *name = name_of(kind, 0);
	uint8_t packet[PACKET_MIN], seen[2048];
	pid_t pid = inhabitant();
	int fd = opened_up(kind, 0), here = open("/proc/self/ns/net", O_RDONLY), there, kernel;
	char text[96];

	packet_make(kind, packet, sizeof(packet), 5);
	snprintf(text, sizeof(text), "/proc/%d/ns/net", (int)pid);
	there = open(text, O_RDONLY);
	EXPECT(there >= 0);
	snprintf(text, sizeof(text), "ip link set %s netns %d", name, (int)pid);
	EXPECT(system(text) == 0);
	EXPECT(!if_exists(name));
	EXPECT(setns(there, CLONE_NEWNET) == 0);
	WAIT_UNTIL(if_exists(name), 2500);
	EXPECT((if_flags(name) & IFF_UP) == 0);
	EXPECT_EIO_SOON(write(fd, packet, sizeof(packet)));
	if_silence(name);
	if_up(name);
	if_set_mtu(name, 1000);
	kernel = kernel_open(name);
	WAIT_UNTIL(write(fd, packet, sizeof(packet)) == sizeof(packet), 2500);
	EXPECT(kernel_receive(kernel, seen, sizeof(seen)) == sizeof(packet) && packet_number(kind, seen) == 5);
	kernel_send(kernel, name, kind, packet, sizeof(packet));
	EXPECT(setns(here, CLONE_NEWNET) == 0);
	wait_readable(fd);
	EXPECT(read(fd, seen, sizeof(seen)) == sizeof(packet) && packet_number(kind, seen) == 5);
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
	EXPECT(kernel_receive(kernel, seen, sizeof(seen)) == sizeof(packet));
	/* The unit is free here, and the last close is one there. */
	EXPECT(close(opened(kind, 0)) == 0);
	EXPECT(close(fd) == 0);
	EXPECT(setns(there, CLONE_NEWNET) == 0);
	wait_gone(name);
	EXPECT(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static void
dup3_onto_itself(enum kind kind)
{
	char byte;
	int fd = opened(kind, 0);

	EXPECT_ERRNO(dup3(fd, fd, 0), EINVAL);
	EXPECT_ERRNO(dup3(fd, fd, O_CLOEXEC), EINVAL);
	if (!native_mode()) {
		EXPECT_ERRNO(read(fd, &byte, 1), EIO);
	}
}

static void
past_the_count_is_enoent_without_a_connection(enum kind kind)
{
	struct sock_filter lines[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = sizeof(lines) / sizeof(lines[0]), .filter = lines};

	/* Who connects is ended. */
	EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
	for (unsigned unit = 16; unit < 256; unit++) {
		EXPECT_ERRNO(device_open(kind, unit, O_RDWR), ENOENT);
	}
}

/* A macro that reads the stream, elsewhere. */
static void
unlocked_number_of_a_stream(enum kind kind)
{
	FILE *f = fopen(path_of(kind, 0), "r+");

	EXPECT(f != NULL && fileno(f) >= 0 && fileno_unlocked(f) == fileno(f));
	EXPECT(fclose(f) == 0);
}

const struct contract_case linux_call_cases[] = {
	{"open.netns", "the interface appears in the opener's network namespace", ON_BOTH | NATIVE, appears_in_the_opener_s_namespace},
	{"open.netns", "the device works there as anywhere", ON_BOTH, works_in_the_opener_s_namespace},
	{"open.moved", "its interface is the device's wherever somebody moves it", ON_BOTH | NATIVE, stays_the_device_s_when_it_is_moved},
	{"copies.same", "dup3 of a device onto itself is EINVAL, and changes nothing", ON_BOTH | NATIVE, dup3_onto_itself},
	{"open.stdio", "a stream has its number without a lock, too", ON_BOTH, unlocked_number_of_a_stream},
	{"clients.scan", "past the count is ENOENT without a connection", ON_BOTH,
	    past_the_count_is_enoent_without_a_connection},
	{0},
};
