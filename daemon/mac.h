/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mac.h - MAC addresses of our own making.
 */
#ifndef TUNTAPD_DAEMON_MAC_H
#define TUNTAPD_DAEMON_MAC_H

#include <stdint.h>

/* A random one, with the local bit and without the group bit.  0, or -1 with errno. */
int mac_make_random(uint8_t mac[6]);

#endif
