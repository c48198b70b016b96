/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-spawn.c - system: what a program starts others with, besides fork and exec; and threads.  See standin.h.
 *
 * The shell is Linux's, and stands for the one in /bin, which dyld's variables do not reach (darwin.md 7).
 *
 * Threads are Linux's: a pthread_t is a pointer on both.  Attributes and locks have other layouts there, and are not known here.
 */
#include "standin.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* The status is waitpid(2)'s, with Darwin's number of a signal. */
static int
darwin_system(const char *command)
{
	char shell[] = "sh", option[] = "-c", *argv[] = {shell, option, (char *)(uintptr_t)command, NULL};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)standin_exec("/bin/sh", argv, environ);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			pid = -1;
		}
	}
	if (pid < 0) {
		return (int)standin_translated(-1);
	}
	return WIFSIGNALED(status) ? (status & ~0x7f) | standin_darwin_signal(WTERMSIG(status)) : status;
}

static int
darwin_pthread_create(pthread_t *thread, const void *attributes, void *(*run)(void *), void *argument)
{
	if (attributes != NULL) {
		standin_refuse("a thread with attributes");
	}
	return pthread_create(thread, NULL, run, argument);
}

/* As the calls that make and join them, it returns its error, and no errno. */
static int
darwin_pthread_kill(pthread_t thread, int number)
{
	int linux_number = number == 0 ? 0 : standin_linux_signal(number), error;

	if (number != 0 && linux_number == 0) {
		standin_refuse("pthread_kill: signal %d", number);
	}
	error = pthread_kill(thread, linux_number);
	return error == 0 ? 0 : standin_darwin_error(error);
}

const struct standin_symbol standin_spawn_symbols[] = {
	OTHER(pthread_create), OTHER(pthread_kill), OTHER(system), SAME(pthread_join), SAME(pthread_self),
	{NULL, NULL},
};
