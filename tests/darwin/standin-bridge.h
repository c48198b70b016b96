/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-bridge.h - bridges of Darwin's, on Linux's.  errno is Linux's.
 */
#ifndef TUNTAPD_TESTS_DARWIN_STANDIN_BRIDGE_H
#define TUNTAPD_TESTS_DARWIN_STANDIN_BRIDGE_H

#include <stdbool.h>
#include <stdint.h>

/* An interface ioctl.  -1 with ENOTTY: it is none of a bridge's alone. */
int standin_bridge_ioctl(uint32_t request, void *argument);

/* Whether an interface with that name is a bridge; its flags, Darwin's, from Linux's. */
bool standin_is_bridge(const char *ifname);
uint16_t standin_bridge_flags(int linux_flags);

/* An interface is about to be destroyed. */
void standin_bridge_loses(const char *ifname);

#endif
