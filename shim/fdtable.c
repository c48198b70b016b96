/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fdtable.c - descriptor number -> device.  See fdtable.h.
 *
 * vfork.  A child of vfork runs in its parent's memory with descriptors of its own; what it closes or duplicates must not
 * change the parent's table.  A child of fork has a table of its own and goes on with it.  Both have another process number
 * than the one written here.  fork(3) calls fdtable_init() in its child (init.c), vfork(2) does not.  For those who make a process by
 * _Fork(3) or a raw system call, a page that the kernel empties in a copied memory, and in no shared one, tells the two apart.
 */
#include "fdtable.h"

#include <unistd.h>

#include "os.h"

_Atomic fdtable_held fdtable[FDTABLE_MAX];

static _Atomic pid_t owner;
/* 1 in the process that owns the table and in its children of vfork; 0 in a fresh child of fork.  NULL: cannot be had. */
static _Atomic uint32_t *marker;
/* Unknown numbers are other files. */
static _Atomic bool settled;
/* One past the highest number that ever was a device: bounds the work of closing a range. */
static _Atomic unsigned high;

fdtable_held
fdtable_pack(struct device_id id, uint32_t place, uint64_t open_number)
{
	uint64_t unit = id.unit < FDTABLE_UNIT_NONE ? id.unit : FDTABLE_UNIT_NONE;

	return UINT64_C(1) << 63 | (uint64_t)(id.kind == DEVICE_TAP) << FDTABLE_TAP_SHIFT | unit << FDTABLE_UNIT_SHIFT |
	    (uint64_t)place << FDTABLE_PLACE_SHIFT | (open_number & FDTABLE_OPEN_MASK);
}

void
fdtable_init(void)
{
	if (marker == NULL) {
		marker = os_fork_page();
	}
	if (marker != NULL) {
		atomic_store(marker, 1);
	}
	atomic_store(&owner, getpid());
}

bool
fdtable_is_ours(void)
{
	if (getpid() == atomic_load(&owner)) {
		return true;
	}
	if (marker == NULL || atomic_load(marker) != 0) {
		return false;
	}
	fdtable_init();
	return true;
}

void
fdtable_settle(void)
{
	atomic_store(&settled, true);
}

bool
fdtable_is_settled(void)
{
	return atomic_load_explicit(&settled, memory_order_relaxed);
}

static void
note_highest_device(int fd, fdtable_held held)
{
	unsigned seen = atomic_load(&high);

	while (fdtable_is_device(held) && seen <= (unsigned)fd && !atomic_compare_exchange_weak(&high, &seen, (unsigned)fd + 1)) {
	}
}

void
fdtable_set(int fd, fdtable_held held)
{
	fdtable_held before;

	if ((unsigned)fd >= FDTABLE_MAX) {
		return;
	}
	before = atomic_load_explicit(&fdtable[fd], memory_order_relaxed);
	if (before == held || (fdtable_is_settled() && !fdtable_is_device(held) && !fdtable_is_device(before)) || !fdtable_is_ours()) {
		return;
	}
	atomic_store_explicit(&fdtable[fd], held, memory_order_release);
	note_highest_device(fd, held);
}

void
fdtable_learn(int fd, fdtable_held held)
{
	fdtable_held unknown = FDTABLE_UNKNOWN;

	if ((unsigned)fd < FDTABLE_MAX && fdtable_is_ours() && atomic_compare_exchange_strong(&fdtable[fd], &unknown, held)) {
		note_highest_device(fd, held);
	}
}

void
fdtable_close_range(unsigned first, unsigned last)
{
	unsigned end = atomic_load(&high);

	for (unsigned fd = first; fd < end && fd <= last; fd++) {
		if (fdtable_is_device(fdtable_get((int)fd))) {
			fdtable_set((int)fd, FDTABLE_OTHER);
		}
	}
}

void
fdtable_forget_range(unsigned first, unsigned last, void (*ask)(int fd))
{
	unsigned end = atomic_load(&high);

	for (unsigned fd = first; fd < end && fd <= last; fd++) {
		if (fdtable_is_settled()) {
			ask((int)fd); /* nobody would later */
		} else {
			fdtable_set((int)fd, FDTABLE_UNKNOWN);
		}
	}
}
