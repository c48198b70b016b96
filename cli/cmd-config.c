/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-config.c - `tuntapd config`: what is wrong with a configuration file, and what holds by it.
 *
 * No daemon is asked: it may have another file, or may not have read this one yet.
 */
#include <err.h>
#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "cli/command.h"
#include "daemon/daemon.h"

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{NULL, 0, NULL, 0},
};

static const char *
without_directory(const char *device)
{
	static const char node_dir[] = "/dev/";

	return strncmp(device, node_dir, sizeof(node_dir) - 1) == 0 ?
	    device + sizeof(node_dir) - 1 : device;
}

int
cmd_config(int argc, char **argv)
{
	const char *path = NULL, *verb, *device;
	int option, left;

	while ((option = getopt_long(argc, argv, "c:", options, NULL)) != -1) {
		if (option != 'c') {
			return command_usage_error("config", NULL);
		}
		path = optarg;
	}
	left = argc - optind;
	verb = left > 0 ? argv[optind] : NULL;
	device = left > 1 ? argv[optind + 1] : NULL;
	if (verb != NULL && strcmp(verb, "check") == 0) {
		if (left > 1) {
			return command_usage_error(
			    "config", "'%s' is one argument too many", device);
		}
		return daemon_config_check(path);
	}
	if (verb != NULL && strcmp(verb, "show") == 0) {
		if (left > 2) {
			return command_usage_error(
			    "config", "'%s' is one argument too many", argv[optind + 2]);
		}
		return daemon_config_show(path, device != NULL ? without_directory(device) : NULL);
	}
	if (verb == NULL) {
		return command_usage_error("config", "check or show?");
	}
	return command_usage_error("config", "'%s' is neither check nor show", verb);
}
