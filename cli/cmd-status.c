/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-status.c - `tuntapd status`: what is open, by whom, how much went through.
 *
 * All devices are read before the first is written, so that a daemon that fails halfway leaves no
 * half table behind.
 */
#include <err.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/query.h"

static const struct option options[] = {
	{"socket", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{NULL, 0, NULL, 0},
};

static int
print(const struct message_device *devices, size_t count, const char *socket_path, bool json, bool one)
{
	int result;

	if (json) {
		result = output_json(stdout, socket_path, devices, count);
	} else if (one) {
		result = output_list(stdout, devices);
	} else {
		result = output_table(stdout, devices, count);
	}
	if (result < 0) {
		warn("status");
		return EXIT_CODE_SYSTEM;
	}
	return EXIT_CODE_OK;
}

static int
show(const char *socket_path, const struct device_id *one, bool json)
{
	struct message_device *devices = NULL, device;
	struct query query;
	size_t count = 0;
	int status = query_open(&query, socket_path, false);

	if (status == EXIT_CODE_OK) {
		status = one != NULL ? query_find(&query, *one, &device)
				     : query_all(&query, &devices, &count);
	}
	query_close(&query);
	if (status == EXIT_CODE_OK) {
		status = print(one != NULL ? &device : devices, one != NULL ? 1 : count,
		    socket_path, json, one != NULL);
	}
	free(devices);
	return status;
}

int
cmd_status(int argc, char **argv)
{
	const char *socket_path = NULL;
	struct device_id id = {0};
	bool json = false, one;
	int option;

	while ((option = getopt_long(argc, argv, "s:j", options, NULL)) != -1) {
		switch (option) {
		case 's':
			socket_path = optarg;
			break;
		case 'j':
			json = true;
			break;
		default:
			return command_usage_error("status", NULL);
		}
	}
	one = optind < argc;
	if (one && !command_device("status", argc - optind, argv + optind, &id)) {
		return EXIT_CODE_USAGE;
	}
	return show(query_socket_path(socket_path), one ? &id : NULL, json);
}
