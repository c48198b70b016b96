/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * real.c - finds the C library's own functions.  See real.h.
 *
 * Relaxed loads and stores suffice: a slot holds a function's address, and the function was there before us.
 */
#define REAL_NAMES
#include "real.h"

#include <dlfcn.h>
#include <errno.h>

_Atomic uintptr_t real_slots[REAL_SLOTS];

/* Stands in for a function that this C library does not have; no program that calls it could have been started. */
static long
missing(void)
{
	errno = ENOSYS;
	return -1;
}

uintptr_t
real_bind(unsigned slot)
{
	uintptr_t f;
	int saved = errno;

	f = (uintptr_t)dlsym(RTLD_NEXT, real_names[slot]);
	if (f == 0) {
		f = (uintptr_t)missing;
	}
	atomic_store_explicit(&real_slots[slot], f, memory_order_relaxed);
	errno = saved;
	return f;
}

void
real_bind_early(void)
{
	for (unsigned slot = 0; slot < REAL_SLOTS; slot++) {
		(void)real_get(slot);
	}
}
