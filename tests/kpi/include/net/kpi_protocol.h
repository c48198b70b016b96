/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kpi_protocol.h - protocols on interfaces (XNU bsd/net/kpi_protocol.h).
 */
#ifndef TUNTAPD_KPI_NET_KPI_PROTOCOL_H
#define TUNTAPD_KPI_NET_KPI_PROTOCOL_H

#include <net/kpi_interface.h>

typedef errno_t (*proto_plumb_handler)(ifnet_t ifp, protocol_family_t protocol);
typedef void (*proto_unplumb_handler)(ifnet_t ifp, protocol_family_t protocol);

/* Unless it gives 0 the packet is still the caller's. */
errno_t proto_input(protocol_family_t protocol, mbuf_t packet);
errno_t proto_register_plumber(protocol_family_t proto_fam, ifnet_family_t if_fam, proto_plumb_handler plumb,
    proto_unplumb_handler unplumb);
void proto_unregister_plumber(protocol_family_t proto_fam, ifnet_family_t if_fam);

#endif
