/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link-relayed.c - the part of a relayed link that does not depend on its pair.  See link-relayed.h.
 */
#include "link-relayed.h"

#include <errno.h>

#include "relays.h"

int
link_relayed_read(struct link *l, struct netif_status *status)
{
	struct relay_counters counters;

	if (netif_read(l->netns->netif, NULL, l->ifindex, true, status) < 0) {
		return -1;
	}
	relays_read_counters(l->relays, l->place, &counters);
	/*
	 * What reached the program, and what was lost on the way: at the interface, before the relay, and in it.  Back, the relay is told
	 * what the interface does not take; what the interface itself calls dropped are also frames that nobody in the kernel wanted.
	 */
	counters.to_program.dropped += counters.port_dropped + status->to_program.dropped;
	status->to_program = counters.to_program;
	status->from_program = counters.from_program;
	/* The kernel's carrier is away also where the interface is down, and it knows nothing of what is kept. */
	if (l->kept) {
		status->persist = true;
		status->carrier = l->relay.pid != 0;
	}
	return 0;
}

enum relays_hold
link_relayed_look(struct link *l)
{
	return relays_look(l->relays, l->place);
}

int
link_relayed_prove(struct link *l, int fd)
{
	if (relays_is_channel(l->relays, fd, l->place, l->open_number)) {
		return 0;
	}
	errno = EPERM;
	return -1;
}

void
link_relayed_end(struct link *l)
{
	if (l->relay.pid != 0) {
		relays_end(l->relays, l->place);
		l->relay.pid = 0;
	}
}
