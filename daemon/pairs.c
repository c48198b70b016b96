/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pairs.c - pairs of joined interfaces for test systems.  See pairs.h.
 *
 * Theory of operation.  A table of slots, each with a record in a file.  Before a pair is made its record has the names and the MAC
 * addresses that it is to have, which nobody else's interface has; afterwards its indexes.  So a daemon that is killed at any step
 * leaves what the next one knows as its own, and never takes a stranger's interface for it: pairends.h says what an end is.
 *
 * Whose they are.  The daemon holds none of their namespaces, but its own: a namespace goes with its last process, the kernel then takes
 * the end in it away, and with that the other.  Of what has an end in the daemon's own namespace the interface watch tells; the others are
 * looked for when somebody asks for the list, or wants a place in the table.
 *
 * Held pairs.  Who wants a pair to go with itself gets one end of a socket pair; when the last copy of that is closed, by whatever end of
 * its holder, the pair goes.  A restart of the daemon ends the socket, so the next one watches the process that asked: by number and
 * start time.
 *
 * Rights.  Root may all.  Others may make pairs in namespaces of their own making, and elsewhere only in the daemon's own, where the policy
 * says who, and how the ends may be called and which addresses they may have: names and addresses there are everybody's business.
 *
 * Names.  On Linux an end's interface is called as the end is, and goes with the other's.  Where neither holds (pairends_of_one_piece)
 * names are told apart by this table, and of a pair that has lost an end the other one is taken away.
 */
#include "pairs.h"

#include <ctype.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/mac.h"
#include "daemon/pairends.h"
#include "daemon/policy.h"
#include "protocol/paths.h"
#include "protocol/transport.h"

/* Numbers tried for the "%d" of a name. */
#define NAME_NUMBERS_MAX 1024
/* linux/if_ether.h ETH_MIN_MTU; drivers/net/veth.c takes up to ETH_MAX_MTU. */
#define MTU_MIN 68
#define MTU_MAX 65535
/* Between two looks at the pairs of other namespaces, of which no news come. */
#define SWEEP_S 1

struct pair {
	struct pairs *pairs;
	unsigned slot;
	struct pair_record record; /* state PAIR_NONE: free */
	int hold;                  /* our end of the socket pair, or a watch of the process; -1: none */
	bool watches_process;
	struct event *event;
};

struct pairs {
	struct pairs_setup setup;
	int file;
	time_t next_sweep_s; /* of the monotonic clock: when pairs elsewhere are looked for again */
	struct log_limit refusals;
	struct pair at[PAIRS_MAX];
};

static int
write_record(void *argument)
{
	struct pair *pair = argument;
	struct pair_record out = pair->record;
	ssize_t n;

	out.magic = PAIRS_MAGIC;
	out.version = PAIRS_VERSION;
	n = pwrite(pair->pairs->file, &out, sizeof(out), (off_t)(pair->slot * sizeof(out)));
	if (n >= 0 && n != (ssize_t)sizeof(out)) {
		errno = ENOSPC;
		n = -1;
	}
	return n < 0 ? -1 : 0;
}

/* False: the slot is free, or holds no record of this version. */
static bool
read_record(struct pair *pair)
{
	struct pair_record *r = &pair->record;
	ssize_t n = pread(pair->pairs->file, r, sizeof(*r), (off_t)(pair->slot * sizeof(*r)));
	bool good = n == (ssize_t)sizeof(*r) && r->magic == PAIRS_MAGIC && r->version == PAIRS_VERSION && r->state != PAIR_NONE &&
	    r->state <= PAIR_MADE && r->held <= 1 && memchr(r->program, '\0', sizeof(r->program)) != NULL;

	for (unsigned i = 0; good && i < 2; i++) {
		good = memchr(r->ends[i].ifname, '\0', sizeof(r->ends[i].ifname)) != NULL &&
		    memchr(r->ends[i].name, '\0', sizeof(r->ends[i].name)) != NULL;
	}
	if (!good) {
		memset(r, 0, sizeof(*r));
	}
	return good;
}

static void
let_go(struct pair *pair)
{
	if (pair->event != NULL) {
		event_free(pair->event);
		pair->event = NULL;
	}
	if (pair->hold >= 0) {
		close(pair->hold);
		pair->hold = -1;
	}
}

