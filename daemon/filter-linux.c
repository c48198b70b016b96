/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * filter-linux.c - Linux: the system calls that are left to a process without rights.
 *
 * Theory of operation.  A list of what each kind of process needs, and of what the C library needs under them, made into a program
 * for seccomp(2).  With it a captured process cannot open, connect, fork, execute, trace, or send a signal to the others of its
 * user; the rights that it gave up (os_confine) do not keep it from all of that.  Memory is never executable.
 *
 * What is not in the list fails with ENOSYS, as a call that the kernel does not have, and is logged by the kernel (audit).  It does not
 * end the process: another C library that tries something newer first then goes on with what it has for older kernels, instead of
 * ending everybody's opens, or a program's device; and whoever has captured the process gains nothing by trying.  A call by the numbers
 * of another architecture is tried by nobody else, and ends it.
 *
 * Limits.  Descriptors that are there can be used in every way that the list has.  Not in programs with an address sanitizer, which needs
 * more than its program.  Where the kernel has no filters, or for an architecture that is not listed here, there is none.
 *
 * Sources: seccomp(2); Documentation/userspace-api/seccomp_filter.rst; syscalls(2).
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#if !defined(ARCHITECTURE) || defined(__SANITIZE_ADDRESS__)

int
os_limit_calls(enum os_role role)
{
	errno = ENOSYS;
	return -1;
}

#else

/* Calls by the numbers of the x32 ABI, which share the architecture. */
#define X32_BIT 0x40000000u
#define INSTRUCTIONS_MAX 128

/* The C library: memory, time, locks, what a signal's handler returns by, the end, and the log. */
static const unsigned common[] = {
	SYS_write, SYS_close, SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex, SYS_clock_gettime, SYS_gettimeofday, SYS_getrandom,
	SYS_getpid, SYS_gettid, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_restart_syscall, SYS_exit, SYS_exit_group,
#ifdef SYS_time
	SYS_time,
#endif
};

static const unsigned worker_calls[] = {
	SYS_recvmsg, SYS_sendmsg, SYS_epoll_ctl, SYS_epoll_pwait, SYS_accept4, SYS_getsockopt, SYS_statx, SYS_setitimer,
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
};

static const unsigned relay_calls[] = {
	SYS_recvmmsg, SYS_sendmmsg, SYS_sendmsg /* musl's sendmmsg(2) */, SYS_ppoll, SYS_recvfrom, SYS_read, SYS_getsockopt,
	SYS_setsockopt, SYS_getsockname,
#ifdef SYS_poll
	SYS_poll,
#endif
};

static const unsigned capture_calls[] = {
	SYS_recvmmsg, SYS_sendmsg, SYS_recvmsg /* musl's recvmmsg(2) */, SYS_recvfrom, SYS_sendto, SYS_pselect6, SYS_getsockopt,
#ifdef SYS_select
	SYS_select,
#endif
};

static const unsigned keeper_calls[] = {
	SYS_ppoll, SYS_sendto, SYS_recvfrom,
#ifdef SYS_poll
	SYS_poll,
#endif
};

/* What a relay asks of its sockets: how much is queued, and whether the interface is there and up. */
static const unsigned relay_ioctls[] = {FIONREAD, SIOCGIFNAME, SIOCGIFFLAGS, SIOCGIFINDEX};
static const unsigned capture_ioctls[] = {SIOCGIFNAME, SIOCGIFFLAGS};
static const unsigned worker_fcntls[] = {F_GETFL};

struct program {
	struct sock_filter code[INSTRUCTIONS_MAX];
	unsigned short length;
};

static void
add(struct program *p, struct sock_filter instruction)
{
	if (p->length < INSTRUCTIONS_MAX) {
		p->code[p->length] = instruction;
	}
	p->length++; /* past the end shows */
}

static void
load(struct program *p, size_t offset)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void
end_with(struct program *p, unsigned action)
{
	add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Skips that many instructions unless what is loaded is value. */
static void
unless_equal(struct program *p, unsigned value, unsigned skip)
{
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (unsigned char)skip));
}

static void
allow(struct program *p, const unsigned *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		unless_equal(p, calls[i], 1);
		end_with(p, SECCOMP_RET_ALLOW);
	}
}

/* An argument's low half, which is all that the kernel looks at of those that are checked here. */
static void
load_argument(struct program *p, unsigned index)
{
	load(p, offsetof(struct seccomp_data, args) + index * sizeof(uint64_t));
}

/* A call, if one of its arguments has one of the values. */
static void
allow_with(struct program *p, unsigned call, unsigned index, const unsigned *values, size_t count)
{
	unless_equal(p, call, (unsigned)(2 * count + 2));
	load_argument(p, index);
	allow(p, values, count);
	end_with(p, SECCOMP_RET_ERRNO | ENOSYS);
}

/* A call for memory that is not to be executable. */
static void
allow_memory(struct program *p, unsigned call)
{
	unless_equal(p, call, 4);
	load_argument(p, 2);
	add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0));
	end_with(p, SECCOMP_RET_ALLOW);
	end_with(p, SECCOMP_RET_ERRNO | ENOSYS);
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

int
os_limit_calls(enum os_role role)
{
	const unsigned self = (unsigned)getpid();
	struct program p = {.length = 0};
	struct sock_fprog filter = {.filter = p.code};

	load(&p, offsetof(struct seccomp_data, arch));
	add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
	end_with(&p, SECCOMP_RET_KILL_PROCESS);
	load(&p, offsetof(struct seccomp_data, nr));
	add(&p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
	end_with(&p, SECCOMP_RET_KILL_PROCESS);
	/* What is called for each packet first. */
	if (role == OS_ROLE_RELAY) {
		allow(&p, relay_calls, COUNT(relay_calls));
		allow_with(&p, SYS_ioctl, 1, relay_ioctls, COUNT(relay_ioctls));
	} else if (role == OS_ROLE_CAPTURE) {
		allow(&p, capture_calls, COUNT(capture_calls));
		allow_with(&p, SYS_ioctl, 1, capture_ioctls, COUNT(capture_ioctls));
	} else if (role == OS_ROLE_KEEPER) {
		allow(&p, keeper_calls, COUNT(keeper_calls));
	} else {
		allow(&p, worker_calls, COUNT(worker_calls));
		allow_with(&p, SYS_fcntl, 1, worker_fcntls, COUNT(worker_fcntls));
	}
	allow(&p, common, COUNT(common));
	allow_memory(&p, SYS_mmap);
	allow_memory(&p, SYS_mprotect);
	allow_with(&p, SYS_tgkill, 0, &self, 1); /* abort(3) */
	allow_with(&p, SYS_tkill, 0, &self, 1);  /* musl's */
	end_with(&p, SECCOMP_RET_ERRNO | ENOSYS);
	if (p.length > INSTRUCTIONS_MAX) {
		errno = ENOMEM;
		return -1;
	}
	filter.len = p.length;
	/* Nothing runs here that others wrote: the processor may go on guessing about loads, which older kernels forbid with a filter. */
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter);
}

#endif
