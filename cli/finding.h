/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finding.h - what `tuntapd doctor` found: what it is, whether it matters, and the commands that mend it.
 */
#ifndef TUNTAPD_CLI_FINDING_H
#define TUNTAPD_CLI_FINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define FINDING_COMMANDS_MAX 4
#define FINDING_COMMAND_SIZE 512

enum severity {
	SEVERITY_INFO = 0, /* good to know */
	SEVERITY_WARNING,  /* something will go wrong for some programs, or later */
	SEVERITY_ERROR,    /* something does not work */
};

struct finding {
	const char *id; /* a constant; docs/doctor-schema.json lists them */
	enum severity severity;
	char what[512]; /* one sentence, without its full stop */
	char why[512];  /* whether it matters, and why */
	char commands[FINDING_COMMANDS_MAX][FINDING_COMMAND_SIZE]; /* for a shell; empty ones at the end */
};

struct findings {
	struct finding *list;
	size_t count, room;
};

/*
 * Adds one, with what it is in printf's manner; the pointer holds until the next is added.  Where there is no memory for it, what is
 * said of it goes nowhere.
 */
struct finding *finding_add(struct findings *f, const char *id, enum severity severity, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

/* Says whether it matters, and why. */
void finding_why(struct finding *f, const char *why, ...) __attribute__((format(printf, 2, 3)));

/* Adds a command that mends it. */
void finding_mend(struct finding *f, const char *command, ...) __attribute__((format(printf, 2, 3)));

/* Whether there is one of that name. */
bool findings_have(const struct findings *f, const char *id);

/* The worst; SEVERITY_INFO if there is none. */
enum severity findings_worst(const struct findings *f);

void findings_free(struct findings *f);

/* For people: the worst first.  For programs: docs/doctor-schema.json; 0, or -1: no memory. */
void findings_print(FILE *out, const struct findings *f);
int findings_print_json(FILE *out, const struct findings *f, const char *system, const char *socket_path);

#endif
