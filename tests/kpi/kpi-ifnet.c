/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kpi-ifnet.c - interfaces, protocols and captures of the model.
 *
 * An interface is counted in two ways, as the kernel does it: references keep its memory, and calls under way (io) keep it
 * attached.  A detach takes it from the list at once, and ends on a thread of its own: when no call is under way, protocols are
 * taken off, the extension is called for the last time, and the stack's reference goes.  Whoever calls the extension about an
 * interface holds an io; a call after the last one is a panic.
 *
 * The stack above is thin.  What comes in goes by demux to the protocol that is plumbed there, and from it, if it is accepted, to
 * a list that tests read.  What goes out is what tests give.  Ethernet's part is the kernel's: the type decides, IPv4 and IPv6
 * alone are known.
 *
 * The argument of SIOCSIFADDR is an address that nobody may read, since on old kernels it may be anything.
 */
#include <net/bpf.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_types.h>
#include <net/kpi_interface.h>
#include <net/kpi_protocol.h>
#include <string.h>
#include <sys/errno.h>
#include <sys/kpi_mbuf.h>
#include <sys/sockio.h>
#include <sys/systm.h>

#include "kpi.h"
#include "model.h"

#define MAGIC 0x69666e65u
#define FIRST_FAMILY 1000
#define INBOX_MAX 4096
#define PROTOCOLS 2

enum state { EMBRYONIC, ATTACHED, DETACHING, DETACHED };

struct protocol {
	protocol_family_t family; /* 0: none */
	struct ifnet_attach_proto_param how;
};

struct received {
	struct received *next;
	size_t size;
	uint8_t bytes[];
};

struct ifnet {
	uint32_t magic;
	struct ifnet *next;  /* of all that live */
	struct ifnet_init_params init;
	char name[16], full_name[24];
	uint8_t unique[64];
	uint32_t unique_bytes;
	enum state state;
	int references;
	unsigned io;
	bool has_bpf;
	uint16_t flags;
	uint32_t mtu;
	uint8_t header_bytes, address_bytes;
	uint8_t address[8];
	struct protocol protocols[PROTOCOLS];
	uint64_t packets_in, bytes_in, packets_out, bytes_out, errors_out, no_protocol, tapped_in, tapped_out;
	uint32_t tapped_header, link_on;
	struct received *inbox, **inbox_end;
	unsigned inbox_count;
};

struct plumber {
	struct plumber *next;
	protocol_family_t protocol;
	ifnet_family_t family;
	proto_plumb_handler plumb;
};

static struct ifnet *interfaces;
static struct plumber *plumbers;
static unsigned detachers;
static bool hold_detach;
static char stranger[16];
static ifnet_t held_reference, pinned;

/* By model_lock. */
static ifnet_t
find(const char *name)
{
	for (ifnet_t ifp = interfaces; ifp != NULL; ifp = ifp->next) {
		if (ifp->state == ATTACHED && strcmp(ifp->full_name, name) == 0) {
			return ifp;
		}
	}
	return NULL;
}

/* Begins a call about an attached interface; NULL: there is none. */
static ifnet_t
begin(const char *name)
{
	model_lock();
	ifnet_t ifp = find(name);
	if (ifp != NULL) {
		ifp->io++;
	}
	model_unlock();
	return ifp;
}

static void
end(ifnet_t ifp)
{
	model_lock();
	ifp->io--;
	host_wake_all();
	model_unlock();
}

/* By model_lock or not: one that lives. */
static ifnet_t
look_at(ifnet_t ifp, const char *what)
{
	if (ifp == NULL || ifp->magic != MAGIC) {
		host_panic("%s of what is no interface, or was freed", what);
	}
	return ifp;
}

unsigned
model_ifnets(void)
{
	unsigned count = 0;

	model_lock();
	for (ifnet_t ifp = interfaces; ifp != NULL; ifp = ifp->next) {
		count++;
	}
	model_unlock();
	return count;
}

unsigned
model_plumbers(void)
{
	unsigned count = 0;

	model_lock();
	for (struct plumber *p = plumbers; p != NULL; p = p->next) {
		count++;
	}
	model_unlock();
	return count;
}

