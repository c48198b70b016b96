/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cancel.h - keeps the cancellation of a thread away from what the shim does for a call.
 *
 * What a program calls need not be a cancellation point (fstat, ioctl), and where it is one (open), a thread that ends in the middle would
 * leave descriptors that nobody knows: a device among them.  So a pending cancellation waits for the program's own calls.  Safe in a signal
 * handler, errno untouched, no system call.
 */
#ifndef TUNTAPD_SHIM_CANCEL_H
#define TUNTAPD_SHIM_CANCEL_H

#include <pthread.h>

/* Returns what cancel_release() takes. */
static inline int
cancel_hold(void)
{
	int before;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void
cancel_release(int before)
{
	(void)pthread_setcancelstate(before, &before);
}

#endif
