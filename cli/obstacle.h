/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * obstacle.h - why the library cannot go into a program, and what to do about it: one list of reasons for `tuntapd exec`, which
 * names the first, and `tuntapd doctor PROGRAM`, which shows them all.
 */
#ifndef TUNTAPD_CLI_OBSTACLE_H
#define TUNTAPD_CLI_OBSTACLE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/binary.h"

#define OBSTACLES_MAX 8
#define OBSTACLE_COMMANDS_MAX 3
#define OBSTACLE_COMMAND_SIZE 1024

/* An obstacle that does not keep the library out, but makes it useless or is worth knowing. */
struct obstacle {
	const char *id;         /* "static", "set-user-id", ...: docs/doctor-schema.json lists them; a constant */
	bool warning;           /* the library can go in all the same */
	char subject[PATH_MAX]; /* the file that it is about: the program, an interpreter, the shim */
	char reason[512];       /* "is linked statically: ...": what follows the subject in a sentence */
	char advice[512];       /* "use a dynamically linked build of it ..."; may be empty */
	char commands[OBSTACLE_COMMANDS_MAX][OBSTACLE_COMMAND_SIZE]; /* for a shell; empty ones at the end */
};

struct obstacles {
	size_t count;
	struct obstacle list[OBSTACLES_MAX];
};

/* What gives a program rights that this process lacks; the dynamic loader then ignores the shim. */
enum privilege {
	PRIVILEGE_NONE = 0,
	PRIVILEGE_SET_UID,
	PRIVILEGE_SET_GID,
	PRIVILEGE_CAPABILITIES,
	PRIVILEGE_SYSTEM, /* none, but it belongs to the system, which protects it */
};

/* Adds one; where the list is full, nothing.  The formats are printf's; advice NULL: none.  What it returns is in the list. */
struct obstacle *obstacle_add(struct obstacles *o, const char *id, const char *subject, const char *advice, const char *reason, ...)
    __attribute__((format(printf, 5, 6)));

/* Adds a command for a shell. */
void obstacle_command(struct obstacle *o, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first that is no warning, or NULL. */
const struct obstacle *obstacles_first(const struct obstacles *o);

/* What is known of a program and of where it would run. */
struct obstacle_facts {
	const char *path;
	const struct binary_info *info;
	const struct binary_info *own; /* what must match for an ELF program; NULL: not known */
	enum binary_format system;     /* of the system that it would run on */
	enum privilege privilege;
	bool has_loader;               /* its interpreter is there */
};

/* Adds what keeps the library out of a program, by its file alone. */
void obstacles_judge(struct obstacles *o, const struct obstacle_facts *facts);

/* Whether macOS protects a file of that path, by the directory that it is in. */
bool obstacle_is_system_path(const char *path);

#endif
