/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-fd.c - `tuntapd fd`: opens a device and becomes a program that inherits it.
 *
 * For programs that nothing can be loaded into, and for those that take a descriptor by its number.
 * The program is looked for first, so that a slip of the pen makes no interface.  Then the daemon
 * is asked as the shim asks it, and the channel gets its number.  The connection and all else is
 * closed by then: the program inherits one descriptor more than this process had.
 *
 * Nothing stays behind to take care of the device, and nothing need: it lives as long as the
 * descriptor, as always.  If the program cannot be run, our end is the device's.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/node.h"
#include "cli/program.h"
#include "cli/query.h"

/* Room for an int in decimal, with its NUL. */
#define NUMBER_SIZE 12
/* Below are the standard streams: a program that finds one closed must not find a device there. */
#define FIRST_FD (STDERR_FILENO + 1)

static const struct option options[] = {
	{"fd", required_argument, NULL, 'n'},
	{"quiet", no_argument, NULL, 'q'},
	{"socket", required_argument, NULL, 's'},
	{NULL, 0, NULL, 0},
};

/* A number that a descriptor may get: not standard error's, where messages go. */
static bool
parse_fd(const char *text, int *fd)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < 0 || value > INT_MAX ||
	    value == STDERR_FILENO) {
		return false;
	}
	*fd = (int)value;
	return true;
}

/* Opens the device.  An exit status; with EXIT_CODE_OK the channel is the caller's. */
static int
attach(const char *socket_path, struct device_id id, struct message_attached *attached, int *channel)
{
	struct query query;
	int node, status = query_open(&query, socket_path, false);

	if (status == EXIT_CODE_OK) {
		node = node_open();
		status = query_attach(&query, id, node, attached, channel);
		if (node >= 0) {
			close(node); /* the channel is the same open file */
		}
	}
	query_close(&query);
	return status;
}

/*
 * Gives the channel its number, to be inherited: the wanted one, or the lowest free one.  The
 * number, or -1 with errno.
 */
static int
place(int channel, int wanted)
{
	int fd = wanted >= 0 ? dup2(channel, wanted) : fcntl(channel, F_DUPFD, FIRST_FD);

	if (wanted < 0 && fd > channel && channel >= FIRST_FD) {
		close(fd);
		fd = channel;
	}
	if (fd == channel) {
		return fcntl(fd, F_SETFD, 0) < 0 ? -1 : fd;
	}
	if (fd >= 0) {
		close(channel);
	}
	return fd;
}

/* What the contract's row "without the shim" says, for this device. */
static void
explain(const struct message_attached *attached, const char *name, int fd)
{
	if (attached->channel == CHANNEL_RELAYED) {
		warnx("%s (interface %s) is descriptor %d, a socket.  Without the library in the "
		      "program a device that is over reads as 0, and packets of a wrong size are "
		      "dropped and not refused%s",
		    name, attached->ifname, fd,
		    attached->kind == DEVICE_TUN ? "; there is no header mode" : "");
	} else if (attached->channel == CHANNEL_FRAMED) {
		warnx("%s (interface %s) is descriptor %d, a socket of the kernel's.  Without the "
		      "library in the program each packet has the address family before it, four "
		      "bytes, both ways; read waits and does not say EIO while the interface is "
		      "down, and packets that are too long, or of another family, are not refused",
		    name, attached->ifname, fd);
	} else if (attached->channel == CHANNEL_NODE) {
		warnx("%s (interface %s) is descriptor %d, a kernel extension's node, which needs no "
		      "library in the program", name, attached->ifname, fd);
	} else {
		warnx("%s (interface %s) is descriptor %d, the kernel's own.  Without the library "
		      "in the program read waits and does not say EIO while the interface is down, "
		      "too long packets are not refused, and fstat shows the kernel's node%s",
		    name, attached->ifname, fd,
		    attached->kind == DEVICE_TUN ? "; there is no header mode" : "");
	}
}

static int
export_number(int fd, const char *ifname)
{
	char number[NUMBER_SIZE];

	snprintf(number, sizeof(number), "%d", fd);
	if (setenv("TUNTAPD_FD", number, 1) < 0 || setenv("TUNTAPD_IFNAME", ifname, 1) < 0) {
		warn("TUNTAPD_FD");
		return EXIT_CODE_SYSTEM;
	}
	return EXIT_CODE_OK;
}

int
cmd_fd(int argc, char **argv)
{
	const char *socket_option = NULL;
	struct message_attached attached;
	char path[PATH_MAX], name[DEVNAME_SIZE];
	struct device_id id = {0};
	bool quiet = false;
	int channel = -1, wanted = -1, option, status, fd;

	/* '+': what follows PROGRAM is PROGRAM's. */
	while ((option = getopt_long(argc, argv, "+n:qs:", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			if (!parse_fd(optarg, &wanted)) {
				return command_usage_error("fd",
				    "'%s' is no number for a descriptor: 0, 1, or 3 and on", optarg);
			}
			break;
		case 'q':
			quiet = true;
			break;
		case 's':
			socket_option = optarg;
			break;
		default:
			return command_usage_error("fd", NULL);
		}
	}
	if (!command_device("fd", optind < argc ? 1 : 0, argv + optind, &id)) {
		return EXIT_CODE_USAGE;
	}
	optind++;
	if (optind < argc && argv[optind][0] == '-' && argv[optind][1] == '-' && argv[optind][2] == '\0') {
		optind++;
	}
	if (optind == argc) {
		return command_usage_error("fd", "no program is named");
	}
	status = program_locate(argv[optind], path);
	if (status == EXIT_CODE_OK) {
		node_name_holder(path);
		status = attach(query_socket_path(socket_option), id, &attached, &channel);
	}
	if (status != EXIT_CODE_OK) {
		return status;
	}
	fd = place(channel, wanted);
	if (fd < 0 && wanted >= 0 && errno == EBADF) {
		warnx("there is no descriptor %d: the limit is too low (ulimit -n)", wanted);
		return EXIT_CODE_SYSTEM;
	}
	if (fd < 0) {
		warn("the descriptor of %s", argv[optind]);
		return EXIT_CODE_SYSTEM;
	}
	if (!quiet) {
		devname_format(id, name);
		explain(&attached, name, fd);
	}
	status = export_number(fd, attached.ifname);
	if (status != EXIT_CODE_OK) {
		return status;
	}
	/* The path has a slash, so nothing is searched; a text without "#!" goes to /bin/sh. */
	execvp(path, argv + optind);
	warn("%s", path);
	return EXIT_CODE_CANNOT_RUN;
}
