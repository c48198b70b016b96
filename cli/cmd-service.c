/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-service.c - `tuntapd service`: the daemon as a service of the machine.
 *
 * What the service manager is told is in service-OS.c.  Here is what holds for all of them.
 *
 * Open devices.  The daemon may come and go without its programs noticing, so nothing but uninstall
 * waits for anybody.  uninstall ends the devices, which their programs would notice: so it names
 * them, and wants to be told to wait or to go on.  If no daemon runs it starts one first, which knows
 * by the journal what an earlier one left open.
 *
 * Trust.  What the service runs as root must be for nobody else to change, so the file of this
 * executable, and every directory above it, are looked at (trust.h).  A prefix that belongs to a
 * user, as Homebrew's does, is refused: whoever can write there would be root at the next start.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/action.h"
#include "cli/clock.h"
#include "cli/command.h"
#include "cli/preload.h"
#include "cli/query.h"
#include "cli/service.h"
#include "cli/text.h"
#include "cli/trust.h"
#include "daemon/daemon.h"
#include "protocol/paths.h"

/* A daemon serves in a fraction of it. */
#define START_TRIES 100
#define START_INTERVAL_MS 100
#define WAIT_INTERVAL_MS 300
/* A year: longer is a slip of the pen. */
#define TIMEOUT_S_MAX (366.0 * 86400.0)
#define HOLDER_BYTES 128

static const struct option options[] = {
	{"config", required_argument, NULL, 'c'},
	{"dry-run", no_argument, NULL, 'n'},
	{"force", no_argument, NULL, 'f'},
	{"timeout", required_argument, NULL, 't'},
	{"wait", no_argument, NULL, 'w'},
	{NULL, 0, NULL, 0},
};

struct how {
	const char *config; /* NULL: none is named */
	bool dry;
	bool force;
	bool wait;
	double timeout_s; /* HUGE_VAL: none */
};

/*
 * The devices that are open, in an array for the caller to free, as the daemon tells.  EXIT_CODE_OK;
 * or nobody answers, of which nothing is said: another exit status.
 */
static int
open_devices(struct message_device **devices, size_t *count)
{
	struct query query;
	size_t all = 0;
	int status = query_open(&query, PATHS_SOCKET_DEFAULT, true);

	*devices = NULL;
	*count = 0;
	if (status == EXIT_CODE_OK) {
		status = query_all(&query, devices, &all);
	}
	query_close(&query);
	if (status != EXIT_CODE_OK) {
		free(*devices);
		*devices = NULL;
		return status;
	}
	for (size_t i = 0; i < all; i++) {
		if ((*devices)[i].state != DEVICE_CLOSED) {
			(*devices)[(*count)++] = (*devices)[i];
		}
	}
	return EXIT_CODE_OK;
}

/* "tap0: openvpn (process 812, user 0)", a line for each. */
static void
print_devices(FILE *out, const struct message_device *devices, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char name[DEVNAME_SIZE], holder[HOLDER_BYTES] = "";

		devname_format((struct device_id){.kind = devices[i].kind, .unit = devices[i].unit}, name);
		text_append_safe(holder, sizeof(holder), devices[i].program);
		fprintf(out, "  %s: %s (process %ld, user %lu)\n", devices[i].unit == DEVICE_UNIT_NAMED ? devices[i].ifname : name,
		    holder, (long)devices[i].pid, (unsigned long)devices[i].uid);
	}
}

static bool
is_answered(void)
{
	struct query query;
	int status = query_open(&query, PATHS_SOCKET_DEFAULT, true);

	query_close(&query);
	return status == EXIT_CODE_OK;
}

/* A daemon that the service manager does not know would be in the way, and might be meant to stay. */
static int
refuse_other_daemon(const struct service_state *state)
{
	if (state->loaded || state->running || !is_answered()) {
		return EXIT_CODE_OK;
	}
	warnx("a daemon serves " PATHS_SOCKET_DEFAULT " that %s did not start: end it first ('kill' leaves its devices open, "
	    "'tuntapd serve --stop-all' does not)", service_manager_name);
	return EXIT_CODE_BUSY;
}

