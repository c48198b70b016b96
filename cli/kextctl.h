/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kextctl.h - loads and unloads kernel extensions of macOS, one step at a time, each with a look afterwards whether it is so; or in a dry
 * run says what it would do, in words that sh(1) takes.  For `tuntapd migrate` and `tuntapd switch`.
 *
 * Functions that return an exit status have said on standard error what is wrong.
 */
#ifndef TUNTAPD_CLI_KEXTCTL_H
#define TUNTAPD_CLI_KEXTCTL_H

#include <stdbool.h>

#include "cli/kexts.h"
#include "cli/probe.h"

struct kextctl {
	const struct probe *p;
	bool dry;
	bool modern; /* macOS 11 and later: kmutil, and extensions wait for a restart */
};

struct kextctl kextctl_begin(const struct probe *p, bool dry);

/*
 * Whether nobody has a real node of a tun or tap device open.  EXIT_CODE_OK; EXIT_CODE_BUSY, with who has which on standard error; or
 * EXIT_CODE_SYSTEM, if that cannot be told.
 */
int kextctl_check_unused(const struct kextctl *c);

/* Unloads one by its identifier.  EXIT_CODE_OK, or EXIT_CODE_SYSTEM. */
int kextctl_unload(const struct kextctl *c, const char *identifier);

/* Loads one by its bundle's path.  EXIT_CODE_OK, or EXIT_CODE_SYSTEM. */
int kextctl_load(const struct kextctl *c, const char *identifier, const char *path);

/* A line on standard output: a command, in a dry run; or what has been done. */
void kextctl_print(const struct kextctl *c, const char *const argv[]);

#endif