void
kpi_wait_detached(void)
{
	model_lock();
	while (detachers > 0 && !hold_detach) {
		model_unlock();
		host_yield();
		model_lock();
	}
	model_unlock();
}

void
kpi_hold_detach(bool hold)
{
	__atomic_store_n(&hold_detach, hold, __ATOMIC_SEQ_CST);
}

void
kpi_stranger(const char *name)
{
	model_lock();
	memset(stranger, 0, sizeof(stranger));
	if (name != NULL) {
		memcpy(stranger, name, strlen(name));
	}
	model_unlock();
}

void
kpi_hold_reference(const char *name)
{
	model_lock();
	held_reference = find(name);
	held_reference->references++;
	model_unlock();
}

void
kpi_drop_reference(void)
{
	(void)ifnet_release(held_reference);
	held_reference = NULL;
}

/* Making and taking away. */

errno_t
ifnet_allocate(const struct ifnet_init_params *init, ifnet_t *out)
{
	ifnet_t ifp;

	model_may_block("ifnet_allocate");
	if (init->name == NULL || init->output == NULL || init->demux == NULL || init->add_proto == NULL || init->del_proto == NULL) {
		return EINVAL;
	}
	if (init->type == IFT_ETHER && (init->check_multi == NULL || init->broadcast_addr == NULL ||
	    init->broadcast_len != ETHER_ADDR_LEN)) {
		return EINVAL;
	}
	if (model_fails("ifnet_allocate")) {
		return ENOMEM;
	}
	ifp = host_alloc(sizeof(*ifp));
	ifp->magic = MAGIC;
	ifp->init = *init;
	ifp->init.name = ifp->name;
	ifp->references = 1;
	ifp->inbox_end = &ifp->inbox;
	ifp->flags = IFF_UP | 0x0100; /* as the last owner of a used one may have left it */
	host_format(ifp->name, sizeof(ifp->name), "%s", init->name);
	host_format(ifp->full_name, sizeof(ifp->full_name), "%s%u", init->name, init->unit);
	ifp->unique_bytes = init->uniqueid_len;
	if (init->uniqueid_len > sizeof(ifp->unique)) {
		host_panic("a unique identifier of %u bytes", init->uniqueid_len);
	}
	memcpy(ifp->unique, init->uniqueid == NULL ? "" : init->uniqueid, init->uniqueid_len);
	model_lock();
	for (ifnet_t other = interfaces; other != NULL && init->uniqueid_len > 0; other = other->next) {
		if (other->unique_bytes == ifp->unique_bytes && memcmp(other->unique, ifp->unique, ifp->unique_bytes) == 0) {
			model_unlock();
			host_free(ifp);
			return EBUSY;
		}
	}
	ifp->next = interfaces;
	interfaces = ifp;
	model_unlock();
	*out = ifp;
	return 0;
}

errno_t
ifnet_release(ifnet_t ifp)
{
	bool last;

	model_may_block("ifnet_release");
	model_lock();
	last = --look_at(ifp, "ifnet_release")->references == 0;
	if (ifp->references < 0 || (last && (ifp->state == ATTACHED || ifp->state == DETACHING))) {
		host_panic("%s is released once too often", ifp->full_name);
	}
	for (ifnet_t *at = &interfaces; last && *at != NULL; at = &(*at)->next) {
		if (*at == ifp) {
			*at = ifp->next;
			break;
		}
	}
	model_unlock();
	if (last) {
		while (ifp->inbox != NULL) {
			struct received *r = ifp->inbox;

			ifp->inbox = r->next;
			host_free(r);
		}
		ifp->magic = 0;
		host_free(ifp);
	}
	return 0;
}

