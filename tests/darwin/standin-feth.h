/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-feth.h - fake Ethernet interfaces of Darwin's, on Linux's.  errno is Linux's.
 */
#ifndef TUNTAPD_TESTS_DARWIN_STANDIN_FETH_H
#define TUNTAPD_TESTS_DARWIN_STANDIN_FETH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An interface ioctl.  -1 with ENOTTY: it is none of feth's alone, and Linux's answer is the right one. */
int standin_feth_ioctl(uint32_t request, void *argument);

/* Whether an interface with that name is a feth. */
bool standin_is_feth(const char *ifname);

/* Its flags, Darwin's, from Linux's. */
uint16_t standin_feth_flags(const char *ifname, int linux_flags);

/* It has been given an address of IPv4. */
void standin_feth_addressed(const char *ifname);

/* Linux's interfaces that Darwin does not have. */
bool standin_is_hidden(const char *ifname);

/* sysctlbyname(3) of net.link.fake.  -1 with ENOENT: it is another. */
int standin_feth_sysctl(const char *name, void *old, size_t *old_bytes, const void *new, size_t new_bytes);

#endif
