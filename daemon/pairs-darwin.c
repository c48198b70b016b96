/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pairs-darwin.c - pairs of interfaces are not written for macOS yet, and say so.  See pairs.h.
 */
#include "pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pairs {
	int unused;
};

struct pairs *
pairs_new(const struct pairs_setup *setup)
{
	return calloc(1, sizeof(struct pairs));
}

void
pairs_free(struct pairs *p)
{
	free(p);
}

int
pairs_make(struct pairs *p, const struct pairs_make *how, struct message_pair *out, int *held)
{
	errno = EOPNOTSUPP;
	return -1;
}

int
pairs_delete(struct pairs *p, const struct os_peer *peer, uint64_t netns, const char *ifname)
{
	errno = ENOENT;
	return -1;
}

void
pairs_describe(struct pairs *p, uint32_t cursor, struct message_pair *out)
{
	out->error = ENOENT;
}

void
pairs_on_event(struct pairs *p, const struct netns *ns, const struct netif_event *event)
{
}

void
pairs_resync(struct pairs *p)
{
}

void
pairs_adopt(struct pairs *p)
{
}

void
pairs_set_policy(struct pairs *p, const struct policy *policy)
{
}

unsigned
pairs_end_all(struct pairs *p)
{
	return 0;
}
