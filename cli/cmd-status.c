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

struct device_list {
	struct message_device *items;
	size_t count;
};

static int
append(struct device_list *list, const struct message_device *device)
{
	struct message_device *items = realloc(list->items, (list->count + 1) * sizeof(*items));

	if (items == NULL) {
		warn("status");
		return EXIT_CODE_SYSTEM;
	}
	items[list->count++] = *device;
	list->items = items;
	return EXIT_CODE_OK;
}

static int
read_all(struct query *query, struct device_list *list)
{
	struct message_device device;
	uint32_t cursor = 0;
	int status;

	do {
		status = query_next(query, &cursor, &device);
		if (status == EXIT_CODE_NO) {
			return EXIT_CODE_OK;
		}
		if (status == EXIT_CODE_OK) {
			status = append(list, &device);
		}
	} while (status == EXIT_CODE_OK && cursor != 0);
	return status;
}

static int
print(const struct device_list *list, const char *socket_path, bool json, bool one)
{
	int result;

	if (json) {
		result = output_json(stdout, socket_path, list->items, list->count);
	} else if (one) {
		result = output_list(stdout, list->items);
	} else {
		result = output_table(stdout, list->items, list->count);
	}
	if (result < 0) {
		warn("status");
		return EXIT_CODE_SYSTEM;
	}
	return EXIT_CODE_OK;
}

int
cmd_status(int argc, char **argv)
{
	const char *socket_option = NULL;
	struct device_list list = {0};
	struct message_device device;
	struct device_id id = {0};
	struct query query;
	bool json = false, one;
	int option, status;

	while ((option = getopt_long(argc, argv, "s:j", options, NULL)) != -1) {
		switch (option) {
		case 's':
			socket_option = optarg;
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
	status = query_open(&query, query_socket_path(socket_option), false);
	if (status == EXIT_CODE_OK && one) {
		status = query_find(&query, id, &device);
		if (status == EXIT_CODE_OK) {
			status = append(&list, &device);
		}
	} else if (status == EXIT_CODE_OK) {
		status = read_all(&query, &list);
	}
	query_close(&query);
	if (status == EXIT_CODE_OK) {
		status = print(&list, query.socket_path, json, one);
	}
	free(list.items);
	return status;
}
