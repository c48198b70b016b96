/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refuse.h - how an entry point of the library says no.
 */
#ifndef TUNTAPD_SHIM_REFUSE_H
#define TUNTAPD_SHIM_REFUSE_H

#include <errno.h>

/* -1, with that errno. */
static inline int
refuse(int error)
{
	errno = error;
	return -1;
}

#endif
