/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ethernet.h - Ethernet (XNU bsd/net/ethernet.h).
 */
#ifndef TUNTAPD_KPI_NET_ETHERNET_H
#define TUNTAPD_KPI_NET_ETHERNET_H

#include <sys/types.h>

#define ETHER_ADDR_LEN 6
#define ETHER_HDR_LEN 14
#define ETHERMTU 1500
#define ETHERTYPE_IP 0x0800
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd

#endif
