/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon.c - start by role.  See daemon.h.
 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "log.h"
#include "monitor.h"
#include "worker.h"

/* A descriptor of ours must never land on a standard one: what is closed there becomes /dev/null. */
static int
fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0) {
		return -1;
	}
	return close(fd);
}

int
daemon_serve(const struct daemon_options *options)
{
	log_init("monitor", options->verbosity);
	if (fill_standard_descriptors() < 0) {
		log_error("/dev/null");
		return EX_OSERR;
	}
	return monitor_run(options);
}

bool
daemon_role_requested(int argc, char **argv)
{
	return argc > 1 && strncmp(argv[1], DAEMON_ROLE_PREFIX, strlen(DAEMON_ROLE_PREFIX)) == 0;
}

int
daemon_role_run(int argc, char **argv)
{
	const char *role = argv[1] + strlen(DAEMON_ROLE_PREFIX);

	log_init(role, argc > 2 ? atoi(argv[2]) : 0);
	if (strcmp(role, "worker") == 0) {
		return worker_run();
	}
	log_errorx("there is no role '%s'; 'tuntapd serve' starts the daemon", role);
	return EX_USAGE;
}
