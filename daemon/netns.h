/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns.h - the network namespaces that devices are in.
 *
 * A namespace is known by its identity (os.h).  The daemon's own is there from start to end; another one is held, with an interface
 * watch of its own, from the first device that is opened in it or moved there to the last one that is closed or moved away, and by
 * nobody afterwards, so that it can go away.
 * Platforms without namespaces have the one whose identity is 0.
 */
#ifndef TUNTAPD_DAEMON_NETNS_H
#define TUNTAPD_DAEMON_NETNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/netif.h"
#include "daemon/os.h"

struct event_base;
struct netns_table;

struct netns {
	uint64_t id;
	int fd;              /* of the namespace; -1: the daemon's own */
	struct netif *netif; /* interfaces there; NULL without a kernel */
};

/* What happens in the namespaces, told in the order of each. */
struct netns_callbacks {
	void (*on_event)(void *argument, struct netns *ns, const struct netif_event *event);
	void (*on_lost)(void *argument, struct netns *ns); /* news was lost: read every interface there again */
	void (*on_failed)(void *argument);                 /* a watch is broken, errno says how */
	void *argument;
};

/*
 * With the daemon's own namespace in it, and its watch in base.  base NULL: without a kernel, for tests; own_id is then the
 * identity of the daemon's own.  NULL with errno.
 */
struct netns_table *netns_table_new(struct event_base *base, uint64_t own_id, const struct netns_callbacks *callbacks);

/* Releases all, whoever holds it. */
void netns_table_free(struct netns_table *t);

/* The daemon's own; not counted. */
struct netns *netns_own(struct netns_table *t);

/*
 * The namespace with that identity, held once more: fd is a descriptor of it and stays the caller's.  NULL with errno: EACCES (the kernel
 * does not let this daemon into it), ENOMEM, EMFILE, or as socket(2).
 */
struct netns *netns_get(struct netns_table *t, uint64_t id, int fd);

/*
 * The namespace that is called by a number in that of n (netif.h), held once more; hint: a process that may be in it, or hold it.  NULL
 * with errno: ENOENT (nobody is in it, and it has no name), or as netns_get().
 */
struct netns *netns_get_peer(struct netns_table *t, struct netif *n, int32_t number, pid_t hint);

/* One that somebody holds already, held once more. */
struct netns *netns_ref(struct netns_table *t, struct netns *ns);

/* Lets go of it; ns may be NULL, or the daemon's own. */
void netns_put(struct netns_table *t, struct netns *ns);

/*
 * Whether peer has a right of its own to interfaces in that namespace: it is the daemon's own; or peer is root; or the namespace belongs
 * to a user namespace that peer made.
 */
bool netns_permits(struct netns_table *t, uint64_t id, int fd, const struct os_peer *peer);

/* Takes in what is known of interfaces, in all namespaces, up to limit events each. */
void netns_take_news(struct netns_table *t, unsigned limit);

#endif
