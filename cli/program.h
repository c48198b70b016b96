/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h - the program that `tuntapd exec` or `tuntapd fd` is to run, or `tuntapd doctor` to look at: where it is, and
 * whether the shim can go into it.
 */
#ifndef TUNTAPD_CLI_PROGRAM_H
#define TUNTAPD_CLI_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#include "cli/obstacle.h"

struct program {
	char path[PATH_MAX]; /* with a slash in it */
	char shim[PATH_MAX];
};

/*
 * Finds the program's file as execvp(3) does, and asks nothing more of it.  path has a slash in it.
 * EXIT_CODE_OK; or EXIT_CODE_NOT_FOUND or EXIT_CODE_CANNOT_RUN, explained on standard error.
 */
int program_locate(const char *name, char path[PATH_MAX]);

/*
 * Finds the program as execvp(3) does, follows a script to its interpreter, and chooses the shim.
 * own_rights: rights that the file's marks would give count for nothing where it will run (exec
 * --private).  EXIT_CODE_OK; or EXIT_CODE_NOT_FOUND or EXIT_CODE_CANNOT_RUN, and standard error
 * says why and what to do.
 */
int program_find(const char *name, bool own_rights, struct program *program);

/* What is found when a program is looked at. */
struct program_examination {
	int status;              /* EXIT_CODE_OK: the shim can go in; _NOT_FOUND or _CANNOT_RUN: the obstacles say why not */
	char path[PATH_MAX];     /* the program's, with a slash in it */
	char file[PATH_MAX];     /* what was judged: the program itself, or a script's interpreter */
	char shim[PATH_MAX];     /* "": not looked for, or not found */
	bool has_info;
	struct binary_info info; /* of that file */
	struct obstacles obstacles;
};

struct program_choice {
	bool own_rights; /* as above */
	bool anywhere;   /* judge it as on its own system, and look for no shim if that is not this one */
	int slice;       /* of a program for several architectures, or BINARY_OWN_SLICE */
};

/* The same as program_find(), without a word on standard error. */
void program_examine(const char *name, const struct program_choice *choice, struct program_examination *e);

#endif
