/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service-linux.c - the service under systemd: a socket unit, a service unit, and a user.  See service.h.
 *
 * Theory of operation.  systemctl(1) is asked and told; it waits until what it was told is done.  Definitions are written to /etc,
 * where they come before a package's (systemd.unit(5)), but only where no package has the same ones.  The service is stopped for a
 * changed definition and started again: its devices stay open meanwhile, and whoever opens one waits only while the socket is there.
 *
 * The user is made by systemd-sysusers(8), and taken away if it is ours: its description says so, and no package has the line.
 *
 * Sources: systemctl(1) (properties of show; of its exit statuses 0 alone is relied on), sysusers.d(5), sd_booted(3)
 * (/run/systemd/system).
 */
#include "cli/service.h"

#include <err.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/action.h"
#include "cli/exitcode.h"
#include "definitions.h"
#include "protocol/paths.h"

#define SERVICE "tuntapd.service"
#define SOCKET "tuntapd.socket"
#define UNIT_DIR "/etc/systemd/system"
#define SYSUSERS "/etc/sysusers.d/tuntapd.conf"
#define USER "tuntapd"
/* In the user's line and in the user database: what makes it ours. */
#define USER_DESCRIPTION "tuntapd, its processes without rights"

const char service_manager_name[] = "systemd";

/* Where packages put units, and users. */
static const char *const package_unit_dirs[] = {"/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"};
static const char *const package_user_files[] = {"/usr/local/lib/sysusers.d/tuntapd.conf", "/usr/lib/sysusers.d/tuntapd.conf"};

/* A unit's word, quoted where it must be; what is in doubled is not expanded (systemd.service(5), systemd.unit(5)). */
static void
quote(struct service_text *out, const char *word, const char *doubled)
{
	bool plain = word[0] != '\0' && strpbrk(word, " \t\"'\\;#") == NULL;

	service_append(out, "\"", plain ? 0 : 1);
	for (; *word != '\0'; word++) {
		if (*word == '"' || *word == '\\') {
			service_append(out, "\\", 1);
		} else if (strchr(doubled, *word) != NULL) {
			service_append(out, word, 1);
		}
		service_append(out, word, 1);
	}
	service_append(out, "\"", plain ? 0 : 1);
}

/* No variables are expanded in it. */
static void
quote_program(struct service_text *out, const char *word)
{
	quote(out, word, "%");
}

static void
quote_argument(struct service_text *out, const char *word)
{
	quote(out, word, "%$");
}

int
service_available(bool quiet)
{
	struct stat st;

	if (lstat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode) && action_has("systemctl")) {
		return EXIT_CODE_OK;
	}
	if (!quiet) {
		warnx("systemd does not run here: have your service manager start 'tuntapd serve', which stays in the foreground "
		    "and tells NOTIFY_SOCKET when it serves; tuntapd(8)");
	}
	return EXIT_CODE_UNAVAILABLE;
}

/* The value of a property in the words of `systemctl show`; "" if it is not there.  For the caller to use before the next question. */
static const char *
property(const char *text, const char *name, char value[PATH_MAX])
{
	size_t length = strlen(name);

	value[0] = '\0';
	for (; text != NULL; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, name, length) == 0 && text[length] == '=') {
			snprintf(value, PATH_MAX, "%.*s", (int)strcspn(text + length + 1, "\n"), text + length + 1);
			break;
		}
	}
	return value;
}

void
service_read_state(struct service_state *state)
{
	static const char *const of_service[] = {"systemctl", "show", "--property=LoadState,ActiveState,MainPID,UnitFileState,FragmentPath",
	    SERVICE, NULL};
	static const char *const of_socket[] = {"systemctl", "show", "--property=ActiveState", SOCKET, NULL};
	struct action_answer answer;
	char value[PATH_MAX];

	*state = (struct service_state){0};
	if (service_available(true) != EXIT_CODE_OK || action_ask(of_service, &answer) < 0 || answer.status != 0) {
		return;
	}
	state->installed = strcmp(property(answer.text, "LoadState", value), "loaded") == 0;
	state->enabled = strcmp(property(answer.text, "UnitFileState", value), "enabled") == 0;
	state->pid = (pid_t)strtol(property(answer.text, "MainPID", value), NULL, 10);
	state->running = state->pid > 0;
	(void)property(answer.text, "FragmentPath", state->definition);
	if (action_ask(of_socket, &answer) == 0 && answer.status == 0) {
		state->loaded = strcmp(property(answer.text, "ActiveState", value), "active") == 0;
	}
}

