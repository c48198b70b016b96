/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fdtable.h - descriptor number -> device: a cache of what the kernel knows.
 *
 * A static array of 64-bit words, read and written atomically: no lock, no allocation, safe in signal handlers and after fork.  The
 * kernel changes numbers behind our back (raw system calls, fclose's inner close, a vfork child), so an entry may be
 * stale: whoever refuses something, or changes data, on the word of an entry first asks the kernel whether the number
 * is still the device (os.h), and clears the entry if it is not.
 */
#ifndef TUNTAPD_SHIM_FDTABLE_H
#define TUNTAPD_SHIM_FDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/devname.h"

/*
 * Numbers from here up are never devices: an open that would get one fails with EMFILE.  Memory is 8 bytes each, and only pages that
 * are written to exist.
 */
#define FDTABLE_MAX 65536

/* A device as the table holds it: bit 63 set, kind, unit, and the low 40 bits of the open number.  0: none. */
typedef uint64_t fdtable_held;

fdtable_held fdtable_pack(struct device_id id, uint64_t open_number);
struct device_id fdtable_id(fdtable_held held);

/* True if held is of that open. */
bool fdtable_is_open(fdtable_held held, uint64_t open_number);

extern _Atomic fdtable_held fdtable[FDTABLE_MAX];

/* What a number is; 0: not a device of ours.  One load. */
static inline fdtable_held
fdtable_get(int fd)
{
	if ((unsigned)fd >= FDTABLE_MAX) {
		return 0;
	}
	return atomic_load_explicit(&fdtable[fd], memory_order_acquire);
}

/*
 * Enters (held != 0) or clears.  Does nothing in a child of vfork, whose descriptors are its own but whose memory is
 * its parent's.
 */
void fdtable_set(int fd, fdtable_held held);

/* The same for all numbers from first to last. */
void fdtable_clear_range(unsigned first, unsigned last);

/* At start: this process owns the table. */
void fdtable_init(void);

#endif
