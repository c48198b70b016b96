/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netif.h - network interfaces of one network namespace: find, read, change, watch.  One file per platform:
 * netif-linux.c (rtnetlink).  Only links and the monitor call it.
 *
 * Interfaces are known by index; a name is looked up once, when the interface has just been made.
 */
#ifndef TUNTAPD_DAEMON_NETIF_H
#define TUNTAPD_DAEMON_NETIF_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/message.h"

struct netif; /* the sockets of one namespace */

/* What is known of one interface.  Counters are seen from the program: from_program is what the interface received. */
struct netif_status {
	uint32_t ifindex;
	char ifname[MESSAGE_IFNAME_SIZE];
	bool up;
	bool carrier;   /* Linux tun, and what a link has kept: somebody holds it; other drivers: as they say */
	bool stalled;   /* macOS: up, as an address has made it, and not running: it sends nothing until it is brought up, too */
	bool persist;   /* Linux tun, and what a link has kept: the interface would survive its last descriptor */
	uint32_t mtu;   /* bytes */
	bool ethernet;  /* frames are Ethernet's, and it is no loopback */
	bool has_mac;
	uint8_t mac[6];
	uint32_t master; /* Linux: what netif_master() says */
	char kind[16];  /* the driver: "tun" (tun and tap), "veth"; empty: hardware or unknown */
	uint32_t far_ifindex;  /* one end of a pair: the index of the other, in its namespace; else 0 */
	int32_t far_netns;     /* that namespace, by its number here; -1: this one */
	struct message_counters to_program;
	struct message_counters from_program;
	unsigned address_count;   /* in addresses */
	unsigned addresses_total; /* all that exist */
	struct message_address addresses[MESSAGE_ADDRESSES_MAX];
};

enum netif_event_type {
	NETIF_CHANGED,       /* flags, MTU or name: status has them (no addresses) */
	NETIF_DEPARTED,      /* the interface is gone from this namespace */
	NETIF_MOVED,         /* it went to another namespace and lives on: netns and new_ifindex say where */
	NETIF_ADDRESS_ADDED,
};

struct netif_event {
	enum netif_event_type type;
	uint32_t ifindex;
	struct netif_status status; /* NETIF_CHANGED only */
	int32_t netns;              /* NETIF_MOVED: the other namespace, by its number here (netif_peer_number()); -1: not told */
	uint32_t new_ifindex;       /* NETIF_MOVED: its index there */
};

/* An address to be given to an interface.  Bytes in network order, the first 4 for IPv4. */
struct netif_address {
	uint8_t family;  /* 4 or 6 */
	uint8_t prefix;  /* bits */
	bool has_peer;   /* point-to-point: the prefix is the peer's */
	bool broadcast;  /* IPv4: with the prefix's last address as the broadcast address */
	bool at_once;    /* IPv6: without looking first whether somebody else has it */
	uint8_t bytes[16];
	uint8_t peer[16];
};

/* A route through an interface.  Bits past the prefix are 0. */
struct netif_route {
	uint8_t family; /* 4 or 6 */
	uint8_t prefix; /* bits; 0: the default route */
	bool has_gateway;
	uint8_t destination[16];
	uint8_t gateway[16];
};

/*
 * For a network namespace: a descriptor of it, -1: the caller's own.  NULL with errno: EPERM (no way into it), or as socket(2) and
 * bind(2).
 */
struct netif *netif_new(int ns);
void netif_free(struct netif *n);

/*
 * The number by which the kernel calls namespace ns in this one; -1: it has none, since nothing here has to do with it.  0, or -1 with
 * errno.
 */
int netif_peer_number(struct netif *n, int ns, int32_t *number);

/* Readable when netif_next_event() has something to say.  Owned by n. */
int netif_watch_fd(const struct netif *n);

/*
 * The next change.  1: *event is filled; 0: nothing more for now; -1 with errno ENOBUFS: changes were lost, read every
 * interface again; other errno: the watch itself failed.
 */
int netif_next_event(struct netif *n, struct netif_event *event);

/*
 * By name or (ifname NULL) by index, without addresses unless asked for.  0, or -1 with errno: ENODEV (no such interface), or as
 * the socket calls.
 */
int netif_read(struct netif *n, const char *ifname, uint32_t ifindex, bool addresses, struct netif_status *status);

