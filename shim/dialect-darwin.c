/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dialect-darwin.c - programs of macOS speak the dialect of the BSDs alone: there is no node of Linux's.  See dialect.h.
 */
#include "dialect.h"

bool
dialect_linux_ioctl(int fd, uint32_t request, void *argument, int *result)
{
	return false;
}

int
dialect_linux_open(const char *path, int flags)
{
	return -1;
}

bool
dialect_linux_is_node(const char *path)
{
	return false;
}

bool
dialect_linux_names_node(const char *path)
{
	return false;
}
