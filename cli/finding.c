/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finding.c - what `tuntapd doctor` found.  See finding.h.
 *
 * Texts may hold what strangers chose (names of interfaces, programs, files): for people it is escaped, in JSON made valid.
 */
#include "cli/finding.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/jsontext.h"
#include "cli/text.h"

/* More than any system has; what would be more is left out. */
#define FINDINGS_MAX 1024

static const char *const severity_names[] = {[SEVERITY_INFO] = "info", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error"};

struct finding *
finding_add(struct findings *f, const char *id, enum severity severity, const char *what, ...)
{
	static struct finding nowhere;
	struct finding *added = &nowhere;
	va_list args;

	if (f->count == f->room && f->room < FINDINGS_MAX) {
		size_t room = f->room == 0 ? 32 : 2 * f->room;
		struct finding *list = realloc(f->list, room * sizeof(*list));

		if (list != NULL) {
			f->list = list;
			f->room = room;
		}
	}
	if (f->count < f->room) {
		added = &f->list[f->count++];
	}
	memset(added, 0, sizeof(*added));
	added->id = id;
	added->severity = severity;
	va_start(args, what);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, a line above */
	vsnprintf(added->what, sizeof(added->what), what, args);
	va_end(args);
	return added;
}

void
finding_why(struct finding *f, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, a line above */
	vsnprintf(f->why, sizeof(f->why), why, args);
	va_end(args);
}

void
finding_mend(struct finding *f, const char *command, ...)
{
	va_list args;

	for (size_t i = 0; i < FINDING_COMMANDS_MAX; i++) {
		if (f->commands[i][0] == '\0') {
			va_start(args, command);
			/* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is, a line above */
			vsnprintf(f->commands[i], sizeof(f->commands[i]), command, args);
			va_end(args);
			return;
		}
	}
}

bool
findings_have(const struct findings *f, const char *id)
{
	for (size_t i = 0; i < f->count; i++) {
		if (strcmp(f->list[i].id, id) == 0) {
			return true;
		}
	}
	return false;
}

enum severity
findings_worst(const struct findings *f)
{
	enum severity worst = SEVERITY_INFO;

	for (size_t i = 0; i < f->count; i++) {
		worst = f->list[i].severity > worst ? f->list[i].severity : worst;
	}
	return worst;
}

void
findings_free(struct findings *f)
{
	free(f->list);
	*f = (struct findings){0};
}

static void
print_text(FILE *out, const char *before, const char *text, const char *after)
{
	char safe[4 * FINDING_COMMAND_SIZE + 16] = "";

	text_append_safe(safe, sizeof(safe), text);
	fprintf(out, "%s%s%s\n", before, safe, after);
}

void
findings_print(FILE *out, const struct findings *f)
{
	for (int severity = SEVERITY_ERROR; severity >= SEVERITY_INFO; severity--) {
		for (size_t i = 0; i < f->count; i++) {
			const struct finding *one = &f->list[i];
			char before[64];

			if ((int)one->severity != severity) {
				continue;
			}
			snprintf(before, sizeof(before), "%s (%s): ", severity_names[one->severity], one->id);
			print_text(out, before, one->what, ".");
			if (one->why[0] != '\0') {
				print_text(out, "    ", one->why, ".");
			}
			for (size_t c = 0; c < FINDING_COMMANDS_MAX && one->commands[c][0] != '\0'; c++) {
				print_text(out, "        ", one->commands[c], "");
			}
		}
	}
	if (findings_worst(f) == SEVERITY_INFO) {
		fputs("Nothing is wrong that could be seen from here.\n", out);
	}
}

int
findings_print_json(FILE *out, const struct findings *f, const char *system, const char *socket_path)
{
	json_t *list = json_array(), *document;
	int result;

	for (size_t i = 0; i < f->count; i++) {
		const struct finding *one = &f->list[i];
		json_t *commands = json_array();

		for (size_t c = 0; c < FINDING_COMMANDS_MAX && one->commands[c][0] != '\0'; c++) {
			json_array_append_new(commands, jsontext(one->commands[c]));
		}
		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o}", "id", one->id, "severity", severity_names[one->severity],
		    "what", jsontext(one->what), "why", jsontext(one->why), "commands", commands));
	}
	document = json_pack("{s:i, s:s, s:o, s:s, s:o}", "version", DOCTOR_JSON_VERSION, "system", system, "socket", jsontext(socket_path),
	    "severity", severity_names[findings_worst(f)], "findings", list);
	result = document != NULL ? json_dumpf(document, out, JSON_INDENT(2) | JSON_ENSURE_ASCII) : -1;
	json_decref(document);
	putc('\n', out);
	return result;
}
