/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns.c - the network namespaces that devices are in.  See netns.h.
 *
 * Theory of operation.  A list; each entry has a descriptor of its namespace, one struct netif, whose sockets were made inside, and one
 * event.  The monitor never stays in another namespace than its own: it goes in to make sockets and comes back (os_netns_enter).
 * A descriptor and the sockets keep a namespace alive, so an entry ends with its last device: the last put frees it, but not while its
 * news are being told.
 */
#include "netns.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"

/* News told per turn of the loop, so that a storm of interface changes in one namespace cannot keep requests waiting. */
#define EVENTS_PER_TURN 256

struct entry {
	struct netns ns; /* first: a struct netns * is its entry */
	struct netns_table *table;
	struct event *watch;
	unsigned holders;
	struct entry *next;
};

struct netns_table {
	struct event_base *base;
	struct netns_callbacks callbacks;
	struct log_limit lost_limit;
	struct entry *entries; /* the daemon's own is the last */
	struct entry *own;
};

static void
free_entry(struct entry *e)
{
	int saved = errno;

	if (e == NULL) {
		return;
	}
	if (e->watch != NULL) {
		event_free(e->watch);
	}
	netif_free(e->ns.netif);
	if (e->ns.fd >= 0) {
		close(e->ns.fd);
	}
	free(e);
	errno = saved;
}

/* Tells what is known, up to limit events. */
static void
tell_news(struct entry *e, unsigned limit)
{
	const struct netns_callbacks *c = &e->table->callbacks;
	struct netif_event event;

	if (e->ns.netif == NULL) {
		return;
	}
	netns_ref(e->table, &e->ns); /* the last device here may close meanwhile */
	for (unsigned i = 0; i < limit; i++) {
		int result = netif_next_event(e->ns.netif, &event);

		if (result == 0) {
			break;
		}
		if (result > 0) {
			c->on_event(c->argument, &e->ns, &event);
		} else if (errno == ENOBUFS) {
			if (log_limit_pass(&e->table->lost_limit, "lost news")) {
				log_info("news of interfaces was lost: reading all again");
			}
			c->on_lost(c->argument, &e->ns);
		} else {
			c->on_failed(c->argument);
			break;
		}
	}
	netns_put(e->table, &e->ns);
}

static void
on_watch(evutil_socket_t fd, short what, void *argument)
{
	tell_news(argument, EVENTS_PER_TURN);
}

/* fd: taken over also on failure; -1 for the daemon's own. */
static struct entry *
new_entry(struct netns_table *t, uint64_t id, int fd)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		if (fd >= 0) {
			close(fd);
		}
		errno = ENOMEM;
		return NULL;
	}
	e->ns.id = id;
	e->ns.fd = fd;
	e->table = t;
	if (t->base != NULL) {
		e->ns.netif = netif_new(fd);
		if (e->ns.netif == NULL) {
			goto fail;
		}
		e->watch = event_new(t->base, netif_watch_fd(e->ns.netif), EV_READ | EV_PERSIST, on_watch, e);
		if (e->watch == NULL || event_add(e->watch, NULL) < 0) {
			errno = ENOMEM;
			goto fail;
		}
	}
	e->next = t->entries;
	t->entries = e;
	return e;
fail:
	free_entry(e);
	return NULL;
}

struct netns_table *
netns_table_new(struct event_base *base, uint64_t own_id, const struct netns_callbacks *callbacks)
{
	struct netns_table *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		return NULL;
	}
	t->base = base;
	t->callbacks = *callbacks;
	if (base == NULL || os_netns_own(&own_id) == 0) {
		t->own = new_entry(t, own_id, -1);
	}
	if (t->own == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
netns_table_free(struct netns_table *t)
{
	if (t == NULL) {
		return;
	}
	while (t->entries != NULL) {
		struct entry *e = t->entries;

		t->entries = e->next;
		free_entry(e);
	}
	free(t);
}

struct netns *
netns_own(struct netns_table *t)
{
	return &t->own->ns;
}

struct netns *
netns_get(struct netns_table *t, uint64_t id, int fd)
{
	struct entry *e = t->entries;
	int copy;

	while (e != NULL && e->ns.id != id) {
		e = e->next;
	}
	if (e == NULL) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		e = copy >= 0 ? new_entry(t, id, copy) : NULL;
		if (e == NULL) {
			errno = errno == EPERM ? EACCES : errno;
			return NULL;
		}
	}
	return netns_ref(t, &e->ns);
}

/* A namespace's number, where it is asked for. */
struct peer {
	struct netif *netif;
	int32_t number;
};

static bool
is_peer(int ns, void *argument)
{
	const struct peer *p = argument;
	int32_t number;

	return netif_peer_number(p->netif, ns, &number) == 0 && number == p->number;
}

struct netns *
netns_get_peer(struct netns_table *t, struct netif *n, int32_t number, pid_t hint)
{
	struct peer p = {.netif = n, .number = number};
	struct netns *ns;
	uint64_t id;
	int fd, saved;

	/* First those that are held: nobody else may be in them any more. */
	for (struct entry *e = t->entries; e != NULL; e = e->next) {
		/* Without a kernel a namespace has the same number everywhere. */
		if (n == NULL ? e->ns.id == (uint64_t)number : e->ns.fd >= 0 && is_peer(e->ns.fd, &p)) {
			return netns_ref(t, &e->ns);
		}
	}
	if (n == NULL || number < 0) {
		errno = ENOENT;
		return NULL;
	}
	fd = os_netns_search_by(is_peer, &p, hint, &id);
	if (fd < 0) {
		return NULL;
	}
	ns = netns_get(t, id, fd);
	saved = errno;
	close(fd);
	errno = saved;
	return ns;
}

struct netns *
netns_ref(struct netns_table *t, struct netns *ns)
{
	((struct entry *)ns)->holders++;
	return ns;
}

void
netns_put(struct netns_table *t, struct netns *ns)
{
	struct entry *e = (struct entry *)ns, **place = &t->entries;

	if (e == NULL || --e->holders > 0 || e == t->own) {
		return;
	}
	while (*place != e) {
		place = &(*place)->next;
	}
	*place = e->next;
	free_entry(e);
}

bool
netns_permits(struct netns_table *t, uint64_t id, int fd, const struct os_peer *peer)
{
	uid_t owner;

	return id == t->own->ns.id || peer->uid == 0 || (os_netns_owner(fd, &owner) == 0 && owner == peer->uid);
}

void
netns_take_news(struct netns_table *t, unsigned limit)
{
	for (struct entry *e = t->entries, *next; e != NULL; e = next) {
		next = e->next; /* telling may end this entry, and no other: news of one namespace close no device of another */
		tell_news(e, limit);
	}
}
