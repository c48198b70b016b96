/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-signal.c - signals, with Darwin's numbers.  See standin.h.
 *
 * One handler of ours is installed for every signal that somebody wants to hear of: it tells the kqueue that watches it (on macOS a watch
 * is told of a signal whatever its disposition, SIG_IGN included: kqueue(2), EVFILT_SIGNAL), and then the program's own handler.
 *
 * Sources: XNU bsd/sys/signal.h (a set is 32 bits, signal 1 in the lowest; SIG_BLOCK 1, SIG_UNBLOCK 2, SIG_SETMASK 3; SA_ONSTACK 1,
 * SA_RESTART 2, SA_RESETHAND 4, SA_NOCLDSTOP 8, SA_NODEFER 0x10, SA_NOCLDWAIT 0x20, SA_SIGINFO 0x40).
 */
#include "standin.h"

#include <errno.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>

#define SIGNALS 32

struct darwin_action {
	void (*handler)(int);
	uint32_t mask;
	int32_t flags;
};

/* Darwin's number: Linux's. */
static const int numbers[SIGNALS] = {
	[1] = SIGHUP, [2] = SIGINT, [3] = SIGQUIT, [4] = SIGILL, [5] = SIGTRAP, [6] = SIGABRT, [8] = SIGFPE, [9] = SIGKILL, [10] = SIGBUS,
	[11] = SIGSEGV, [12] = SIGSYS, [13] = SIGPIPE, [14] = SIGALRM, [15] = SIGTERM, [16] = SIGURG, [17] = SIGSTOP, [18] = SIGTSTP,
	[19] = SIGCONT, [20] = SIGCHLD, [21] = SIGTTIN, [22] = SIGTTOU, [23] = SIGIO, [24] = SIGXCPU, [25] = SIGXFSZ, [26] = SIGVTALRM,
	[27] = SIGPROF, [28] = SIGWINCH, [30] = SIGUSR1, [31] = SIGUSR2,
};
static const struct {
	int darwin, linux;
} action_flags[] = {
	{0x1, SA_ONSTACK}, {0x2, SA_RESTART}, {0x4, SA_RESETHAND}, {0x8, SA_NOCLDSTOP}, {0x10, SA_NODEFER}, {0x20, SA_NOCLDWAIT},
};

static struct darwin_action wanted[SIGNALS];
static void (*watchers[SIGNALS])(int darwin);

int
standin_linux_signal(int darwin)
{
	return darwin > 0 && darwin < SIGNALS ? numbers[darwin] : 0;
}

int
standin_darwin_signal(int linux_number)
{
	for (int i = 1; i < SIGNALS; i++) {
		if (numbers[i] == linux_number) {
			return i;
		}
	}
	return 0;
}

static int
known_signal(int darwin)
{
	if (standin_linux_signal(darwin) == 0) {
		standin_refuse("signal %d", darwin);
	}
	return numbers[darwin];
}

static void
linux_set(uint32_t from, sigset_t *to)
{
	sigemptyset(to);
	for (int i = 1; i < SIGNALS; i++) {
		if ((from & 1u << (i - 1)) != 0 && numbers[i] != 0) {
			sigaddset(to, numbers[i]);
		}
	}
}

static uint32_t
darwin_set(const sigset_t *from)
{
	uint32_t to = 0;

	for (int i = 1; i < SIGNALS; i++) {
		to |= numbers[i] != 0 && sigismember(from, numbers[i]) == 1 ? 1u << (i - 1) : 0;
	}
	return to;
}

static void
on_signal(int number)
{
	int saved = errno, darwin = standin_darwin_signal(number);

	if (watchers[darwin] != NULL) {
		watchers[darwin](darwin);
	}
	errno = saved;
	if (wanted[darwin].handler != SIG_DFL && wanted[darwin].handler != SIG_IGN) {
		wanted[darwin].handler(darwin);
	}
}

/* SIG_DFL and SIG_IGN are 0 and 1 on both. */
static int
install(int darwin)
{
	const struct darwin_action *action = &wanted[darwin];
	struct sigaction out = {.sa_handler = action->handler};
	int left = action->flags;

	if ((action->handler != SIG_DFL && action->handler != SIG_IGN) || watchers[darwin] != NULL) {
		out.sa_handler = on_signal;
	}
	for (size_t i = 0; i < sizeof(action_flags) / sizeof(action_flags[0]); i++) {
		if ((left & action_flags[i].darwin) != 0) {
			out.sa_flags |= action_flags[i].linux;
			left &= ~action_flags[i].darwin;
		}
	}
	if (left != 0) {
		standin_refuse("sigaction: flags %#x", (unsigned)left);
	}
	linux_set(action->mask, &out.sa_mask);
	return sigaction(numbers[darwin], &out, NULL);
}

void
standin_watch_signal(int darwin, void (*on_arrival)(int darwin))
{
	(void)known_signal(darwin);
	watchers[darwin] = on_arrival;
	(void)install(darwin);
}

