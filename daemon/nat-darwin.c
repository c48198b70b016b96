/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat-darwin.c - translation is not written for macOS yet, and says so.  See nat.h.
 */
#include "nat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct nat {
	int unused;
};

struct nat *
nat_new(int rundir)
{
	return calloc(1, sizeof(struct nat));
}

void
nat_free(struct nat *n)
{
	free(n);
}

int
nat_start(struct nat *n, uint32_t place, const char *ifname, const struct netif_address *addresses, unsigned count,
    char why[NAT_WHY_SIZE])
{
	snprintf(why, NAT_WHY_SIZE, "address translation is not there on macOS: use pf.conf(5)");
	errno = EOPNOTSUPP;
	return -1;
}

void
nat_stop(struct nat *n, uint32_t place)
{
}

void
nat_look(struct nat *n, bool (*is_there)(void *argument, uint32_t place), void *argument)
{
}
