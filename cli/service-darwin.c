/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service-darwin.c - the service under launchd: a job of the system's domain, and a user.  See service.h.
 *
 * Theory of operation.  launchctl(1) answers before what it was asked for is done: a job that was booted out is there for seconds more, and
 * until it is gone a bootstrap fails, with a number that says nothing.  So: boot out, ask until the label is free, bootstrap with some
 * patience, kick, and look whether there is a process.  What launchctl prints is made for people and may change: its exit status tells
 * whether the job is there; the process number is looked for in the text, and if it is not found, the daemon's socket still tells.
 *
 * The user is made in the local directory by dscl(1), as system users are: a number below 500 that neither a user nor a group has, no
 * password, no shell, no home.  What was made in part is taken away again.
 *
 * Nothing here needs a header of macOS, so that it can be tried on any system against stand-ins of the two programs
 * (tests/integration/test_service_launchd.py).  No launchd has seen it.
 *
 * Sources: launchctl(1), launchd.plist(5), dscl(1).  What the numbers mean, how long a boot-out takes and that a job may stay without a
 * process is other projects' experience (docs/macos.md), not documented, and not tried on a Mac.
 */
#include "cli/service.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/action.h"
#include "cli/exitcode.h"
#include "definitions.h"

#define LABEL "org.tuntapd.daemon"
#define DOMAIN "system"
#define TARGET DOMAIN "/" LABEL
#define DEFINITION "/Library/LaunchDaemons/" LABEL ".plist"
/* Homebrew's own job for the same program. */
#define HOMEBREW_DEFINITION "/Library/LaunchDaemons/homebrew.mxcl.tuntapd.plist"
#define LOG "/var/log/tuntapd.log"
#define RUNDIR "/var/run/tuntapd"
#define SOCKET "/var/run/tuntapd.sock"
#define USER "_tuntapd"
#define USER_RECORD "/Users/" USER
#define GROUP_RECORD "/Groups/" USER
#define USER_DESCRIPTION "tuntapd, its processes without rights"
/* Numbers for the services of others than Apple (sysadminctl(8) -roleAccount takes no others); unverified. */
#define USER_NUMBER_FIRST 200
#define USER_NUMBER_LAST 400

/* A label comes free some seconds after its boot-out; ExitTimeOut in the definition is 20 s. */
#define FREE_TRIES 120
#define FREE_INTERVAL_MS 250
#define BOOTSTRAP_TRIES 6
#define BOOTSTRAP_INTERVAL_MS 2000
#define START_TRIES 40
#define START_INTERVAL_MS 250

const char service_manager_name[] = "launchd";

/* Exit statuses of launchctl, which are errno values, some of launchd's own (launchctl error NUMBER).  All but 0 unverified. */
enum {
	LAUNCHCTL_ANYTHING = 5,      /* already there, still going, or a mistake in the definition */
	LAUNCHCTL_IN_PROGRESS = 36,
	LAUNCHCTL_IN_PROGRESS_TOO = 37,
	LAUNCHCTL_NO_PROCESS = 3,    /* of bootout: it is not there */
	LAUNCHCTL_NO_SERVICE = 113,
	LAUNCHCTL_DISABLED = 119,
	LAUNCHCTL_NO_DOMAIN = 125,
};

static const char *
explain(int status)
{
	switch (status) {
	case LAUNCHCTL_ANYTHING:
		return "launchd does not say why: 'plutil " DEFINITION "' tells whether the definition is whole, and "
		    "'log show --last 5m --predicate \"process == \\\"launchd\\\"\"' what launchd thought of it";
	case LAUNCHCTL_IN_PROGRESS:
	case LAUNCHCTL_IN_PROGRESS_TOO:
		return "the job is still being taken away: try again in a few seconds";
	case LAUNCHCTL_NO_SERVICE:
		return "launchd does not know the job: 'tuntapd service install'";
	case LAUNCHCTL_DISABLED:
		return "the job is disabled: 'launchctl enable " TARGET "'";
	case LAUNCHCTL_NO_DOMAIN:
		return "the system's domain is not for this user: run it with sudo";
	default:
		return NULL;
	}
}