/* Waits until the new daemon answers, and says what stayed. */
static int
report_start(const char *what)
{
	struct service_state state;
	struct message_device *devices;
	size_t count;
	int status = EXIT_CODE_NO;

	for (unsigned i = 0; i < START_TRIES; i++) {
		status = open_devices(&devices, &count);
		if (status == EXIT_CODE_OK) {
			break;
		}
		action_pause(START_INTERVAL_MS);
	}
	if (status != EXIT_CODE_OK) {
		warnx("%s has started the daemon, and it does not answer at " PATHS_SOCKET_DEFAULT, service_manager_name);
		return EXIT_CODE_NO_DAEMON;
	}
	service_read_state(&state);
	printf("%s: the daemon runs", what);
	if (state.pid > 0) {
		printf(", process %ld", (long)state.pid);
	}
	printf("%s\n", count > 0 ? "; open as before:" : "");
	print_devices(stdout, devices, count);
	free(devices);
	return EXIT_CODE_OK;
}

/* The program that the service is to run: this one. */
static int
find_program(char path[PATH_MAX])
{
	char own[PATH_MAX], bad[PATH_MAX];

	if (preload_platform.own_path(own, sizeof(own)) < 0 || realpath(own, path) == NULL) {
		warn("finding this program's file");
		return EXIT_CODE_SYSTEM;
	}
	for (const char *c = path; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ') {
			warnx("the path of this program has a character that no service definition can hold: move it elsewhere");
			return EXIT_CODE_USAGE;
		}
	}
	if (trust_check(path, NULL, bad) == 0) {
		return EXIT_CODE_OK;
	}
	if (errno != EPERM) {
		warn("%s", bad);
		return EXIT_CODE_SYSTEM;
	}
	warnx("%s belongs to somebody else than root or can be written by others, who would be root when the service starts %s: "
	    "put tuntapd below a directory that is root's alone, such as /opt/tuntapd, and install the service from there", bad, path);
	return EXIT_CODE_PERMISSION;
}

/*
 * The configuration that the service is to name: the one that was asked for, or the one beside a program that was moved with its
 * prefix, if it is there.  Empty: the daemon's own default.
 */
static int
find_config(const char *wanted, const char *program, char path[PATH_MAX])
{
	const char *slash = strrchr(program, '/');
	char bad[PATH_MAX];

	path[0] = '\0';
	if (wanted != NULL) {
		if (realpath(wanted, path) == NULL) {
			warn("%s", wanted);
			return EXIT_CODE_NO_INPUT;
		}
	} else if (slash - program >= 4 && strncmp(slash - 4, "/bin", 4) == 0) {
		snprintf(path, PATH_MAX, "%.*s/etc/tuntapd.conf", (int)(slash - 4 - program), program);
		if (strcmp(path, daemon_config_default()) == 0 || access(path, F_OK) < 0) {
			path[0] = '\0';
		}
	}
	if (path[0] != '\0' && trust_check(path, NULL, bad) < 0) {
		warnx("%s belongs to somebody else than root or can be written by others: the daemon does as root what is in %s", bad,
		    path);
		return EXIT_CODE_PERMISSION;
	}
	return daemon_config_check(path[0] != '\0' ? path : NULL);
}

static int
install(const struct how *how)
{
	char program[PATH_MAX], config[PATH_MAX];
	const char *arguments[] = {"-c", config, NULL};
	struct service_state state;
	int status = find_program(program);

	if (status == EXIT_CODE_OK) {
		status = find_config(how->config, program, config);
	}
	if (status == EXIT_CODE_OK) {
		service_read_state(&state);
		status = refuse_other_daemon(&state);
	}
	if (status == EXIT_CODE_OK) {
		status = service_install(how->dry, program, config[0] != '\0' ? arguments : arguments + 2);
	}
	return status != EXIT_CODE_OK || how->dry ? status : report_start("installed");
}

