/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kextnode.h - whose a node is that lies in /dev under a device's name: the daemon's own, or a kernel extension's.  Pure.
 *
 * An extension makes its nodes when it is loaded and takes them away when it is unloaded, whoever serves; so nobody keeps the answer.
 */
#ifndef TUNTAPD_PROTOCOL_KEXTNODE_H
#define TUNTAPD_PROTOCOL_KEXTNODE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "devname.h"

#define KEXTNODE_DIRECTORY "/dev"

enum kextnode {
	KEXTNODE_NONE,  /* no character device */
	KEXTNODE_OURS,  /* the number of a device, as the library shows it (devlist.h): the daemon's own */
	KEXTNODE_KEXTS, /* any other: of whatever driver gave it that name */
};

/* What a file is, of which lstat(2) said *st. */
enum kextnode kextnode_of(const struct stat *st);

#endif
