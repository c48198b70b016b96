/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netif-ioctl.h - what the files of macOS that make interface ioctls have in common.
 */
#ifndef TUNTAPD_DAEMON_NETIF_IOCTL_H
#define TUNTAPD_DAEMON_NETIF_IOCTL_H

#include <net/if.h>
#include <stdint.h>

struct netif;

/* A request by the name of an interface, which is below IFNAMSIZ bytes. */
struct ifreq netif_request_of(const char *ifname);

/* The kernel says ENXIO where Linux says ENODEV; callers of netif.h know the latter.  Returns result. */
int netif_result_of(int result);

/* 0, or -1 with errno ENODEV. */
int netif_name_of(uint32_t ifindex, char ifname[IFNAMSIZ]);

/* A socket for ioctls of interfaces; it stays n's. */
int netif_socket(const struct netif *n);

#endif
