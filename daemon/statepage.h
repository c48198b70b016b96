/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * statepage.h - the writer of a device's state page (protocol/page.h).
 *
 * The monitor is the only writer.  Each field is written with one pwrite(2), so that a reader of the mapping sees each byte-sized
 * field whole at all times.  The page survives the daemon; the next one opens the same file and goes on.
 */
#ifndef TUNTAPD_DAEMON_STATEPAGE_H
#define TUNTAPD_DAEMON_STATEPAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/devname.h"
#include "protocol/message.h"
#include "protocol/page.h"

struct statepage {
	int fd;                    /* read and write; -1: not open */
	struct state_page content; /* as last written */
};

/* Before first use, so that statepage_close() is always right. */
void statepage_init(struct statepage *p);

/*
 * Opens or makes the page of a place (RUNDIR/state/DEVICE) and reads it; a file that is not a page of this version and place is written
 * anew.  0, or -1 with errno.  Idempotent.
 */
int statepage_open(struct statepage *p, int rundir, uint32_t place);
void statepage_close(struct statepage *p);

/* A read-only, close-on-exec descriptor of the page, for a program; -1 with errno. */
int statepage_reader(const struct statepage *p, int rundir);

/* What a page says of an open from its start. */
struct statepage_open {
	struct device_id id;
	enum channel_type channel;
	unsigned access;
	uint64_t netns;
	uint32_t ifindex;
	uint32_t mtu;
	const char *ifname;
};

/* A new open: takes the next open number, resets everything else.  0, or -1 with errno. */
int statepage_begin(struct statepage *p, const struct statepage_open *open);

/* Each writes only on change.  0, or -1 with errno. */
int statepage_set_up(struct statepage *p, bool up);
int statepage_set_mtu(struct statepage *p, uint32_t mtu);
int statepage_set_ifname(struct statepage *p, const char *ifname);
/* The interface is in another network namespace by now. */
int statepage_set_whereabouts(struct statepage *p, uint64_t netns, uint32_t ifindex);
int statepage_set_header_mode(struct statepage *p, bool on);
int statepage_set_unwatched(struct statepage *p);
int statepage_set_gone(struct statepage *p);

#endif
