/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf.h - capture (XNU bsd/net/bpf.h).
 */
#ifndef TUNTAPD_KPI_NET_BPF_H
#define TUNTAPD_KPI_NET_BPF_H

#include <sys/kernel_types.h>

#define DLT_NULL 0
#define DLT_EN10MB 1

void bpfattach(ifnet_t interface, u_int data_link_type, u_int header_length);
void bpf_tap_in(ifnet_t interface, u_int32_t dlt, mbuf_t packet, void *header, size_t header_len);
void bpf_tap_out(ifnet_t interface, u_int32_t dlt, mbuf_t packet, void *header, size_t header_len);

#endif
