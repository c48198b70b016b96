/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attend.c - runs a program as a child, as if this process were it.  See attend.h.
 *
 * Signals.  All that are handed on are blocked from the start and taken one by one (attend_wait()).
 * What the terminal sends goes to the whole foreground process group, the program included: such a
 * signal is handed on only to a program that left our group.  A program that stops stops us, so that
 * the shell sees it; SIGCONT is handed on.  Each of them has a handler, which is never run: macOS
 * throws away what is ignored by default, blocked or not.
 *
 * Sources: credentials(7), signal(7); XNU bsd/kern/kern_sig.c psignal_internal.
 */
#include "cli/attend.h"

#include <err.h>
#include <errno.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/preload.h"
#include "cli/program.h"

static const int handed_on[] = {
	SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT, SIGWINCH, SIGALRM,
};

static void
on_nothing(int number)
{
}

/* The signals that have their default from now on have a handler, or those that have it their default again. */
static void
replace_handlers(void (*from)(int), void (*to)(int))
{
	struct sigaction action;

	for (size_t i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++) {
		if (sigaction(handed_on[i], NULL, &action) == 0 && action.sa_handler == from) {
			(void)signal(handed_on[i], to);
		}
	}
}

void
attend_begin(struct attend *a)
{
	struct sigaction none = {.sa_handler = on_nothing};

	a->self = getpid();
	sigemptyset(&a->waited);
	sigaddset(&a->waited, SIGCHLD);
	for (size_t i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++) {
		sigaddset(&a->waited, handed_on[i]);
	}
	sigprocmask(SIG_BLOCK, &a->waited, &a->old_mask);
	replace_handlers(SIG_DFL, on_nothing);
	/* Ignored by whoever started us, children would vanish unseen. */
	sigaction(SIGCHLD, &none, &a->old_child);
}

void
attend_prepare_child(const struct attend *a)
{
	attend_bind_child(a);
	sigaction(SIGCHLD, &a->old_child, NULL);
	replace_handlers(on_nothing, SIG_DFL);
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

bool
attend_is_end(int number)
{
	return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;
}

static void
hand_on(const struct attend *a, int number, bool by_terminal)
{
	if (by_terminal && getpgid(a->program) == getpgrp()) {
		return; /* the program has been told, too */
	}
	(void)kill(a->program, number);
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
		bool by_terminal;
		int number = attend_wait(a, &by_terminal);

		if (number == 0) {
			continue;
		}
		if (number != SIGCHLD) {
			hand_on(a, number, by_terminal);
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
