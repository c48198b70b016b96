/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * early.c - a library whose constructor opens a device, before main and, for all it knows, before the preload library's own.
 */
#include "early.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int early_device = -1;
int early_errno;

__attribute__((constructor)) static void
open_early(void)
{
	char byte;

	early_device = open("/dev/tun15", O_RDWR | O_CLOEXEC);
	errno = 0;
	(void)!read(early_device, &byte, 1);
	early_errno = errno;
}
