/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon.c - start by role.  See daemon.h.
 */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "capture.h"
#include "config.h"
#include "keeper.h"
#include "log.h"
#include "monitor.h"
#include "relay.h"
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

static void
say_on_standard_error(void *argument, const char *line)
{
	fprintf(stderr, "%s\n", line);
}

static const struct config_listener standard_error = {.say = say_on_standard_error};

const char *
daemon_config_default(void)
{
	return CONFIG_PATH_DEFAULT;
}

int
daemon_config_check(const char *path)
{
	struct policy *policy;
	int status = config_load(&policy, path, &standard_error);

	policy_free(policy);
	return status;
}

int
daemon_config_show(const char *path, const char *device)
{
	struct policy *policy;
	struct device_id id;
	int status = config_load(&policy, path, &standard_error);

	if (status == EX_OK && device != NULL && (!devname_parse(device, &id) || !policy_has(policy, id))) {
		fprintf(stderr, "there is no device '%s' by this configuration\n", device);
		status = EX_USAGE;
	}
	if (status == EX_OK) {
		config_show(policy, device != NULL ? &id : NULL, stdout);
	}
	policy_free(policy);
	return status;
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
	if (strcmp(role, "relay") == 0 && argc > 3) {
		return relay_run(argv[3], argc > 4 ? argv[4] : NULL);
	}
	if (strcmp(role, "capture") == 0) {
		return capture_run();
	}
	if (strcmp(role, "keeper") == 0) {
		return keeper_run();
	}
	log_errorx("there is no role '%s'; 'tuntapd serve' starts the daemon", role);
	return EX_USAGE;
}
