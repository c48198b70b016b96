/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-exec.c - `tuntapd exec`: becomes a program with the shim in it; with --private, runs it in a
 * world of its own; with --pair, beside a pair of joined interfaces.
 *
 * No daemon is asked: a program may be started before its daemon, and the shim says for itself when
 * it finds none.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/attend.h"
#include "cli/command.h"
#include "cli/pairing.h"
#include "cli/preload.h"
#include "cli/private.h"
#include "cli/program.h"
#include "protocol/paths.h"

enum { OPTION_PRIVATE = 256, OPTION_PAIR };

static const struct option options[] = {
	{"socket", required_argument, NULL, 's'},
	{"verbose", no_argument, NULL, 'v'},
	{"private", no_argument, NULL, OPTION_PRIVATE},
	{"pair", no_argument, NULL, OPTION_PAIR},
	PAIRING_OPTIONS,
	{NULL, 0, NULL, 0},
};

/*
 * Hands the socket on as an absolute path: the program may change its directory.  An exit status.
 */
static int
export_socket(const char *socket_path)
{
	char here[PATH_MAX], absolute[PATH_MAX], rundir[PATHS_SIZE];
	int n;

	if (socket_path[0] == '/' || socket_path[0] == '\0') {
		n = snprintf(absolute, sizeof(absolute), "%s", socket_path);
	} else if (getcwd(here, sizeof(here)) != NULL) {
		n = snprintf(absolute, sizeof(absolute), "%s/%s",
		    strcmp(here, "/") == 0 ? "" : here, socket_path);
	} else {
		warn("the working directory");
		return EXIT_CODE_SYSTEM;
	}
	if (n < 0 || (size_t)n >= sizeof(absolute) ||
	    paths_in_rundir(absolute, NULL, rundir, sizeof(rundir)) < 0) {
		warnx("'%s' is no path for a socket: it is %s; choose another with -s", absolute,
		    absolute[0] == '\0' ? "empty" : "too long");
		return EXIT_CODE_USAGE;
	}
	if (setenv("TUNTAPD_SOCKET", absolute, 1) < 0) {
		warn("TUNTAPD_SOCKET");
		return EXIT_CODE_SYSTEM;
	}
	return EXIT_CODE_OK;
}

static int
become(const struct program *program, char **argv)
{
	if (preload_set_environment(program->shim) < 0) {
		warn("the environment");
		return EXIT_CODE_SYSTEM;
	}
	/* The path has a slash, so nothing is searched; a text without "#!" goes to /bin/sh. */
	execvp(program->path, argv);
	warn("%s", program->path);
	return EXIT_CODE_CANNOT_RUN;
}

/*
 * The pair goes now, and is gone when this returns: who holds it lets it go, and the daemon lets go of the other end when it has taken it
 * away.  By name it is asked for only where the daemon that made it is gone: the next one knows no holder but the process.
 */
static void
give_back(const struct message_pair *made, int hold)
{
	struct pollfd p = {.fd = hold, .events = POLLIN};
	struct query query;

	if (poll(&p, 1, 0) == 0) {
		(void)shutdown(hold, SHUT_WR);
		(void)poll(&p, 1, QUERY_TIMEOUT_MS);
	} else {
		if (query_open(&query, query_socket_path(NULL), true) == EXIT_CODE_OK) {
			(void)pairing_delete(&query, made->ends[0].ifname);
		}
		query_close(&query);
	}
	close(hold);
}

/*
 * Runs the program with a pair that hangs on this process: however it ends, the daemon takes the pair
 * away.  Where it can, it is gone before we are.
 */
static int
run_with_pair(const struct program *program, char **argv, const struct pairing *pairing)
{
	struct message_pair made;
	struct attend attend = {0};
	struct query query;
	int hold, ended_by = 0, status = query_open(&query, query_socket_path(NULL), false);

	if (status == EXIT_CODE_OK) {
		status = pairing_make(pairing, &query, true, &made, &hold);
	}
	query_close(&query);
	if (status != EXIT_CODE_OK) {
		return status;
	}
	status = pairing_export(&made);
	attend_begin(&attend);
	if (status == EXIT_CODE_OK) {
		status = attend_start(&attend, program, argv);
	}
	if (status == EXIT_CODE_OK) {
		attend_watch(&attend, NULL);
		status = attend_status(&attend, &ended_by);
	}
	give_back(&made, hold);
	if (ended_by != 0) {
		attend_end_by_signal(ended_by);
	}
	return status;
}

int
cmd_exec(int argc, char **argv)
{
	const char *socket_option = NULL;
	bool private = false, verbose = false, pair = false;
	struct pairing pairing = {.names = {"pair%d", "pair%d"}};
	struct program program;
	int option, status = EXIT_CODE_OK;

	/* '+': what follows PROGRAM is PROGRAM's. */
	while ((option = getopt_long(argc, argv, "+s:v", options, NULL)) != -1) {
		switch (option) {
		case 's':
			socket_option = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case OPTION_PRIVATE:
			private = true;
			break;
		case OPTION_PAIR:
			pair = true;
			break;
		case OPTION_PAIR_MTU:
		case OPTION_PAIR_ADDRESS:
		case OPTION_PAIR_NETNS:
			if (!pairing_option(&pairing, option, optarg)) {
				return EXIT_CODE_USAGE;
			}
			break;
		default:
			return command_usage_error("exec", NULL);
		}
	}
	if (optind == argc) {
		return command_usage_error("exec", "no program is named");
	}
	if (private && socket_option != NULL) {
		return command_usage_error(
		    "exec", "--private has a daemon of its own: -s has no meaning with it");
	}
	if (!pair && pairing_is_chosen(&pairing)) {
		return command_usage_error("exec", "--mtu, --address and --netns are for the interfaces of --pair");
	}
	if (verbose && !private) {
		return command_usage_error("exec",
		    "-v shows the daemon's log with --private; for the shim's set "
		    "TUNTAPD_VERBOSE=1");
	}
	if (socket_option != NULL) {
		status = export_socket(socket_option);
	}
	if (status == EXIT_CODE_OK) {
		status = program_find(argv[optind], private, &program);
	}
	if (status != EXIT_CODE_OK) {
		return status;
	}
	if (private) {
		return private_run(&program, argv + optind, verbose, pair ? &pairing : NULL);
	}
	return pair ? run_with_pair(&program, argv + optind, &pairing) : become(&program, argv + optind);
}