/* Says how launchctl failed. */
static int
complain(const char *verb, const struct action_answer *answer)
{
	const char *why = explain(answer->status);

	warnx("launchctl %s ended with status %d: %.*s", verb, answer->status, (int)strcspn(answer->text, "\n"), answer->text);
	if (why != NULL) {
		warnx("%s", why);
	}
	return EXIT_CODE_SYSTEM;
}

/* As action_do(), whose own failure it says: -1, or launchctl's status. */
static int
launchctl(bool dry, const char *verb, const char *first, const char *second, struct action_answer *answer)
{
	const char *argv[] = {"launchctl", verb, first, second, NULL};

	if (action_do(dry, argv, answer) < 0) {
		warn("launchctl %s", verb);
		return -1;
	}
	return answer->status;
}

/* XML's text. */
static void
quote(struct service_text *out, const char *word)
{
	for (; *word != '\0'; word++) {
		const char *instead = *word == '&' ? "&amp;" : *word == '<' ? "&lt;" : *word == '>' ? "&gt;" : NULL;

		service_append(out, instead != NULL ? instead : word, instead != NULL ? strlen(instead) : 1);
	}
}

int
service_available(bool quiet)
{
	if (action_has("launchctl")) {
		return EXIT_CODE_OK;
	}
	if (!quiet) {
		warnx("there is no launchctl");
	}
	return EXIT_CODE_UNAVAILABLE;
}

/* Whether launchd has the job; *pid: its process, 0 if there is none or it cannot be told. */
static bool
is_loaded(pid_t *pid)
{
	static const char *const argv[] = {"launchctl", "print", TARGET, NULL};
	struct action_answer answer;
	const char *line;

	*pid = 0;
	if (action_ask(argv, &answer) < 0 || answer.status != 0) {
		return false;
	}
	/* "	pid = 812", a line of its own. */
	for (line = answer.text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line + strspn(line, " \t"), "pid = ", 6) == 0) {
			*pid = (pid_t)strtol(line + strspn(line, " \t") + 6, NULL, 10);
			break;
		}
	}
	return true;
}

/* Whether somebody has switched the job off; that stays when it is installed again. */
static bool
is_disabled(void)
{
	static const char *const argv[] = {"launchctl", "print-disabled", DOMAIN, NULL};
	struct action_answer answer;
	const char *at;

	if (action_ask(argv, &answer) < 0 || answer.status != 0) {
		return false;
	}
	/* "org.tuntapd.daemon" => disabled, or => true on earlier systems. */
	at = strstr(answer.text, "\"" LABEL "\" => ");
	at = at != NULL ? strstr(at, "=> ") + 3 : "";
	return strncmp(at, "disabled", 8) == 0 || strncmp(at, "true", 4) == 0;
}

void
service_read_state(struct service_state *state)
{
	struct stat st;

	*state = (struct service_state){0};
	state->installed = lstat(DEFINITION, &st) == 0;
	if (state->installed) {
		snprintf(state->definition, sizeof(state->definition), "%s", DEFINITION);
		state->enabled = !is_disabled();
	}
	state->loaded = is_loaded(&state->pid);
	state->running = state->pid > 0;
}

/* Whether the local directory has a record. */
static bool
has_record(const char *record)
{
	const char *argv[] = {"dscl", ".", "-read", record, "RecordName", NULL};
	struct action_answer answer;

	/* 56 is its status for a record that is not there; unverified, so any but 0 will do. */
	return action_ask(argv, &answer) == 0 && answer.status == 0;
}

/* Marks the numbers in a list of "name   number". */
static int
mark_numbers(const char *records, const char *attribute, bool taken[USER_NUMBER_LAST + 1])
{
	const char *argv[] = {"dscl", ".", "-list", records, attribute, NULL};
	struct action_answer answer;
	char *line, *rest = answer.text;

	if (action_ask(argv, &answer) < 0) {
		warn("dscl -list %s", records);
		return EXIT_CODE_SYSTEM;
	}
	if (answer.status != 0) {
		warnx("dscl -list %s ended with status %d: %.*s", records, answer.status, (int)strcspn(answer.text, "\n"), answer.text);
		return EXIT_CODE_SYSTEM;
	}
	if (strlen(answer.text) + 1 == sizeof(answer.text)) {
		warnx("dscl -list %s: there are more than can be looked at", records);
		return EXIT_CODE_SYSTEM;
	}
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *number = strrchr(line, ' ');
		long n = number != NULL ? strtol(number, NULL, 10) : -1;

		if (n >= 0 && n <= USER_NUMBER_LAST) {
			taken[n] = true;
		}
	}
	return EXIT_CODE_OK;
}

