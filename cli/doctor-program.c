/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor-program.c - `tuntapd doctor PROGRAM`: whether the library can go into it, and if not, why and what to do.
 *
 * A program of macOS is judged as on a Mac wherever this runs, each architecture for itself, since either may be the one that runs;
 * the others as `tuntapd exec` judges them, which says the first of the reasons that are all shown here.
 */
#include "cli/doctor.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/exitcode.h"
#include "cli/jsontext.h"
#include "cli/program.h"
#include "cli/text.h"

#define LINE_SIZE 8192

static const char *
system_name(const struct program_examination *e)
{
	return e->info.format == BINARY_MACHO ? "macos" : "linux";
}

static const char *
libc_name(const struct program_examination *e)
{
	static const char *const names[] = {
		[BINARY_LIBC_UNKNOWN] = "", [BINARY_LIBC_GLIBC] = ", glibc", [BINARY_LIBC_MUSL] = ", musl", [BINARY_LIBC_SYSTEM] = "",
	};

	return names[e->info.libc];
}

static void
print_text(const char *indent, const char *text)
{
	char line[LINE_SIZE] = "";

	text_append_safe(line, sizeof(line), text);
	printf("%s%s\n", indent, line);
}

static void
print_obstacle(const struct obstacle *o)
{
	char text[PATH_MAX + sizeof(o->reason) + 1];

	snprintf(text, sizeof(text), "%s %s", o->subject, o->reason);
	print_text("  ", text);
	if (o->advice[0] != '\0') {
		print_text("    ", o->advice);
	}
	for (size_t i = 0; i < OBSTACLE_COMMANDS_MAX && o->commands[i][0] != '\0'; i++) {
		print_text("      ", o->commands[i]);
	}
}

static void
print_examination(const struct program_examination *e)
{
	char text[PATH_MAX + 256];

	if (e->has_info) {
		snprintf(text, sizeof(text), "%s (%s, %s%s): the library %s be loaded into it", e->file,
		    e->info.format == BINARY_MACHO ? "macOS" : "Linux", binary_machine_name(&e->info), libc_name(e),
		    e->status == EXIT_CODE_OK ? "can" : "cannot");
	} else {
		snprintf(text, sizeof(text), "%s: the library cannot be loaded into it", e->path);
	}
	print_text("", text);
	for (size_t i = 0; i < e->obstacles.count; i++) {
		print_obstacle(&e->obstacles.list[i]);
	}
}

static json_t *
json_obstacles(const struct obstacles *obstacles)
{
	json_t *array = json_array();

	for (size_t i = 0; i < obstacles->count; i++) {
		const struct obstacle *o = &obstacles->list[i];
		json_t *commands = json_array();

		for (size_t c = 0; c < OBSTACLE_COMMANDS_MAX && o->commands[c][0] != '\0'; c++) {
			json_array_append_new(commands, jsontext(o->commands[c]));
		}
		json_array_append_new(array, json_pack("{s:s, s:b, s:o, s:o, s:o, s:o}", "id", o->id, "warning", o->warning, "subject",
		    jsontext(o->subject), "reason", jsontext(o->reason), "advice", jsontext(o->advice), "commands", commands));
	}
	return array;
}

static json_t *
json_examination(const struct program_examination *e)
{
	json_t *architecture = e->has_info ? json_string(binary_machine_name(&e->info)) : json_null();
	json_t *system = e->has_info ? json_string(system_name(e)) : json_null();
	json_t *shim = e->shim[0] != '\0' ? jsontext(e->shim) : json_null();

	return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o}", "file", jsontext(e->file[0] != '\0' ? e->file : e->path), "system", system,
	    "architecture", architecture, "loadable", e->status == EXIT_CODE_OK, "shim", shim, "obstacles", json_obstacles(&e->obstacles));
}

/* The document, of which one part is made for each architecture.  0, or -1: no memory. */
static int
print_json(const char *name, int status, json_t *looks)
{
	json_t *document = json_pack("{s:i, s:o, s:b, s:O}", "version", DOCTOR_JSON_VERSION, "program", jsontext(name), "loadable",
	    status == EXIT_CODE_OK, "looks", looks);
	int result = document != NULL ? json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) : -1;

	json_decref(document);
	putchar('\n');
	return result;
}

int
doctor_program(const char *name, bool json)
{
	struct program_examination *e = malloc(sizeof(*e));
	json_t *looks = json ? json_array() : NULL;
	struct program_choice choice = {.anywhere = true};
	int status = EXIT_CODE_OK, slices = 1;

	if (e == NULL || (json && looks == NULL)) {
		warn("doctor");
		free(e);
		return EXIT_CODE_SYSTEM;
	}
	for (choice.slice = 0; choice.slice < slices; choice.slice++) {
		program_examine(name, &choice, e);
		slices = e->has_info ? e->info.slices : 1;
		if (e->status != EXIT_CODE_OK) {
			status = e->status;
		}
		if (json) {
			json_array_append_new(looks, json_examination(e));
		} else {
			print_examination(e);
		}
	}
	if (json && print_json(name, status, looks) < 0) {
		status = EXIT_CODE_SYSTEM;
	}
	json_decref(looks);
	free(e);
	return status;
}
