/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pairends.h - the two interfaces of a pair: how they are called, made, and known again (pairends-OS.c).  pairs.c keeps account of them.
 */
#ifndef TUNTAPD_DAEMON_PAIRENDS_H
#define TUNTAPD_DAEMON_PAIRENDS_H

#include <stdbool.h>

#include "daemon/pairs.h"

/* True: an end's interface is called as the end is, and goes when the other one does. */
extern const bool pairends_of_one_piece;

/* Whether an end there can be called so: 0, or -1 with errno EBUSY (an interface is), EINVAL (no end can). */
int pairends_check_name(const struct netns *ns, const char *name);

/*
 * Makes the interfaces of a record that lacks their names and indexes; both are down.  write is called before anything is made under a
 * name.  0; or -1 with errno, and some may be there:
 * EBUSY (there is an interface of that name), EINVAL (MTU), EOPNOTSUPP (the kernel has no pairs), or write's.
 */
int pairends_make(struct pair_record *r, struct netns *const ns[2], int (*write)(void *argument), void *argument);

/* Whether an interface in the namespace of end n is that end. */
bool pairends_is(const struct pair_record *r, unsigned n, const struct netns *ns, const struct netif_status *status);

#endif
