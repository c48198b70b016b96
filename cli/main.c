/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - the command `tuntapd`: a table of commands and a short loop.
 *
 * Only what exists is in the table, so `tuntapd help` promises nothing else.  Before anything else
 * comes the one call that is no user's: the daemon starts its own processes by executing this file
 * with a role as first argument (daemon.h).
 *
 * Output.  Commands write with stdio; whether all of it arrived is looked at once, here.  SIGPIPE
 * keeps the disposition that we were started with, since exec hands it on: a reader that has gone
 * ends us by signal, or, where that is ignored, with EPIPE, on which nothing is said.
 */
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "daemon/daemon.h"

static int cmd_help(int argc, char **argv);

/* Help is at most 79 columns wide. */
static const struct command commands[] = {
	{
		.name = "serve",
		.run = cmd_serve,
		.usage = "[-c FILE] [-s SOCKET] [-v] [--stop-all]",
		.summary = "run the daemon in the foreground",
		.description =
		    "  -c, --config FILE    configuration file\n"
		    "  -s, --socket SOCKET  control socket; the daemon's files are in SOCKET.d\n"
		    "  -v, --verbose        log debug lines, too\n"
		    "      --stop-all       end the running daemon with all its devices, and\n"
		    "                       wait for that\n"
		    "\n"
		    "The daemon logs to standard error.  SIGTERM and SIGINT end it and leave open\n"
		    "devices alone: the next daemon finds them.\n",
	},
	{
		.name = "exec",
		.run = cmd_exec,
		.usage = "[-s SOCKET] [--private [-v]] [--pair [--mtu N] [--address END=ADDRESS] "
			 "[--netns END=NETNS]] [--] PROGRAM [ARGUMENT...]",
		.summary = "run a program that then finds /dev/tunN and /dev/tapN",
		.description =
		    "  -s, --socket SOCKET  control socket of the daemon to use\n"
		    "      --private        no daemon and no root needed: PROGRAM runs as root of\n"
		    "                       a user, network and mount namespace of its own, with "
		    "a\n"
		    "                       daemon of its own that ends with it\n"
		    "      --pair           beside it two joined interfaces, up, that go when it has\n"
		    "                       ended, in whatever way; their names are in\n"
		    "                       TUNTAPD_PAIR_A and TUNTAPD_PAIR_B.  With --private, too\n"
		    "      --mtu, --address, --netns\n"
		    "                       of the pair: 'tuntapd help pair'; END is a or b\n"
		    "  -v, --verbose        with --private: show the daemon's log\n"
		    "\n"
		    "tuntapd becomes PROGRAM, and the status is PROGRAM's.  With --private or\n"
		    "--pair tuntapd stays as its parent, hands on signals and ends as PROGRAM did,\n"
		    "by the same signal if it was one.\n"
		    "Status 126: PROGRAM cannot be run with the shim; the message says why.\n"
		    "Status 127: there is no PROGRAM.\n",
	},
	{
		.name = "fd",
		.run = cmd_fd,
		.usage = "[-q] [-s SOCKET] [--fd N] DEVICE [--] PROGRAM [ARGUMENT...]",
		.summary = "open a device and run a program that inherits it",
		.description =
		    "  -n, --fd N           give the descriptor this number; without it: the lowest\n"
		    "                       free one from 3 on\n"
		    "  -q, --quiet          do not say what PROGRAM lacks without the library\n"
		    "  -s, --socket SOCKET  control socket of the daemon to use\n"
		    "\n"
		    "For programs that take an open descriptor, and those that no library can be\n"
		    "loaded into: static, Go, set-user-ID.  tuntapd becomes PROGRAM.  The number is\n"
		    "in TUNTAPD_FD, the interface's name in TUNTAPD_IFNAME.  It is the kernel's own\n"
		    "descriptor; tuntapd(1) says how that differs.\n"
		    "Status 75: somebody has the device open.  77: this user may not open it.\n"
		    "126: PROGRAM cannot be run.  127: there is no PROGRAM.\n",
	},
	{
		.name = "status",
		.run = cmd_status,
		.usage = "[-s SOCKET] [--json] [--watch [--interval S]] [DEVICE]",
		.summary = "what is open, by whom, how much went through",
		.description =
		    "  -s, --socket SOCKET  control socket of the daemon to ask\n"
		    "  -j, --json           JSON, for programs\n"
		    "  -w, --watch          look again and again: rates and their history on a\n"
		    "                       terminal (q ends it), lines elsewhere\n"
		    "  -i, --interval S     with --watch: every S seconds, 0.1 or more; without: 1\n"
		    "\n"
		    "Counters are packets/bytes/drops.  IN is from the kernel to the program, OUT\n"
		    "from the program to the kernel.\n",
	},
	{
		.name = "ifname",
		.run = cmd_ifname,
		.usage = "[-s SOCKET] DEVICE",
		.summary = "the kernel's name of a device's interface",
		.description =
		    "  -s, --socket SOCKET  control socket of the daemon to ask\n"
		    "\n"
		    "Status 1: the device is closed, or its interface is in another network\n"
		    "namespace.\n",
	},
	{
		.name = "wait",
		.run = cmd_wait,
		.usage = "[-s SOCKET] [--open | --up | --closed] [--timeout S] DEVICE",
		.summary = "wait until a device is in a state",
		.description =
		    "      --open           until a program has it open (this is the default)\n"
		    "      --up             until its interface is up\n"
		    "      --closed         until nobody has it open\n"
		    "  -t, --timeout S      at most S seconds; 0 only looks; without it: for ever\n"
		    "  -s, --socket SOCKET  control socket of the daemon to ask\n"
		    "\n"
		    "Status 1: the time is over.\n",
	},
	{
		.name = "capture",
		.run = cmd_capture,
		.usage = "[-s SOCKET] DEVICE [-c N] [-w FILE] [FILTER...]",
		.summary = "what passes through a device",
		.description =
		    "  -c, --count N        end after N packets\n"
		    "  -s, --socket SOCKET  control socket of the daemon to ask\n"
		    "  -w, --write FILE     write pcapng to FILE, or with - to standard output;\n"
		    "                       without it: a line for each packet\n"
		    "\n"
		    "FILTER is as for tcpdump: pcap-filter(7).  An interrupt ends it.  For what\n"
		    "passes now in Wireshark: tuntapd capture tap0 -w - | wireshark -k -i -\n"
		    "Status 1: the device is closed, or was before N packets passed.\n"
		    "Status 77: this user may not see its packets.\n",
	},
	{
		.name = "pair",
		.run = cmd_pair,
		.usage = "[-s SOCKET] [--json] [--mtu N] [--address END=ADDRESS] "
			 "[--netns END=NETNS] A B | --list | --delete NAME",
		.summary = "two joined interfaces, for tests",
		.description =
		    "      --mtu N              of both ends\n"
		    "      --address END=ADDRESS\n"
		    "                           an address of one end, as a=10.0.0.1/24; END is the\n"
		    "                           end's name, or a or b\n"
		    "      --netns END=NETNS    where one end is to be: a name of ip-netns(8), the\n"
		    "                           number of a process, or a path\n"
		    "      --list               the pairs that there are\n"
		    "      --delete             take away the pair that NAME is an end of\n"
		    "  -j, --json               JSON, for programs\n"
		    "  -s, --socket SOCKET      control socket of the daemon to ask\n"
		    "\n"
		    "A pair stays until it is deleted; both ends are up.  A name may end in %d: the\n"
		    "lowest number that is free.  'tuntapd exec --pair' makes one for a program.\n"
		    "Status 1: there is no such pair.  75: an interface of that name is there.\n"
		    "77: this user may not.\n",
	},
	{
		.name = "bridge",
		.run = cmd_bridge,
		.usage = "[-s SOCKET] DEVICE INTERFACE | --none DEVICE",
		.summary = "put an open tap device on the network of an interface",
		.description =
		    "INTERFACE is a bridge, or in one, which the device joins; otherwise a bridge is\n"
		    "made for both, and the interface's addresses and routes move there.  When the\n"
		    "last device has left, all is given back.  'bridge' in tuntapd.conf does the\n"
		    "same whenever the device is opened.\n"
		    "\n"
		    "      --none           out of the bridge that it is in\n"
		    "  -s, --socket SOCKET  control socket of the daemon to ask\n"
		    "\n"
		    "Status 1: it cannot be done; the message says why.  77: only root may.\n",
	},
	{
		.name = "config",
		.run = cmd_config,
		.usage = "[-c FILE] check | show [DEVICE]",
		.summary = "what is wrong with a configuration; what holds by it",
		.description =
		    "  -c, --config FILE    this file, and not the daemon's own\n"
		    "\n"
		    "check tells all that is wrong, each as FILE:LINE:COLUMN: text.  show writes\n"
		    "all that holds, as a file that would say the same; with DEVICE, for that one.\n"
		    "A running daemon takes the file over by SIGHUP.\n"
		    "Status 78: the file is wrong.  66: it cannot be read.\n",
	},
	{
		.name = "doctor",
		.run = cmd_doctor,
		.usage = "[-s SOCKET] [--json | --report FILE] | [--json] PROGRAM",
		.summary = "what is wrong, whether it matters, and what mends it",
		.description =
		    "Without PROGRAM the whole system is looked at, and nothing is changed.  With it,\n"
		    "whether the library can go into it: it is looked for and looked at as exec does\n"
		    "it, and not run; a program of macOS is judged as on a Mac, each of its\n"
		    "architectures for itself, here too.\n"
		    "\n"
		    "  -j, --json           JSON, for programs\n"
		    "  -r, --report FILE    write all that who helps would ask for into a new FILE;\n"
		    "                       secrets are taken out, as far as they are known\n"
		    "  -s, --socket SOCKET  control socket of the daemon to ask\n"
		    "\n"
		    "Status 0: nothing is wrong; 1: something is to be mended; 2: something does not\n"
		    "work.  For PROGRAM it is that of exec: 0 if the library can go in, 126 if not,\n"
		    "127 if there is no PROGRAM.\n",
	},
	{
		.name = "service",
		.run = cmd_service,
		.usage = "[--dry-run] install [-c FILE] | uninstall [--wait [--timeout S] | "
			 "--force] | start | stop | restart | status",
		.summary = "have the machine's service manager run the daemon",
		.description =
		    "install makes the daemon a service of systemd's or launchd's, with a user of\n"
		    "its own, and starts it; again, it brings all up to date.  uninstall takes\n"
		    "everything away.  Open devices stay with install, start, stop and restart;\n"
		    "uninstall ends them, and is refused while there are any:\n"
		    "\n"
		    "  -w, --wait           uninstall when the last one is closed\n"
		    "  -t, --timeout S      with --wait: give up after S seconds\n"
		    "  -f, --force          end them; their programs get EIO\n"
		    "  -c, --config FILE    install: configuration file of the daemon\n"
		    "  -n, --dry-run        change nothing: write what would be done, as a script\n"
		    "                       for sh(1)\n"
		    "\n"
		    "Status 1: of status: the daemon does not run; of --wait: the time is over.\n"
		    "Status 69: there is no such service, or no service manager that it is for.\n"
		    "Status 75: devices are open, or a daemon runs that is no service.\n"
		    "Status 77: this is for root to do, or others can change the program's file.\n",
	},
	{
		.name = "migrate",
		.run = cmd_migrate,
		.usage = "[--undo] [--apply]",
		.summary = "away from the kernel extensions of tuntaposx, on macOS",
		.description =
		    "Says what it would do: unload its extensions, and Tunnelblick's; take away the\n"
		    "four directories that its own FAQ lists.  Nothing else is touched.\n"
		    "\n"
		    "      --apply          do it, if nobody has one of its devices open\n"
		    "      --undo           put back what was taken away, and load what was loaded\n"
		    "\n"
		    "Status 75: a device is in use.  71, 73: a step failed; the message says which.\n",
	},
	{
		.name = "switch",
		.run = cmd_switch,
		.usage = "[--dry-run] cisco | tuntapd",
		.summary = "which kernel extension for tun is loaded, on macOS",
		.description =
		    "An old client of Cisco's has a kernel extension of its own, beside which no other\n"
		    "can be loaded.  cisco: unloads the others and loads that one; tuntapd: unloads\n"
		    "it, and loads ours or an older one if there is one.  Devices of tuntapd without\n"
		    "a kernel extension need none of this.\n"
		    "\n"
		    "  -n, --dry-run        only say what would be done\n"
		    "\n"
		    "Status 1: Cisco's is not here.  75: a device is in use.  71: a step failed, and\n"
		    "what was loaded before is loaded again.\n",
	},
	{
		.name = "help",
		.run = cmd_help,
		.usage = "[COMMAND]",
		.summary = "this list, or how to use one command",
		.description = "",
	},
};

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

