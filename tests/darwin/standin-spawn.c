/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-spawn.c - posix_spawn and its kin, system and popen: what a program starts others with.  See standin.h.
 *
 * Sources: spawn.h (the objects are pointers), XNU bsd/kern/kern_exec.c.
 */
#include "standin.h"

const struct standin_symbol standin_spawn_symbols[] = {
	{NULL, NULL},
};
