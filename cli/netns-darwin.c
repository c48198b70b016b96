/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns-darwin.c - macOS has one network for all.  See netns.h.
 */
#include "cli/netns.h"

#include <errno.h>

int
netns_socket(const char *text)
{
	errno = EOPNOTSUPP;
	return -1;
}