errno_t
ifnet_attach(ifnet_t ifp, const struct sockaddr_dl *address)
{
	errno_t error = 0;

	model_may_block("ifnet_attach");
	look_at(ifp, "ifnet_attach");
	if (model_fails("ifnet_attach")) {
		return ENOMEM;
	}
	if ((ifp->flags & IFF_UP) != 0) {
		host_panic("%s is attached up", ifp->full_name);
	}
	model_lock();
	if (ifp->state != EMBRYONIC) {
		error = EINVAL;
	} else if (find(ifp->full_name) != NULL || strcmp(stranger, ifp->full_name) == 0) {
		error = EEXIST;
	} else {
		if (address != NULL) {
			if (address->sdl_alen != ifp->address_bytes || address->sdl_len < sizeof(*address) || address->sdl_nlen != 0) {
				host_panic("%s has an address of %u bytes", ifp->full_name, address->sdl_alen);
			}
			memcpy(ifp->address, LLADDR(address), ifp->address_bytes);
		}
		ifp->state = ATTACHED;
		ifp->references++;
	}
	model_unlock();
	return error;
}

static void
finish_detach(void *argument)
{
	ifnet_t ifp = argument;

	model_lock();
	while (ifp->io > 0 || __atomic_load_n(&hold_detach, __ATOMIC_SEQ_CST)) {
		model_unlock();
		host_yield();
		model_lock();
	}
	model_unlock();
	for (unsigned i = 0; i < PROTOCOLS; i++) {
		if (ifp->protocols[i].family != 0) {
			(void)ifnet_detach_protocol(ifp, ifp->protocols[i].family);
		}
	}
	model_lock();
	ifp->state = DETACHED;
	model_unlock();
	if (ifp->init.detach != NULL) {
		model_enter();
		ifp->init.detach(ifp);
		model_leave("detached");
	}
	(void)ifnet_release(ifp);
	model_lock();
	detachers--;
	model_unlock();
}

errno_t
ifnet_detach(ifnet_t ifp)
{
	model_may_block("ifnet_detach");
	model_lock();
	if (look_at(ifp, "ifnet_detach")->state != ATTACHED) {
		errno_t error = ifp->state == DETACHING ? ENXIO : EINVAL;

		model_unlock();
		return error;
	}
	ifp->state = DETACHING;
	detachers++;
	model_unlock();
	host_thread_start(finish_detach, ifp);
	return 0;
}

errno_t
ifnet_interface_family_find(const char *name, ifnet_family_t *family)
{
	model_may_block("ifnet_interface_family_find");
	if (model_fails("ifnet_interface_family_find")) {
		return ENOMEM;
	}
	*family = FIRST_FAMILY;
	return 0;
}

/* What an interface is. */

void *
ifnet_softc(ifnet_t ifp)
{
	return look_at(ifp, "ifnet_softc")->init.softc;
}

const char *
ifnet_name(ifnet_t ifp)
{
	return look_at(ifp, "ifnet_name")->name;
}

ifnet_family_t
ifnet_family(ifnet_t ifp)
{
	return look_at(ifp, "ifnet_family")->init.family;
}

u_int32_t
ifnet_unit(ifnet_t ifp)
{
	return look_at(ifp, "ifnet_unit")->init.unit;
}

/* Without any lock, as in the kernel. */
u_int16_t
ifnet_flags(ifnet_t ifp)
{
	return __atomic_load_n(&look_at(ifp, "ifnet_flags")->flags, __ATOMIC_RELAXED);
}

errno_t
ifnet_set_flags(ifnet_t ifp, u_int16_t flags, u_int16_t mask)
{
	model_may_block("ifnet_set_flags");
	if (model_fails("ifnet_set_flags")) {
		return EINVAL;
	}
	model_lock();
	look_at(ifp, "ifnet_set_flags");
	__atomic_store_n(&ifp->flags, (uint16_t)((flags & mask) | (ifp->flags & ~mask)), __ATOMIC_RELAXED);
	model_unlock();
	return 0;
}

u_int32_t
ifnet_mtu(ifnet_t ifp)
{
	return __atomic_load_n(&look_at(ifp, "ifnet_mtu")->mtu, __ATOMIC_RELAXED);
}

errno_t
ifnet_set_mtu(ifnet_t ifp, u_int32_t mtu)
{
	model_may_block("ifnet_set_mtu");
	if (model_fails("ifnet_set_mtu")) {
		return EINVAL;
	}
	__atomic_store_n(&look_at(ifp, "ifnet_set_mtu")->mtu, mtu, __ATOMIC_RELAXED);
	return 0;
}