/*
 * The quick look at an interface that has just been made: index, name and MTU, and down; the rest of *status is zero.  0, or -1 with errno
 * ENODEV.
 */
int netif_find(struct netif *n, const char *ifname, struct netif_status *status);

/* 0, or -1 with errno: ENODEV, EPERM. */
int netif_set_up(struct netif *n, uint32_t ifindex, bool up);
int netif_delete(struct netif *n, uint32_t ifindex);

/*
 * What the administrator can have configured: MTU (bytes), MAC address, length of the interface's own queue (packets), an address, a route.
 * 0, or -1 with errno as the kernel says: ENODEV, EINVAL (out of the driver's range), EEXIST (the address or route is there already),
 * ENETUNREACH (no way to the gateway), ENETDOWN (a route through an interface that is down), EACCES or EOPNOTSUPP (IPv6 is off there).
 */
int netif_set_mtu(struct netif *n, uint32_t ifindex, uint32_t mtu);
int netif_set_mac(struct netif *n, uint32_t ifindex, const uint8_t mac[6]);
int netif_set_queue(struct netif *n, uint32_t ifindex, uint32_t packets);
int netif_add_address(struct netif *n, uint32_t ifindex, const struct netif_address *address);
int netif_add_route(struct netif *n, uint32_t ifindex, const struct netif_route *route);

/* The other end of a pair. */
struct netif_far_end {
	int32_t netns_fd; /* where it is to be; -1: where the near end is */
	uint32_t mtu;     /* 0: as the kernel makes it */
	char ifname[MESSAGE_IFNAME_SIZE];
	const uint8_t *mac; /* NULL: random */
	/* Of the near end, the same. */
	uint32_t near_mtu;
	const uint8_t *near_mac;
};

/*
 * Makes a pair of joined Ethernet interfaces, both down, the near one called ifname.  0, or -1 with errno: EEXIST (something of that name
 * exists), EOPNOTSUPP (the kernel has no such pairs), EPERM, ENOMEM.
 */
int netif_make_pair(struct netif *n, const char *ifname, const struct netif_far_end *far);

/* What the number-th bridge of our making is called. */
void netif_bridge_name(unsigned number, char ifname[MESSAGE_IFNAME_SIZE]);

/* Whether an interface is a wireless one. */
bool netif_is_wireless(struct netif *n, const char *ifname);
/* Linux, for the tests: the same, by a descriptor of /sys/class/net or its like. */
bool netif_is_wireless_at(int sysfs, const char *ifname);

/* The index of the bridge, on Linux also of the bond, the VRF, ..., that an interface that was just read is a member of; 0: none. */
uint32_t netif_master(struct netif *n, const struct netif_status *status);

/*
 * Makes a bridge, down and without a delay before it forwards: on Linux with that MAC address and MTU, on macOS with an address of its own,
 * and the MTU of its first member.  0, or -1 with errno: EEXIST (something of that name exists), EOPNOTSUPP (the kernel has no bridges),
 * EPERM, ENOMEM.
 */
int netif_make_bridge(struct netif *n, const char *ifname, const uint8_t mac[6], uint32_t mtu);

/*
 * Makes an interface a member of a bridge, whichever it was in; master 0: of none.  0, or -1 with errno, and on macOS it is in the one that
 * it was in: ENODEV, EBUSY (it belongs to something else), EINVAL, ELOOP, EOPNOTSUPP (such an interface cannot be one; on macOS EINVAL also
 * where the bridge has members of another MTU).
 */
int netif_set_master(struct netif *n, uint32_t ifindex, uint32_t master);

/*
 * Fills members with the indexes of at most size members of a bridge.  Returns how many there are in all, none also where there is no such
 * bridge; -1 with errno.
 */
int netif_members(struct netif *n, uint32_t master, uint32_t members[], unsigned size);

/*
 * Moves the addresses of an interface, and the routes through it, to another: those that the kernel makes by itself (link-local
 * addresses, what routers announce, the routes of addresses) are left to it, and so are routes with more than one next hop.  0; or -1 with
 * errno, and some may have been moved.  Both interfaces must be up, or routes are refused with ENETDOWN.  On macOS a member of a bridge
 * goes on with its addresses, and nothing is moved.
 */
int netif_move_addresses(struct netif *n, uint32_t from, uint32_t to);

#endif
