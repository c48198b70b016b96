/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-wait.c - `tuntapd wait`: until a device is in a state, for scripts.
 *
 * The protocol has questions and answers, no news, so this asks again and again on one connection:
 * often at first, since a program opens its device as soon as it runs, then less.  A device that is
 * open in another network namespace is closed for who asks.
 *
 * It outlives a restart of the daemon, as the devices do: when the daemon goes, another may come
 * within RESTART_S.  After that it ends, since a script that waits for a device of a daemon that is
 * gone would wait for ever.  A daemon that was never there is not waited for.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "cli/command.h"
#include "cli/clock.h"
#include "cli/query.h"

#define INTERVAL_MS 20
#define INTERVAL_LATER_MS 100
#define OFTEN_S 1.0
/* A daemon starts in a fraction of it, and a service manager starts it again at once. */
#define RESTART_S 5.0
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
earlier(double a_s, double b_s)
{
	return a_s < b_s ? a_s : b_s;
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

/* Asks once, on a new connection where there is none. */
static int
look(struct query *query, struct device_id id, struct message_device *device)
{
	int status = EXIT_CODE_OK;

	if (query->sock < 0) {
		status = query_open(query, query->socket_path, true);
	}
	if (status == EXIT_CODE_OK) {
		status = query_find(query, id, device);
	}
	return status;
}

static void
sleep_since(double start_s)
{
	long ms = clock_now_s() < start_s + OFTEN_S ? INTERVAL_MS : INTERVAL_LATER_MS;

	(void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

/* The query is quiet: it says at the end why it failed. */
static int
wait_until(struct query *query, struct device_id id, int wanted, double deadline_s)
{
	double start_s = clock_now_s(), restart_end_s = HUGE_VAL;
	struct message_device device;

	for (;;) {
		int status = look(query, id, &device);

		if (status == EXIT_CODE_OK) {
			restart_end_s = HUGE_VAL;
			if (is_reached(query_is_open_here(&device) ? device.state : DEVICE_CLOSED, wanted)) {
				return EXIT_CODE_OK;
			}
			if (clock_now_s() >= deadline_s) {
				return EXIT_CODE_NO;
			}
		} else {
			restart_end_s = earlier(restart_end_s, clock_now_s() + RESTART_S);
			if (!query_was_lost(query) || clock_now_s() >= earlier(restart_end_s, deadline_s)) {
				query_say(query);
				return status;
			}
			query_close(query);
		}
		sleep_since(start_s);
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
		query.quiet = true;
		status = wait_until(&query, id, wanted, clock_now_s() + timeout_s);
	}
	query_close(&query);
	return status;
}
