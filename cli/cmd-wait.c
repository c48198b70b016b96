/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-wait.c - `tuntapd wait`: until a device is in a state, for scripts.
 *
 * The protocol has questions and answers, no news, so this asks every INTERVAL_MS, on one
 * connection.  It ends with the daemon: a script that waits for a device of a daemon that is gone
 * would wait for ever.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "cli/command.h"
#include "cli/query.h"

#define INTERVAL_MS 20
/* A year: longer is a slip of the pen. */
#define TIMEOUT_S_MAX (366.0 * 86400.0)

enum { OPTION_OPEN = 256, OPTION_UP, OPTION_CLOSED };

static const struct option options[] = {
	{"socket", required_argument, NULL, 's'},
	{"open", no_argument, NULL, OPTION_OPEN},
	{"up", no_argument, NULL, OPTION_UP},
	{"closed", no_argument, NULL, OPTION_CLOSED},
	{"timeout", required_argument, NULL, 't'},
	{NULL, 0, NULL, 0},
};

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool
is_reached(uint8_t state, int wanted)
{
	switch (wanted) {
	case OPTION_CLOSED:
		return state == DEVICE_CLOSED;
	case OPTION_UP:
		return state == DEVICE_UP;
	default:
		return state != DEVICE_CLOSED;
	}
}

static int
wait_until(struct query *query, struct device_id id, int wanted, double deadline_s)
{
	struct message_device device;

	for (;;) {
		int status = query_find(query, id, &device);

		if (status != EXIT_CODE_OK) {
			return status;
		}
		if (is_reached(device.state, wanted)) {
			return EXIT_CODE_OK;
		}
		if (now_s() >= deadline_s) {
			return EXIT_CODE_NO;
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = INTERVAL_MS * 1000000L}, NULL);
	}
}

static bool
parse_timeout(const char *text, double *timeout_s)
{
	char *end;

	errno = 0;
	*timeout_s = strtod(text, &end);
	return errno == 0 && end != text && *end == '\0' && *timeout_s >= 0 &&
	    *timeout_s <= TIMEOUT_S_MAX;
}

int
cmd_wait(int argc, char **argv)
{
	const char *socket_option = NULL;
	double timeout_s = HUGE_VAL;
	struct device_id id = {0};
	struct query query;
	int wanted = 0, option, status;

	while ((option = getopt_long(argc, argv, "s:t:", options, NULL)) != -1) {
		switch (option) {
		case 's':
			socket_option = optarg;
			break;
		case 't':
			if (!parse_timeout(optarg, &timeout_s)) {
				return command_usage_error(
				    "wait", "'%s' is no number of seconds", optarg);
			}
			break;
		case OPTION_OPEN:
		case OPTION_UP:
		case OPTION_CLOSED:
			if (wanted != 0 && wanted != option) {
				return command_usage_error("wait", "one state at a time");
			}
			wanted = option;
			break;
		default:
			return command_usage_error("wait", NULL);
		}
	}
	if (!command_device("wait", argc - optind, argv + optind, &id)) {
		return EXIT_CODE_USAGE;
	}
	status = query_open(&query, query_socket_path(socket_option), false);
	if (status == EXIT_CODE_OK) {
		status = wait_until(&query, id, wanted, now_s() + timeout_s);
	}
	query_close(&query);
	return status;
}
