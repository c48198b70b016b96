/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-bridge.c - `tuntapd bridge`: an open tap device and another interface in one bridge, or no more.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "cli/command.h"
#include "cli/query.h"
#include "protocol/devname.h"

enum { OPTION_NONE = 256 };

static const struct option options[] = {
	{"none", no_argument, NULL, OPTION_NONE},
	{"socket", required_argument, NULL, 's'},
	{NULL, 0, NULL, 0},
};

/* Why not, and what to do; the exit status for it. */
static int
refused(struct query *q, int error, const char *device, const char *ifname)
{
	switch (error) {
	case EPERM:
	case EACCES:
		warnx("only root changes the machine's bridges");
		return EXIT_CODE_PERMISSION;
	case ENXIO:
		warnx("%s is not open in the daemon's network namespace: start its program first", device);
		return EXIT_CODE_NO;
	case ENODEV:
		warnx("there is no interface %s", ifname);
		return EXIT_CODE_NO;
	case EMSGSIZE:
		warnx("%s and %s have different MTUs", device, ifname);
		return EXIT_CODE_NO;
	case EINVAL:
		warnx("%s cannot be in a bridge with %s: it is a Wi-Fi interface, or carries no Ethernet frames; nat = true in "
		      "tuntapd.conf is the other way", ifname, device);
		return EXIT_CODE_NO;
	case EBUSY:
	case ENOSPC:
	case ELOOP:
	case EOPNOTSUPP:
		warnx("%s: %s; the daemon's log says more", ifname, strerror(error));
		return EXIT_CODE_NO;
	default:
		return query_complain(q, error);
	}
}

int
cmd_bridge(int argc, char **argv)
{
	const char *socket_option = NULL, *ifname = "";
	struct device_id id = {0};
	bool none = false;
	struct query query;
	int option, status, error;

	while ((option = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		switch (option) {
		case 's':
			socket_option = optarg;
			break;
		case OPTION_NONE:
			none = true;
			break;
		default:
			return command_usage_error("bridge", NULL);
		}
	}
	if (argc - optind != (none ? 1 : 2)) {
		return command_usage_error("bridge", none ? "one device is wanted" : "a device and an interface are wanted");
	}
	if (!command_device("bridge", 1, argv + optind, &id)) {
		return EXIT_CODE_USAGE;
	}
	if (!none) {
		ifname = argv[optind + 1];
	}
	if (id.kind != DEVICE_TAP) {
		return command_usage_error("bridge", "a tun device carries no Ethernet frames: only a tap can be in a bridge");
	}
	if (!none && (ifname[0] == '\0' || strlen(ifname) >= MESSAGE_IFNAME_SIZE)) {
		return command_usage_error("bridge", "no interface can have that name");
	}
	status = query_open(&query, query_socket_path(socket_option), false);
	if (status == EXIT_CODE_OK) {
		error = query_bridge(&query, id, ifname);
		status = error != 0 ? refused(&query, error, argv[optind], ifname) : EXIT_CODE_OK;
	}
	query_close(&query);
	return status;
}