static void
print_list(FILE *out)
{
	fputs("usage: tuntapd COMMAND [ARGUMENT...]\n\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
	}
	fputs("\n'tuntapd help COMMAND' tells more; 'tuntapd --version' tells the version.\n"
	      "TUNTAPD_SOCKET names the control socket where -s does not.\n", out);
}

static void
print_help(const struct command *command)
{
	printf("usage: tuntapd %s %s\n\n%s\n", command->name, command->usage, command->summary);
	if (command->description[0] != '\0') {
		printf("\n%s", command->description);
	}
}

static int
cmd_help(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_list(stdout);
		return EXIT_CODE_OK;
	}
	if (argc > 2) {
		return command_usage_error("help", "one command at a time");
	}
	command = find_command(argv[1]);
	if (command == NULL) {
		warnx("there is no command '%s'; 'tuntapd help' lists them", argv[1]);
		return EXIT_CODE_USAGE;
	}
	print_help(command);
	return EXIT_CODE_OK;
}

int
command_usage_error(const char *name, const char *format, ...)
{
	const struct command *command = find_command(name);
	va_list args;

	if (format != NULL) {
		va_start(args, format);
		vwarnx(format, args);
		va_end(args);
	}
	fprintf(stderr, "usage: tuntapd %s %s\n'tuntapd help %s' tells more.\n", name,
	    command != NULL ? command->usage : "", name);
	return EXIT_CODE_USAGE;
}

