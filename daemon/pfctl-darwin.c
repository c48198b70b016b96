/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pfctl-darwin.c - runs pfctl(8).  See pfctl-darwin.h.
 *
 * Theory of operation.  The filter's own ioctls are private, and their layouts differ by version; its command is what is documented.  It
 * is run by its path, which only the system can change, with a list of words and no shell, nothing of ours in its environment, and no
 * descriptor but a pipe to read and one to write.  The monitor waits for it, since whoever opens a device waits for what is done here:
 * RUN_MS at most, and KILL_MS for its end if that is over.  While one that does not even end then is there, no other is run.
 */
#include "pfctl-darwin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "os.h"
#include "protocol/monotonic.h"
#include "protocol/sys.h"

#define PFCTL_PATH "/sbin/pfctl"
#define ARGUMENTS_MAX 8
/* It takes some milliseconds. */
#define RUN_MS 3000
/* One that the kernel holds does not even end when it is killed; nobody waits longer for it. */
#define KILL_MS 500
#define LOOK_MS 5

/* The one that does not end, or 0; of all daemons of this process, since the filter is the machine's. */
static pid_t abandoned;

/* In the child: becomes it.  All signals are blocked still.  Does not return. */
static void
become(const char *const *arguments, int in, int out)
{
	char name[] = "pfctl", path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LC_ALL=C";
	char *argv[ARGUMENTS_MAX + 2] = {name}, *environment[] = {path, language, NULL};
	sigset_t none;

	for (unsigned i = 0; i < ARGUMENTS_MAX && arguments[i] != NULL; i++) {
		argv[i + 1] = (char *)(uintptr_t)arguments[i];
	}
	setsid();
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 || chdir("/") < 0) {
		_exit(126);
	}
	os_close_from(STDERR_FILENO + 1);
	(void)signal(SIGPIPE, SIG_DFL); /* what has a handler of ours has none after execve */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(PFCTL_PATH, argv, environment);
	log_warn("running %s", PFCTL_PATH); /* to whoever reads what it says */
	_exit(127);
}

/* More of what it says; what there is no room for is forgotten.  As read(2). */
static ssize_t
take_text(int out, char text[PFCTL_TEXT_SIZE], size_t *used)
{
	size_t room = PFCTL_TEXT_SIZE - 1 - *used;
	char rest[512];
	ssize_t n;

	if (room == 0) {
		return read(out, rest, sizeof(rest));
	}
	n = read(out, text + *used, room);
	*used += n > 0 ? (size_t)n : 0;
	text[*used] = '\0';
	return n;
}

/* Gives it its input and takes what it says, until it says no more.  0, or -1 with errno. */
static int
talk(int *in, int out, const char *input, char text[PFCTL_TEXT_SIZE], int64_t end_ms)
{
	size_t left = strlen(input), used = 0;

	for (;;) {
		struct pollfd p[2] = {{.fd = out, .events = POLLIN}, {.fd = left > 0 ? *in : -1, .events = POLLOUT}};
		int64_t wait_ms = end_ms - monotonic_ms();
		ssize_t n;

		if (left == 0 && *in >= 0) {
			close(*in);
			*in = -1;
		}
		if (wait_ms <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (poll(p, 2, (int)wait_ms) < 0 && errno != EINTR) {
			return -1;
		}
		if (p[1].revents != 0) {
			n = write(*in, input, left);
			if (n < 0 && errno != EAGAIN && errno != EINTR) {
				left = 0; /* it reads no more, and says why */
			} else if (n > 0) {
				input += n;
				left -= (size_t)n;
			}
		}
		if (p[0].revents != 0) {
			n = take_text(out, text, &used);
			if (n == 0) {
				return 0;
			}
			if (n < 0 && errno != EAGAIN && errno != EINTR) {
				return -1;
			}
		}
	}
}

/* As waitpid(2), until a time; 0: it has not ended by then. */
static pid_t
wait_until(pid_t pid, int *status, int64_t end_ms)
{
	pid_t ended;

	while ((ended = waitpid(pid, status, WNOHANG)) == 0 && monotonic_ms() < end_ms) {
		(void)poll(NULL, 0, LOOK_MS);
	}
	return ended;
}

/* Its status, once it has ended; before its time is over. */
static int
take_status(pid_t pid, int64_t end_ms)
{
	int status = 0;
	pid_t ended = wait_until(pid, &status, end_ms);

	if (ended == 0) {
		(void)kill(pid, SIGKILL);
		if (wait_until(pid, &status, monotonic_ms() + KILL_MS) == 0) {
			log_warnx("pfctl (pid %ld) does not even end when it is killed", (long)pid);
			abandoned = pid;
		}
		errno = ETIMEDOUT;
		return -1;
	}
	if (ended < 0 || !WIFEXITED(status)) {
		errno = ECHILD;
		return -1;
	}
	return WEXITSTATUS(status);
}

static void
close_both(int ends[2])
{
	for (unsigned i = 0; i < 2; i++) {
		if (ends[i] >= 0) {
			sys_close(ends[i]);
		}
	}
}

int
pfctl_run(const char *const *arguments, const char *input, char text[PFCTL_TEXT_SIZE])
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, result = -1, saved;
	int64_t end_ms = monotonic_ms() + RUN_MS;
	sigset_t all, before;
	pid_t pid;

	text[0] = '\0';
	if (abandoned != 0 && waitpid(abandoned, NULL, WNOHANG) == 0) {
		errno = ETIMEDOUT;
		return -1;
	}
	abandoned = 0;
	if (os_pipe(in) < 0 || os_pipe(out) < 0 || sys_set_nonblock(in[1]) < 0 || sys_set_nonblock(out[0]) < 0) {
		goto done;
	}
	/* The loop's handlers must not run in the child: they share a pipe with ours. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0) {
		become(arguments, in[0], out[1]);
	}
	saved = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	if (pid < 0) {
		goto done;
	}
	close(in[0]);
	close(out[1]);
	in[0] = out[1] = -1;
	if (talk(&in[1], out[0], input, text, end_ms) < 0) {
		saved = errno;
		(void)take_status(pid, 0);
		errno = saved;
		goto done;
	}
	result = take_status(pid, end_ms);
done:
	close_both(in);
	close_both(out);
	return result;
}
