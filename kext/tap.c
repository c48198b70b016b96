/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap.c - what is tap's: whole Ethernet frames, on an interface like any other Ethernet interface.
 *
 * Which protocol a frame is for, how one is framed, tags and group addresses are the kernel's own Ethernet functions.  They are among the
 * symbols of com.apple.kpi.bsd (XNU config/BSDKernel.exports), but in no public header, so they are declared here.
 */
#include "kind.h"

#include <net/bpf.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_types.h>
#include <net/kpi_interface.h>
#include <sys/errno.h>

/* XNU bsd/net/ether_if_module.c. */
extern int ether_demux(ifnet_t ifp, mbuf_t packet, char *header, protocol_family_t *protocol);
extern int ether_add_proto(ifnet_t ifp, protocol_family_t protocol, const struct ifnet_demux_desc *descriptions, u_int32_t count);
extern int ether_del_proto(ifnet_t ifp, protocol_family_t protocol);
extern int ether_check_multi(ifnet_t ifp, const struct sockaddr *address);
extern int ether_frameout(ifnet_t ifp, mbuf_t *packet, const struct sockaddr *destination, const char *link_destination, const char *type);

/* IEEE 802.1Q: the tag is between the addresses and the type. */
#define TAG_BYTES 4
#define TYPE_AT 12

static const uint8_t broadcast[ETHER_ADDR_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static errno_t
check(const uint8_t *start, size_t bytes, uint32_t mtu)
{
	bool tagged = (start[TYPE_AT] << 8 | start[TYPE_AT + 1]) == ETHERTYPE_VLAN;

	return bytes > (size_t)mtu + ETHER_HDR_LEN && !tagged ? EMSGSIZE : 0;
}

/* Ethernet's plumbers are the kernel's. */
static errno_t
start(ifnet_family_t *family)
{
	*family = IFNET_FAMILY_ETHERNET;
	return 0;
}

static void
stop(ifnet_family_t family)
{
}

const struct kind kind = {
	.name = "tap",
	.bundle = "org.tuntapd.tap",
	.type = IFT_ETHER,
	.flags = IFF_BROADCAST | IFF_RUNNING | IFF_SIMPLEX | IFF_MULTICAST,
	.dlt = DLT_EN10MB,
	.header_bytes = ETHER_HDR_LEN,
	.address_bytes = ETHER_ADDR_LEN,
	.tag_bytes = TAG_BYTES,
	.least_bytes = ETHER_HDR_LEN,
	.broadcast = broadcast,
	.demux = ether_demux,
	.add_proto = ether_add_proto,
	.del_proto = ether_del_proto,
	.check_multi = ether_check_multi,
	.framer = ether_frameout,
	.start = start,
	.stop = stop,
	.check = check,
};
