/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-doctor.c - `tuntapd doctor`: what is wrong, whether it matters, and what mends it.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/command.h"
#include "cli/doctor.h"

static const struct option options[] = {
	{"json", no_argument, NULL, 'j'},
	{NULL, 0, NULL, 0},
};

int
cmd_doctor(int argc, char **argv)
{
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "j", options, NULL)) != -1) {
		if (option != 'j') {
			return command_usage_error("doctor", NULL);
		}
		json = true;
	}
	if (argc - optind != 1) {
		return command_usage_error("doctor", argc == optind ? "no program is named" : "one program at a time");
	}
	return doctor_program(argv[optind], json);
}
