/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attend-darwin.c - signals without their sender.  See attend.h.
 *
 * sigwait(2), which is all that there is, does not say who sent a signal.  So those of the terminal's keys, and that its size is another,
 * count as the terminal's while it has our process group in the foreground: what somebody else sends to this process alone then does not
 * reach the program.  Without a terminal, as in a test system, all do.
 *
 * The kernel does not kill children with their parent: a program whose tuntapd is killed with SIGKILL lives on, without its interfaces.
 */
#include "cli/attend.h"

#include <fcntl.h>
#include <unistd.h>

void
attend_bind_child(const struct attend *a)
{
}

static bool
is_foreground(void)
{
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	bool result = tty >= 0 && tcgetpgrp(tty) == getpgrp();

	if (tty >= 0) {
		close(tty);
	}
	return result;
}

int
attend_wait(const struct attend *a, bool *by_terminal)
{
	int number;

	if (sigwait(&a->waited, &number) != 0) {
		return 0;
	}
	*by_terminal = (number == SIGINT || number == SIGQUIT || number == SIGTSTP || number == SIGWINCH) && is_foreground();
	return number;
}