/* A number that is free for both; 0: none is, which is said. */
static unsigned
free_number(void)
{
	bool taken[USER_NUMBER_LAST + 1] = {false};

	if (mark_numbers("/Users", "UniqueID", taken) != EXIT_CODE_OK || mark_numbers("/Groups", "PrimaryGroupID", taken) != EXIT_CODE_OK) {
		return 0;
	}
	for (unsigned n = USER_NUMBER_LAST; n >= USER_NUMBER_FIRST; n--) {
		if (!taken[n]) {
			return n;
		}
	}
	warnx("no user number from %d to %d is free", USER_NUMBER_FIRST, USER_NUMBER_LAST);
	return 0;
}

static int
create(bool dry, const char *record, const char *attribute, const char *value)
{
	const char *argv[] = {"dscl", ".", "-create", record, attribute, value, NULL};

	return action_must(dry, argv);
}

static int
delete_record(bool dry, const char *record)
{
	const char *argv[] = {"dscl", ".", "-delete", record, NULL};

	return has_record(record) ? action_must(dry, argv) : EXIT_CODE_OK;
}

/* The user first: it refers to the group. */
static int
remove_user(bool dry)
{
	int status = delete_record(dry, USER_RECORD);

	return status != EXIT_CODE_OK ? status : delete_record(dry, GROUP_RECORD);
}

static int
make_user(bool dry)
{
	char number[16];
	unsigned n;

	if (has_record(USER_RECORD)) {
		return EXIT_CODE_OK;
	}
	n = free_number();
	if (n == 0) {
		return EXIT_CODE_SYSTEM;
	}
	snprintf(number, sizeof(number), "%u", n);

	const struct {
		const char *record, *attribute, *value;
	} steps[] = {
		{GROUP_RECORD, "PrimaryGroupID", number},
		{GROUP_RECORD, "RealName", USER_DESCRIPTION},
		{GROUP_RECORD, "Password", "*"},
		{USER_RECORD, "UniqueID", number},
		{USER_RECORD, "PrimaryGroupID", number},
		{USER_RECORD, "UserShell", "/usr/bin/false"},
		{USER_RECORD, "NFSHomeDirectory", "/var/empty"},
		{USER_RECORD, "RealName", USER_DESCRIPTION},
		{USER_RECORD, "IsHidden", "1"},
		{USER_RECORD, "Password", "*"},
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int status = create(dry, steps[i].record, steps[i].attribute, steps[i].value);

		if (status != EXIT_CODE_OK) {
			(void)remove_user(dry);
			return status;
		}
	}
	return EXIT_CODE_OK;
}

/* In words of sh(1), what the loops below do. */
static void
say_wait_until_free(void)
{
	puts("while launchctl print " TARGET " >/dev/null 2>&1; do sleep 1; done");
}

/* Boots the job out, if it is there, and waits until its label is free. */
static int
unload(bool dry)
{
	struct action_answer answer;
	pid_t pid;

	if (!is_loaded(&pid)) {
		return EXIT_CODE_OK;
	}
	switch (launchctl(dry, "bootout", TARGET, NULL, &answer)) {
	case -1:
		return EXIT_CODE_SYSTEM;
	case 0:
	case LAUNCHCTL_NO_PROCESS:
	case LAUNCHCTL_NO_SERVICE:
	case LAUNCHCTL_IN_PROGRESS:
	case LAUNCHCTL_IN_PROGRESS_TOO:
		break;
	default:
		return complain("bootout", &answer);
	}
	if (dry) {
		say_wait_until_free();
		return EXIT_CODE_OK;
	}
	for (unsigned i = 0; i < FREE_TRIES; i++) {
		if (!is_loaded(&pid)) {
			return EXIT_CODE_OK;
		}
		action_pause(FREE_INTERVAL_MS);
	}
	warnx("the job does not end: 'launchctl print " TARGET "' tells what it waits for");
	return EXIT_CODE_SYSTEM;
}

