/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iface.c - the network interface of an open device: how it is made and taken away, and the kernel's calls to it.
 *
 * Theory of operation.  The kernel calls with the interface as its argument, from any thread, from before ifnet_attach() returns
 * until it calls iface_detached(); it holds a reference of its own meanwhile.  The device is in the interface's softc, and is
 * never freed.  So these calls need no more than the device's lock, and find by its state whether there still is a program.
 *
 * What strangers can send here.  On kernels before XNU 11417 an interface ioctl that no protocol knows reaches a driver without
 * any question of rights, with whatever the caller's structure holds (bsd/net/if.c, ifioctl; bsd/kern/uipc_usrreq.c).  So a
 * command is compared whole, size included; text that comes with it is never read; the argument of SIOCSIFADDR, which the kernel
 * passes as an address of its own and a stranger as an ifreq, is not looked at; and a command without an argument, as the kernel
 * sends some, is no surprise.
 *
 * Names.  An interface is told by a unique identifier, so that the kernel takes the one of before again: it never frees one.
 * While somebody still holds that one, a fresh one is made.
 *
 * Sources: XNU bsd/net/kpi_interface.[ch], bsd/net/dlil.c (ifnet_detach, ifnet_input: takes the packet whatever the result; ifnet_ioctl:
 * EOPNOTSUPP is "not mine"), bsd/net/if_fake.c (the order of making one).
 */
#include "iface.h"

#include <libkern/libkern.h>
#include <net/bpf.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/if_media.h>
#include <net/if_types.h>
#include <net/kpi_interface.h>
#include <string.h>
#include <sys/errno.h>
#include <sys/kern_event.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/systm.h>

#include "device.h"
#include "kind.h"

/* News for who configures interfaces (XNU bsd/net/net_kev.h, which not every Kernel.framework has). */
#define EVENT_LINK_ON 13

#define UNIQUE_BYTES 64
#define ALL_FLAGS 0xffff

/*
 * SIOCGIFMEDIA's argument as the kernel gets it, which public headers keep from extensions (XNU bsd/net/if_private.h, struct
 * ifmediareq32, ifmediareq64).  The list is in the caller's memory.
 */
#pragma pack(4)
struct media_request {
	char name[IFNAMSIZ];
	int current;
	int mask;
	int status;
	int active;
	int count;
	union {
		uint32_t list_32;
		uint64_t list_64;
	};
};
#pragma pack()
#define MEDIA_32_BYTES 40
#define MEDIA_64_BYTES 44
#define GET_MEDIA_32 _IOC(IOC_INOUT, 'i', 56, MEDIA_32_BYTES)
#define GET_MEDIA_64 _IOC(IOC_INOUT, 'i', 56, MEDIA_64_BYTES)
_Static_assert(sizeof(struct media_request) == MEDIA_64_BYTES && sizeof(struct ifreq) == 32 && sizeof(struct ifstat) == 817,
    "Darwin's layouts");

/* Written at load, before there is a device. */
static ifnet_family_t family_of_interfaces;

void
iface_set_family(uint32_t family)
{
	family_of_interfaces = family;
}

bool
iface_is_up(ifnet_t ifp)
{
	return (ifnet_flags(ifp) & IFF_UP) != 0;
}

uint32_t
iface_mtu(ifnet_t ifp)
{
	return ifnet_mtu(ifp);
}

/* The header that captures show before a packet that has none: the family, in the machine's own order. */
static size_t
capture_header(mbuf_t packet, uint32_t *header)
{
	if (kind.family_of == NULL || mbuf_len(packet) == 0) {
		return 0;
	}
	*header = kind.family_of(*(uint8_t *)mbuf_data(packet));
	return sizeof(*header);
}

void
iface_input(ifnet_t ifp, mbuf_t packet)
{
	struct ifnet_stat_increment_param counts = {.packets_in = 1, .bytes_in = (uint32_t)mbuf_pkthdr_len(packet)};
	uint32_t family = 0;
	size_t family_bytes = capture_header(packet, &family);

	(void)mbuf_pkthdr_setrcvif(packet, ifp);
	mbuf_pkthdr_setheader(packet, mbuf_data(packet));
	bpf_tap_in(ifp, kind.dlt, packet, family_bytes > 0 ? &family : NULL, family_bytes);
	if (kind.header_bytes > 0) {
		mbuf_adj(packet, kind.header_bytes);
	}
	(void)ifnet_input(ifp, packet, &counts);
}

