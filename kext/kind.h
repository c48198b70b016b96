/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kind.h - what makes a kernel extension tun's or tap's; everything else is the same.
 *
 * Each of the two extensions is the shared core and one file that fills a struct kind.  Functions are called without any lock of ours.
 */
#ifndef TUNTAPD_KEXT_KIND_H
#define TUNTAPD_KEXT_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <net/kpi_interface.h>

/* The address family before each packet in header mode, in network byte order. */
#define FAMILY_HEADER_BYTES 4
/* No packet is longer: largest MTU, link header and tag. */
#define MTU_MIN 72    /* XNU bsd/net/if_var.h, IF_MINMTU */
#define MTU_MAX 65535 /* IF_MAXMTU */
#define MTU_DEFAULT 1500

struct kind {
	const char *name;   /* of nodes and interfaces, before the unit */
	const char *bundle; /* the extension's identifier */
	uint32_t type;      /* IFT_* */
	uint16_t flags;     /* IFF_*, of a fresh interface: never UP */
	uint32_t dlt;       /* of captures */
	uint8_t header_bytes;  /* before a packet's payload: the link's header */
	uint8_t address_bytes; /* of a link's address; 0: there is none */
	uint8_t tag_bytes;     /* by which a tagged packet may be longer */
	size_t least_bytes;    /* of a packet */
	bool has_header_mode;
	const uint8_t *broadcast; /* address_bytes of them, or NULL */

	ifnet_demux_func demux;
	ifnet_add_proto_func add_proto;
	ifnet_del_proto_func del_proto;
	ifnet_check_multi check_multi; /* or NULL */
	ifnet_framer_func framer;      /* or NULL */

	/* At load, before anything can be opened: the family of interfaces that protocols know this kind by.  stop undoes it. */
	errno_t (*start)(ifnet_family_t *family);
	void (*stop)(ifnet_family_t family);

	/*
	 * Whether what a program wrote is a packet, by its first least_bytes; it is not longer than MTU, header and tag.  0, EINVAL,
	 * or EMSGSIZE (it is not tagged, and as long as only a tagged one may be).
	 */
	errno_t (*check)(const uint8_t *start, size_t bytes, uint32_t mtu);

	/* The address family of a packet by its first byte, or AF_UNSPEC; NULL: packets of this kind have none. */
	uint32_t (*family_of)(uint8_t first);
};

extern const struct kind kind;

#endif
