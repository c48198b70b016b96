/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.h - the one seam to the kernel: how a device's interface is made, and how its packets come and go.
 *
 * One file per link exports one const struct link_ops; links-OS.c has the list of them, link.c the choice, nothing else.
 * Everything above (devices, policy, protocol, shim) is free of platforms.  All operations are called by the
 * monitor, in its event loop, and may block for as long as the kernel takes to make an interface, no longer.  Unless
 * said otherwise they return 0, or -1 with errno.
 */
#ifndef TUNTAPD_DAEMON_LINK_H
#define TUNTAPD_DAEMON_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/netns.h"
#include "daemon/relays.h"
#include "protocol/devname.h"
#include "protocol/message.h"

struct link_ops;

/* The kernel side of one open device.  Owned by the device; plain data, so that a journal record can bring it back. */
struct link {
	const struct link_ops *ops; /* NULL: none */
	struct netns *netns;        /* that its interface is in; held by the device */
	struct device_id id;
	uint32_t place;             /* the device's: a channel is marked with it where the kernel has room for a mark */
	uint32_t ifindex;
	char ifname[MESSAGE_IFNAME_SIZE];
	bool kept;                  /* the interface is persistent, of our making; also while the device is closed */
	uint64_t open_number;       /* of this open */
	struct relays *relays;      /* relayed links: who starts relays */
	struct relays_process relay; /* relayed links; pid 0: none */
	pid_t keeper;               /* veth, kept: who is asked first where the far end is; 0: not known */
};

/* Where an interface is. */
struct link_place {
	uint64_t netns;
	int netns_fd; /* the same, a descriptor; the receiver's */
	uint32_t ifindex;
};

/* What the program asked for. */
struct link_open {
	unsigned access; /* MESSAGE_ACCESS_* */
	bool nonblock;
	bool keep;        /* what is made is to be persistent, and nobody is to hold it yet: keep() follows */
	bool join;        /* the interface is there: l->ifindex, made by us, persistent */
	bool kernel_name; /* the interface is not to be called l->ifname: the kernel chooses */
	enum message_dialect dialect;
	uid_t uid;          /* of the opener */
	unsigned tun_flags; /* linux dialect: the flags of TUNSETIFF, of which kind says tun or tap */
	int given_fd;    /* what came with the request, or -1; the caller's, unless it comes back as the channel */
	/*
	 * Called by a link whose interfaces stay when the daemon is killed, before it makes one: l->ifname is its name, which is free.
	 * 0, or -1 with errno: it is not to be made.
	 */
	int (*announce)(void *argument, const struct link *l);
	void *argument;
};

struct link_ops {
	const char *name;          /* "linux", "veth", ...: configuration, status, journal */
	unsigned kinds;            /* bit 1 << enum device_kind for each kind that it can make */
	enum channel_type channel;

	/* NULL if the link can work on this machine now; else a text: what is missing and what to do. */
	const char *(*unavailable)(void);

	/* NULL: the link makes any device of its kinds.  Whether it has that one now. */
	bool (*has)(struct device_id id);

	/*
	 * Makes the interface of l->id's kind called l->ifname (or how->kernel_name), exclusively: EBUSY if something of that name
	 * exists, never joined; or, with how->join, opens the one that l names: EBUSY if somebody holds it.  Fills l->ifindex,
	 * l->ifname, *status (no addresses; as of a fresh interface) and *channel, a close-on-exec descriptor for the
	 * program (it may be given_fd itself), which the caller closes once it is passed on; or, where l->relay is set, -1: that comes from
	 * the relay, when it serves (relays_callbacks), before which the interface should not be used.  With how->keep *channel is what
	 * holds the interface until then; or -1, where nothing need.  Errors: EBUSY; EINVAL, EACCES (given_fd or the flags are not what
	 * they must be); ENXIO (the link cannot work here now); ENOMEM, EMFILE, ENFILE.  After an error nothing is left but what was there.
	 */
	int (*open)(struct link *l, const struct link_open *how, int *channel, struct netif_status *status);

	/*
	 * NULL: the link has none.  Makes an interface that was opened with how->keep persistent: it stays when its last descriptor is
	 * closed, and can be opened again with how->join.  From then on its status says that it persists, and, while nobody holds it, that
	 * it has no carrier.
	 */
	int (*keep)(struct link *l, int channel);

	/*
	 * NULL: the kernel does it, and shows it by the carrier; else what shows is the end of the relay.  Nobody holds the kept interface
	 * any more: ends what is left of its relay, and takes its carrier away.  Idempotent; errno is the caller's.
	 */
	void (*leave)(struct link *l);

	/*
	 * Whether the interface that l (from a journal record) names still exists and is of this link's making; fills
	 * *status.  ENODEV: it is gone.  Nothing is changed.
	 */
	int (*adopt)(struct link *l, struct netif_status *status);

	/* The interface as it is now, with addresses.  ENODEV: gone. */
	int (*read)(struct link *l, struct netif_status *status);

	/* NULL: an interface that is there is held.  Else who holds the channel, whose interface is still there. */
	enum relays_hold (*look)(struct link *l);

	/*
	 * Where the interface is, if it is in another namespace than l says and lives on: told by who holds the channel, of whom
	 * holder is one that is known of.  ENOENT: it cannot be told.
	 */
	int (*find)(struct link *l, pid_t holder, struct link_place *where);

	/* NULL: the kernel takes the interface away with its relay.  The relay has ended: takes it away. */
	void (*after_relay)(struct link *l);

	/*
	 * NULL: the kernel takes all of a link away with its interface.  The interface has gone, by another hand: takes away what is
	 * left, relay and all.  Also for a link of which nothing is.
	 */
	void (*after_interface)(struct link *l);

	/* Brings the interface up. */
	int (*set_up)(struct link *l);

	/* Whether descriptor fd, sent by a stranger, is the channel of l.  EPERM: it is not. */
	int (*prove)(struct link *l, int fd);

	/*
	 * Linux dialect, or NULL: a descriptor as the program itself would open, not yet a device, in a namespace; close-on-exec.  -1 with
	 * errno: EACCES (no way into the namespace), ENXIO, EMFILE, ENFILE, ENOMEM.
	 */
	int (*node)(const struct netns *ns, const struct link_open *how);

	/* Linux dialect, or NULL: TUNSETPERSIST, TUNSETOWNER or TUNSETGROUP on a channel of l. */
	int (*tun_set)(struct link *l, int fd, enum message_tun_what what, uint32_t value);

	/* Takes the interface away.  Idempotent; also for one that is gone already. */
	void (*close)(struct link *l);
};

#define LINKS_MAX 8

/* The links of this platform, in order of preference, ended by NULL: links-OS.c.  One that does not have every device comes last. */
extern const struct link_ops *const links_here[LINKS_MAX + 1];

extern const struct link_ops link_linux, link_veth; /* Linux */
extern const struct link_ops link_utun, link_feth, link_kext; /* macOS */

/* The link of that name, or NULL.  "auto" is none. */
const struct link_ops *link_find(const char *name);

/* The names of all, ended by NULL. */
void link_names(const char *names[LINKS_MAX + 1]);

/* The link for a kind by default ("auto"); NULL if this platform has none. */
const struct link_ops *link_auto(uint8_t kind);

#endif
