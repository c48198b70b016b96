/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init.c - the constructor.
 *
 * Other libraries' constructors may run, and open devices, before this one: everything works without it, and is bound on first use.
 */
#include <pthread.h>

#include "fdtable.h"
#include "real.h"
#include "state.h"

#include "protocol/shimmark.h"

/* What this file speaks, for who looks at it from outside. */
static const char mark[] = SHIM_MARK SHIM_MARK_VERSIONS;

__attribute__((constructor)) static void
init(void)
{
	__asm__ volatile("" : : "r"(mark)); /* or the linker would leave it out */
	real_bind_early();
	state_init();
	/* Refused only for want of memory; fdtable.c has a second way. */
	(void)pthread_atfork(NULL, NULL, fdtable_init);
}
