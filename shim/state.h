/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - what the shim knows without asking: its settings, the device list, the state pages.
 */
#ifndef TUNTAPD_SHIM_STATE_H
#define TUNTAPD_SHIM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/devlist.h"
#include "protocol/message.h"
#include "protocol/page.h"
#include "shim/fdtable.h"

/*
 * Reads the environment, once: TUNTAPD_SOCKET, TUNTAPD_VERBOSE, TUNTAPD_DISABLE.  Called by the constructor, and by whatever comes
 * before it.
 */
void state_init(void);

/* False: TUNTAPD_DISABLE is set, or the socket's path cannot be one. */
bool state_enabled(void);

/* Path of the control socket. */
const char *state_socket(void);

/*
 * With TUNTAPD_VERBOSE: one line on standard error, "tuntapd: DEVICE: TEXT".  errno is kept.
 */
void state_explain(struct device_id id, const char *text);

/*
 * The entry of a device in RUNDIR/devices; *since is the list's time.  0, or -1 with ENOENT: no such device, or no daemon
 * has said that it serves.
 */
int state_find_device(struct device_id id, struct devlist_entry *entry, int64_t *since);

/* Whether allows() is true of any device's entry in RUNDIR/devices.  False where no daemon serves; errno is kept. */
bool state_some_device(bool (*allows)(const struct devlist_entry *entry, void *argument), void *argument);

/*
 * Maps the page of the device at a place from descriptor fd, in place of an earlier one.  Readers in other threads see the old or the
 * new page, never none.  0, or -1 with errno.
 */
int state_map(uint32_t place, int fd);

/*
 * Maps the page of a place by its path in RUNDIR, if the daemon alone can have written it, and returns it, or one that was mapped before;
 * NULL: there is none.
 */
const struct state_page *state_map_place(uint32_t place);

/*
 * Whether the page says that the interface is in another network namespace than the calling thread, where its name may be a stranger's.
 * Asks which one that is: not for the plain path.
 */
bool state_elsewhere(const struct state_page *page);

/* By place; NULL: never mapped in this process.  Each is a page that state_map() has checked. */
extern _Atomic(struct state_page *) state_pages[DEVICE_PLACES_MAX];

/* The page that speaks of held; NULL: none does (never mapped, or a later open has it), so ask the kernel. */
static inline const struct state_page *
state_page(fdtable_held held)
{
	const struct state_page *page = atomic_load_explicit(&state_pages[fdtable_place(held)], memory_order_acquire);

	if (page == NULL || !fdtable_is_open(held, __atomic_load_n(&page->open_number, __ATOMIC_RELAXED))) {
		return NULL;
	}
	return page;
}

/* A direct channel, whose page speaks of the interface, which is up, and packets are as the kernel has them: they need nothing of ours. */
static inline bool
state_plain(const struct state_page *page)
{
	static const struct state_page looked_at = {.up = UINT8_MAX, .gone = UINT8_MAX, .header_mode = UINT8_MAX, .unwatched = UINT8_MAX,
	    .channel = UINT8_MAX};
	static const struct state_page plain = {.up = 1, .channel = CHANNEL_DIRECT};

	return (__atomic_load_n(&page->word, __ATOMIC_RELAXED) & looked_at.word) == plain.word;
}

/*
 * The page's fields are read one at a time, while the daemon writes.  Whether the page speaks of the interface as it is: if
 * not, the daemon no longer hears of it, and state_up() and state_mtu() are nobody's word; header mode is the daemon's own.
 */
static inline bool
state_watched(const struct state_page *page)
{
	return __atomic_load_n(&page->unwatched, __ATOMIC_RELAXED) == 0;
}

static inline bool
state_up(const struct state_page *page)
{
	return __atomic_load_n(&page->up, __ATOMIC_RELAXED) != 0;
}

static inline bool
state_gone(const struct state_page *page)
{
	return __atomic_load_n(&page->gone, __ATOMIC_RELAXED) != 0;
}

static inline uint32_t
state_mtu(const struct state_page *page)
{
	return __atomic_load_n(&page->mtu, __ATOMIC_RELAXED);
}

static inline bool
state_header_mode(const struct state_page *page)
{
	return __atomic_load_n(&page->header_mode, __ATOMIC_RELAXED) != 0;
}

/* Whether the page vouches that the interface is up, and that its relay, if it has one, lives. */
static inline bool
state_says_up(const struct state_page *page)
{
	return page != NULL && state_watched(page) && state_up(page) && !state_gone(page);
}

/* Whether it was opened for that (MESSAGE_ACCESS_*); a page without the word is of an open for both. */
static inline bool
state_allows(const struct state_page *page, unsigned access)
{
	return page == NULL || page->access == 0 || (page->access & access) != 0;
}

#endif
