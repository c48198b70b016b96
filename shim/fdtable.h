/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fdtable.h - descriptor number -> device: a cache of what the kernel knows.
 *
 * A static array of 64-bit words, read and written atomically: no lock, no allocation, safe in signal handlers and after fork.  A
 * number is a device, or another file, or unknown: nobody has looked at it in this process image.  recognise.h asks the kernel about
 * an unknown one at its first use, and enters what it is.
 *
 * A program that is about to forbid itself system calls has all numbers looked at before (filter-linux.c); none is asked about then.
 *
 * Other files stay so however often the number is used again: every call by which a number can become a device passes here (open, dup
 * and its kin, recvmsg), and enters what it makes.  The kernel changes numbers behind our back too (raw system calls, fclose's inner
 * close, a vfork child), so a device's entry may be stale: whoever refuses something, or changes data, on the word of an entry first
 * asks the kernel whether the number is still the device (os.h), and enters another file if it is not.
 */
#ifndef TUNTAPD_SHIM_FDTABLE_H
#define TUNTAPD_SHIM_FDTABLE_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/devname.h"

/*
 * Numbers from here up are never devices: an open that would get one fails with EMFILE.  Memory is 8 bytes each, and only pages that
 * are written to exist.
 */
#define FDTABLE_MAX 65536

/*
 * What the table holds of a number: FDTABLE_UNKNOWN, FDTABLE_OTHER, or, from the top:
 *
 *	bit 63		1: a device
 *	bit 62		1: a tap
 *	bits 52-61	unit
 *	bits 40-51	place
 *	bits 0-39	the open number's low part (a device opened a thousand times a second reaches its end after 34 years)
 */
typedef uint64_t fdtable_held;

#define FDTABLE_UNKNOWN UINT64_C(0)
#define FDTABLE_OTHER UINT64_C(1)

#define FDTABLE_PLACE_SHIFT 40
#define FDTABLE_UNIT_SHIFT 52
#define FDTABLE_TAP_SHIFT 62
#define FDTABLE_OPEN_MASK ((UINT64_C(1) << FDTABLE_PLACE_SHIFT) - 1)
/* Of a device of which nobody tells the open number: no page has this one. */
#define FDTABLE_OPEN_NONE FDTABLE_OPEN_MASK

static_assert(DEVICE_PLACES_MAX == 1u << (FDTABLE_UNIT_SHIFT - FDTABLE_PLACE_SHIFT), "a place fills its bits");
static_assert(DEVICE_UNITS_MAX < 1u << (FDTABLE_TAP_SHIFT - FDTABLE_UNIT_SHIFT), "a unit fits its bits");

/* All bits set: DEVICE_UNIT_NAMED, as for a device whose unit nobody tells. */
#define FDTABLE_UNIT_NONE ((1u << (FDTABLE_TAP_SHIFT - FDTABLE_UNIT_SHIFT)) - 1)

static inline bool
fdtable_is_device(fdtable_held held)
{
	return held >> 63 != 0;
}

/* Of a device with that place, which is below its bound. */
fdtable_held fdtable_pack(struct device_id id, uint32_t place, uint64_t open_number);

static inline uint32_t
fdtable_place(fdtable_held held)
{
	return (uint32_t)(held >> FDTABLE_PLACE_SHIFT) % DEVICE_PLACES_MAX;
}

static inline struct device_id
fdtable_id(fdtable_held held)
{
	unsigned unit = (unsigned)(held >> FDTABLE_UNIT_SHIFT) & FDTABLE_UNIT_NONE;

	return (struct device_id){
		.kind = (held >> FDTABLE_TAP_SHIFT & 1) != 0 ? DEVICE_TAP : DEVICE_TUN,
		.unit = unit == FDTABLE_UNIT_NONE ? DEVICE_UNIT_NAMED : (uint16_t)unit,
	};
}

/* The open number, as far as the table keeps it; and whether held is of that open. */
static inline uint64_t
fdtable_open_number(fdtable_held held)
{
	return held & FDTABLE_OPEN_MASK;
}

static inline bool
fdtable_is_open(fdtable_held held, uint64_t open_number)
{
	return fdtable_open_number(held ^ open_number) == 0;
}

extern _Atomic fdtable_held fdtable[FDTABLE_MAX];

/* What is known of a number.  One load. */
static inline fdtable_held
fdtable_get(int fd)
{
	if ((unsigned)fd >= FDTABLE_MAX) {
		return FDTABLE_OTHER;
	}
	return atomic_load_explicit(&fdtable[fd], memory_order_acquire);
}

/*
 * Enters what a number is.  Does nothing in a child of vfork, whose descriptors are its own but whose memory is its parent's.
 */
void fdtable_set(int fd, fdtable_held held);

/* The same, but only if the number is unknown still: what was learnt of it may be of an earlier file. */
void fdtable_learn(int fd, fdtable_held held);

/* The numbers from first to last are closed: devices among them are other files from now on. */
void fdtable_close_range(unsigned first, unsigned last);

/* They were not: what is known of them, as far as they ever were devices, is void; ask() is recognise_born() (recognise.h). */
void fdtable_forget_range(unsigned first, unsigned last, void (*ask)(int fd));

/* Whether the caller may write: not in a child of vfork. */
bool fdtable_is_ours(void);

/*
 * From now on a number that is unknown is another file, and nothing is entered that would only say so: no system call is made but for
 * devices.
 */
void fdtable_settle(void);
bool fdtable_is_settled(void);

/* At start, and in each child of fork: this process owns the table. */
void fdtable_init(void);

#endif