/* Whether a package has a unit of that text. */
static bool
is_packaged(const char *name, const char *text)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(package_unit_dirs) / sizeof(package_unit_dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", package_unit_dirs[i], name);
		if (action_file_is(path, text)) {
			return true;
		}
	}
	return false;
}

/* *changed stays true if it was. */
static int
write_unit(bool dry, const char *name, const char *text, bool *changed)
{
	char path[PATH_MAX];
	struct stat st;
	bool this_one = false;
	int status;

	snprintf(path, sizeof(path), UNIT_DIR "/%s", name);
	if (is_packaged(name, text)) {
		/* An earlier one of ours would come before it. */
		*changed = *changed || lstat(path, &st) == 0;
		return action_remove(dry, path);
	}
	status = action_write(dry, path, text, &this_one);
	*changed = *changed || this_one;
	return status;
}

static bool
is_user_packaged(void)
{
	for (size_t i = 0; i < sizeof(package_user_files) / sizeof(package_user_files[0]); i++) {
		if (access(package_user_files[i], F_OK) == 0) {
			return true;
		}
	}
	return false;
}

static int
make_user(bool dry)
{
	static const char *const packaged[] = {"systemd-sysusers", "tuntapd.conf", NULL};
	static const char *const ours[] = {"systemd-sysusers", SYSUSERS, NULL};
	bool changed;
	int status = EXIT_CODE_OK;

	if (getpwnam(USER) != NULL) {
		return EXIT_CODE_OK;
	}
	if (!action_has("systemd-sysusers")) {
		warnx("there is no systemd-sysusers, so no user is made: the daemon's processes without rights run as nobody");
		return EXIT_CODE_OK;
	}
	if (!is_user_packaged()) {
		status = action_write(dry, SYSUSERS, definition_sysusers, &changed);
	}
	return status != EXIT_CODE_OK ? status : action_must(dry, is_user_packaged() ? packaged : ours);
}

static int
remove_user(bool dry)
{
	static const char *const userdel[] = {"userdel", USER, NULL};
	static const char *const groupdel[] = {"groupdel", USER, NULL};
	const struct passwd *user = getpwnam(USER);
	int status = EXIT_CODE_OK;

	if (user != NULL && strcmp(user->pw_gecos, USER_DESCRIPTION) == 0 && !is_user_packaged()) {
		status = action_must(dry, userdel);
		/* userdel takes the group along where login.defs(5) has USERGROUPS_ENAB. */
		if (status == EXIT_CODE_OK && dry) {
			puts("if getent group " USER " >/dev/null; then groupdel " USER "; fi");
		} else if (status == EXIT_CODE_OK && getgrnam(USER) != NULL) {
			status = action_must(dry, groupdel);
		}
	}
	return status != EXIT_CODE_OK ? status : action_remove(dry, SYSUSERS);
}

static int
systemctl(bool dry, const char *verb, const char *unit, const char *more)
{
	const char *argv[] = {"systemctl", verb, unit, more, NULL};
	int status = action_must(dry, argv);

	if (status != EXIT_CODE_OK && unit != NULL) {
		warnx("'journalctl -u tuntapd' tells more");
	}
	return status;
}

