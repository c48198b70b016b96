/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node-darwin.c - see node.h.  macOS has no such node, and the daemon reads a holder's name from its
 * program's file.
 */
#include "cli/node.h"

#include <errno.h>

void
node_name_holder(const char *path)
{
}

int
node_open(void)
{
	errno = ENXIO;
	return -1;
}

bool
node_is_tun(const struct stat *st)
{
	return false;
}
