/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recognise.h - what a descriptor is, also one that this process image has not seen made.
 */
#ifndef TUNTAPD_SHIM_RECOGNISE_H
#define TUNTAPD_SHIM_RECOGNISE_H

#include <stdbool.h>

#include "shim/fdtable.h"

/*
 * Asks the kernel about a number that is unknown, and enters the answer.  A device, or 0: not one.  errno is kept.
 */
fdtable_held recognise(int fd);

/* Asks about every number that is open and unknown, and has no more questions afterwards: fdtable_settle().  errno is kept. */
void recognise_all(void);

/* Asks whether a number that was a device is another file by now; then that is entered. */
bool recognise_is_other(int fd, fdtable_held held);

/* The number has just become another process' descriptor (SCM_RIGHTS): what was known of it is void. */
void recognise_born(int fd);

/* The device that a number is, or 0.  One look in the table, but for the first use of a number that was not seen made. */
static inline fdtable_held
recognise_device(int fd)
{
	fdtable_held held = fdtable_get(fd);

	if (held == FDTABLE_OTHER) {
		return 0;
	}
	return fdtable_is_device(held) ? held : recognise(fd);
}

#endif
