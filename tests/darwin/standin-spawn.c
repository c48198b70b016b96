/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-spawn.c - what a program starts others with, besides exec, fork and posix_spawn: system, popen, vfork, daemon;
 * and threads.  See
 * standin.h.
 *
 * The shell is Linux's, and stands for the one in /bin, which dyld's variables do not reach (darwin.md 7).
 *
 * vfork is Linux's: the child runs in the parent's memory.  (macOS' may give it a copy; what is safe here is safe there.)
 *
 * Threads are Linux's: a pthread_t is a pointer on both.  Attributes and locks have other layouts there, and are not known here.
 *
 * Sources: Libc stdlib/FreeBSD/system.c, gen/FreeBSD/popen.c ("r", "w", "r+", and an "e" for close-on-exec; the stream's child has no
 * copies of the streams of earlier ones); darwin.md 7.
 */
#include "standin.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STREAMS_MAX 16

/* Streams of popen, and their children. */
static struct {
	FILE *stream;
	pid_t pid;
} streams[STREAMS_MAX];

/* The status of a child, when it has ended; -1: it cannot be told. */
static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			return (int)standin_translated(-1);
		}
	}
	return standin_darwin_status(status);
}

static int
darwin_system(const char *command)
{
	pid_t pid = command != NULL ? fork() : 0;

	if (command == NULL) {
		return 1; /* there is a shell */
	}
	if (pid == 0) {
		standin_exec_shell(command);
		_exit(127);
	}
	return pid < 0 ? (int)standin_translated(-1) : wait_for(pid);
}

/* A free place for a stream. */
static size_t
find_place(void)
{
	for (size_t i = 0; i < STREAMS_MAX; i++) {
		if (streams[i].stream == NULL) {
			return i;
		}
	}
	standin_refuse("too many streams of popen");
}

static FILE *
darwin_popen(const char *command, const char *mode)
{
	bool reads = mode[0] == 'r';
	size_t place = find_place();
	int ends[2], ours, theirs;
	pid_t pid;

	if ((mode[0] != 'r' && mode[0] != 'w') || (mode[1] != '\0' && strcmp(mode + 1, "e") != 0)) {
		standin_refuse("popen: mode %s", mode);
	}
	if (pipe2(ends, O_CLOEXEC) < 0) {
		(void)standin_translated(-1);
		return NULL;
	}
	ours = ends[reads ? 0 : 1];
	theirs = ends[reads ? 1 : 0];
	pid = fork();
	if (pid == 0) {
		dup2(theirs, reads ? 1 : 0);
		standin_exec_shell(command);
		_exit(127);
	}
	close(theirs);
	if (pid < 0) {
		(void)standin_translated(-1);
		close(ours);
		return NULL;
	}
	streams[place].pid = pid;
	streams[place].stream = fdopen(ours, reads ? "r" : "w");
	return streams[place].stream;
}

static int
darwin_pclose(FILE *stream)
{
	for (size_t i = 0; i < STREAMS_MAX; i++) {
		if (streams[i].stream == stream) {
			streams[i].stream = NULL;
			fclose(stream);
			return wait_for(streams[i].pid);
		}
	}
	standin_refuse("pclose of a stream that popen did not make");
}

/* daemon(3): a child of nobody's, in a session of its own. */
static int
darwin_daemon(int stay, int keep)
{
	return (int)standin_translated(daemon(stay, keep));
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
	OTHER(pclose), OTHER(popen), OTHER(pthread_create), OTHER(pthread_kill), OTHER(system), SAME(pthread_join), SAME(pthread_self),
	SAME(vfork), AS("_popen$DARWIN_EXTSN", popen), AS("_daemon$1050", daemon),
	{NULL, NULL},
};
