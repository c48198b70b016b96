/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload.h - the shim's file, and how it gets into a program.
 */
#ifndef TUNTAPD_CLI_PRELOAD_H
#define TUNTAPD_CLI_PRELOAD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cli/obstacle.h"

/* What differs by platform (preload-OS.c). */
struct preload_platform {
	const char *variable;   /* of the environment, for the loader */
	const char *separators; /* of its entries; the loader has no way to quote them */
	const char *bad_places; /* "a blank or colon" */
	/* Names of shims, of whichever C library: two of them cannot share a program.  NULL ends them. */
	const char *const *names;
	/* The name of the shim for a program. */
	const char *(*name_for)(const struct binary_info *info);
	/* Whether a file of that owner is as trustworthy as root's; NULL: no other is. */
	bool (*is_root_too)(uid_t uid);
	/* The path of this executable's file, without links.  0, or -1 with errno. */
	int (*own_path)(char *path, size_t size);
	/* What would give a program rights that this process lacks. */
	enum privilege (*privilege)(int fd);
};

extern const struct preload_platform preload_platform;

/* What this executable is.  0, or -1 with errno. */
int preload_read_own(struct binary_info *info);

/*
 * Chooses the shim for a program and finds its file: the build tree's beside a build tree's executable, the installed one
 * beside an installed one.  Only a file that nobody but root and this user can replace will do, and one for the program's machine.
 * True; or false, with the reason among the obstacles.
 */
bool preload_find_shim(const char *program, const struct binary_info *info, char path[PATH_MAX], struct obstacles *obstacles);

/*
 * Adds the shim to what the loader preloads into the programs that this process becomes.  0, or -1
 * with errno.
 */
int preload_set_environment(const char *shim);

#endif