/* One packet of the stack's, for the program. */
static errno_t
send_one(ifnet_t ifp, struct device *dev, mbuf_t packet)
{
	uint32_t bytes = (uint32_t)mbuf_pkthdr_len(packet), family = 0;
	size_t family_bytes = capture_header(packet, &family);

	if (!iface_is_up(ifp)) {
		mbuf_freem(packet);
		return ENETDOWN;
	}
	/* Before it is queued: from then on it is a reader's, who may free it. */
	bpf_tap_out(ifp, kind.dlt, packet, family_bytes > 0 ? &family : NULL, family_bytes);
	if (!device_put(dev, packet)) {
		mbuf_freem(packet);
		(void)ifnet_stat_increment_out(ifp, 0, 0, 1);
		return ENOBUFS;
	}
	(void)ifnet_stat_increment_out(ifp, 1, bytes, 0);
	return 0;
}

/* The kernel's: packets to send, a list, now ours. */
static errno_t
iface_output(ifnet_t ifp, mbuf_t list)
{
	struct device *dev = ifnet_softc(ifp);
	errno_t error = 0;

	while (list != NULL) {
		mbuf_t packet = list;
		errno_t refused;

		list = mbuf_nextpkt(packet);
		mbuf_setnextpkt(packet, NULL);
		refused = send_one(ifp, dev, packet);
		error = error != 0 ? error : refused;
	}
	return error;
}

static void
announce(ifnet_t ifp, uint32_t code)
{
	struct {
		struct kern_event_msg header; /* whose last word is the first of the data */
		uint32_t unit;
		char name[IFNAMSIZ];
	} event = {.header = {.total_size = sizeof(event), .vendor_code = KEV_VENDOR_APPLE, .kev_class = KEV_NETWORK_CLASS,
	    .kev_subclass = KEV_DL_SUBCLASS, .event_code = code, .event_data = {ifnet_family(ifp)}}, .unit = ifnet_unit(ifp)};

	(void)snprintf(event.name, sizeof(event.name), "%s", ifnet_name(ifp));
	(void)ifnet_event(ifp, &event.header);
}

static errno_t
set_mtu(ifnet_t ifp, const struct ifreq *request)
{
	if (request == NULL || request->ifr_mtu < MTU_MIN || request->ifr_mtu > MTU_MAX) {
		return EINVAL;
	}
	return ifnet_set_mtu(ifp, (uint32_t)request->ifr_mtu);
}

static errno_t
set_address(ifnet_t ifp, const struct ifreq *request)
{
	const struct sockaddr *address = request == NULL ? NULL : &request->ifr_addr;

	if (kind.address_bytes == 0) {
		return EOPNOTSUPP;
	}
	if (address == NULL || address->sa_family != AF_LINK || address->sa_len != kind.address_bytes || (address->sa_data[0] & 1) != 0) {
		return EINVAL;
	}
	return ifnet_set_lladdr(ifp, address->sa_data, kind.address_bytes);
}

/* ifconfig -v: who has it open, and what became of packets. */
static errno_t
get_status(struct device *dev, struct ifstat *status)
{
	struct device_summary now;

	if (status == NULL) {
		return EINVAL;
	}
	device_summary(dev, &now);
	if (now.open) {
		(void)snprintf(status->ascii, sizeof(status->ascii),
		    "\topen (pid %d)\n\tqueued %u dropped %llu discarded %llu cut %llu refused %llu\n", (int)now.pid, now.queued,
		    (unsigned long long)now.counters.dropped, (unsigned long long)now.counters.discarded,
		    (unsigned long long)now.counters.cut, (unsigned long long)now.counters.refused);
	} else {
		(void)snprintf(status->ascii, sizeof(status->ascii), "\tclosed\n");
	}
	return 0;
}

static errno_t
get_media(struct media_request *media, bool is_64)
{
	uint64_t list;

	if (kind.type != IFT_ETHER) {
		return EOPNOTSUPP;
	}
	if (media == NULL) {
		return EINVAL;
	}
	list = is_64 ? media->list_64 : media->list_32;
	/* The first call asks how many, and has no list. */
	if (list != 0 && media->count < 1) {
		return EINVAL;
	}
	media->current = media->active = IFM_ETHER;
	media->mask = 0;
	media->status = IFM_AVALID | IFM_ACTIVE;
	media->count = 1;
	return list == 0 ? 0 : copyout(&media->current, list, sizeof(media->current));
}

