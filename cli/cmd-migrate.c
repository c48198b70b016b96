/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-migrate.c - `tuntapd migrate` and `tuntapd switch`: away from older kernel extensions, and between those of two products.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "cli/command.h"
#include "cli/migrate.h"
#include "cli/probe.h"

static const struct option migrate_options[] = {
	{"apply", no_argument, NULL, 'a'},
	{"undo", no_argument, NULL, 'u'},
	{NULL, 0, NULL, 0},
};

static const struct option switch_options[] = {
	{"dry-run", no_argument, NULL, 'n'},
	{NULL, 0, NULL, 0},
};

static const struct probe system_probe = {.root = "", .ask = action_ask};

int
cmd_migrate(int argc, char **argv)
{
	bool apply = false, undo = false;
	int option;

	while ((option = getopt_long(argc, argv, "au", migrate_options, NULL)) != -1) {
		switch (option) {
		case 'a':
			apply = true;
			break;
		case 'u':
			undo = true;
			break;
		default:
			return command_usage_error("migrate", NULL);
		}
	}
	if (optind != argc) {
		return command_usage_error("migrate", "'%s' is one argument too many", argv[optind]);
	}
	return undo ? migrate_undo(&system_probe, apply) : migrate_run(&system_probe, apply);
}

int
cmd_switch(int argc, char **argv)
{
	bool dry = false;
	int option;

	while ((option = getopt_long(argc, argv, "n", switch_options, NULL)) != -1) {
		if (option != 'n') {
			return command_usage_error("switch", NULL);
		}
		dry = true;
	}
	if (argc - optind != 1) {
		return command_usage_error("switch", argc == optind ? "cisco or tuntapd?" : "one at a time");
	}
	if (strcmp(argv[optind], "cisco") == 0) {
		return switch_run(&system_probe, SWITCH_CISCO, dry);
	}
	if (strcmp(argv[optind], "tuntapd") == 0) {
		return switch_run(&system_probe, SWITCH_TUNTAPD, dry);
	}
	return command_usage_error("switch", "'%s' is neither cisco nor tuntapd", argv[optind]);
}
