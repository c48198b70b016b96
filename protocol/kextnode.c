/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kextnode.c - nodes under devices' names.  See kextnode.h.
 *
 * A node is known by its number.  The kernel gives extensions numbers from 24 on, the lowest that is free (kext/cdev.c), so none of
 * theirs comes near the one that nodes of the daemon's own have.
 */
#include "kextnode.h"

#if __has_include(<sys/sysmacros.h>)
#include <sys/sysmacros.h> /* makedev; elsewhere it is in <sys/types.h> */
#endif

#include "devlist.h"

enum kextnode
kextnode_of(const struct stat *st)
{
	if (!S_ISCHR(st->st_mode)) {
		return KEXTNODE_NONE;
	}
	return major(st->st_rdev) == DEVLIST_MAJOR ? KEXTNODE_OURS : KEXTNODE_KEXTS;
}