bool
command_device(const char *name, int argc, char **argv, struct device_id *id)
{
	static const char node_dir[] = "/dev/";
	const char *text;

	if (argc != 1) {
		(void)command_usage_error(
		    name, argc == 0 ? "no device is named" : "one device at a time");
		return false;
	}
	text = argv[0];
	if (strncmp(text, node_dir, sizeof(node_dir) - 1) == 0) {
		text += sizeof(node_dir) - 1;
	}
	if (!devname_parse(text, id)) {
		warnx("'%s' is not the name of a device: those are tun0, tun1, ... and tap0, tap1, "
		    "...",
		    argv[0]);
		return false;
	}
	return true;
}

static int
run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_list(stderr);
		return EXIT_CODE_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("tuntapd " TUNTAPD_VERSION);
		return EXIT_CODE_OK;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_list(stdout);
		return EXIT_CODE_OK;
	}
	command = find_command(argv[1]);
	if (command == NULL) {
		warnx("there is no command '%s'; 'tuntapd help' lists them", argv[1]);
		return EXIT_CODE_USAGE;
	}
	if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
		print_help(command);
		return EXIT_CODE_OK;
	}
	return command->run(argc - 1, argv + 1);
}

int
main(int argc, char **argv)
{
	int status;

	if (daemon_role_requested(argc, argv)) {
		return daemon_role_run(argc, argv);
	}
	status = run(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (errno != EPIPE) {
			warn("standard output");
		}
		return EXIT_CODE_OUTPUT;
	}
	return status;
}
