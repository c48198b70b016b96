/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor-report.c - `tuntapd doctor --report FILE`: all that who helps would ask for, in one file.
 *
 * Versions, platform, findings, configuration, devices, interfaces, the end of the log, excerpts of crashes and panics.  Every line goes
 * through redact_line().  The file is new and its owner's alone; nothing is sent anywhere.
 *
 * The configuration is written by the daemon's own code, to standard output: that is led into a file without a name for as long.
 */
#include "cli/doctor.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor-checks.h"
#include "cli/exitcode.h"
#include "cli/output.h"
#include "cli/redact.h"
#include "daemon/daemon.h"
#include "protocol/message.h"

#define TEXT_BYTES 262144
#define LINE_BYTES 1024
#define LOG_LINES 200
#define EXCERPT_LINES 60
#define EXCERPTS_MAX 3
#define REPORTS_DIR "/Library/Logs/DiagnosticReports"

/* The last files of a kind, by name, which has the time in it. */
struct excerpts {
	char names[EXCERPTS_MAX][256];
	unsigned count;
};

struct report {
	const struct probe *p;
	FILE *out;
	char *text; /* TEXT_BYTES */
	struct excerpts crashes, panics;
};

static void
begin(struct report *r, const char *title)
{
	fprintf(r->out, "\n== %s ==\n\n", title);
}

/* Lines of a text, from the first or (last) only so many at its end. */
static void
write_lines(struct report *r, const char *text, size_t last, size_t most)
{
	char line[LINE_BYTES], clean[2 * LINE_BYTES];
	size_t lines = 0, number = 0;

	for (const char *at = text; *at != '\0'; at++) {
		lines += *at == '\n';
	}
	for (const char *at = text; *at != '\0' && most > 0; number++) {
		size_t length = strcspn(at, "\n");

		if (last == 0 || number + last >= lines) {
			snprintf(line, sizeof(line), "%.*s", (int)length, at);
			redact_line(line, clean, sizeof(clean));
			fprintf(r->out, "%s\n", clean);
			most--;
		}
		at += length + (at[length] == '\n');
	}
}

static void
write_answer(struct report *r, const char *command, const char *a, const char *b, const char *c)
{
	struct action_answer *answer = malloc(sizeof(*answer));

	fprintf(r->out, "$ %s%s%s%s%s%s%s\n", command, a != NULL ? " " : "", a != NULL ? a : "", b != NULL ? " " : "", b != NULL ? b : "",
	    c != NULL ? " " : "", c != NULL ? c : "");
	if (answer != NULL) {
		(void)probe_ask(r->p, answer, command, a, b, c);
		write_lines(r, answer->text, 0, SIZE_MAX);
	}
	free(answer);
}

static void
write_file(struct report *r, const char *path, size_t last, size_t most)
{
	if (probe_read(r->p, path, r->text, TEXT_BYTES) > 0) {
		fprintf(r->out, "-- %s\n", path);
		write_lines(r, r->text, last, most);
	}
}

/* The end of a file that may be longer than there is room. */
static void
write_end(struct report *r, const char *path)
{
	char full[PATH_MAX];
	FILE *file = probe_path(r->p, path, full) ? fopen(full, "re") : NULL;
	size_t n;

	if (file == NULL) {
		return;
	}
	if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > TEXT_BYTES - 1) {
		(void)fseek(file, -(TEXT_BYTES - 1), SEEK_END);
	} else {
		rewind(file);
	}
	n = fread(r->text, 1, TEXT_BYTES - 1, file);
	r->text[n] = '\0';
	fclose(file);
	fprintf(r->out, "-- %s\n", path);
	write_lines(r, r->text, LOG_LINES, LOG_LINES);
}

static void
write_platform(struct report *r)
{
	struct utsname name;
	time_t now = time(NULL);
	char when[32] = "";

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	fprintf(r->out, "tuntapd %s, %s\n", TUNTAPD_VERSION, when);
	if (uname(&name) == 0) {
		fprintf(r->out, "%s %s %s %s\n", name.sysname, name.release, name.version, name.machine);
	}
	write_file(r, probe_is_macos(r->p) ? "/System/Library/CoreServices/SystemVersion.plist" : "/etc/os-release", 0, EXCERPT_LINES);
	if (probe_is_macos(r->p)) {
		write_answer(r, "csrutil", "status", NULL, NULL);
		write_answer(r, "sysctl", "hw.model", "hw.optional.arm64", "net.link.fake");
	}
}