static int
darwin_sigaction(int number, const struct darwin_action *action, struct darwin_action *before)
{
	struct sigaction was;

	(void)known_signal(number);
	if (before != NULL) {
		*before = wanted[number];
		/* One that was ignored when this program was started. */
		if (watchers[number] == NULL && sigaction(numbers[number], NULL, &was) == 0 && was.sa_handler == SIG_IGN) {
			before->handler = SIG_IGN;
		}
	}
	if (action == NULL) {
		return 0;
	}
	wanted[number] = *action;
	return (int)standin_translated(install(number));
}

void
standin_default_signal(int darwin)
{
	wanted[darwin] = (struct darwin_action){.handler = SIG_DFL};
	(void)install(darwin);
}

void
standin_set_mask(uint32_t darwin)
{
	sigset_t set;

	linux_set(darwin, &set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* signal(3) restarts calls (SA_RESTART). */
static void *
darwin_signal(int number, void (*handler)(int))
{
	struct darwin_action before, action = {.handler = handler, .flags = 0x2};

	if (number > 0 && number < SIGNALS && standin_linux_signal(number) == 0 && handler == SIG_DFL) {
		return SIG_DFL; /* as it always is: nobody can send it here */
	}
	return darwin_sigaction(number, &action, &before) == 0 ? (void *)before.handler : (void *)-1;
}

static int
darwin_sigprocmask(int how, const uint32_t *set, uint32_t *before)
{
	sigset_t in, out;

	if (set != NULL && (how < 1 || how > 3)) {
		standin_refuse("sigprocmask %d", how);
	}
	if (set != NULL) {
		linux_set(*set, &in);
	}
	sigprocmask(how == 1 ? SIG_BLOCK : how == 2 ? SIG_UNBLOCK : SIG_SETMASK, set != NULL ? &in : NULL, &out);
	if (before != NULL) {
		*before = darwin_set(&out);
	}
	return 0;
}

/*
 * sigwait(2): the result is the error.  What has its default disposition, and that is to be ignored, is thrown away, also while it is
 * blocked (psignal_internal: p_sigignore): nobody waits for it in vain here.
 */
static int
darwin_sigwait(const uint32_t *set, int *number)
{
	static const int ignored[] = {SIGURG, SIGCHLD, SIGIO, SIGWINCH};
	sigset_t in;
	int linux_number, error;

	linux_set(*set, &in);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
		struct sigaction now;

		if (sigismember(&in, ignored[i]) == 1 && sigaction(ignored[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
			standin_refuse("sigwait for signal %d, which is ignored", standin_darwin_signal(ignored[i]));
		}
	}
	error = sigwait(&in, &linux_number);
	*number = error == 0 ? standin_darwin_signal(linux_number) : 0;
	return error == 0 ? 0 : standin_darwin_error(error);
}

static int
darwin_sigpending(uint32_t *set)
{
	sigset_t in;

	sigpending(&in);
	*set = darwin_set(&in);
	return 0;
}

static int
darwin_kill(int pid, int number)
{
	return (int)standin_translated(kill(pid, number == 0 ? 0 : known_signal(number)));
}

static int
darwin_raise(int number)
{
	return (int)standin_translated(raise(known_signal(number)));
}

static int
darwin_pselect(int count, fd_set *reads, fd_set *writes, fd_set *errors, const struct timespec *timeout, const uint32_t *mask)
{
	sigset_t set;

	standin_select_looks(count, reads);
	if (mask != NULL) {
		linux_set(*mask, &set);
	}
	return (int)standin_translated(pselect(count, reads, writes, errors, timeout, mask != NULL ? &set : NULL));
}

/* sys/time.h: a timeval has 32 bits of microseconds and as many of nothing; ITIMER_REAL is 0. */
struct darwin_interval {
	int64_t again_seconds;
	int32_t again_micros, pad;
	int64_t seconds;
	int32_t micros, pad2;
};

static int
darwin_setitimer(int which, const struct darwin_interval *timer, struct darwin_interval *before)
{
	struct itimerval out = {{timer->again_seconds, timer->again_micros}, {timer->seconds, timer->micros}};

	if (which != 0 || before != NULL) {
		standin_refuse("setitimer %d", which);
	}
	return (int)standin_translated(setitimer(ITIMER_REAL, &out, NULL));
}

const struct standin_symbol standin_signal_symbols[] = {
	OTHER(kill), OTHER(pselect), OTHER(raise), OTHER(setitimer), OTHER(sigaction), OTHER(signal), OTHER(sigpending), OTHER(sigprocmask),
	OTHER(sigwait), SAME(alarm),
	SAME(pause),
	AS("_pselect$1050", pselect), AS("_pselect$DARWIN_EXTSN", pselect), AS("_pthread_sigmask", sigprocmask),
	{NULL, NULL},
};