errno_t
ifnet_set_addrlen(ifnet_t ifp, u_int8_t bytes)
{
	model_may_block("ifnet_set_addrlen");
	look_at(ifp, "ifnet_set_addrlen")->address_bytes = bytes;
	return 0;
}

errno_t
ifnet_set_hdrlen(ifnet_t ifp, u_int8_t bytes)
{
	model_may_block("ifnet_set_hdrlen");
	look_at(ifp, "ifnet_set_hdrlen")->header_bytes = bytes;
	return 0;
}

errno_t
ifnet_set_lladdr(ifnet_t ifp, const void *address, size_t bytes)
{
	model_may_block("ifnet_set_lladdr");
	if (bytes != look_at(ifp, "ifnet_set_lladdr")->address_bytes) {
		return EINVAL;
	}
	model_lock();
	memcpy(ifp->address, address, bytes);
	model_unlock();
	return 0;
}

errno_t
ifnet_event(ifnet_t ifp, struct kern_event_msg *event)
{
	model_may_block("ifnet_event");
	/* Name and unit follow the first word of the data. */
	if (event->total_size != sizeof(*event) + sizeof(uint32_t) + IFNAMSIZ ||
	    strcmp((const char *)event->event_data + 2 * sizeof(uint32_t), ifp->name) != 0) {
		host_panic("news of %u bytes", event->total_size);
	}
	model_lock();
	ifp->link_on += event->event_code == 13;
	model_unlock();
	return 0;
}

errno_t
ifnet_stat_increment_in(ifnet_t ifp, u_int32_t packets, u_int32_t bytes, u_int32_t errors)
{
	model_lock();
	look_at(ifp, "ifnet_stat_increment_in")->packets_in += packets;
	ifp->bytes_in += bytes;
	model_unlock();
	return 0;
}

errno_t
ifnet_stat_increment_out(ifnet_t ifp, u_int32_t packets, u_int32_t bytes, u_int32_t errors)
{
	model_lock();
	look_at(ifp, "ifnet_stat_increment_out")->packets_out += packets;
	ifp->bytes_out += bytes;
	ifp->errors_out += errors;
	model_unlock();
	return 0;
}

/* Captures. */

void
bpfattach(ifnet_t ifp, u_int dlt, u_int header_bytes)
{
	model_may_block("bpfattach");
	if (look_at(ifp, "bpfattach")->state != ATTACHED || header_bytes != (dlt == DLT_NULL ? 4 : ETHER_HDR_LEN)) {
		host_panic("bpfattach of %s", ifp->full_name);
	}
	__atomic_store_n(&ifp->has_bpf, true, __ATOMIC_RELAXED);
}

static void
tap(ifnet_t ifp, uint64_t *counter, u_int32_t dlt, mbuf_t packet, const void *header, size_t header_bytes)
{
	model_may_block("bpf_tap");
	if (header_bytes != (dlt == DLT_NULL ? 4 : 0) || mbuf_pkthdr_len(packet) == 0) {
		host_panic("a capture of %s with a header of %zu bytes", ifp->full_name, header_bytes);
	}
	model_lock();
	++*counter;
	if (header_bytes > 0) {
		memcpy(&ifp->tapped_header, header, sizeof(ifp->tapped_header));
	}
	model_unlock();
}

void
bpf_tap_in(ifnet_t ifp, u_int32_t dlt, mbuf_t packet, void *header, size_t header_bytes)
{
	tap(ifp, &look_at(ifp, "bpf_tap_in")->tapped_in, dlt, packet, header, header_bytes);
}

void
bpf_tap_out(ifnet_t ifp, u_int32_t dlt, mbuf_t packet, void *header, size_t header_bytes)
{
	tap(ifp, &look_at(ifp, "bpf_tap_out")->tapped_out, dlt, packet, header, header_bytes);
}

/* Protocols. */

errno_t
proto_register_plumber(protocol_family_t protocol, ifnet_family_t family, proto_plumb_handler plumb, proto_unplumb_handler unplumb)
{
	struct plumber *p;

	model_may_block("proto_register_plumber");
	if (model_fails("proto_register_plumber")) {
		return ENOMEM;
	}
	p = host_alloc(sizeof(*p));
	*p = (struct plumber){.protocol = protocol, .family = family, .plumb = plumb};
	model_lock();
	for (struct plumber *other = plumbers; other != NULL; other = other->next) {
		if (other->protocol == protocol && other->family == family) {
			model_unlock();
			host_free(p);
			return EEXIST;
		}
	}
	p->next = plumbers;
	plumbers = p;
	model_unlock();
	return 0;
}

