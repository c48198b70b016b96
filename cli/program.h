/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h - the program that `tuntapd exec` or `tuntapd fd` is to run: where it is, and whether
 * the shim can go into it.
 */
#ifndef TUNTAPD_CLI_PROGRAM_H
#define TUNTAPD_CLI_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

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

#endif
