/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attend-linux.c - runs a program as a child, as if this process were it.  See attend.h.
 *
 * Signals.  All that are handed on are blocked from the start and taken one by one with
 * sigwaitinfo(2).  What the terminal sends goes to the whole foreground process group, the program
 * included: such a signal (SI_KERNEL) is handed on only to a program that left our group.  A
 * program that stops stops us, so that the shell sees it; SIGCONT is handed on.
 *
 * Children ask the kernel to be killed when this process dies.
 *
 * Sources: credentials(7), signal(7), PR_SET_PDEATHSIG in prctl(2).
 */
#include "cli/attend.h"

#include <err.h>
#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/preload.h"
#include "cli/program.h"

static const int handed_on[] = {
	SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH, SIGALRM,
};

void
attend_begin(struct attend *a)
{
	struct sigaction normal = {.sa_handler = SIG_DFL};

	a->self = getpid();
	sigemptyset(&a->waited);
	sigaddset(&a->waited, SIGCHLD);
	for (size_t i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++) {
		sigaddset(&a->waited, handed_on[i]);
	}
	sigprocmask(SIG_BLOCK, &a->waited, &a->old_mask);
	/* Ignored by whoever started us, children would vanish unseen. */
	sigaction(SIGCHLD, &normal, &a->old_child);
}

void
attend_prepare_child(const struct attend *a)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != a->self) {
		_exit(EXIT_CODE_SYSTEM);
	}
	sigaction(SIGCHLD, &a->old_child, NULL);
	sigprocmask(SIG_SETMASK, &a->old_mask, NULL);
}

int
attend_start(struct attend *a, const struct program *program, char **argv)
{
	a->program = fork();
	if (a->program == 0) {
		attend_prepare_child(a);
		if (preload_set_environment(program->shim) < 0) {
			warn("the environment");
			_exit(EXIT_CODE_SYSTEM);
		}
		/* The path has a slash, so nothing is searched; a text without "#!" goes to /bin/sh. */
		execvp(program->path, argv);
		warn("%s", program->path);
		_exit(EXIT_CODE_CANNOT_RUN);
	}
	if (a->program < 0) {
		a->program = 0;
		warn("starting %s", program->path);
		return EXIT_CODE_SYSTEM;
	}
	return EXIT_CODE_OK;
}

bool
attend_reap(struct attend *a)
{
	bool stopped = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (WIFSTOPPED(status)) {
			stopped = pid == a->program;
		} else if (pid == a->program) {
			a->program = 0;
			a->program_status = status;
		} else if (a->on_other_end != NULL) {
			a->on_other_end(a->argument, pid, status);
		}
	}
	return stopped;
}

int
attend_next_signal(const struct attend *a, int interval_ms)
{
	const struct timespec interval = {.tv_sec = interval_ms / 1000, .tv_nsec = interval_ms % 1000 * 1000000L};
	int number = sigtimedwait(&a->waited, NULL, &interval);

	return number > 0 ? number : 0;
}

bool
attend_is_end(int number)
{
	return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;
}

static void
hand_on(const struct attend *a, const siginfo_t *info)
{
	if (info->si_code == SI_KERNEL && getpgid(a->program) == getpgrp()) {
		return; /* the terminal told the program, too */
	}
	(void)kill(a->program, info->si_signo);
}

/*
 * Stops us as the program is stopped.  Who continues us sends SIGCONT, which comes here like the
 * others.
 */
static void
stop_too(void)
{
	sigset_t pending;

	/* A stop would take back a SIGCONT that has come meanwhile. */
	if (sigpending(&pending) < 0 || sigismember(&pending, SIGCONT) != 1) {
		(void)kill(getpid(), SIGSTOP);
	}
}

void
attend_watch(struct attend *a, void (*after_reap)(void *argument))
{
	while (a->program != 0) {
		siginfo_t info;

		if (sigwaitinfo(&a->waited, &info) < 0) {
			continue; /* EINTR: a stop and its end */
		}
		if (info.si_signo != SIGCHLD) {
			hand_on(a, &info);
			continue;
		}
		if (attend_reap(a) && a->program != 0) {
			stop_too();
		}
		if (after_reap != NULL) {
			after_reap(a->argument);
		}
	}
}

int
attend_status(const struct attend *a, int *ended_by)
{
	if (WIFSIGNALED(a->program_status)) {
		*ended_by = WTERMSIG(a->program_status);
		return 128 + *ended_by;
	}
	*ended_by = 0;
	return WEXITSTATUS(a->program_status);
}

void
attend_end_by_signal(int number)
{
	const struct rlimit none = {0, 0};
	sigset_t one;

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal(number, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, number);
	(void)kill(getpid(), number);
	sigprocmask(SIG_UNBLOCK, &one, NULL);
}