void
proto_unregister_plumber(protocol_family_t protocol, ifnet_family_t family)
{
	model_may_block("proto_unregister_plumber");
	model_lock();
	for (struct plumber **at = &plumbers; *at != NULL; at = &(*at)->next) {
		struct plumber *p = *at;

		if (p->protocol == protocol && p->family == family) {
			*at = p->next;
			model_unlock();
			host_free(p);
			return;
		}
	}
	host_panic("a plumber is unregistered that is none");
}

errno_t
ifnet_attach_protocol(ifnet_t ifp, protocol_family_t protocol, const struct ifnet_attach_proto_param *how)
{
	struct protocol *free_one = NULL;
	errno_t error;

	model_may_block("ifnet_attach_protocol");
	if (how->input == NULL || how->pre_output == NULL) {
		return EINVAL;
	}
	if (model_fails("ifnet_attach_protocol")) {
		return ENOMEM;
	}
	model_lock();
	for (unsigned i = 0; i < PROTOCOLS; i++) {
		if (look_at(ifp, "ifnet_attach_protocol")->protocols[i].family == protocol) {
			model_unlock();
			return EEXIST;
		}
		free_one = ifp->protocols[i].family == 0 ? &ifp->protocols[i] : free_one;
	}
	if (free_one == NULL) {
		host_panic("%s has too many protocols", ifp->full_name);
	}
	*free_one = (struct protocol){.family = protocol, .how = *how};
	model_unlock();
	model_enter();
	error = ifp->init.add_proto(ifp, protocol, how->demux_array, how->demux_count);
	model_leave("add_proto");
	if (error != 0) {
		model_lock();
		free_one->family = 0;
		model_unlock();
	}
	return error;
}

errno_t
ifnet_detach_protocol(ifnet_t ifp, protocol_family_t protocol)
{
	bool found = false;

	model_may_block("ifnet_detach_protocol");
	model_lock();
	for (unsigned i = 0; i < PROTOCOLS; i++) {
		if (look_at(ifp, "ifnet_detach_protocol")->protocols[i].family == protocol) {
			ifp->protocols[i].family = 0;
			found = true;
		}
	}
	model_unlock();
	if (!found) {
		return ENOENT;
	}
	model_enter();
	errno_t error = ifp->init.del_proto(ifp, protocol);
	model_leave("del_proto");
	return error;
}

errno_t
proto_input(protocol_family_t protocol, mbuf_t packet)
{
	ifnet_t ifp = look_at(model_packet_rcvif(packet), "proto_input");
	size_t size = mbuf_pkthdr_len(packet);
	struct received *r;

	model_may_block("proto_input");
	if (model_fails("proto_input")) {
		return ENOBUFS;
	}
	r = host_alloc(sizeof(*r) + size);
	r->size = size;
	if (mbuf_copydata(packet, 0, size, r->bytes) != 0) {
		host_panic("a packet is shorter than it says");
	}
	mbuf_freem(packet);
	model_lock();
	if (ifp->inbox_count < INBOX_MAX) {
		*ifp->inbox_end = r;
		ifp->inbox_end = &r->next;
		ifp->inbox_count++;
		r = NULL;
	}
	model_unlock();
	host_free(r);
	return 0;
}

/* Ethernet's own. */

static errno_t
ether_in(ifnet_t ifp, protocol_family_t protocol, mbuf_t packet, char *header)
{
	return proto_input(protocol, packet);
}

static errno_t
ether_out(ifnet_t ifp, protocol_family_t protocol, mbuf_t *packet, const struct sockaddr *destination, void *route, char *type, char *link)
{
	return 0;
}

