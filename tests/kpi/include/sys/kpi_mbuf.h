/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kpi_mbuf.h - packets (XNU bsd/sys/kpi_mbuf.h).
 */
#ifndef TUNTAPD_KPI_SYS_KPI_MBUF_H
#define TUNTAPD_KPI_SYS_KPI_MBUF_H

#include <sys/kernel_types.h>

typedef u_int32_t mbuf_how_t;

enum {
	MBUF_WAITOK = 0,
	MBUF_DONTWAIT = 1,
};

/* Buffers for a packet; how much of each is used, is for the caller to set. */
errno_t mbuf_allocpacket(mbuf_how_t how, size_t packetlen, unsigned int *maxchunks, mbuf_t *mbuf);
void mbuf_freem(mbuf_t mbuf);
void *mbuf_data(mbuf_t mbuf);
size_t mbuf_len(const mbuf_t mbuf);
size_t mbuf_maxlen(const mbuf_t mbuf);
void mbuf_setlen(mbuf_t mbuf, size_t len);
mbuf_t mbuf_next(const mbuf_t mbuf);
mbuf_t mbuf_nextpkt(const mbuf_t mbuf);
void mbuf_setnextpkt(mbuf_t mbuf, mbuf_t nextpkt);
size_t mbuf_pkthdr_len(const mbuf_t mbuf);
void mbuf_pkthdr_setlen(mbuf_t mbuf, size_t len);
errno_t mbuf_pkthdr_setrcvif(mbuf_t mbuf, ifnet_t ifp);
void mbuf_pkthdr_setheader(mbuf_t mbuf, void *header);
void mbuf_adj(mbuf_t mbuf, int len);
errno_t mbuf_copydata(const mbuf_t mbuf, size_t offset, size_t length, void *out);

#endif
