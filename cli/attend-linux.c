/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attend-linux.c - signals with their sender, and children that the kernel kills with us.  See attend.h.
 *
 * Sources: sigwaitinfo(2), SI_KERNEL in sigaction(2), PR_SET_PDEATHSIG in prctl(2).
 */
#include "cli/attend.h"

#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/exitcode.h"

void
attend_bind_child(const struct attend *a)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != a->self) {
		_exit(EXIT_CODE_SYSTEM);
	}
}

int
attend_wait(const struct attend *a, bool *by_terminal)
{
	siginfo_t info;

	if (sigwaitinfo(&a->waited, &info) < 0) {
		return 0; /* EINTR: a stop and its end */
	}
	*by_terminal = info.si_code == SI_KERNEL;
	return info.si_signo;
}

int
attend_next_signal(const struct attend *a, int interval_ms)
{
	const struct timespec interval = {.tv_sec = interval_ms / 1000, .tv_nsec = interval_ms % 1000 * 1000000L};
	int number = sigtimedwait(&a->waited, NULL, &interval);

	return number > 0 ? number : 0;
}
