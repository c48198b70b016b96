/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-ifname.c - `tuntapd ifname`: the kernel's name of a device's interface, in the caller's
 * network namespace, for scripts.
 */
#include <err.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/query.h"

static const struct option options[] = {
	{"socket", required_argument, NULL, 's'},
	{NULL, 0, NULL, 0},
};

/*
 * What an interface may be called, by the kernel's own rule (dev_valid_name): a script will use it
 * as a word.
 */
static bool
is_plain(const char *ifname)
{
	if (ifname[0] == '\0' || strcmp(ifname, ".") == 0 || strcmp(ifname, "..") == 0) {
		return false;
	}
	for (const unsigned char *s = (const unsigned char *)ifname; *s != '\0'; s++) {
		if (*s <= 0x20 || *s >= 0x7f || *s == '/' || *s == ':') {
			return false;
		}
	}
	return true;
}

static int
answer(const struct message_device *device, const char *name)
{
	if (device->state == DEVICE_CLOSED) {
		warnx("%s is closed: it has an interface only while a program has it open", name);
		return EXIT_CODE_NO;
	}
	if (!query_is_open_here(device)) {
		warnx("%s is open in another network namespace", name);
		return EXIT_CODE_NO;
	}
	if (!is_plain(device->ifname)) {
		warnx("%s: the daemon gives a name that no interface can have", name);
		return EXIT_CODE_PROTOCOL;
	}
	puts(device->ifname);
	return EXIT_CODE_OK;
}

int
cmd_ifname(int argc, char **argv)
{
	const char *socket_option = NULL;
	struct message_device device;
	struct device_id id = {0};
	struct query query;
	int option, status;

	while ((option = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		if (option != 's') {
			return command_usage_error("ifname", NULL);
		}
		socket_option = optarg;
	}
	if (!command_device("ifname", argc - optind, argv + optind, &id)) {
		return EXIT_CODE_USAGE;
	}
	status = query_open(&query, query_socket_path(socket_option), false);
	if (status == EXIT_CODE_OK) {
		status = query_find(&query, id, &device);
	}
	query_close(&query);
	return status == EXIT_CODE_OK ? answer(&device, argv[optind]) : status;
}
