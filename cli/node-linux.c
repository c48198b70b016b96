/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node-linux.c - see node.h.  A descriptor of the tun driver's node belongs to the network namespace of who
 * opened it (drivers/net/tun.c tun_chr_open).
 */
#include "cli/node.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "protocol/paths.h"

void
node_name_holder(const char *path)
{
	const char *slash = strrchr(path, '/');

	/* As execve(2) does it, cut to 15 bytes; the program's own call will do the same. */
	(void)prctl(PR_SET_NAME, slash != NULL ? slash + 1 : path);
}

int
node_open(void)
{
	return open(PATHS_TUN_NODE, O_RDWR | O_CLOEXEC);
}

bool
node_is_tun(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && major(st->st_rdev) == PATHS_TUN_MAJOR && minor(st->st_rdev) == PATHS_TUN_MINOR;
}
