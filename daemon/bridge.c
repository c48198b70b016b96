/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bridge.c - taps in a bridge.  See bridge.h.
 *
 * Theory of operation.  "bridge = eth0" can mean a bridge, or a member of one: then the tap joins that, and the kernel forgets about
 * it when the tap goes.  If eth0 is alone a bridge is made with its MAC address and its MTU, and eth0 is put in it; an interface in a
 * bridge has no use for addresses of its own, so they move to the bridge with the routes through it, and the machine goes on being reached
 * by them.  When the last tap has left, all that is on the bridge then goes to eth0, and the bridge is taken away.  So what came
 * meanwhile (another lease, another route) is kept.  On macOS an interface in a bridge goes on with its addresses, and they stay where they
 * are.
 *
 * Each bridge of ours is written down, in RUNDIR/bridges, before it is made.  Who is in it is never written down: the kernel is asked.  So
 * a daemon that was killed leaves nothing but what the next one finds: a bridge whose taps have gone is undone at its start.  One that
 * somebody has put something else in is left to him until that has gone, too.
 *
 * Sources: net/bridge/br_if.c br_add_if (who cannot be a member; a bridge's MTU is its members' least), linux/if_link.h.
 */
#include "bridge.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "protocol/paths.h"

#define RECORD_MAGIC 0x62707474u /* "ttpb", little end first */
#define RECORD_VERSION 1
#define NAME_NUMBERS_MAX (4 * BRIDGES_MAX)

/* A bridge of ours, as it stands in the file: a slot that is all zero is free. */
struct record {
	uint32_t magic;
	uint32_t version;
	uint32_t bridge; /* its index; 0: it may or may not have been made, under that name */
	uint32_t member; /* the index of the interface that it was made for */
	char bridge_name[MESSAGE_IFNAME_SIZE];
	char member_name[MESSAGE_IFNAME_SIZE];
};

static_assert(sizeof(struct record) == 48, "file layout");

struct bridges {
	struct netif *netif;
	int file;
	unsigned count; /* of slots that are not free */
	struct record at[BRIDGES_MAX];
};

static int
write_record(struct bridges *b, unsigned slot)
{
	const struct record *r = &b->at[slot];

	if (pwrite(b->file, r, sizeof(*r), (off_t)(slot * sizeof(*r))) == (ssize_t)sizeof(*r)) {
		return 0;
	}
	errno = errno != 0 ? errno : ENOSPC;
	return -1;
}

static void
clear_record(struct bridges *b, unsigned slot)
{
	memset(&b->at[slot], 0, sizeof(b->at[slot]));
	b->count--;
	if (write_record(b, slot) < 0) {
		log_warn("writing the list of bridges");
	}
}

static bool
is_record(const struct record *r)
{
	return r->magic == RECORD_MAGIC && r->version == RECORD_VERSION && memchr(r->bridge_name, '\0', sizeof(r->bridge_name)) != NULL &&
	    memchr(r->member_name, '\0', sizeof(r->member_name)) != NULL;
}