int ether_add_proto(ifnet_t ifp, protocol_family_t protocol, const struct ifnet_demux_desc *descriptions, u_int32_t count);
int ether_del_proto(ifnet_t ifp, protocol_family_t protocol);
int ether_demux(ifnet_t ifp, mbuf_t packet, char *header, protocol_family_t *protocol);
int ether_check_multi(ifnet_t ifp, const struct sockaddr *address);
int ether_frameout(ifnet_t ifp, mbuf_t *packet, const struct sockaddr *destination, const char *link_destination, const char *type);

int
ether_add_proto(ifnet_t ifp, protocol_family_t protocol, const struct ifnet_demux_desc *descriptions, u_int32_t count)
{
	return 0;
}

int
ether_del_proto(ifnet_t ifp, protocol_family_t protocol)
{
	return 0;
}

int
ether_demux(ifnet_t ifp, mbuf_t packet, char *header, protocol_family_t *protocol)
{
	const uint8_t *bytes = (const uint8_t *)header;
	unsigned type = (unsigned)bytes[12] << 8 | bytes[13];

	*protocol = type == ETHERTYPE_IP ? PF_INET : PF_INET6;
	return type == ETHERTYPE_IP || type == ETHERTYPE_IPV6 ? 0 : ENOENT;
}

int
ether_check_multi(ifnet_t ifp, const struct sockaddr *address)
{
	return address->sa_family == AF_UNSPEC && (address->sa_data[0] & 1) != 0 ? 0 : EADDRNOTAVAIL;
}

int
ether_frameout(ifnet_t ifp, mbuf_t *packet, const struct sockaddr *destination, const char *link_destination, const char *type)
{
	return EAFNOSUPPORT; /* tests give whole frames */
}

/* By no lock: how a protocol gets packets of an interface, or false. */
static bool
find_protocol(ifnet_t ifp, protocol_family_t family, struct protocol *out)
{
	bool found = false;

	model_lock();
	for (unsigned i = 0; i < PROTOCOLS; i++) {
		if (ifp->protocols[i].family == family) {
			*out = ifp->protocols[i];
			found = true;
		}
	}
	model_unlock();
	return found;
}

/* Consumes the packet. */
static void
input_one(ifnet_t ifp, mbuf_t packet)
{
	protocol_family_t family = 0;
	struct protocol protocol;
	char *header = model_packet_header(packet);
	errno_t error;

	if (header == NULL || model_packet_rcvif(packet) != ifp) {
		host_panic("%s: a packet without header or interface", ifp->full_name);
	}
	model_enter();
	error = ifp->init.demux(ifp, packet, header, &family);
	model_leave("demux");
	if (error == EJUSTRETURN) {
		return;
	}
	if (error != 0 || !find_protocol(ifp, family, &protocol)) {
		model_lock();
		ifp->no_protocol++;
		model_unlock();
		mbuf_freem(packet);
		return;
	}
	model_enter();
	error = protocol.how.input(ifp, family, packet, header);
	model_leave("input");
	if (error != 0 && error != EJUSTRETURN) {
		mbuf_freem(packet);
	}
}

errno_t
ifnet_input(ifnet_t ifp, mbuf_t packet, const struct ifnet_stat_increment_param *counts)
{
	bool attached;

	model_may_block("ifnet_input");
	model_lock();
	attached = look_at(ifp, "ifnet_input")->state == ATTACHED;
	if (attached) {
		ifp->io++;
		ifp->packets_in += counts->packets_in;
		ifp->bytes_in += counts->bytes_in;
	}
	model_unlock();
	if (!attached) {
		mbuf_freem(packet);
		return EINVAL;
	}
	input_one(ifp, packet);
	end(ifp);
	return 0;
}

/* Tests. */

static errno_t
call_ioctl(ifnet_t ifp, unsigned long command, void *data)
{
	errno_t error;

	model_enter();
	error = ifp->init.ioctl(ifp, command, data);
	model_leave("ioctl");
	return error == ENOTSUP ? EOPNOTSUPP : error;
}

/* Ends the call, and gives what a system call would. */
static int
finish(ifnet_t ifp, errno_t error)
{
	end(ifp);
	return error == 0 ? 0 : host_fail(error);
}

