/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * real.h - the C library's own functions behind our entry points.
 *
 * One slot per entry point, filled on first use by an idempotent atomic store: two threads may both fill it, nobody waits.
 * The slots of the packet path are filled in the constructor, because dlsym(3) is not safe in a signal handler.  entries.h, made
 * from entries.txt, has real_NAME() for each: the only way in which code of the shim calls a function that the shim overrides.
 */
#ifndef TUNTAPD_SHIM_REAL_H
#define TUNTAPD_SHIM_REAL_H

#include <dirent.h>
#include <glob.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __APPLE__
#include <sys/_types/_filesec_t.h>
typedef uint64_t guardid_t; /* sys/guarded.h, which is not public */
#endif

struct addrinfo;
struct if_nameindex;
struct ifaddrs;
struct mmsghdr;
struct msghdr;
struct statx;
struct termios;
struct timespec;
struct utimbuf;

/* What a caller of scandir(3) and glob(3) gives to be called. */
typedef int (*scandir_filter)(const struct dirent *entry);
typedef int (*scandir_order)(const struct dirent **a, const struct dirent **b);
typedef int (*glob_error)(const char *path, int error);

/* Unit tests call the bodies by their own names, beside the C library's functions. */
#ifdef SHIM_UNIT_TEST
#define SHIM_EXPORT
#define SHIM_SYMBOL(name)
#else
#define SHIM_EXPORT __attribute__((visibility("default")))
#define SHIM_SYMBOL(name) __asm__(name)
#endif

extern _Atomic uintptr_t real_slots[];

/* Fills a slot: the next definition of the name after ours, or a function that fails with ENOSYS. */
uintptr_t real_bind(unsigned slot);

static inline uintptr_t
real_get(unsigned slot)
{
	uintptr_t f = atomic_load_explicit(&real_slots[slot], memory_order_relaxed);

	return __builtin_expect(f != 0, 1) ? f : real_bind(slot);
}

/* Fills the slots of the packet path, and of what a signal handler may call. */
void real_bind_early(void);

/* A slot that is known to be full: real_bind_early() comes before any device is in the table. */
static inline uintptr_t
real_bound(unsigned slot)
{
	return atomic_load_explicit(&real_slots[slot], memory_order_relaxed);
}

#include "entries.h"

#endif
