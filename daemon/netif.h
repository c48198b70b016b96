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
	bool persist;   /* Linux tun: the interface would survive its last descriptor */
	uint32_t mtu;   /* bytes */
	bool has_mac;
	uint8_t mac[6];
	char kind[16];  /* the driver: "tun" (tun and tap), "veth"; empty: hardware or unknown */
	struct message_counters to_program;
	struct message_counters from_program;
	unsigned address_count;   /* in addresses */
	unsigned addresses_total; /* all that exist */
	struct message_address addresses[MESSAGE_ADDRESSES_MAX];
};

enum netif_event_type {
	NETIF_CHANGED,       /* flags, MTU or name: status has them (no addresses) */
	NETIF_DEPARTED,      /* the interface is gone from this namespace */
	NETIF_MOVED,         /* it went to another namespace and lives on */
	NETIF_ADDRESS_ADDED,
};

struct netif_event {
	enum netif_event_type type;
	uint32_t ifindex;
	struct netif_status status; /* NETIF_CHANGED only */
};

/*
 * For a network namespace: a descriptor of it, -1: the caller's own.  NULL with errno: EPERM (no way into it), or as socket(2) and
 * bind(2).
 */
struct netif *netif_new(int ns);
void netif_free(struct netif *n);

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

#endif