int
kpi_if_get(const char *name, struct kpi_if *out)
{
	ifnet_t ifp;

	model_lock();
	ifp = find(name);
	if (ifp != NULL) {
		*out = (struct kpi_if){.flags = ifnet_flags(ifp), .mtu = ifnet_mtu(ifp), .type = ifp->init.type, .family = ifp->init.family,
		    .header_bytes = ifp->header_bytes, .address_bytes = ifp->address_bytes, .packets_in = ifp->packets_in,
		    .bytes_in = ifp->bytes_in, .packets_out = ifp->packets_out, .bytes_out = ifp->bytes_out, .errors_out = ifp->errors_out,
		    .no_protocol = ifp->no_protocol, .tapped_in = ifp->tapped_in, .tapped_out = ifp->tapped_out,
		    .tapped_header = ifp->tapped_header, .link_on = ifp->link_on};
		memcpy(out->address, ifp->address, sizeof(out->address));
	}
	model_unlock();
	return ifp != NULL ? 0 : host_fail(ENXIO);
}

static int
change_up(const char *name, bool up, bool tell)
{
	ifnet_t ifp = begin(name);

	if (ifp == NULL) {
		return host_fail(ENXIO);
	}
	model_lock();
	__atomic_store_n(&ifp->flags, (uint16_t)(up ? ifp->flags | IFF_UP : ifp->flags & ~IFF_UP), __ATOMIC_RELAXED);
	model_unlock();
	if (tell) {
		(void)call_ioctl(ifp, SIOCSIFFLAGS, NULL); /* whose error the kernel ignores */
	}
	return finish(ifp, 0);
}

int
kpi_if_set_up(const char *name, bool up)
{
	return change_up(name, up, true);
}

int
kpi_if_set_up_unheard(const char *name, bool up)
{
	return change_up(name, up, false);
}

/* By an io: the family's protocol is on the interface. */
static errno_t
plumb(ifnet_t ifp, protocol_family_t family)
{
	static const struct ifnet_attach_proto_param ethernet = {.input = ether_in, .pre_output = ether_out};
	proto_plumb_handler plumber = NULL;
	struct protocol there;
	errno_t error;

	if (find_protocol(ifp, family, &there)) {
		return 0;
	}
	if (ifp->init.family == IFNET_FAMILY_ETHERNET) {
		error = ifnet_attach_protocol(ifp, family, &ethernet);
		return error == EEXIST ? 0 : error;
	}
	model_lock();
	for (struct plumber *p = plumbers; p != NULL; p = p->next) {
		plumber = p->protocol == family && p->family == ifp->init.family ? p->plumb : plumber;
	}
	model_unlock();
	if (plumber == NULL) {
		return ENOENT;
	}
	model_enter();
	error = plumber(ifp, family);
	model_leave("plumb");
	return error;
}

int
kpi_if_add_address(const char *name, int family)
{
	ifnet_t ifp = begin(name);
	errno_t error;

	if (ifp == NULL) {
		return host_fail(ENXIO);
	}
	error = plumb(ifp, (protocol_family_t)family);
	if (error == 0) {
		error = call_ioctl(ifp, SIOCSIFADDR, (void *)1);
	}
	return finish(ifp, error == EOPNOTSUPP ? 0 : error);
}

int
kpi_if_ioctl(const char *name, unsigned long command, void *data)
{
	ifnet_t ifp = begin(name);

	return ifp == NULL ? host_fail(ENXIO) : finish(ifp, call_ioctl(ifp, command, data));
}

int
kpi_if_set_mtu(const char *name, int mtu)
{
	struct ifreq request = {.ifr_mtu = mtu};

	return kpi_if_ioctl(name, SIOCSIFMTU, &request);
}

int
kpi_if_set_address(const char *name, const uint8_t *address, size_t bytes)
{
	struct ifreq request = {.ifr_addr = {.sa_len = (uint8_t)bytes, .sa_family = AF_LINK}};

	memcpy(request.ifr_addr.sa_data, address, bytes < sizeof(request.ifr_addr.sa_data) ? bytes : sizeof(request.ifr_addr.sa_data));
	return kpi_if_ioctl(name, SIOCSIFLLADDR, &request);
}

