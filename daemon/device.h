/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - the table of devices: attach, exclusive open, state, last close.
 *
 * One struct devices per monitor.  In each network namespace there is a device for each unit that the policy counts; it is closed, open
 * or up.  A device is known by namespace, kind and unit, and by its place in the table while it is open.  All that needs a kernel
 * goes through the link seam, so the table runs on a fake link in tests, without root.
 */
#ifndef TUNTAPD_DAEMON_DEVICE_H
#define TUNTAPD_DAEMON_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/hook.h"
#include "daemon/journal.h"
#include "daemon/link.h"
#include "daemon/os.h"
#include "daemon/policy.h"
#include "daemon/setup.h"

struct devices;

/* What the table stands on; all of it outlives the table and is not owned by it. */
struct devices_setup {
	const struct policy *policy;   /* until devices_set_policy() */
	struct journal *journal;
	struct netns_table *netns;
	struct hooks *hooks;           /* NULL: none are run */
	struct relays *relays;         /* NULL: no relayed links */
	struct setup further;          /* what reaches past an interface */
	int rundir;                    /* for state pages */
	const struct link_ops *(*link_for)(uint8_t kind); /* link_auto, or a test's */
	const struct link_ops *(*link_named)(const char *name); /* link_find, or a test's */
};

/* One request to open a device. */
struct device_attach {
	struct device_id id; /* linux dialect: the kind, and DEVICE_UNIT_NAMED */
	char ifname[MESSAGE_IFNAME_SIZE]; /* linux dialect: as TUNSETIFF takes it */
	struct link_open how;
	const struct os_peer *peer;
	uint64_t netns; /* where the interface is to be */
	int netns_fd;   /* the same, a descriptor; the caller's */
	bool trial;     /* a busy name is no refusal: the caller tries the next */
};

/* What the program gets.  The caller passes the descriptors on and closes them. */
struct device_attached {
	int channel; /* may be the request's given_fd */
	int page;
	enum channel_type channel_type;
	struct device_id id;
	uint32_t place;   /* also with EINPROGRESS: of what is waited for */
	uint64_t opening; /* with EINPROGRESS alone: for devices_attach_finish(), or 0 */
	uint64_t open_number;
	uint32_t ifindex;
	uint32_t mtu;
	char ifname[MESSAGE_IFNAME_SIZE];
};

/* NULL with errno ENOMEM. */
struct devices *devices_new(const struct devices_setup *setup);
/* Forgets the table; interfaces, pages and journal stay as they are. */
void devices_free(struct devices *d);

/*
 * Opens a device.  In the linux dialect a name that is a unit's ("tap0") is that unit; any other makes a device that is known by its
 * name; "%d" in it, or none at all, takes the lowest number that is free.  0, or -1 with errno: ENOENT (no such unit), EINVAL (no
 * interface can have that name), EACCES (policy; a network namespace that the opener has no right to, or
 * the daemon no way into; also where the unit is busy), EBUSY (held, or an interface of that name that is not ours), ENFILE (the table
 * is full), EMFILE (the user has as many as one may), or as link_ops.open and setup_apply().  Logs, once.
 *
 * EINPROGRESS: only a relay's word is missing (relays_callbacks), that of out->place.  With out->opening, the device is made, and its relay
 * starts: when it is ready or has ended, devices_attach_finish() goes on.  Without, the device is closed, and its relay about to end:
 * when it has, the same request can be made again.
 */
int devices_attach(struct devices *d, const struct device_attach *request, struct device_attached *out);

/*
 * The rest of an open that has waited for its relay; the request is as it was.  channel: what came from the relay, or -1: it has ended.  0,
 * or -1 with errno: ENXIO (the relay has not come up, or the interface has gone), or as setup_apply(); never EINPROGRESS.  The channel is
 * the caller's after an error.
 */
int devices_attach_finish(struct devices *d, const struct device_attach *request, uint32_t place, uint64_t opening, int channel,
    struct device_attached *out);

/*
 * A descriptor of the linux dialect's node for the opener, unattached; the caller's.  -1 with errno: EACCES (policy, namespace),
 * EOPNOTSUPP (no link here has one), or as link_ops.node.
 */
int devices_node(struct devices *d, const struct device_attach *request);

/*
 * TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP of the linux dialect: fd is a descriptor of the device.  Root may; others may only give
 * the device to themselves.  An interface that is made persistent is the system's from then on, and the table forgets it.  0, or -1 with
 * errno: ENXIO (no open device of this table), EPERM, or as link_ops.tun_set.
 */
int devices_tun_set(struct devices *d, const struct os_peer *peer, int fd, enum message_tun_what what, uint32_t value);

/* What somebody may look at. */
struct device_seen {
	struct netns *netns; /* held by the device */
	uint32_t ifindex;
	char ifname[MESSAGE_IFNAME_SIZE];
};

/*
 * Whether the asker may see what passes through a device that is open in its namespace: who may open it, and is its opener, or root, or
 * anybody where the policy says so.  0, or -1 with errno: ENOENT (no such unit), EACCES (policy; namespace), ENODEV (nobody has it open).
 */
int devices_see(struct devices *d, const struct device_attach *request, struct device_seen *seen);

/*
 * Puts the interface of an open tap of the daemon's own namespace into a bridge with another interface (bridge.h), or, with empty for none,
 * takes it out of the one that it is in.  0, or -1 with errno, logged: ENXIO (no such device, or closed), or as bridges_join().
 */
int devices_bridge(struct devices *d, struct device_id id, const char *with);

/*
 * What can wait until the program has its answer: completes the journal, and logs.  program is the opener's name, for display.
 * A daemon that is killed before leaves a record that the next one understands.
 */
void devices_settle(struct devices *d, uint32_t place, const char *program);

/*
 * TUNSIFHEAD: proof is a descriptor of the device.  0, or -1 with errno: ENOTTY (a tap), EPERM (proof is not the
 * device's), ENXIO (that open is over).
 */
int devices_set_header_mode(struct devices *d, uint32_t place, uint64_t open_number, int proof, bool on);

/* What the interface watch of a namespace tells. */
void devices_on_event(struct devices *d, const struct netns *ns, const struct netif_event *event);

/*
 * The relay of a place has ended: nobody holds the device any more, or nothing moves packets for who does.  The interface goes with it.
 */
void devices_on_relay_end(struct devices *d, uint32_t place, pid_t pid);

/* Reads the interface of every device that is open in a namespace again: after events were lost. */
void devices_resync(struct devices *d, const struct netns *ns);

/* At start: takes over what the journal knows and still exists.  Returns the number of devices taken over. */
unsigned devices_adopt(struct devices *d);

/* From now on that policy decides: open devices go on as they are, also those that it does not have any more. */
void devices_set_policy(struct devices *d, const struct policy *policy);

/*
 * Looks whether a device whose interface is persistent, and down, has been closed, of which there is no news.  True while there are, or
 * are to be, such interfaces: look again, soon.
 */
bool devices_look_at_kept(struct devices *d);

/* Takes away every open device's interface.  Returns how many. */
unsigned devices_end_all(struct devices *d);

/*
 * Fills a reply (header apart) with the first device whose place is cursor or later: each unit of the daemon's own namespace, and what is
 * open elsewhere; error ENOENT past the last.
 */
void devices_describe(struct devices *d, uint32_t cursor, struct message_device *out);

/* Number of devices that are not closed. */
unsigned devices_open_count(const struct devices *d);

#endif
