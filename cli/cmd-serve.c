/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-serve.c - `tuntapd serve`: the daemon itself, or the end of the one that runs.
 */
#include <getopt.h>
#include <stddef.h>

#include "cli/command.h"
#include "cli/query.h"
#include "daemon/daemon.h"

enum { OPTION_STOP_ALL = 256 };

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"socket", required_argument, NULL, 's'},
	{"verbose", no_argument, NULL, 'v'},
	{"stop-all", no_argument, NULL, OPTION_STOP_ALL},
	{NULL, 0, NULL, 0},
};

static int
stop_all(const char *socket_path)
{
	struct query query;
	int status = query_open(&query, socket_path, false);

	if (status == EXIT_CODE_OK) {
		status = query_stop(&query);
	}
	query_close(&query);
	return status;
}

int
cmd_serve(int argc, char **argv)
{
	struct daemon_options how = {0};
	const char *socket_option = NULL;
	bool stop = false;
	int option;

	while ((option = getopt_long(argc, argv, "+c:s:v", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			how.config_path = optarg;
			break;
		case 's':
			socket_option = optarg;
			break;
		case 'v':
			how.verbosity++;
			break;
		case OPTION_STOP_ALL:
			stop = true;
			break;
		default:
			return command_usage_error("serve", NULL);
		}
	}
	if (optind != argc) {
		return command_usage_error("serve", "'%s' is one argument too many", argv[optind]);
	}
	how.socket_path = query_socket_path(socket_option);
	return stop ? stop_all(how.socket_path) : daemon_serve(&how);
}
