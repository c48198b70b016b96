/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * real-darwin.c - the C library's own functions, and what dyld is to put in their places.  See real.h.
 *
 * dyld reads pairs {ours, theirs} from a section of this name in each library that is there at launch, and binds the program's, and all
 * other libraries', uses of theirs to ours.  The library that has the section is left out: so what is taken the address of here is
 * the real function.  (dlsym(3), on the other hand, gives ours even to us.)  Nothing is exported.
 *
 * A function that this macOS does not have would be NULL in both places, if it were imported weakly; all of the list are older than the
 * deployment target.
 *
 * Sources: dyld include/mach-o/dyld-interposing.h, dyld/DyldRuntimeState.cpp buildInterposingTables, dyld/Loader.cpp.
 */
#include "real.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>
#include <utime.h>

/* sys/guarded.h, which is not public. */
int guarded_open_np(const char *path, const guardid_t *guard, unsigned guardflags, int flags, ...);
int guarded_open_dprotected_np(const char *path, const guardid_t *guard, unsigned guardflags, int flags, int class, int dpflags, ...);

#include "interpose.h"

/* That a function had better not be used is its callers' business. */
#pragma clang diagnostic ignored "-Wdeprecated-declarations"

_Atomic uintptr_t real_slots[REAL_SLOTS] = {REAL_FUNCTIONS};

static const struct {
	uintptr_t ours, theirs;
} interposed[] __attribute__((used, section("__DATA,__interpose,interposing"))) = {INTERPOSED_PAIRS};

uintptr_t
real_bind(unsigned slot)
{
	__builtin_trap(); /* none is empty */
}

void
real_bind_early(void)
{
}
