/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-kext.h - nodes and interfaces of a loaded kernel extension, on Linux's tun devices.  errno is Linux's.
 */
#ifndef TUNTAPD_TESTS_DARWIN_STANDIN_KEXT_H
#define TUNTAPD_TESTS_DARWIN_STANDIN_KEXT_H

#include <stdbool.h>
#include <stdint.h>

struct stat;

/* Whether a path, as of openat(2), is an extension's node; *fd is then what its open gives, a descriptor or -1.  Flags are Linux's. */
bool standin_kext_open(int dir, const char *path, int flags, int *fd);

/* Whether a descriptor of Linux's tun driver is one of an extension's node. */
bool standin_is_kext(int fd);

/* Gives *st of a path, or of a descriptor (path NULL), the number that an extension's node has; leaves others alone. */
void standin_kext_number(const char *path, int fd, struct stat *st);

/* Whether an interface is an extension's, and its flags. */
bool standin_is_kexts(const char *ifname);
uint16_t standin_kext_flags(const char *ifname, int linux_flags);

#endif
