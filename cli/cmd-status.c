/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-status.c - `tuntapd status`: what is open, by whom, how much went through.
 *
 * All devices are read before the first is written, so that a daemon that fails halfway leaves no
 * half table behind.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/query.h"
#include "cli/watch.h"

static const struct option options[] = {
	{"socket", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"watch", no_argument, NULL, 'w'},
	{"interval", required_argument, NULL, 'i'},
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

/* Seconds between two looks. */
static bool
parse_interval(const char *text, double *interval_s)
{
	char *end;

	errno = 0;
	*interval_s = strtod(text, &end);
	return errno == 0 && end != text && *end == '\0' && *interval_s >= WATCH_INTERVAL_MIN_S &&
	    *interval_s <= WATCH_INTERVAL_MAX_S;
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
	double interval_s = 0;
	struct device_id id = {0};
	bool json = false, watch = false, one;
	int option;

	while ((option = getopt_long(argc, argv, "i:s:jw", options, NULL)) != -1) {
		switch (option) {
		case 'i':
			if (!parse_interval(optarg, &interval_s)) {
				return command_usage_error("status",
				    "'%s' is no number of seconds from %g to %g", optarg,
				    WATCH_INTERVAL_MIN_S, WATCH_INTERVAL_MAX_S);
			}
			break;
		case 's':
			socket_path = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'w':
			watch = true;
			break;
		default:
			return command_usage_error("status", NULL);
		}
	}
	if (interval_s > 0 && !watch) {
		return command_usage_error("status", "--interval has a meaning only with --watch");
	}
	one = optind < argc;
	if (one && !command_device("status", argc - optind, argv + optind, &id)) {
		return EXIT_CODE_USAGE;
	}
	socket_path = query_socket_path(socket_path);
	if (watch) {
		return watch_run(socket_path, one ? &id : NULL,
		    interval_s > 0 ? interval_s : WATCH_INTERVAL_S, json);
	}
	return show(socket_path, one ? &id : NULL, json);
}