struct pairs *
pairs_new(const struct pairs_setup *setup)
{
	struct pairs *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		return NULL;
	}
	p->setup = *setup;
	p->file = openat(setup->rundir, PATHS_PAIRS, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (p->file < 0) {
		free(p);
		return NULL;
	}
	for (unsigned i = 0; i < PAIRS_MAX; i++) {
		p->at[i] = (struct pair){.pairs = p, .slot = i, .hold = -1};
	}
	return p;
}

void
pairs_free(struct pairs *p)
{
	if (p == NULL) {
		return;
	}
	for (unsigned i = 0; i < PAIRS_MAX; i++) {
		let_go(&p->at[i]);
	}
	close(p->file);
	free(p);
}

void
pairs_set_policy(struct pairs *p, const struct policy *policy)
{
	p->setup.policy = policy;
}

static uint64_t
own_netns(const struct pairs *p)
{
	return netns_own(p->setup.netns)->id;
}

/* The namespace of an end, held; NULL: it is gone, or there is no way into it. */
static struct netns *
find_netns(const struct pair *pair, const struct pair_end *end)
{
	struct netns_table *table = pair->pairs->setup.netns;
	struct netns *ns = NULL;
	int fd;

	if (end->netns == own_netns(pair->pairs)) {
		return netns_ref(table, netns_own(table));
	}
	fd = end->netns != 0 ? os_netns_search(end->netns, pair->record.pid) : -1;
	if (fd >= 0) {
		ns = netns_get(table, end->netns, fd);
		close(fd);
	}
	return ns;
}

/* Looks for end n, in its namespace, which is then held; its present name is noted.  NULL: it is not there. */
static struct netns *
find_end(struct pair *pair, unsigned n, struct netif_status *status)
{
	struct pair_end *end = &pair->record.ends[n];
	bool making = pair->record.state == PAIR_MAKING;
	struct netns *ns = find_netns(pair, end);

	if (ns == NULL) {
		return NULL;
	}
	if (netif_read(ns->netif, making ? end->ifname : NULL, end->ifindex, false, status) < 0 ||
	    !pairends_is(&pair->record, n, ns, status)) {
		netns_put(pair->pairs->setup.netns, ns);
		return NULL;
	}
	memcpy(end->ifname, status->ifname, sizeof(end->ifname));
	return ns;
}

/* The interfaces are gone, or nobody's any more. */
static void
forget(struct pair *pair)
{
	let_go(pair);
	memset(&pair->record, 0, sizeof(pair->record));
	if (write_record(pair) < 0) {
		log_warn("clearing a record of a pair");
	}
}

/* Takes the interfaces away, if they are there, and forgets them. */
static void
remove_pair(struct pair *pair, const char *why)
{
	struct netif_status status;

	log_info("pair %s %s: %s", pair->record.ends[0].name, pair->record.ends[1].name, why);
	for (unsigned n = 0, taken = 0; n < 2 && (taken == 0 || !pairends_of_one_piece); n++) {
		struct netns *ns = find_end(pair, n, &status);

		if (ns == NULL) {
			continue;
		}
		if (netif_delete(ns->netif, status.ifindex) < 0 && errno != ENODEV) {
			log_warn("%s: taking the interface away", status.ifname);
		}
		netns_put(pair->pairs->setup.netns, ns);
		taken++;
	}
	forget(pair);
}

/* An end has gone. */
static void
lose(struct pair *pair)
{
	if (pairends_of_one_piece) {
		log_info("pair %s %s: gone", pair->record.ends[0].name, pair->record.ends[1].name);
		forget(pair);
	} else {
		remove_pair(pair, "an end of it has gone: taking the other away");
	}
}

/*
 * Looks for those ends of a pair that are in the daemon's own namespace, or for the others.  True if there is one, or both where one does
 * not tell of the other.
 */
static bool
has_end(struct pair *pair, bool own)
{
	unsigned there = 0;

	for (unsigned n = 0; n < 2; n++) {
		struct netif_status status;
		struct netns *ns = NULL;

		if ((pair->record.ends[n].netns == own_netns(pair->pairs)) == own) {
			ns = find_end(pair, n, &status);
		}
		there += ns != NULL;
		netns_put(pair->pairs->setup.netns, ns);
	}
	return there >= (pairends_of_one_piece ? 1 : 2);
}

