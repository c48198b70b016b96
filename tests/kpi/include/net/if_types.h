/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * if_types.h - types of interfaces (XNU bsd/net/if_types.h).
 */
#ifndef TUNTAPD_KPI_NET_IF_TYPES_H
#define TUNTAPD_KPI_NET_IF_TYPES_H

#define IFT_OTHER 0x1
#define IFT_ETHER 0x6

#endif