static int
wait_until_closed(const struct how *how)
{
	double end_s = clock_now_s() + how->timeout_s;
	struct message_device *devices;
	size_t count, said = 0;

	for (;;) {
		int status = open_devices(&devices, &count);

		if (status != EXIT_CODE_OK || count == 0) {
			free(devices);
			return EXIT_CODE_OK; /* nobody knows of any */
		}
		if (count != said) {
			printf("waiting until these are closed:\n");
			print_devices(stdout, devices, count);
			(void)fflush(stdout);
			said = count;
		}
		free(devices);
		if (clock_now_s() >= end_s) {
			warnx("the time is over, and devices are open");
			return EXIT_CODE_NO;
		}
		action_pause(WAIT_INTERVAL_MS);
	}
}

/* Nobody holds a device any more, or that is not to matter. */
static int
close_devices(const struct how *how, const struct service_state *state)
{
	char journal[PATHS_SIZE];
	struct message_device *devices;
	size_t count;
	int status;

	/* What an earlier daemon left open the next one knows. */
	if (state->installed && !state->running && !how->dry &&
	    paths_in_rundir(PATHS_SOCKET_DEFAULT, PATHS_JOURNAL, journal, sizeof(journal)) == 0 && access(journal, F_OK) == 0 &&
	    service_start(false) != EXIT_CODE_OK) {
		warnx("the daemon does not start, so it is not known whether devices are open");
	}
	status = open_devices(&devices, &count);
	if (status != EXIT_CODE_OK || count == 0) {
		free(devices);
		return EXIT_CODE_OK;
	}
	if (how->wait) {
		free(devices);
		return wait_until_closed(how);
	}
	fprintf(stderr, "tuntapd: devices are open:\n");
	print_devices(stderr, devices, count);
	free(devices);
	if (how->force || how->dry) {
		return EXIT_CODE_OK;
	}
	warnx("end these programs, have 'tuntapd service uninstall --wait' wait for them, or end their devices with --force");
	return EXIT_CODE_BUSY;
}

static int
stop_all(const struct how *how)
{
	struct query query;
	int status;

	if (how->dry) {
		puts("tuntapd serve --stop-all");
		return EXIT_CODE_OK;
	}
	status = query_open(&query, PATHS_SOCKET_DEFAULT, true);
	if (status == EXIT_CODE_OK) {
		query.quiet = false;
		status = query_stop(&query);
	} else {
		status = EXIT_CODE_OK; /* there is none */
	}
	query_close(&query);
	return status;
}

static int
uninstall(const struct how *how)
{
	struct service_state state;
	int status;

	service_read_state(&state);
	status = refuse_other_daemon(&state);
	if (status == EXIT_CODE_OK) {
		status = close_devices(how, &state);
	}
	if (status == EXIT_CODE_OK && (state.loaded || state.running)) {
		status = stop_all(how);
	}
	if (status == EXIT_CODE_OK) {
		status = service_uninstall(how->dry);
	}
	if (status == EXIT_CODE_OK && !how->dry) {
		puts(state.installed || state.loaded ? "uninstalled" : "it was not installed: nothing is left of it");
	}
	return status;
}

/* start, stop, restart. */
static int
change(const struct how *how, int (*verb)(bool dry), const char *done)
{
	struct service_state state;
	struct message_device *devices = NULL;
	size_t count = 0;
	int status;

	service_read_state(&state);
	if (!state.installed) {
		warnx("it is not installed: 'tuntapd service install'");
		return EXIT_CODE_UNAVAILABLE;
	}
	if (verb != service_stop) {
		status = refuse_other_daemon(&state);
	} else {
		status = EXIT_CODE_OK;
		if (state.running) {
			(void)open_devices(&devices, &count);
		}
	}
	if (status == EXIT_CODE_OK) {
		status = verb(how->dry);
	}
	if (status == EXIT_CODE_OK && !how->dry && verb != service_stop) {
		status = report_start(done);
	} else if (status == EXIT_CODE_OK && !how->dry) {
		printf("%s; it starts again with the machine%s\n", done, count > 0 ? "; open as before:" : "");
		print_devices(stdout, devices, count);
	}
	free(devices);
	return status;
}

