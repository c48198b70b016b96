/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * migrate.h - away from the kernel extensions of tuntaposx, and between Cisco's and the others'.
 *
 * Functions return an exit status; what is wrong they have said on standard error.
 */
#ifndef TUNTAPD_CLI_MIGRATE_H
#define TUNTAPD_CLI_MIGRATE_H

#include <stdbool.h>

#include "cli/probe.h"

/*
 * Takes tuntaposx away: unloads its extensions (Tunnelblick's too), and puts what its installer made out of the system's way, where undo
 * finds it.  Without apply it says what it would do.
 */
int migrate_run(const struct probe *p, bool apply);

/* Puts all back, and loads what was loaded.  Without apply it says what it would do. */
int migrate_undo(const struct probe *p, bool apply);

enum switch_target {
	SWITCH_CISCO,
	SWITCH_TUNTAPD,
};

/* Unloads one side's extensions for tun and loads the other's, if there is one. */
int switch_run(const struct probe *p, enum switch_target target, bool dry);

#endif