/* Forgets a pair of which nothing is left.  False: it is there. */
static bool
sweep(struct pair *pair)
{
	/* One end is enough; to look for another namespace is to look at all processes. */
	bool there = has_end(pair, true) || has_end(pair, false);

	if (!there) {
		lose(pair);
	}
	return !there;
}

/* Of those with no end in the daemon's own namespace so often only, since anybody can ask for it. */
static void
sweep_all(struct pairs *p)
{
	struct timespec now;
	bool everywhere;

	clock_gettime(CLOCK_MONOTONIC, &now);
	everywhere = now.tv_sec >= p->next_sweep_s;
	if (everywhere) {
		p->next_sweep_s = now.tv_sec + SWEEP_S;
	}
	for (unsigned i = 0; i < PAIRS_MAX; i++) {
		struct pair *pair = &p->at[i];

		if (pair->record.state != PAIR_NONE && !has_end(pair, true) && everywhere) {
			(void)sweep(pair);
		}
	}
}

static void
on_hold(evutil_socket_t fd, short what, void *argument)
{
	struct pair *pair = argument;
	char nothing[16];
	ssize_t n;

	/* What a holder may say means nothing; only its end does. */
	if (!pair->watches_process) {
		n = recv(fd, nothing, sizeof(nothing), MSG_DONTWAIT);
		if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) {
			return;
		}
	}
	remove_pair(pair, "its holder has ended: taking it away");
}

