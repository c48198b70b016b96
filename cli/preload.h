/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload.h - the shim's file, and how it gets into a program: what differs by platform
 * (preload-OS.c).
 *
 * Functions that return an exit status have said on standard error what is wrong and what to do.
 */
#ifndef TUNTAPD_CLI_PRELOAD_H
#define TUNTAPD_CLI_PRELOAD_H

#include <limits.h>

#include "cli/binary.h"

/* What this executable is.  0, or -1 with errno. */
int preload_read_own(struct binary_info *info);

/*
 * Whether the dynamic loader would ignore the shim in that program, since running it gives it
 * rights that this process lacks.  NULL, or what gives them: "is set-user-ID", ....
 */
const char *preload_privileged(int fd);

/*
 * Chooses the shim for a program and finds its file: the build tree's beside a build tree's
 * executable, the installed one beside an installed one.  Only a file that nobody but root and this
 * user can replace will do.  EXIT_CODE_OK, or EXIT_CODE_CANNOT_RUN.
 */
int preload_find_shim(const char *program, const struct binary_info *info, char path[PATH_MAX]);

/*
 * Adds the shim to what the loader preloads into the programs that this process becomes.  0, or -1
 * with errno.
 */
int preload_set_environment(const char *shim);

#endif
