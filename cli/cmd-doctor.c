/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-doctor.c - `tuntapd doctor`: what is wrong, whether it matters, and what mends it.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/probe.h"
#include "cli/query.h"

static const struct option options[] = {
	{"json", no_argument, NULL, 'j'},
	{"report", required_argument, NULL, 'r'},
	{"socket", required_argument, NULL, 's'},
	{NULL, 0, NULL, 0},
};

int
cmd_doctor(int argc, char **argv)
{
	struct probe probe = {.root = "", .ask = action_ask};
	const char *socket_option = NULL, *report = NULL;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "jr:s:", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'r':
			report = optarg;
			break;
		case 's':
			socket_option = optarg;
			break;
		default:
			return command_usage_error("doctor", NULL);
		}
	}
	if (argc - optind > 1) {
		return command_usage_error("doctor", "one program at a time");
	}
	if (argc - optind == 1 && (report != NULL || socket_option != NULL)) {
		return command_usage_error("doctor", "--report and -s are for the system, not for a program");
	}
	if (report != NULL && json) {
		return command_usage_error("doctor", "a report is no JSON");
	}
	if (argc - optind == 1) {
		return doctor_program(argv[optind], json);
	}
	probe.socket_path = query_socket_path(socket_option);
	return report != NULL ? doctor_report(&probe, report) : doctor_system(&probe, json);
}
