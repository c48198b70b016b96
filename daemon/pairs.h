/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pairs.h - pairs of joined interfaces for test systems: made, listed, and taken away, whatever becomes of who wanted them.
 */
#ifndef TUNTAPD_DAEMON_PAIRS_H
#define TUNTAPD_DAEMON_PAIRS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/netns.h"
#include "daemon/os.h"
#include "protocol/message.h"

struct event_base;
struct pairs;
struct policy;

/* At a time, of all users. */
#define PAIRS_MAX 64

#define PAIRS_MAGIC 0x72707474u /* "ttpr", little end first */
#define PAIRS_VERSION 2

enum pair_state {
	PAIR_NONE = 0,
	PAIR_MAKING = 1, /* the interfaces may or may not exist; if they do, they have these names and MAC addresses */
	PAIR_MADE = 2,   /* they have these indexes */
};

/* An end; a moved one has a namespace of 0. */
struct pair_end {
	uint64_t netns;
	uint32_t ifindex;
	uint8_t mac[6]; /* that it was made with */
	uint8_t pad[2];
	char ifname[MESSAGE_IFNAME_SIZE]; /* empty: none is chosen yet */
	char name[MESSAGE_IFNAME_SIZE];   /* that who made it knows it by; where interfaces have the kernel's names it is another */
	uint8_t pad2[4];
};

/* A slot of the file RUNDIR/pairs (0600), written with one pwrite(2) each, before the deed, as the journal's are. */
struct pair_record {
	uint32_t magic;
	uint32_t version;
	uint8_t state;        /* enum pair_state */
	uint8_t held;         /* it goes with its holder */
	uint8_t pad[2];
	uint32_t mtu;
	int64_t since;        /* seconds since 1970 */
	uint64_t holder_start; /* os_process_start() of pid */
	int32_t pid;          /* of who made it */
	uint32_t uid;
	char program[MESSAGE_PROGRAM_SIZE];
	struct pair_end ends[2];
};

static_assert(sizeof(struct pair_end) == 56, "file layout");
static_assert(sizeof(struct pair_record) == 184, "file layout");

/* A request to make one. */
struct pairs_make {
	const struct os_peer *peer;
	const char *program; /* of the peer, for display */
	const struct message_pair_make *message;
	uint64_t netns[2];   /* where each end is to be */
	int netns_fds[2];    /* the same, the caller's */
};

/* What the table stands on; all of it outlives the table.  rundir is a descriptor of RUNDIR. */
struct pairs_setup {
	const struct policy *policy; /* until pairs_set_policy() */
	struct netns_table *netns;
	struct event_base *base;
	int rundir;
};

/* NULL with errno. */
struct pairs *pairs_new(const struct pairs_setup *setup);
/* Forgets the table; the pairs stay. */
void pairs_free(struct pairs *p);

/*
 * Makes a pair with its addresses, both ends up.  0, *out filled and *held the other end of what it hangs on (-1: nothing), the
 * caller's; or -1 with errno, and nothing is left: EINVAL (no such names, MTU or address), EACCES (policy; a namespace that the peer has
 * no right to), EBUSY (an interface of that name is there), EMFILE (the user has as many as one may), ENFILE (there are as many as there
 * may be), EOPNOTSUPP (the kernel has none).  Logs, once.
 */
int pairs_make(struct pairs *p, const struct pairs_make *how, struct message_pair *out, int *held);

/* Takes one away, by the name of an end or its interface: in that namespace, or else wherever.  0, or -1 with errno: ENOENT, EPERM. */
int pairs_delete(struct pairs *p, const struct os_peer *peer, uint64_t netns, const char *ifname);

/* Fills a reply (header apart) with the first pair at or after cursor; error ENOENT past the last. */
void pairs_describe(struct pairs *p, uint32_t cursor, struct message_pair *out);

/* What the interface watch of a namespace tells; and that news of it were lost. */
void pairs_on_event(struct pairs *p, const struct netns *ns, const struct netif_event *event);
void pairs_resync(struct pairs *p);

/* At start: goes on with the pairs of an earlier daemon; those whose holder has gone, or that were never finished, are taken away. */
void pairs_adopt(struct pairs *p);

void pairs_set_policy(struct pairs *p, const struct policy *policy);

/* Takes all away.  Returns how many. */
unsigned pairs_end_all(struct pairs *p);

#endif
