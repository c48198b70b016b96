/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy.h - who may open which device, and what the daemon configures on it.  Pure functions over what the administrator configured.
 *
 * A policy never changes once it is made: a reload makes another one and swaps them whole.  One is some hundred KiB, and there is
 * one for each daemon.
 */
#ifndef TUNTAPD_DAEMON_POLICY_H
#define TUNTAPD_DAEMON_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/netif.h"
#include "daemon/os.h"
#include "protocol/devlist.h"
#include "protocol/devname.h"

/* Bounds of what one device's configuration can name. */
#define POLICY_ADDRESSES_MAX 8
#define POLICY_ROUTES_MAX 16
#define POLICY_PROGRAMS_MAX 8
#define POLICY_PATH_SIZE 256
#define POLICY_LINK_SIZE 16
/* The link that hands out nodes of kernel extensions (macOS). */
#define POLICY_LINK_KEXT "kext"
/* Blocks of a file: devices, and patterns of names. */
#define POLICY_BLOCKS_MAX 64
#define POLICY_NAMES_MAX 16
#define POLICY_PATTERN_SIZE 32

/* Open devices of one user, root apart, where the administrator says nothing; and pairs. */
#define POLICY_DEVICES_PER_USER 32
#define POLICY_PAIRS_PER_USER 8
#define POLICY_PAIRS_NAMES "pair*"

enum policy_mac {
	POLICY_MAC_RANDOM, /* as the link makes it */
	POLICY_MAC_STABLE, /* of the machine and the device (setup.h) */
	POLICY_MAC_FIXED,
};

enum policy_up {
	POLICY_UP_DEFAULT, /* if it has addresses, and up_on_address */
	POLICY_UP_YES,
	POLICY_UP_NO,
};

/* What the administrator says of one device. */
struct device_policy {
	struct devlist_entry entry;  /* owner, group and mode */
	char link[POLICY_LINK_SIZE]; /* a link's name, or empty: "auto" */
	bool prefer_kext;            /* "auto" is a kernel extension's node, where there is one */
	bool kernel_name;            /* the interface is not named after the device: the kernel chooses */
	bool persistent;             /* the interface is there before and after the program */
	bool up_on_address;          /* the first address given to it brings it up */
	bool capture_permitted;      /* whoever may open it may see what passes; else its opener alone, and root */
	uint8_t up;                  /* enum policy_up */
	uint8_t mac_kind;            /* enum policy_mac */
	uint8_t mac[6];              /* POLICY_MAC_FIXED */
	uint32_t mtu;                /* bytes; 0: as the link makes it */
	uint32_t queue_packets;      /* of the interface's own queue; 0: as the link makes it */
	char bridge[MESSAGE_IFNAME_SIZE]; /* the interface or bridge that a tap is bridged with; empty: none */
	bool nat;                    /* what is behind the interface gets the machine's addresses */
	unsigned address_count, route_count, program_count;
	struct netif_address addresses[POLICY_ADDRESSES_MAX];
	struct netif_route routes[POLICY_ROUTES_MAX];
	char programs[POLICY_PROGRAMS_MAX][POLICY_PATH_SIZE]; /* none: any program */
	char open_hook[POLICY_PATH_SIZE];                     /* empty: none */
	char close_hook[POLICY_PATH_SIZE];
};

/* Of interfaces whose name a program chooses. */
struct names_policy {
	char pattern[POLICY_PATTERN_SIZE]; /* fnmatch(3) */
	struct device_policy device;
};

/* In policy.devices: what stands outside of all blocks, then what holds for a kind, then the blocks of single devices. */
enum { POLICY_TOP, POLICY_TUN, POLICY_TAP, POLICY_FIRST_BLOCK };

struct policy {
	uint16_t tun_units;
	uint16_t tap_units;
	bool nodes;                /* /dev has a real node of each device */
	uint32_t devices_per_user; /* 0: any number */
	bool pairs_by_group;       /* members of pairs_group may make pairs, not root alone */
	uint32_t pairs_group;
	uint32_t pairs_per_user;   /* 0: any number */
	char pairs_names[POLICY_PATTERN_SIZE]; /* what who is not root may call an end in the daemon's own namespace */
	unsigned pairs_address_count;
	struct netif_address pairs_addresses[POLICY_ADDRESSES_MAX]; /* and the prefixes of which that one may give addresses there */
	unsigned device_count;     /* in devices */
	unsigned names_count;
	uint8_t index[2][DEVICE_UNITS_MAX]; /* in devices, of each tun and each tap device */
	struct device_policy devices[POLICY_FIRST_BLOCK + POLICY_BLOCKS_MAX];
	struct names_policy names[POLICY_NAMES_MAX]; /* the first that matches counts */
};

/*
 * As tuntaposx: 16 units of each kind, root's, mode 0660, nothing configured.  NULL with errno ENOMEM.
 */
struct policy *policy_new(void);
void policy_free(struct policy *p);

/* Number of units of a kind. */
uint16_t policy_units(const struct policy *p, uint8_t kind);

/* True if the device exists by this policy. */
bool policy_has(const struct policy *p, struct device_id id);

/* What holds for a device; for one that is past the count, what holds for its kind.  Never NULL. */
const struct device_policy *policy_device(const struct policy *p, struct device_id id);

/* What holds for an interface of a name that a program chooses: the first pattern that matches, or what stands outside of all blocks. */
const struct device_policy *policy_for_name(const struct policy *p, const char *name);

/*
 * Whether a user who is not root may choose that name at all: it is tunN or tapN, or a pattern says so.  Firewalls and other configuration
 * trust names of interfaces, so a device that anybody may open is not yet the right to call one "eth1" or "wg0".
 */
bool policy_frees_name(const struct policy *p, const char *name);

/*
 * Whether a kernel extension's node may be what the device is made of, and so comes after this daemon's word.  An interface that is to be
 * persistent is made otherwise: theirs go with their program.
 */
bool policy_wants_kext(const struct device_policy *d);

/* Whether two say the same. */
bool policy_same(const struct device_policy *a, const struct device_policy *b);

/* Whether an interface that has just been made needs anything done. */
bool policy_configures(const struct device_policy *d);

/* Whether it is to be up when the program gets it. */
bool policy_brings_up(const struct device_policy *d);

/*
 * Whether peer may open a node of that owner, group and mode with that access (MESSAGE_ACCESS_*), by the rules of
 * path_resolution(7): the owner's bits for the owner, else the group's for a member (supplementary groups count), else the
 * others'.  Root always may.
 */
bool policy_allows(const struct devlist_entry *entry, const struct os_peer *peer, unsigned access);

/* Whether that is so for anything at all that the policy has: for a descriptor of which it is not known yet what it will be. */
bool policy_allows_some(const struct policy *p, const struct os_peer *peer, unsigned access);

/*
 * Whether the program that process pid runs is one of the allowed ones, which holds for root, too.  Against mistakes, and no boundary: who
 * may run a program may run code of his own in it.
 */
bool policy_allows_program(const struct device_policy *d, pid_t pid);

/*
 * Pairs with an end in the daemon's own network namespace: whether the user may make any; may call that end so; may give it that address.
 * Root may.
 */
bool policy_allows_pairs(const struct policy *p, const struct os_peer *peer);
bool policy_allows_pair_name(const struct policy *p, const struct os_peer *peer, const char *name);
bool policy_allows_pair_address(const struct policy *p, const struct os_peer *peer, const struct netif_address *address);

/* Whether a user may have one more device, who has that many open.  Root may. */
bool policy_allows_one_more(const struct policy *p, uid_t uid, unsigned open);

#endif
