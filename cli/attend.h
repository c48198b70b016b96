/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attend.h - runs a program as a child, as if this process were it: hands signals on, stops when it
 * stops, ends as it ended.  For `tuntapd exec --private` and `--pair`.
 */
#ifndef TUNTAPD_CLI_ATTEND_H
#define TUNTAPD_CLI_ATTEND_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct program;

struct attend {
	pid_t self;
	pid_t program;      /* 0: not running */
	int program_status; /* of waitpid(2), once it ended */
	sigset_t waited;    /* what is handed on, and SIGCHLD */
	sigset_t old_mask;
	struct sigaction old_child;
	/* Other children of this process; NULL: there are none. */
	void (*on_other_end)(void *argument, pid_t pid, int status);
	void *argument;
};

/* Blocks the signals that are to be handed on.  Children get back what was. */
void attend_begin(struct attend *a);

/* In a child, before it becomes something else: dies with us, and has the signals that we had. */
void attend_prepare_child(const struct attend *a);

/* Starts the program with the shim.  An exit status. */
int attend_start(struct attend *a, const struct program *program, char **argv);

/* Takes in which children ended.  True if the program has just stopped. */
bool attend_reap(struct attend *a);

/* Whether a signal tells us to end. */
bool attend_is_end(int number);

/* Until the program has ended; after_reap (or NULL) is called whenever children were looked at. */
void attend_watch(struct attend *a, void (*after_reap)(void *argument));

/* The program's exit status, as shells count; *ended_by: the signal that ended it, or 0. */
int attend_status(const struct attend *a, int *ended_by);

/*
 * Ends as the program did, but leaves no core of ours.  Returns only if the signal does not end us.
 */
void attend_end_by_signal(int number);

/* What differs by platform (attend-OS.c). */

/* In a child: it dies with us, where the kernel does that. */
void attend_bind_child(const struct attend *a);

/*
 * Waits for the next signal: its number, or 0 (ask again); *by_terminal: whether the terminal has sent it, and so to
 * all of the foreground process group.
 */
int attend_wait(const struct attend *a, bool *by_terminal);

/* Linux: the next signal within interval_ms, or 0. */
int attend_next_signal(const struct attend *a, int interval_ms);

#endif