/* From now on the pair goes when hold, which is taken over, is readable as an end is.  0, or -1 with errno. */
static int
hang_on(struct pair *pair, int hold, bool watches_process)
{
	pair->hold = hold;
	pair->watches_process = watches_process;
	pair->event = event_new(pair->pairs->setup.base, hold, EV_READ | EV_PERSIST, on_hold, pair);
	if (pair->event == NULL || event_add(pair->event, NULL) < 0) {
		let_go(pair);
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

/* Letters, digits and "._-", as no script has trouble with; and at the end "%d" perhaps. */
static bool
is_name_or_pattern(const char *name)
{
	size_t length = strlen(name);

	if (length > 2 && strcmp(name + length - 2, "%d") == 0) {
		length -= 2;
	}
	for (size_t i = 0; i < length; i++) {
		if (!isalnum((unsigned char)name[i]) && strchr("._-", name[i]) == NULL) {
			return false;
		}
	}
	return length > 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void
refuse(struct pairs *p, const struct pairs_make *how, int error, const char *text)
{
	if (log_limit_pass(&p->refusals, "refused pairs")) {
		log_info("pair %s %s: refused to uid %ld, pid %ld: %s", how->message->ends[0].ifname, how->message->ends[1].ifname,
		    (long)how->peer->uid, (long)how->peer->pid, text);
	}
	errno = error;
}

static void
take_address(const struct message_address *from, struct netif_address *to)
{
	*to = (struct netif_address){.family = from->family, .prefix = from->prefix, .broadcast = from->family == 4 && from->prefix < 31,
	    .at_once = from->family == 6};
	memcpy(to->bytes, from->bytes, sizeof(to->bytes));
}

/* Whether the peer may have end n there, called so.  0, or -1 with errno, logged. */
static int
check_end(struct pairs *p, const struct pairs_make *how, unsigned n, const char *ifname)
{
	const struct policy *policy = p->setup.policy;
	const struct message_pair_end *end = &how->message->ends[n];

	if (how->netns[n] != own_netns(p)) {
		if (netns_permits(p->setup.netns, how->netns[n], how->netns_fds[n], how->peer)) {
			return 0;
		}
		refuse(p, how, EACCES, "that network namespace is neither this daemon's nor one that the user made");
		return -1;
	}
	if (!policy_allows_pairs(policy, how->peer)) {
		refuse(p, how, EACCES, "only root, where the configuration names no group that may (pairs-group)");
		return -1;
	}
	if (!policy_allows_pair_name(policy, how->peer, ifname)) {
		refuse(p, how, EACCES, "only root may choose such a name (pairs-names)");
		return -1;
	}
	for (unsigned i = 0; i < end->address_count; i++) {
		struct netif_address address;

		take_address(&end->addresses[i], &address);
		if (!policy_allows_pair_address(policy, how->peer, &address)) {
			refuse(p, how, EACCES, "only root may give such an address (pairs-addresses)");
			return -1;
		}
	}
	return 0;
}

/* Whether a pair has an end of that name there; with netns 0, anywhere.  NULL: none. */
static struct pair *
find_by_name(struct pairs *p, uint64_t netns, const char *name, bool of_interface)
{
	for (unsigned i = 0; i < PAIRS_MAX; i++) {
		const struct pair_record *r = &p->at[i].record;

		for (unsigned n = 0; r->state != PAIR_NONE && n < 2; n++) {
			if ((netns == 0 || r->ends[n].netns == netns) &&
			    strcmp(of_interface ? r->ends[n].ifname : r->ends[n].name, name) == 0) {
				return &p->at[i];
			}
		}
	}
	return NULL;
}

/* Whether an end there can be called so.  0, or -1 with errno. */
static int
check_name(struct pairs *p, const struct netns *ns, const char *name, const char *other)
{
	if ((other != NULL && strcmp(name, other) == 0) || (!pairends_of_one_piece && find_by_name(p, ns->id, name, false) != NULL)) {
		errno = EBUSY;
		return -1;
	}
	return pairends_check_name(ns, name);
}

/* Settles the name of end n; other: that of the other end in the same namespace, or NULL.  0, or -1 with errno. */
static int
settle_name(struct pairs *p, const struct netns *ns, const char *pattern, const char *other, char name[MESSAGE_IFNAME_SIZE])
{
	const char *percent = strchr(pattern, '%');

	for (unsigned number = 0; number < NAME_NUMBERS_MAX; number++) {
		int length = percent == NULL ? snprintf(name, MESSAGE_IFNAME_SIZE, "%s", pattern) :
		    snprintf(name, MESSAGE_IFNAME_SIZE, "%.*s%u", (int)(percent - pattern), pattern, number);

		if (length >= MESSAGE_IFNAME_SIZE || (percent == NULL && other != NULL && strcmp(name, other) == 0)) {
			errno = EINVAL;
			return -1;
		}
		if (check_name(p, ns, name, other) == 0) {
			return 0;
		}
		if (errno != EBUSY || percent == NULL) {
			return -1;
		}
	}
	return -1;
}

/* Up, and with their addresses.  0, or -1 with errno. */
static int
configure(const struct pair *pair, struct netns *const ns[2], const struct message_pair_make *message)
{
	for (unsigned n = 0; n < 2; n++) {
		if (netif_set_up(ns[n]->netif, pair->record.ends[n].ifindex, true) < 0) {
			return -1;
		}
	}
	for (unsigned n = 0; n < 2; n++) {
		for (unsigned i = 0; i < message->ends[n].address_count; i++) {
			struct netif_address address;

			take_address(&message->ends[n].addresses[i], &address);
			if (netif_add_address(ns[n]->netif, pair->record.ends[n].ifindex, &address) < 0) {
				errno = errno == EEXIST ? EINVAL : errno; /* the same one twice */
				return -1;
			}
		}
	}
	return 0;
}

static void
describe(const struct pair *pair, struct message_pair *out)
{
	const struct pair_record *r = &pair->record;

	out->since = r->since;
	out->uid = r->uid;
	out->pid = r->pid;
	out->mtu = r->mtu;
	out->held = r->held;
	memcpy(out->program, r->program, sizeof(out->program));
	for (unsigned n = 0; n < 2; n++) {
		out->ends[n].netns = r->ends[n].netns;
		out->ends[n].ifindex = r->ends[n].ifindex;
		memcpy(out->ends[n].ifname, r->ends[n].ifname, sizeof(out->ends[n].ifname));
		memcpy(out->ends[n].name, r->ends[n].name, sizeof(out->ends[n].name));
	}
}

/* A place in the table, for one more of the user's.  NULL with errno. */
static struct pair *
find_free(struct pairs *p, const struct os_peer *peer)
{
	for (unsigned tries = 0; tries < 2; tries++) {
		struct pair *found = NULL;
		unsigned of_user = 0;

		for (unsigned i = PAIRS_MAX; i-- > 0;) {
			found = p->at[i].record.state == PAIR_NONE ? &p->at[i] : found;
			of_user += p->at[i].record.state != PAIR_NONE && p->at[i].record.uid == peer->uid;
		}
		errno = found == NULL ? ENFILE : EMFILE;
		if (found != NULL && (peer->uid == 0 || p->setup.policy->pairs_per_user == 0 ||
		    of_user < p->setup.policy->pairs_per_user)) {
			return found;
		}
		if (tries == 0) {
			sweep_all(p); /* of those in other namespaces nobody has told us */
		}
	}
	return NULL;
}

/* All names and rights; fills the record's ends.  0, or -1 with errno, logged. */
static int
prepare(struct pairs *p, const struct pairs_make *how, struct netns *const ns[2], struct pair_record *r)
{
	for (unsigned n = 0; n < 2; n++) {
		const char *other = n == 1 && ns[0] == ns[1] ? r->ends[0].name : NULL;

		r->ends[n].netns = how->netns[n];
		if (settle_name(p, ns[n], how->message->ends[n].ifname, other, r->ends[n].name) < 0) {
			refuse(p, how, errno, errno == EBUSY ? "an interface of that name is there" : "no interfaces can be called so");
			return -1;
		}
		if (check_end(p, how, n, r->ends[n].name) < 0 || mac_make_random(r->ends[n].mac) < 0) {
			return -1;
		}
	}
	return 0;
}

/* Once all is allowed.  0, or -1 with errno, and nothing is left. */
static int
make(struct pair *pair, const struct pairs_make *how, struct netns *const ns[2], int *held)
{
	int ends[2] = {-1, -1}, saved;

	if (pairends_make(&pair->record, ns, write_record, pair) < 0 || configure(pair, ns, how->message) < 0) {
		goto fail;
	}
	pair->record.state = PAIR_MADE; /* of one that was not configured any more nobody has been told */
	if (write_record(pair) < 0) {
		goto fail;
	}
	if (pair->record.held && (transport_pair(ends) < 0 || hang_on(pair, ends[1], false) < 0)) {
		goto fail;
	}
	*held = ends[0];
	return 0;
fail:
	saved = errno;
	if (ends[0] >= 0) {
		close(ends[0]);
	}
	remove_pair(pair, strerror(saved));
	errno = saved;
	return -1;
}

int
pairs_make(struct pairs *p, const struct pairs_make *how, struct message_pair *out, int *held)
{
	const struct message_pair_make *m = how->message;
	struct netns *ns[2] = {NULL, NULL};
	struct pair_record r = {.state = PAIR_MAKING, .held = m->held, .mtu = m->mtu, .since = time(NULL), .pid = how->peer->pid,
	    .uid = how->peer->uid};
	struct pair *pair;
	int result = -1, saved;

	*held = -1;
	if (!is_name_or_pattern(m->ends[0].ifname) || !is_name_or_pattern(m->ends[1].ifname) ||
	    (m->mtu != 0 && (m->mtu < MTU_MIN || m->mtu > MTU_MAX))) {
		errno = EINVAL;
		return -1;
	}
	snprintf(r.program, sizeof(r.program), "%s", how->program);
	(void)os_process_start(how->peer->pid, &r.holder_start);
	for (unsigned n = 0; n < 2; n++) {
		/* Before there is a way in: a stranger's namespace is none of ours to look into. */
		if (how->netns[n] != own_netns(p) && check_end(p, how, n, m->ends[n].ifname) < 0) {
			goto out;
		}
		ns[n] = netns_get(p->setup.netns, how->netns[n], how->netns_fds[n]);
		if (ns[n] == NULL) {
			refuse(p, how, errno, "this daemon has no way into that network namespace");
			goto out;
		}
	}
	if (!policy_allows_pairs(p->setup.policy, how->peer) && (ns[0]->fd < 0 || ns[1]->fd < 0)) {
		(void)check_end(p, how, ns[0]->fd < 0 ? 0 : 1, ""); /* says so, and no more of what there is */
		goto out;
	}
	pair = find_free(p, how->peer);
	if (pair == NULL) {
		refuse(p, how, errno, errno == EMFILE ? "the user has as many pairs as one may (pairs-per-user)" : "the table is full");
		goto out;
	}
	if (prepare(p, how, ns, &r) < 0) {
		goto out;
	}
	pair->record = r;
	result = make(pair, how, ns, held);
	if (result == 0) {
		describe(pair, out);
		log_info("pair %s %s: made for uid %ld, pid %ld (%s): %s %s", r.ends[0].name, r.ends[1].name, (long)r.uid, (long)r.pid,
		    r.program, pair->record.ends[0].ifname, pair->record.ends[1].ifname);
	}
out:
	saved = errno;
	netns_put(p->setup.netns, ns[0]);
	netns_put(p->setup.netns, ns[1]);
	errno = saved;
	return result;
}

int
pairs_delete(struct pairs *p, const struct os_peer *peer, uint64_t netns, const char *ifname)
{
	struct pair *pair;

	sweep_all(p);
	pair = find_by_name(p, netns, ifname, true);
	pair = pair != NULL ? pair : find_by_name(p, 0, ifname, true);
	pair = pair != NULL ? pair : find_by_name(p, netns, ifname, false);
	if (pair == NULL) {
		errno = ENOENT;
		return -1;
	}
	if (peer->uid != 0 && peer->uid != pair->record.uid) {
		errno = EPERM;
		return -1;
	}
	remove_pair(pair, "taken away on request");
	return 0;
}

void
pairs_describe(struct pairs *p, uint32_t cursor, struct message_pair *out)
{
	unsigned slot = cursor < PAIRS_MAX ? cursor : PAIRS_MAX, next;

	if (cursor == 0) {
		sweep_all(p);
	}
	while (slot < PAIRS_MAX && p->at[slot].record.state != PAIR_MADE) {
		slot++;
	}
	if (slot == PAIRS_MAX) {
		out->error = ENOENT;
		return;
	}
	describe(&p->at[slot], out);
	for (next = slot + 1; next < PAIRS_MAX && p->at[next].record.state != PAIR_MADE; next++) {
	}
	out->next = next < PAIRS_MAX ? next : 0;
}

void
pairs_on_event(struct pairs *p, const struct netns *ns, const struct netif_event *event)
{
	for (unsigned i = 0; i < PAIRS_MAX; i++) {
		struct pair *pair = &p->at[i];
		struct pair_end *end = &pair->record.ends[0];

		if (pair->record.state != PAIR_MADE) {
			continue;
		}
		if (end->netns != ns->id || end->ifindex != event->ifindex) {
			end++;
		}
		if (end->netns != ns->id || end->ifindex != event->ifindex) {
			continue;
		}
		if (event->type == NETIF_DEPARTED) {
			lose(pair);
		} else if (event->type == NETIF_MOVED) {
			end->netns = 0; /* the other end still tells, and takes it along */
			(void)write_record(pair);
		}
		return;
	}
}

void
pairs_resync(struct pairs *p)
{
	p->next_sweep_s = 0;
	sweep_all(p);
}

/* Goes on with one of an earlier daemon. */
static void
adopt(struct pair *pair)
{
	const struct pair_record *r = &pair->record;
	uint64_t start;
	int watch;

	if (r->state == PAIR_MAKING) {
		remove_pair(pair, "never finished: taking it away");
		return;
	}
	if (sweep(pair) || !r->held) {
		return;
	}
	/* Watched first: a number that is looked at while it is watched cannot come to mean another process. */
	watch = r->pid > 0 ? os_process_watch(r->pid) : -1;
	if (watch < 0 || os_process_start(r->pid, &start) < 0 || start != r->holder_start || hang_on(pair, watch, true) < 0) {
		if (watch >= 0 && pair->hold < 0) {
			close(watch);
		}
		remove_pair(pair, "its holder has ended while no daemon served: taking it away");
	}
}

void
pairs_adopt(struct pairs *p)
{
	for (unsigned i = 0; i < PAIRS_MAX; i++) {
		if (read_record(&p->at[i])) {
			adopt(&p->at[i]);
		}
	}
}

unsigned
pairs_end_all(struct pairs *p)
{
	unsigned ended = 0;

	for (unsigned i = 0; i < PAIRS_MAX; i++) {
		if (p->at[i].record.state != PAIR_NONE) {
			remove_pair(&p->at[i], "ended on request");
			ended++;
		}
	}
	return ended;
}