static void
write_configuration(struct report *r)
{
	FILE *file = tmpfile();
	int output, error;
	size_t n;

	if (file == NULL) {
		return;
	}
	(void)fflush(stdout);
	(void)fflush(stderr);
	output = dup(STDOUT_FILENO);
	error = dup(STDERR_FILENO);
	if (output >= 0 && error >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0) {
		(void)daemon_config_show(NULL, NULL);
		(void)fflush(stdout);
		(void)fflush(stderr);
	}
	if (output >= 0) {
		(void)dup2(output, STDOUT_FILENO);
		close(output);
	}
	if (error >= 0) {
		(void)dup2(error, STDERR_FILENO);
		close(error);
	}
	rewind(file);
	n = fread(r->text, 1, TEXT_BYTES - 1, file);
	r->text[n] = '\0';
	fclose(file);
	write_lines(r, r->text, 0, SIZE_MAX);
}

static void
write_log(struct report *r)
{
	if (probe_is_macos(r->p)) {
		write_end(r, "/var/log/tuntapd.log");
	} else {
		write_answer(r, "journalctl", "--unit=tuntapd", "--lines=200", "--no-pager");
	}
}

/* A report of macOS: of our own crash, or of a panic in which an extension for tun or tap is named. */
static void
on_crash(void *context, const char *name)
{
	struct report *r = context;
	char path[PATH_MAX];
	const bool ours = strncmp(name, "tuntapd", 7) == 0, panic = strstr(name, "panic") != NULL;
	struct excerpts *kept;

	if (!ours && !panic) {
		return;
	}
	snprintf(path, sizeof(path), REPORTS_DIR "/%.255s", name);
	if (!ours && (probe_read(r->p, path, r->text, TEXT_BYTES) <= 0 ||
	    (strstr(r->text, "tuntap") == NULL && strstr(r->text, "tunnelblick") == NULL))) {
		return;
	}
	kept = ours ? &r->crashes : &r->panics;
	snprintf(kept->names[kept->count++ % EXCERPTS_MAX], sizeof(kept->names[0]), "%.255s", name);
}

static void
write_excerpts(struct report *r, const struct excerpts *kept)
{
	char path[PATH_MAX];

	for (unsigned i = kept->count > EXCERPTS_MAX ? kept->count - EXCERPTS_MAX : 0; i < kept->count; i++) {
		snprintf(path, sizeof(path), REPORTS_DIR "/%s", kept->names[i % EXCERPTS_MAX]);
		write_file(r, path, 0, EXCERPT_LINES);
	}
}

static void
write_crashes(struct report *r)
{
	if (probe_is_macos(r->p)) {
		probe_list(r->p, REPORTS_DIR, on_crash, r);
		write_excerpts(r, &r->crashes);
		write_excerpts(r, &r->panics);
	} else {
		write_answer(r, "coredumpctl", "--no-pager", "info", "tuntapd");
	}
}

static void
write_all(struct report *r)
{
	struct findings f = {0};
	struct doctor_devices devices = {0};

	begin(r, "platform");
	write_platform(r);
	begin(r, "findings");
	doctor_examine(r->p, &f, &devices);
	findings_print(r->out, &f);
	begin(r, "devices");
	if (devices.known) {
		(void)output_table(r->out, devices.list, devices.count);
	}
	free(devices.list);
	findings_free(&f);
	begin(r, "configuration");
	write_configuration(r);
	begin(r, "interfaces");
	if (probe_is_macos(r->p)) {
		write_answer(r, "ifconfig", "-a", NULL, NULL);
		write_answer(r, "kmutil", "showloaded", "--list-only", NULL);
	} else {
		write_answer(r, "ip", "-details", "address", NULL);
	}
	begin(r, "log");
	write_log(r);
	begin(r, "crashes and panics");
	write_crashes(r);
}

int
doctor_report(const struct probe *p, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct report r = {.p = p, .out = fd >= 0 ? fdopen(fd, "w") : NULL, .text = malloc(TEXT_BYTES)};
	int status = EXIT_CODE_OK;

	if (r.out == NULL || r.text == NULL) {
		if (errno == EEXIST) {
			warnx("%s is there: name a file that is not", path);
		} else {
			warn("%s", path);
		}
		status = EXIT_CODE_OUTPUT;
	} else {
		write_all(&r);
		if (fclose(r.out) != 0) {
			warn("%s", path);
			status = EXIT_CODE_OUTPUT;
		}
		r.out = NULL;
	}
	if (r.out != NULL) {
		fclose(r.out);
	} else if (fd >= 0 && status != EXIT_CODE_OK) {
		(void)unlink(path);
	}
	free(r.text);
	if (status == EXIT_CODE_OK) {
		printf("%s is written.  Passwords, keys, users' names and the like were taken out where they were known: read it before "
		    "you send it.\n",
		    path);
	}
	return status;
}
