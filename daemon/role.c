/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * role.c - starts one of the daemon's own processes.  See role.h.
 *
 * Between fork and exec the child only lays out descriptors: first out of the way of their places, then into them, so that none lands on
 * another.
 */
#include "role.h"

#include <fcntl.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/os.h"

/* Does not return. */
static void
become(const char *role_name, const int *fds, unsigned fd_count)
{
	char name[] = "tuntapd", role[64], verbosity[16];
	char *argv[] = {name, role, verbosity, NULL};
	int sources[ROLE_FDS_MAX];

	if (setsid() < 0) {
		_exit(EX_OSERR);
	}
	for (unsigned i = 0; i < fd_count; i++) {
		sources[i] = fcntl(fds[i], F_DUPFD, ROLE_FD_FIRST + ROLE_FDS_MAX);
		if (sources[i] < 0) {
			_exit(EX_OSERR);
		}
	}
	for (unsigned i = 0; i < fd_count; i++) {
		if (dup2(sources[i], ROLE_FD_FIRST + (int)i) < 0) {
			_exit(EX_OSERR);
		}
	}
	os_close_from(ROLE_FD_FIRST + (int)fd_count);
	snprintf(role, sizeof(role), DAEMON_ROLE_PREFIX "%s", role_name);
	snprintf(verbosity, sizeof(verbosity), "%d", log_verbosity());
	os_exec_self(argv);
	_exit(EX_OSERR);
}

pid_t
role_start(const char *name, const int *fds, unsigned fd_count)
{
	pid_t pid = fork();

	if (pid == 0) {
		become(name, fds, fd_count);
	}
	return pid;
}
