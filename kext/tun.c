/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tun.c - what is tun's: IP packets without a link header, between two ends.
 *
 * The family of these interfaces is one that the kernel gives to this extension's identifier.  tuntaposx used the kernel's number
 * for "tun", and so did others (a client of Cisco's): whoever came second was told "could not register PF_INET protocol family:
 * 17" (EEXIST).
 *
 * The stack learns a packet's protocol from its version, as utun's header would tell it.  Header mode is the program's side alone.
 *
 * Sources: XNU bsd/net/kpi_protocol.h, bsd/net/if_utun.c (utun_demux, utun_attach_proto), bsd/net/kpi_interface.h
 * (ifnet_interface_family_find).
 */
#include "kind.h"

#include <net/bpf.h>
#include <net/if.h>
#include <net/if_types.h>
#include <net/kpi_protocol.h>
#include <sys/errno.h>
#include <sys/kpi_mbuf.h>
#include <sys/socket.h>

static uint32_t
family_of(uint8_t first)
{
	return first >> 4 == 4 ? AF_INET : first >> 4 == 6 ? AF_INET6 : AF_UNSPEC;
}

static errno_t
check(const uint8_t *start, size_t bytes, uint32_t mtu)
{
	return family_of(start[0]) == AF_UNSPEC ? EINVAL : 0;
}

static errno_t
demux(ifnet_t ifp, mbuf_t packet, char *header, protocol_family_t *protocol)
{
	uint32_t family = mbuf_len(packet) > 0 ? family_of(*(uint8_t *)mbuf_data(packet)) : AF_UNSPEC;

	if (family == AF_UNSPEC) {
		return ENOENT;
	}
	*protocol = family; /* PF_INET and PF_INET6 are AF_INET and AF_INET6 */
	return 0;
}

static errno_t
add_proto(ifnet_t ifp, protocol_family_t protocol, const struct ifnet_demux_desc *descriptions, u_int32_t count)
{
	return protocol == PF_INET || protocol == PF_INET6 ? 0 : EPROTONOSUPPORT;
}

static errno_t
del_proto(ifnet_t ifp, protocol_family_t protocol)
{
	return 0;
}

static errno_t
proto_in(ifnet_t ifp, protocol_family_t protocol, mbuf_t packet, char *header)
{
	return proto_input(protocol, packet); /* what is refused is the caller's to free */
}

static errno_t
proto_out(ifnet_t ifp, protocol_family_t protocol, mbuf_t *packet, const struct sockaddr *destination, void *route, char *frame_type,
    char *link_destination)
{
	return 0;
}

static errno_t
plumb(ifnet_t ifp, protocol_family_t protocol)
{
	struct ifnet_attach_proto_param how = {.input = proto_in, .pre_output = proto_out};
	errno_t error = ifnet_attach_protocol(ifp, protocol, &how);

	return error == EEXIST ? 0 : error;
}

static errno_t
start(ifnet_family_t *family)
{
	errno_t error = ifnet_interface_family_find(kind.bundle, family);

	if (error != 0) {
		return error;
	}
	error = proto_register_plumber(PF_INET, *family, plumb, NULL);
	if (error != 0) {
		return error;
	}
	error = proto_register_plumber(PF_INET6, *family, plumb, NULL);
	if (error != 0) {
		proto_unregister_plumber(PF_INET, *family);
	}
	return error;
}

static void
stop(ifnet_family_t family)
{
	proto_unregister_plumber(PF_INET6, family);
	proto_unregister_plumber(PF_INET, family);
}

const struct kind kind = {
	.name = "tun",
	.bundle = "org.tuntapd.tun",
	.type = IFT_OTHER,
	.flags = IFF_POINTOPOINT | IFF_RUNNING | IFF_SIMPLEX | IFF_MULTICAST,
	.dlt = DLT_NULL,
	.least_bytes = 1,
	.has_header_mode = true,
	.demux = demux,
	.add_proto = add_proto,
	.del_proto = del_proto,
	.start = start,
	.stop = stop,
	.check = check,
	.family_of = family_of,
};