/* Has launchd take the job, however long it takes to forget the one before. */
static int
load(bool dry)
{
	struct action_answer answer;
	pid_t pid;
	int status = launchctl(dry, "enable", TARGET, NULL, &answer);

	if (status != 0) {
		return status < 0 ? EXIT_CODE_SYSTEM : complain("enable", &answer);
	}
	for (unsigned i = 0; i < BOOTSTRAP_TRIES; i++) {
		status = launchctl(dry, "bootstrap", DOMAIN, DEFINITION, &answer);
		/* It is there, whatever launchctl says: somebody was quicker. */
		if (status == 0 || (status > 0 && is_loaded(&pid))) {
			return EXIT_CODE_OK;
		}
		if (status < 0) {
			return EXIT_CODE_SYSTEM;
		}
		if (status != LAUNCHCTL_ANYTHING && status != LAUNCHCTL_IN_PROGRESS && status != LAUNCHCTL_IN_PROGRESS_TOO) {
			break;
		}
		if (i + 1 < BOOTSTRAP_TRIES) {
			action_pause(BOOTSTRAP_INTERVAL_MS);
		}
	}
	return complain("bootstrap", &answer);
}

/* The job is there: has it have a process.  option: "-k", a new one; NULL. */
static int
kick(bool dry, const char *option)
{
	struct action_answer answer;
	pid_t pid;
	int status;

	if (dry) {
		printf("launchctl kickstart %s" TARGET " || [ $? -eq %d ]\n", option != NULL ? "-k " : "", LAUNCHCTL_IN_PROGRESS_TOO);
		return EXIT_CODE_OK;
	}
	status = launchctl(false, "kickstart", option != NULL ? option : TARGET, option != NULL ? TARGET : NULL, &answer);
	/* RunAtLoad may have been quicker. */
	if (status != 0 && status != LAUNCHCTL_IN_PROGRESS && status != LAUNCHCTL_IN_PROGRESS_TOO) {
		return status < 0 ? EXIT_CODE_SYSTEM : complain("kickstart", &answer);
	}
	for (unsigned i = 0; i < START_TRIES; i++) {
		if (is_loaded(&pid) && pid > 0) {
			return EXIT_CODE_OK;
		}
		action_pause(START_INTERVAL_MS);
	}
	warnx("launchd has the job and does not start it; the daemon's log is " LOG);
	return EXIT_CODE_SYSTEM;
}

int
service_install(bool dry, const char *program, const char *const arguments[])
{
	static const struct service_form form = {.text = definition_plist, .quote_program = quote, .quote_argument = quote,
	    .before = "\n\t\t<string>", .after = "</string>"};
	struct stat st;
	bool changed;
	char *text;
	int status;

	if (lstat(HOMEBREW_DEFINITION, &st) == 0) {
		warnx("Homebrew has a job for the daemon already: 'sudo brew services stop tuntapd' first");
		return EXIT_CODE_BUSY;
	}
	text = service_fill(&form, program, arguments);
	if (text == NULL) {
		warn("the definition");
		return EXIT_CODE_SYSTEM;
	}
	status = make_user(dry);
	if (status == EXIT_CODE_OK) {
		status = action_write(dry, DEFINITION, text, &changed);
	}
	free(text);
	/* Also where nothing has changed but the program.  Open devices stay. */
	if (status == EXIT_CODE_OK) {
		status = unload(dry);
	}
	if (status == EXIT_CODE_OK) {
		status = load(dry);
	}
	return status != EXIT_CODE_OK ? status : kick(dry, NULL);
}

int
service_uninstall(bool dry)
{
	static const char *const remove_rundir[] = {"rm", "-rf", RUNDIR, NULL};
	static const char *const files[] = {DEFINITION, SOCKET, LOG};
	int status = unload(dry);

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && status == EXIT_CODE_OK; i++) {
		status = action_remove(dry, files[i]);
	}
	if (status == EXIT_CODE_OK && access(RUNDIR, F_OK) == 0) {
		status = action_must(dry, remove_rundir);
	}
	return status != EXIT_CODE_OK ? status : remove_user(dry);
}

int
service_start(bool dry)
{
	pid_t pid;
	int status = is_loaded(&pid) ? EXIT_CODE_OK : load(dry);

	return status != EXIT_CODE_OK ? status : kick(dry, NULL);
}

int
service_stop(bool dry)
{
	return unload(dry);
}

int
service_restart(bool dry)
{
	pid_t pid;

	return is_loaded(&pid) ? kick(dry, "-k") : service_start(dry);
}
