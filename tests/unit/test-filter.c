/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-filter.c - the filter of system calls: what a captured worker or relay would try fails, and what they do does not.
 *
 * The filter is for good, so each try is a process of its own.  Left out where there is no filter.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/os.h"
#include "fds.h"

/* How a child with the filter ends, which is by what body() returns if it gets there: Check's own process must go on. */
static int
filtered(enum os_role role, int (*body)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || os_limit_calls(role) < 0) {
			_exit(100);
		}
		_exit(body());
	}
	return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

/* 0, or the number of the first thing that a captured process can do and should not. */
static int
try_to_get_out(void)
{
	char *const argv[] = {NULL};
	struct rlimit limit = {1, 1};
	int ends[2];

	if (open("/", O_RDONLY) >= 0 || errno != ENOSYS) {
		return 1;
	}
	if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) >= 0 || connect(0, NULL, 0) >= 0 ||
	    bind(0, NULL, 0) >= 0 || listen(0, 1) >= 0 || errno != ENOSYS) {
		return 2;
	}
	/* Others of the same user: the worker, other devices' relays. */
	if (kill(getppid(), 0) >= 0 || errno != ENOSYS || syscall(SYS_tgkill, getppid(), getppid(), 0) >= 0 || errno != ENOSYS ||
	    syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, &limit, NULL) >= 0 || errno != ENOSYS ||
	    ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) >= 0 || errno != ENOSYS) {
		return 3;
	}
	if (syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) >= 0 || errno != ENOSYS || execve("/bin/true", argv, argv) >= 0 || errno != ENOSYS) {
		return 4;
	}
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED || errno != ENOSYS) {
		return 5;
	}
	if (unshare(CLONE_NEWUSER) >= 0 || errno != ENOSYS || ioctl(0, FIOCLEX) >= 0 || errno != ENOSYS) {
		return 6;
	}
	return 0;
}

/* 0, or the number of the first thing that the C library could not do. */
static int
use_memory_and_log(void)
{
	char *much = malloc(64 << 20), *more;

	if (much == NULL) {
		return 11;
	}
	memset(much, 1, 64 << 20);
	more = realloc(much, 128 << 20);
	if (more == NULL) {
		return 12;
	}
	free(more);
	for (unsigned i = 0; i < 1000; i++) {
		if (malloc(1000) == NULL) {
			return 13;
		}
	}
	return write(STDERR_FILENO, "", 0) == 0 && getpid() > 0 ? 0 : 14;
}

static int
abort_as_asserts_do(void)
{
	abort();
}

static const enum os_role roles[] = {OS_ROLE_WORKER, OS_ROLE_RELAY};

START_TEST(a_captured_process_gets_nowhere)
{
	ck_assert_int_eq(filtered(roles[_i], try_to_get_out), 0);
}
END_TEST

START_TEST(the_c_library_works)
{
	ck_assert_int_eq(filtered(roles[_i], use_memory_and_log), 0);
}
END_TEST

START_TEST(abort_ends_the_process)
{
	int status = filtered(roles[_i], abort_as_asserts_do);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

static int
nothing(void)
{
	return 0;
}

int
main(void)
{
	Suite *suite = suite_create("filter");
	TCase *tcase = tcase_create("filter");
	int status = filtered(OS_ROLE_WORKER, nothing);

	tcase_set_timeout(tcase, 30);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		tcase_add_loop_test(tcase, a_captured_process_gets_nowhere, 0, 2);
		tcase_add_loop_test(tcase, the_c_library_works, 0, 2);
		tcase_add_loop_test(tcase, abort_ends_the_process, 0, 2);
	} else {
		printf("# left out: this kernel, or this build, has no filter of system calls\n");
	}
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