int
service_install(bool dry, const char *program, const char *const arguments[])
{
	static const struct service_form form = {.text = definition_service, .quote_program = quote_program,
	    .quote_argument = quote_argument, .before = " ", .after = ""};
	char *service = service_fill(&form, program, arguments);
	struct service_state before;
	bool changed = false;
	int status;

	if (service == NULL) {
		warn("the definition");
		return EXIT_CODE_SYSTEM;
	}
	service_read_state(&before);
	status = make_user(dry);
	if (status == EXIT_CODE_OK) {
		status = write_unit(dry, SOCKET, definition_socket, &changed);
	}
	if (status == EXIT_CODE_OK) {
		status = write_unit(dry, SERVICE, service, &changed);
	}
	free(service);
	if (status == EXIT_CODE_OK && changed) {
		status = systemctl(dry, "daemon-reload", NULL, NULL);
	}
	if (status == EXIT_CODE_OK) {
		status = systemctl(dry, "enable", SOCKET, SERVICE);
	}
	/* A socket unit does not start beside a service that runs without it. */
	if (status == EXIT_CODE_OK && before.running && (changed || !before.loaded)) {
		status = systemctl(dry, "stop", SOCKET, SERVICE);
	}
	if (status == EXIT_CODE_OK) {
		status = systemctl(dry, "start", SOCKET, NULL);
	}
	/* Also where nothing has changed but the program. */
	return status != EXIT_CODE_OK ? status : systemctl(dry, "restart", SERVICE, NULL);
}

/* That it failed is remembered of a unit that is gone, too. */
static int
forget_failure(bool dry, const char *unit)
{
	const char *is_failed[] = {"systemctl", "is-failed", unit, NULL};
	struct action_answer answer;

	return action_ask(is_failed, &answer) == 0 && answer.status == 0 ? systemctl(dry, "reset-failed", unit, NULL) : EXIT_CODE_OK;
}

int
service_uninstall(bool dry)
{
	static const char *const remove_rundir[] = {"rm", "-rf", PATHS_RUNDIR_DEFAULT, NULL};
	struct service_state before, after;
	int status = EXIT_CODE_OK;

	service_read_state(&before);
	if (before.installed) {
		status = systemctl(dry, "disable", SOCKET, SERVICE);
	}
	if (status == EXIT_CODE_OK && (before.running || before.loaded)) {
		status = systemctl(dry, "stop", SOCKET, SERVICE);
	}
	if (status == EXIT_CODE_OK) {
		status = forget_failure(dry, SERVICE);
	}
	if (status == EXIT_CODE_OK) {
		status = forget_failure(dry, SOCKET);
	}
	if (status == EXIT_CODE_OK) {
		status = action_remove(dry, UNIT_DIR "/" SOCKET);
	}
	if (status == EXIT_CODE_OK) {
		status = action_remove(dry, UNIT_DIR "/" SERVICE);
	}
	if (status == EXIT_CODE_OK && before.installed) {
		status = systemctl(dry, "daemon-reload", NULL, NULL);
	}
	if (status == EXIT_CODE_OK && access(PATHS_RUNDIR_DEFAULT, F_OK) == 0) {
		status = action_must(dry, remove_rundir);
	}
	if (status == EXIT_CODE_OK) {
		status = remove_user(dry);
	}
	service_read_state(&after);
	if (status == EXIT_CODE_OK && !dry && after.installed) {
		printf("%s is a package's, and stays: it is not started any more\n", after.definition);
	}
	return status;
}

int
service_start(bool dry)
{
	struct service_state before;
	int status = EXIT_CODE_OK;

	service_read_state(&before);
	if (!before.loaded && before.running) {
		status = systemctl(dry, "stop", SERVICE, NULL);
	}
	if (status == EXIT_CODE_OK) {
		status = systemctl(dry, "start", SOCKET, NULL);
	}
	return status != EXIT_CODE_OK ? status : systemctl(dry, "start", SERVICE, NULL);
}

int
service_stop(bool dry)
{
	return systemctl(dry, "stop", SOCKET, SERVICE);
}

int
service_restart(bool dry)
{
	struct service_state before;

	service_read_state(&before);
	return before.loaded ? systemctl(dry, "restart", SERVICE, NULL) : service_start(dry);
}