static int
print_status(void)
{
	struct service_state state;
	struct message_device *devices = NULL;
	size_t count = 0;
	bool answers;

	service_read_state(&state);
	answers = (state.running || !state.loaded) && open_devices(&devices, &count) == EXIT_CODE_OK;
	printf("service: %s%s\n", state.installed ? "installed, and " : "not installed",
	    !state.installed ? "" : state.enabled ? "starts with the machine" : "does not start with the machine");
	if (state.definition[0] != '\0') {
		printf("definition: %s\n", state.definition);
	}
	if (state.pid > 0) {
		printf("daemon: runs, process %ld\n", (long)state.pid);
	} else {
		printf("daemon: %s\n", state.running ? "runs" : answers ? "runs, but not as a service" :
		    state.loaded ? "does not run; the next open starts it" : "does not run");
	}
	if (answers && count > 0) {
		puts("open:");
		print_devices(stdout, devices, count);
	} else if (state.running && !answers) {
		puts("it does not answer at " PATHS_SOCKET_DEFAULT);
	}
	free(devices);
	return state.running && answers ? EXIT_CODE_OK : EXIT_CODE_NO;
}

static bool
parse_timeout(const char *text, double *timeout_s)
{
	char *end;

	errno = 0;
	*timeout_s = strtod(text, &end);
	return errno == 0 && end != text && *end == '\0' && *timeout_s >= 0 && *timeout_s <= TIMEOUT_S_MAX;
}

static int
parse_options(int argc, char **argv, struct how *how)
{
	int option;

	while ((option = getopt_long(argc, argv, "c:fnt:w", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			how->config = optarg;
			break;
		case 'f':
			how->force = true;
			break;
		case 'n':
			how->dry = true;
			break;
		case 't':
			if (!parse_timeout(optarg, &how->timeout_s)) {
				return command_usage_error("service", "'%s' is no number of seconds", optarg);
			}
			break;
		case 'w':
			how->wait = true;
			break;
		default:
			return command_usage_error("service", NULL);
		}
	}
	return EXIT_CODE_OK;
}

/* Options that a verb has no use for are mistakes. */
static int
check_options(const char *verb, const struct how *how)
{
	bool installs = strcmp(verb, "install") == 0, uninstalls = strcmp(verb, "uninstall") == 0;

	if (how->config != NULL && !installs) {
		return command_usage_error("service", "-c is for install");
	}
	if ((how->wait || how->force || how->timeout_s < HUGE_VAL) && !uninstalls) {
		return command_usage_error("service", "--wait, --timeout and --force are for uninstall");
	}
	if ((how->wait && how->force) || (how->timeout_s < HUGE_VAL && !how->wait)) {
		return command_usage_error("service", "--wait, with or without --timeout, or --force");
	}
	return EXIT_CODE_OK;
}

int
cmd_service(int argc, char **argv)
{
	struct how how = {.timeout_s = HUGE_VAL};
	const char *verb;
	int status = parse_options(argc, argv, &how);

	if (status != EXIT_CODE_OK) {
		return status;
	}
	if (argc - optind != 1) {
		return command_usage_error("service", argc == optind ? "install, uninstall, start, stop, restart or status?" :
		    "'%s' is one argument too many", argv[argc - 1]);
	}
	verb = argv[optind];
	status = check_options(verb, &how);
	if (status != EXIT_CODE_OK) {
		return status;
	}
	if (strcmp(verb, "status") == 0) {
		return print_status();
	}
	status = service_available(false);
	if (status != EXIT_CODE_OK) {
		return status;
	}
	if (!how.dry && geteuid() != 0) {
		warnx("this is for root to do: 'sudo tuntapd service %s'", verb);
		return EXIT_CODE_PERMISSION;
	}
	if (strcmp(verb, "install") == 0) {
		return install(&how);
	}
	if (strcmp(verb, "uninstall") == 0) {
		return uninstall(&how);
	}
	if (strcmp(verb, "start") == 0) {
		return change(&how, service_start, "started");
	}
	if (strcmp(verb, "stop") == 0) {
		return change(&how, service_stop, "stopped");
	}
	if (strcmp(verb, "restart") == 0) {
		return change(&how, service_restart, "restarted");
	}
	return command_usage_error("service", "'%s': install, uninstall, start, stop, restart or status?", verb);
}