int
kpi_if_add_multicast(const char *name, const uint8_t *address)
{
	struct sockaddr group = {.sa_len = sizeof(group), .sa_family = AF_UNSPEC};
	ifnet_t ifp = begin(name);
	errno_t error = 0;

	if (ifp == NULL) {
		return host_fail(ENXIO);
	}
	memcpy(group.sa_data, address, ETHER_ADDR_LEN);
	if (ifp->init.check_multi != NULL) {
		model_enter();
		error = ifp->init.check_multi(ifp, &group);
		model_leave("check_multi");
	}
	if (error == 0) {
		error = call_ioctl(ifp, SIOCADDMULTI, NULL);
	}
	return finish(ifp, error);
}

int
kpi_if_status(const char *name, char *text, size_t size)
{
	struct ifstat status;
	int result;

	memset(&status, 'x', sizeof(status)); /* a stranger's, without an end */
	result = kpi_if_ioctl(name, SIOCGIFSTATUS, &status);
	if (result == 0) {
		host_format(text, size, "%s", status.ascii);
	}
	return result;
}

int
kpi_if_media(const char *name, bool is_64, int *list, int *count)
{
#pragma pack(4)
	struct {
		char name[IFNAMSIZ];
		int current, mask, status, active, count;
		uint64_t list;
	} request = {.count = *count, .list = (uint64_t)(uintptr_t)list};
#pragma pack()
	int result = kpi_if_ioctl(name, is_64 ? 0xc02c6938ul : 0xc0286938ul, &request);

	*count = request.count;
	return result;
}

int
copyout(const void *from, user_addr_t to, size_t size)
{
	model_may_block("copyout");
	if (model_fails("copyout")) {
		return EFAULT;
	}
	memcpy((void *)(uintptr_t)to, from, size);
	return 0;
}

int
kpi_if_send(const char *name, const void *bytes, size_t size)
{
	ifnet_t ifp = begin(name);

	if (ifp == NULL) {
		return host_fail(ENXIO);
	}
	if ((ifnet_flags(ifp) & IFF_UP) == 0) {
		return finish(ifp, ENETDOWN);
	}
	end(ifp);
	return kpi_if_send_list(name, bytes, size, 1);
}

int
kpi_if_send_list(const char *name, const void *bytes, size_t size, unsigned count)
{
	ifnet_t ifp = begin(name);
	mbuf_t list = NULL;
	errno_t error;

	if (ifp == NULL) {
		return host_fail(ENXIO);
	}
	for (unsigned i = 0; i < count; i++) {
		mbuf_t packet = model_packet(bytes, size);

		mbuf_setnextpkt(packet, list);
		list = packet;
	}
	model_enter();
	error = ifp->init.output(ifp, list);
	model_leave("output");
	return finish(ifp, error);
}

int
kpi_if_pin(const char *name)
{
	pinned = begin(name);
	return pinned != NULL ? 0 : host_fail(ENXIO);
}

int
kpi_pinned_send(const void *bytes, size_t size)
{
	uint16_t flags = ifnet_flags(pinned);
	errno_t error;

	__atomic_store_n(&pinned->flags, (uint16_t)(flags | IFF_UP), __ATOMIC_RELAXED);
	model_enter();
	error = pinned->init.output(pinned, model_packet(bytes, size));
	model_leave("output");
	__atomic_store_n(&pinned->flags, flags, __ATOMIC_RELAXED);
	return error == 0 ? 0 : host_fail(error);
}

void
kpi_if_unpin(void)
{
	end(pinned);
	pinned = NULL;
}

long
kpi_if_receive(const char *name, void *buffer, size_t size)
{
	struct received *r = NULL;
	ifnet_t ifp;
	long bytes;

	model_lock();
	ifp = find(name);
	if (ifp != NULL && (r = ifp->inbox) != NULL) {
		ifp->inbox = r->next;
		ifp->inbox_count--;
		if (ifp->inbox == NULL) {
			ifp->inbox_end = &ifp->inbox;
		}
	}
	model_unlock();
	if (r == NULL) {
		return host_fail(ifp == NULL ? ENXIO : EAGAIN);
	}
	bytes = (long)r->size;
	memcpy(buffer, r->bytes, r->size < size ? r->size : size);
	host_free(r);
	return bytes;
}
