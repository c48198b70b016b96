/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recognise.c - devices that came by exec or over a socket.  See recognise.h.
 *
 * Theory of operation.  A new program image has an empty table, and a descriptor that was received, or inherited, tells nothing by its
 * number.  The kernel does: its node, and the mark that the daemon gave the channel (protocol/page.h), which holds the device's place.  A
 * tun descriptor without a mark is somebody else's (libvirt's, or one of the linux dialect) and is left alone.  The place names the state
 * page; the page is believed if the daemon alone can have written it (state.c), and it speaks of this very interface: same kind, not
 * over, and the same index, or, where the interface is in another network namespace than the caller, or has left the daemon's
 * sight, the same name.  (An index there says nothing: a namespace has interfaces of its own, with the same names and numbers.)
 *
 * A relayed channel is a socket whose other end has a name that tells place and open number (protocol/channelname.h); its page is
 * believed if it speaks of that very open.  A connection is none, whatever name its other end has taken.
 *
 * Where there is no such page (another daemon's RUNDIR, a changed root, no daemon any more and a boot since), the device is known
 * by its mark alone: the kernel is asked on each call, and header mode is off.
 *
 * One fstat(2) for each number and image, and one getpeername(2) for a socket; the rest only for descriptors of the tun node.  No lock, no
 * allocation; safe in signal handlers.
 */
#include "recognise.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "os.h"
#include "protocol/page.h"
#include "real.h"
#include "state.h"

/* Looked at although the limit on numbers is lower by now: who forbids himself system calls may have lowered it before. */
#define NUMBERS_LEAST 1024

/* Whether a page speaks of the interface that the kernel describes. */
static bool
speaks_of(const struct state_page *page, const struct os_channel *c)
{
	if (c->relayed) {
		return page->place == c->place && page->kind == c->kind && page->channel == CHANNEL_RELAYED &&
		    page->open_number == c->open_number;
	}
	if (page->gone != 0 || page->place != c->place || page->kind != c->kind || page->open_number == 0) {
		return false;
	}
	return c->ifindex != 0 && state_watched(page) && !state_elsewhere(page) ? page->ifindex == c->ifindex :
	    strncmp(page->ifname, c->ifname, sizeof(page->ifname)) == 0;
}

static fdtable_held
enter(const struct os_channel *c)
{
	struct device_id id = {.kind = c->kind, .unit = DEVICE_UNIT_NAMED}, fixed;
	const struct state_page *page = state_map_place(c->place);

	if (page != NULL && speaks_of(page, c)) {
		id.unit = page->unit;
		return fdtable_pack(id, c->place, page->open_number);
	}
	if (device_place_id(c->place, &fixed) && fixed.kind == c->kind) {
		id.unit = fixed.unit;
	}
	return fdtable_pack(id, c->place, FDTABLE_OPEN_NONE);
}

/* A device, or FDTABLE_OTHER; FDTABLE_UNKNOWN: no open file. */
static fdtable_held
ask(int fd)
{
	struct os_channel channel;
	struct stat st;

	if (real_fstat(fd, &st) < 0) {
		return FDTABLE_UNKNOWN;
	}
	if ((!os_is_device_node(&st) && !S_ISSOCK(st.st_mode)) || !os_read_channel(fd, &channel)) {
		return FDTABLE_OTHER;
	}
	real_bind_early(); /* for the packet path, which relies on it */
	return enter(&channel);
}

fdtable_held
recognise(int fd)
{
	int saved = errno;
	fdtable_held held;

	if (!state_enabled() || fdtable_is_settled()) {
		return 0;
	}
	held = ask(fd);
	if (held != FDTABLE_UNKNOWN) {
		fdtable_learn(fd, held);
	}
	errno = saved;
	return fdtable_is_device(held) ? held : 0;
}

bool
recognise_is_other(int fd, fdtable_held held)
{
	if (os_ask_device(fd, fdtable_id(held)) != OS_OTHER) {
		return false;
	}
	fdtable_set(fd, FDTABLE_OTHER);
	return true;
}

void
recognise_all(void)
{
	struct rlimit limit = {.rlim_cur = 0};
	int saved = errno;

	/* A child of vfork speaks of itself, and our table is its parent's. */
	if (state_enabled() && fdtable_is_ours()) {
		real_bind_early(); /* for all that comes: what it takes may be forbidden then */
		(void)getrlimit(RLIMIT_NOFILE, &limit);
		for (int fd = 0; fd < FDTABLE_MAX && (fd < NUMBERS_LEAST || (rlim_t)fd < limit.rlim_cur); fd++) {
			(void)recognise_device(fd);
		}
		fdtable_settle();
	}
	errno = saved;
}

void
recognise_born(int fd)
{
	int saved = errno;

	/* At once: a thread that was looking at the number's last file may not have the last word. */
	fdtable_set(fd, state_enabled() ? ask(fd) : FDTABLE_UNKNOWN);
	errno = saved;
}
