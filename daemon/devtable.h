/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devtable.h - the inside of the table of devices, for the files that make it up: device.c, devopen.c, devmove.c,
 * devkept.c, devadopt.c.
 *
 * An entry is changed by the functions below and by the file that has the matter in hand; nobody else sees one (device.h).
 */
#ifndef TUNTAPD_DAEMON_DEVTABLE_H
#define TUNTAPD_DAEMON_DEVTABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/device.h"
#include "daemon/journal.h"
#include "daemon/link.h"
#include "daemon/log.h"
#include "daemon/policy.h"
#include "daemon/statepage.h"

/* Room for a device's name in log lines. */
#define DEVICE_TEXT_SIZE 64

struct device {
	uint32_t place; /* never changes */
	struct device_id id;
	enum device_state state;
	enum message_dialect dialect;
	struct link link;
	struct statepage page;
	bool outdated;     /* kept, and by now it would be made otherwise: it is, once it is closed */
	uint64_t opening; /* a number of its own, from when its relay starts until devices_attach_finish(); 0: it has come to that */
	bool was_up; /* since it was opened, or made */
	bool up_on_address;       /* by the policy of its open */
	unsigned own_addresses;   /* added by us, and yet to be told of, that are no reason to bring it up */
	char close_hook[POLICY_PATH_SIZE]; /* by the policy of its open */
	int64_t since;
	pid_t pid;
	uid_t uid;
	char program[MESSAGE_PROGRAM_SIZE];
};

/* Refusals, and what else a stranger can repeat, each with its own limit of log lines. */
enum refusal {
	REFUSED_POLICY, REFUSED_PROGRAM, REFUSED_NAMESPACE, REFUSED_TOO_MANY, REFUSED_FULL, REFUSED_BUSY, REFUSED_LINK, REFUSED_SETUP,
	REFUSED_TUN_SET, REFUSED_CAPTURE, FAILED_OPEN, FAILED_READ, RENAMED,
	REFUSALS
};

struct devices {
	struct devices_setup setup;
	struct log_limit limits[REFUSALS];
	bool ending; /* nothing is made any more */
	uint64_t openings; /* the last number given */
	struct device *at[DEVICE_PLACES_MAX]; /* by place; NULL: never opened */
};

/* Open, or open and up. */
bool device_is_open(const struct device *dev);

/* The open device at a place, or NULL. */
struct device *devices_find_open(struct devices *d, uint32_t place);

/* The open device of a unit in a namespace, or NULL. */
struct device *devices_find_unit(struct devices *d, uint64_t netns, struct device_id id);

/* The entry of a place, made if need be.  NULL with ENOMEM. */
struct device *devices_entry(struct devices *d, uint32_t place);

/* Whether that is the daemon's own namespace. */
bool devices_is_own(const struct devices *d, uint64_t netns);

/* The device's name (for one without a unit, its interface's), and for another namespace than ours which; both return text. */
const char *devices_describe_name(const struct devices *d, uint64_t netns, struct device_id id, const char *ifname,
    char text[DEVICE_TEXT_SIZE]);
const char *device_name(const struct devices *d, const struct device *dev, char text[DEVICE_TEXT_SIZE]);

/* What holds for a device by now: by its unit, or by its interface's name. */
const struct device_policy *devices_policy_of(const struct devices *d, struct device_id id, const char *ifname);

/* What is remembered of a policy for as long as the device is open: a reload does not touch it. */
void device_remember_policy(struct device *dev, const struct device_policy *policy);

/*
 * The link that makes a device; NULL: this platform has none.  What the configured one cannot make (another kind; the linux dialect, whose
 * device is the kernel's own) is made as if nothing were configured: by a kernel extension, where the policy prefers that and one has the
 * device, else by what the platform has for the kind.
 */
const struct link_ops *devices_link_of(const struct devices *d, struct device_id id, enum message_dialect dialect,
    const struct device_policy *policy);

/* The record of a device as it is now.  The first: 0, or -1 with errno; the second: as JOURNAL_OPEN, and logs if it cannot. */
int device_write_journal(struct devices *d, const struct device *dev, enum journal_state state);
void device_write_open(struct devices *d, const struct device *dev);

/* A link's announce(): argument is the struct devices. */
int device_announce(void *argument, const struct link *l);

void device_call_hook(struct devices *d, const struct device *dev, const char *what, const char *path);

/* The device is over; its interface is gone already or is none of ours any more. */
void device_forget(struct devices *d, struct device *dev);

/* Its interface is gone: the last close, of which why is the log's word. */
void device_on_departed(struct devices *d, struct device *dev, const char *why);

/* What the interface is like by now. */
void device_on_changed(struct devices *d, struct device *dev, const struct netif_status *status);

/* Somebody gave the interface an address. */
void device_on_address(struct device *dev);

/* The interface went to another namespace (devmove.c). */
void device_on_moved(struct devices *d, struct device *dev, const struct netif_event *event);

/*
 * For a device whose interface is not in its namespace any more: finds out where else it is, if it is, and makes that the device's
 * namespace, in its page, too.  0 and *status, or -1.
 */
int device_find_again(struct devices *d, struct device *dev, struct netif_status *status);

/*
 * Reads the interface again: for when news may be missing.  False: the device is closed now.  One that cannot be read, for want of memory,
 * is as it was, and *status is empty.
 */
bool device_refresh(struct devices *d, struct device *dev, struct netif_status *status);

/* A device that is closed while its persistent interface stays (devkept.c): its last close; or that it is not open after all. */
void device_on_released(struct devices *d, struct device *dev);
void device_rest(struct devices *d, struct device *dev);

/* Whether the interface of a closed device is there as it was left, as far as can be told. */
bool device_is_still_kept(struct device *dev);

/* Takes away the interface of a closed device. */
void device_remove_kept(struct devices *d, struct device *dev);

/* Makes or takes away the interface of a device that nobody holds, as the policy wants it: in the daemon's own namespace. */
void devices_sync_kept(struct devices *d, uint32_t place);
void devices_sync_all_kept(struct devices *d);

#endif
