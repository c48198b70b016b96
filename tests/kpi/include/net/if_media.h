/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * if_media.h - media words (XNU bsd/net/if_media.h).
 */
#ifndef TUNTAPD_KPI_NET_IF_MEDIA_H
#define TUNTAPD_KPI_NET_IF_MEDIA_H

#define IFM_ETHER 0x20
#define IFM_AVALID 0x1
#define IFM_ACTIVE 0x2

#endif