/* The kernel's: an interface ioctl; data is in kernel memory, of the size that is part of the command, or NULL. */
static errno_t
iface_ioctl(ifnet_t ifp, unsigned long command, void *data)
{
	struct device *dev = ifnet_softc(ifp);

	switch ((uint32_t)command) {
	case SIOCSIFADDR:
		/* The first address brings it up; after an explicit down it does not. */
		return device_first_up(dev) ? ifnet_set_flags(ifp, IFF_UP, IFF_UP) : 0;
	case SIOCSIFFLAGS:
		device_up_changed(dev, iface_is_up(ifp));
		return 0;
	case SIOCSIFMTU:
		return set_mtu(ifp, data);
	case SIOCSIFLLADDR:
		return set_address(ifp, data);
	case SIOCADDMULTI:
	case SIOCDELMULTI:
	case SIOCDIFADDR:
		return 0; /* everything that is sent goes to the program, which filters for itself */
	case SIOCGIFSTATUS:
		return get_status(dev, data);
	case GET_MEDIA_32:
	case GET_MEDIA_64:
		return get_media(data, (uint32_t)command == GET_MEDIA_64);
	default:
		return EOPNOTSUPP;
	}
}

/* The kernel's last call. */
static void
iface_detached(ifnet_t ifp)
{
	device_detached(ifnet_softc(ifp));
}

/* A fresh random address: of no vendor's, and no group's. */
static void
make_address(struct sockaddr_dl *address)
{
	uint8_t *bytes = (uint8_t *)LLADDR(address);

	address->sdl_len = sizeof(*address);
	address->sdl_family = AF_LINK;
	address->sdl_type = (u_char)kind.type;
	address->sdl_alen = kind.address_bytes;
	read_random(bytes, kind.address_bytes);
	bytes[0] = (uint8_t)((bytes[0] & 0xfc) | 0x02);
}

static errno_t
allocate(struct device *dev, ifnet_t *ifp)
{
	char unique[UNIQUE_BYTES] = {0};
	struct ifnet_init_params params = {
		.uniqueid = unique, .uniqueid_len = sizeof(unique), .name = kind.name, .unit = dev->unit,
		.family = family_of_interfaces, .type = kind.type, .output = iface_output, .demux = kind.demux,
		.add_proto = kind.add_proto, .del_proto = kind.del_proto, .check_multi = kind.check_multi, .framer = kind.framer,
		.softc = dev, .ioctl = iface_ioctl, .detach = iface_detached,
		.broadcast_addr = kind.broadcast, .broadcast_len = kind.broadcast == NULL ? 0 : kind.address_bytes,
	};
	errno_t error;

	(void)snprintf(unique, sizeof(unique), "%s.%u", kind.bundle, dev->unit);
	error = ifnet_allocate(&params, ifp);
	if (error == EEXIST || error == EBUSY) {
		params.uniqueid = NULL;
		params.uniqueid_len = 0;
		error = ifnet_allocate(&params, ifp);
	}
	return error;
}

/* All of it before the interface is anybody's to see. */
static errno_t
prepare(ifnet_t ifp)
{
	errno_t error = ifnet_set_mtu(ifp, MTU_DEFAULT);

	if (error == 0) {
		error = ifnet_set_hdrlen(ifp, kind.header_bytes);
	}
	if (error == 0) {
		error = ifnet_set_addrlen(ifp, kind.address_bytes);
	}
	if (error == 0) {
		/* All flags: an interface that is used again has those of before. */
		error = ifnet_set_flags(ifp, kind.flags, ALL_FLAGS);
	}
	return error;
}

int
iface_make(struct device *dev, ifnet_t *out)
{
	struct sockaddr_dl address = {.sdl_len = 0};
	ifnet_t ifp = NULL;
	errno_t error = allocate(dev, &ifp);

	if (error != 0) {
		return error;
	}
	error = prepare(ifp);
	if (error == 0) {
		if (kind.address_bytes > 0) {
			make_address(&address);
		}
		error = ifnet_attach(ifp, kind.address_bytes > 0 ? &address : NULL);
	}
	if (error != 0) {
		(void)ifnet_release(ifp);
		return error == EEXIST ? EBUSY : error;
	}
	bpfattach(ifp, kind.dlt, kind.family_of != NULL ? (u_int)sizeof(uint32_t) : kind.header_bytes);
	announce(ifp, EVENT_LINK_ON);
	*out = ifp;
	return 0;
}

void
iface_take_away(ifnet_t ifp)
{
	/* Refused only if it is detached or being detached already, and then the last call has come or will. */
	(void)ifnet_set_flags(ifp, 0, IFF_UP | IFF_RUNNING);
	(void)ifnet_detach(ifp);
}

void
iface_release(ifnet_t ifp)
{
	(void)ifnet_release(ifp);
}