struct bridges *
bridges_new(int rundir, struct netif *n)
{
	struct bridges *b = calloc(1, sizeof(*b));

	if (b == NULL) {
		return NULL;
	}
	b->netif = n;
	b->file = openat(rundir, PATHS_BRIDGES, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (b->file < 0) {
		free(b);
		return NULL;
	}
	for (unsigned slot = 0; slot < BRIDGES_MAX; slot++) {
		ssize_t bytes = pread(b->file, &b->at[slot], sizeof(b->at[slot]), (off_t)(slot * sizeof(b->at[slot])));

		if (bytes == (ssize_t)sizeof(b->at[slot]) && is_record(&b->at[slot])) {
			b->count++;
		} else {
			memset(&b->at[slot], 0, sizeof(b->at[slot]));
		}
	}
	return b;
}

void
bridges_free(struct bridges *b)
{
	if (b != NULL) {
		close(b->file);
		free(b);
	}
}

static int
refuse(char why[BRIDGE_WHY_SIZE], int error, const char *with, const char *text)
{
	snprintf(why, BRIDGE_WHY_SIZE, "%s %s", with, text);
	errno = error;
	return -1;
}

/* The kernel refused a step. */
static int
failed(char why[BRIDGE_WHY_SIZE], const char *step, const char *name)
{
	int saved = errno;

	snprintf(why, BRIDGE_WHY_SIZE, "%s %s: %s", step, name, strerror(saved));
	errno = saved;
	return -1;
}

/* Whether an interface can be put in a bridge, as far as can be told without trying. */
static int
check_member(struct netif *n, const struct netif_status *member, char why[BRIDGE_WHY_SIZE])
{
	if (netif_is_wireless(n, member->ifname)) {
		return refuse(why, EINVAL, member->ifname, "is a Wi-Fi interface, and an access point takes no frames of other addresses "
		    "than its stations': use nat = true in place of bridge");
	}
	if (!member->ethernet) {
		return refuse(why, EINVAL, member->ifname, "carries no Ethernet frames, so it cannot be in a bridge: use nat = true in "
		    "place of bridge");
	}
	if (netif_master(n, member) != 0) {
		return refuse(why, EBUSY, member->ifname, "is a part of another interface (a bond, a VRF) that is no bridge: name that "
		    "one");
	}
	return 0;
}

/* A free slot for a record of a new bridge, which has no name yet. */
static int
begin_record(struct bridges *b, const struct netif_status *member, unsigned *slot, char why[BRIDGE_WHY_SIZE])
{
	for (*slot = 0; *slot < BRIDGES_MAX && b->at[*slot].magic != 0; (*slot)++) {
	}
	if (*slot == BRIDGES_MAX) {
		return refuse(why, ENOSPC, member->ifname, "would need one bridge more than there can be");
	}
	b->at[*slot] = (struct record){.magic = RECORD_MAGIC, .version = RECORD_VERSION, .member = member->ifindex};
	memcpy(b->at[*slot].member_name, member->ifname, sizeof(b->at[*slot].member_name));
	b->count++;
	return 0;
}

/* Gives back to the member what is on the bridge, and takes that away.  What fails is logged: the bridge goes in any case. */
static void
undo(struct bridges *b, unsigned slot)
{
	const struct record *r = &b->at[slot];
	struct netif_status bridge, member;
	bool has_bridge = (r->bridge != 0 || r->bridge_name[0] != '\0') &&
	    netif_read(b->netif, r->bridge != 0 ? NULL : r->bridge_name, r->bridge, false, &bridge) == 0 &&
	    strcmp(bridge.kind, "bridge") == 0;

	if (has_bridge) {
		if (netif_read(b->netif, NULL, r->member, false, &member) == 0) {
			/* First out of the bridge, so that the address has a way when it comes. */
			if (netif_master(b->netif, &member) == bridge.ifindex && netif_set_master(b->netif, member.ifindex, 0) < 0) {
				log_warn("%s: taking it out of bridge %s", r->member_name, bridge.ifname);
			}
			if (netif_move_addresses(b->netif, bridge.ifindex, member.ifindex) < 0) {
				log_warn("%s: giving it back what bridge %s has of addresses and routes", r->member_name, bridge.ifname);
			}
		}
		if (netif_delete(b->netif, bridge.ifindex) < 0 && errno != ENODEV) {
			log_warn("%s: taking the bridge away", bridge.ifname);
		} else {
			log_info("bridge %s of %s is undone", bridge.ifname, r->member_name);
		}
	}
	clear_record(b, slot);
}

/*
 * A bridge of the first name that nobody has, which is written down before.  One that is not listed may still be somebody's: of a bridge
 * that is going (XNU bsd/net/dlil.c: until ifnet_detach_final), or just made.  0, or -1 with errno; then the record names none of others'.
 */
static int
make_named(struct bridges *b, struct record *r, const struct netif_status *member, char why[BRIDGE_WHY_SIZE])
{
	struct netif_status status;

	for (unsigned number = 0; number < NAME_NUMBERS_MAX; number++) {
		netif_bridge_name(number, r->bridge_name);
		if (netif_find(b->netif, r->bridge_name, &status) == 0) {
			continue;
		}
		if (write_record(b, (unsigned)(r - b->at)) < 0) {
			return failed(why, "writing down", r->bridge_name);
		}
		if (netif_make_bridge(b->netif, r->bridge_name, member->mac, member->mtu) == 0) {
			return 0;
		}
		if (errno != EEXIST && errno != EBUSY) {
			return failed(why, "making bridge", r->bridge_name);
		}
	}
	memset(r->bridge_name, 0, sizeof(r->bridge_name));
	return refuse(why, ENOSPC, member->ifname, "cannot be in a bridge: all names of bridges are taken");
}

/* The steps from a record to a bridge with the member in it; undone by the caller. */
static int
make(struct bridges *b, struct record *r, const struct netif_status *member, char why[BRIDGE_WHY_SIZE])
{
	struct netif_status bridge;

	if (make_named(b, r, member, why) < 0) {
		return -1;
	}
	if (netif_find(b->netif, r->bridge_name, &bridge) < 0) {
		return failed(why, "looking for bridge", r->bridge_name);
	}
	r->bridge = bridge.ifindex;
	if (write_record(b, (unsigned)(r - b->at)) < 0) {
		return failed(why, "writing down", r->bridge_name);
	}
	if (netif_set_master(b->netif, member->ifindex, bridge.ifindex) < 0) {
		return failed(why, "the kernel does not put into a bridge", member->ifname);
	}
	if (netif_set_up(b->netif, bridge.ifindex, true) < 0) {
		return failed(why, "bringing up bridge", r->bridge_name);
	}
	if (netif_move_addresses(b->netif, member->ifindex, bridge.ifindex) < 0) {
		return failed(why, "moving to a bridge the addresses and routes of", member->ifname);
	}
	return 0;
}

/* The index of the bridge that the interface is, or is in, or that is made for it. */
static int
bridge_of(struct bridges *b, const struct netif_status *with, uint32_t *bridge, char why[BRIDGE_WHY_SIZE])
{
	struct netif_status master;
	uint32_t belongs_to;
	unsigned slot;

	if (strcmp(with->kind, "bridge") == 0) {
		*bridge = with->ifindex;
		return 0;
	}
	belongs_to = netif_master(b->netif, with);
	if (belongs_to != 0 && netif_read(b->netif, NULL, belongs_to, false, &master) == 0 && strcmp(master.kind, "bridge") == 0) {
		*bridge = master.ifindex;
		return 0;
	}
	if (check_member(b->netif, with, why) < 0 || begin_record(b, with, &slot, why) < 0) {
		return -1;
	}
	if (make(b, &b->at[slot], with, why) < 0) {
		int saved = errno;

		undo(b, slot);
		errno = saved;
		return -1;
	}
	*bridge = b->at[slot].bridge;
	log_info("bridge %s is made, with %s in it", b->at[slot].bridge_name, with->ifname);
	return 0;
}

int
bridges_join(struct bridges *b, uint32_t ifindex, const char *with, uint32_t mtu, char why[BRIDGE_WHY_SIZE])
{
	struct netif_status other;
	uint32_t bridge;
	int saved;

	if (netif_read(b->netif, with, 0, false, &other) < 0) {
		return errno == ENODEV ? refuse(why, ENODEV, with, "does not exist: an interface or a bridge is wanted") :
		    failed(why, "reading", with);
	}
	if (other.ifindex == ifindex) {
		return refuse(why, EINVAL, with, "is the device's own interface");
	}
	if (mtu != 0 && mtu != other.mtu) {
		snprintf(why, BRIDGE_WHY_SIZE, "the MTU of %s is %u, and that of the device %u: what is in one bridge must agree", with,
		    (unsigned)other.mtu, (unsigned)mtu);
		errno = EMSGSIZE;
		return -1;
	}
	if (bridge_of(b, &other, &bridge, why) < 0) {
		return -1;
	}
	if ((mtu == 0 && netif_set_mtu(b->netif, ifindex, other.mtu) < 0) || netif_set_master(b->netif, ifindex, bridge) < 0) {
		(void)failed(why, "putting the device into the bridge of", with);
		saved = errno;
		bridges_look(b);
		errno = saved;
		return -1;
	}
	bridges_look(b); /* the one that it was in may have nothing else */
	return 0;
}

int
bridges_leave(struct bridges *b, uint32_t ifindex)
{
	if (netif_set_master(b->netif, ifindex, 0) < 0) {
		return -1;
	}
	bridges_look(b);
	return 0;
}

void
bridges_look(struct bridges *b)
{
	uint32_t members[2];

	for (unsigned slot = 0; b->count > 0 && slot < BRIDGES_MAX; slot++) {
		const struct record *r = &b->at[slot];
		int count;

		if (r->magic == 0) {
			continue;
		}
		count = r->bridge != 0 ? netif_members(b->netif, r->bridge, members, 2) : 0;
		if (count == 0 || (count == 1 && members[0] == r->member)) {
			undo(b, slot);
		}
	}
}
