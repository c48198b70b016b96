/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ifname.c - "tap0" <-> "ttd3".  See ifname.h.
 *
 * Theory of operation.  What is open is known from the state pages: those that this process has mapped, so that a program that has
 * changed its root or its rights still finds its own devices, and for the devices of others the files RUNDIR/state/DEVICE.  A page
 * counts if its open is not over and its network namespace is the caller's.  The page may lag, so the name itself is asked of the kernel,
 * by the page's index.  Only names that a link gave are mapped: an interface that somebody renamed is known to him by its new name.
 *
 * What lies in the place of a page is not waited for.
 *
 * Pages of the daemon's own namespace have their devices' names.  Those of other namespaces are numbered, from the lowest free number,
 * and never removed, so the first that is missing is the end of them.
 *
 * A program image that has lost the way to the pages, since its environment does not name the daemon, knows its own devices by their
 * descriptors, as far as those tell (recognise.c): the low ones are looked through when no page was found.
 *
 * The caller's namespace is the calling thread's.  Where /proc does not tell, a page counts if the kernel's name for its index, here, is
 * that of the page.
 */
#include "ifname.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "cancel.h"
#include "os.h"
#include "protocol/devlist.h"
#include "protocol/paths.h"
#include "real.h"
#include "recognise.h"
#include "state.h"

/* Descriptors that are looked through.  Devices are inherited, and opened, at low numbers. */
#define HELD_MAX 256

/* What is looked for. */
struct search {
	struct device_id id;    /* of devices; or, where kind is 0, */
	const char *ifname;     /* of interfaces: one name */
	uint64_t netns;         /* the caller's; 0: not known */
	struct state_page page; /* what was found */
	char found[IFNAME_SIZE]; /* its interface's name, by the kernel */
};

/* The page of a place, from the file.  False with errno ENOENT: there is none. */
static bool
read_page(uint32_t place, struct state_page *page)
{
	char path[PATHS_SIZE + DEVNAME_SIZE + 1], name[DEVNAME_SIZE];
	size_t length;
	bool whole;
	int fd;

	if (paths_in_rundir(state_socket(), PATHS_STATE_DIR "/", path, PATHS_SIZE) < 0) {
		return false;
	}
	length = strlen(path);
	device_place_name(place, name);
	memcpy(path + length, name, strlen(name) + 1);
	fd = real_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, NULL);
	if (fd < 0) {
		return false;
	}
	whole = real_read(fd, page, sizeof(*page)) == (ssize_t)sizeof(*page);
	real_close(fd);
	errno = 0;
	return whole && page->magic == PAGE_MAGIC && page->version == PAGE_VERSION;
}

static bool
mapped_page(uint32_t place, struct state_page *page)
{
	const struct state_page *mapped = atomic_load_explicit(&state_pages[place], memory_order_acquire);

	if (mapped != NULL) {
		memcpy(page, mapped, sizeof(*page));
	}
	return mapped != NULL;
}

/* Whether the page that was read is what is looked for. */
static bool
matches(struct search *s)
{
	const struct state_page *page = &s->page;

	if (page->gone != 0 || page->ifindex == 0 || page->unit >= DEVICE_UNITS_MAX ||
	    (s->netns != 0 && page->netns != 0 && page->netns != s->netns)) {
		return false;
	}
	if (s->id.kind != 0 && !device_id_equal(s->id, (struct device_id){.kind = page->kind, .unit = page->unit})) {
		return false;
	}
	/* A page that tells of a name like any other's needs no question. */
	if (page->ifname[sizeof(page->ifname) - 1] != '\0' || !os_is_link_name(page->ifname) ||
	    !os_interface_name(page->ifindex, s->found) || !os_is_link_name(s->found)) {
		return false;
	}
	if (s->netns == 0 && page->netns != 0 && strcmp(s->found, page->ifname) != 0) {
		return false;
	}
	return s->id.kind != 0 || strcmp(s->found, s->ifname) == 0;
}

/* *missing: there is no file of that place. */
static bool
try_place(struct search *s, uint32_t place, bool files, bool *missing)
{
	*missing = false;
	if (mapped_page(place, &s->page)) {
		return matches(s);
	}
	if (!files) {
		return false;
	}
	if (!read_page(place, &s->page)) {
		*missing = errno == ENOENT;
		return false;
	}
	return matches(s);
}

/* How many units the daemon serves, of both kinds; if it does not say, all that there can be. */
static void
count_units(uint16_t *tuns, uint16_t *taps)
{
	struct devlist_header h;
	char path[PATHS_SIZE];
	int fd;

	*tuns = *taps = DEVICE_UNITS_MAX;
	fd = paths_in_rundir(state_socket(), PATHS_DEVICES, path, sizeof(path)) == 0 ?
	    real_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, NULL) : -1;
	if (fd < 0) {
		return;
	}
	if (real_read(fd, &h, sizeof(h)) == (ssize_t)sizeof(h) && h.magic == DEVLIST_MAGIC && h.version == DEVLIST_VERSION &&
	    h.tun_units <= DEVICE_UNITS_MAX && h.tap_units <= DEVICE_UNITS_MAX) {
		*tuns = h.tun_units;
		*taps = h.tap_units;
	}
	real_close(fd);
}

/* The places of the daemon's own namespace. */
static bool
search_fixed(struct search *s)
{
	uint16_t units[2];
	bool missing;

	if (s->id.kind != 0) {
		return try_place(s, device_place_fixed(s->id), true, &missing);
	}
	count_units(&units[0], &units[1]);
	for (uint32_t place = 0; place < DEVICE_PLACES_FIXED; place++) {
		if (try_place(s, place, place % DEVICE_UNITS_MAX < units[place / DEVICE_UNITS_MAX], &missing)) {
			return true;
		}
	}
	return false;
}

/* Devices that this process holds, page or not. */
static bool
search_held(struct search *s)
{
	struct os_channel channel;

	for (int fd = 0; fd < HELD_MAX; fd++) {
		fdtable_held held = recognise_device(fd);
		struct device_id id = fdtable_id(held);

		if (held != 0 && device_id_valid(id) && (s->id.kind == 0 || device_id_equal(s->id, id)) && os_read_channel(fd, &channel) &&
		    channel.ifindex != 0 && os_is_link_name(channel.ifname) &&
		    (s->id.kind != 0 || strcmp(channel.ifname, s->ifname) == 0)) {
			s->page.kind = id.kind;
			s->page.unit = id.unit;
			memcpy(s->found, channel.ifname, sizeof(s->found));
			return true;
		}
	}
	return false;
}

static bool
search(struct search *s)
{
	bool files = true, missing;

	s->netns = os_own_netns();
	if (search_fixed(s)) {
		return true;
	}
	for (uint32_t place = DEVICE_PLACES_FIXED; place < DEVICE_PLACES_MAX; place++) {
		if (try_place(s, place, files, &missing)) {
			return true;
		}
		files = files && !missing;
	}
	return search_held(s);
}

/* The name before a colon, and the rest; false: it is longer than a name can be. */
static bool
split(const char *name, char base[IFNAME_SIZE], const char **rest)
{
	size_t length = strcspn(name, ":");

	*rest = name + length;
	if (length >= IFNAME_SIZE) {
		return false;
	}
	memcpy(base, name, length);
	base[length] = '\0';
	return true;
}

/* name, and what followed the other's colon.  False: it does not fit. */
static bool
join(const char *name, const char *rest, char out[IFNAME_SIZE])
{
	size_t length = strlen(name), more = strlen(rest);

	if (length + more >= IFNAME_SIZE) {
		return false;
	}
	strcpy(out, name);
	strcpy(out + length, rest);
	return true;
}

bool
ifname_of_device(const char *device, char ifname[IFNAME_SIZE])
{
	struct search s = {0};
	char base[IFNAME_SIZE];
	const char *rest;
	int saved = errno, before;
	bool found;

	if (!split(device, base, &rest) || !devname_parse(base, &s.id) || !device_id_valid(s.id) || !state_enabled()) {
		return false;
	}
	before = cancel_hold();
	found = search(&s) && join(s.found, rest, ifname);
	cancel_release(before);
	errno = saved;
	return found;
}

bool
ifname_to_device(const char *ifname, char device[IFNAME_SIZE])
{
	struct search s = {0};
	char base[IFNAME_SIZE], name[DEVNAME_SIZE];
	const char *rest;
	int saved = errno, before;
	bool found;

	if (!split(ifname, base, &rest) || !os_is_link_name(base) || !state_enabled()) {
		return false;
	}
	s.ifname = base;
	before = cancel_hold();
	found = search(&s);
	cancel_release(before);
	if (found) {
		devname_format((struct device_id){.kind = s.page.kind, .unit = s.page.unit}, name);
		found = join(name, rest, device);
	}
	errno = saved;
	return found;
}

bool
ifname_of_word(const char *word, char ifname[IFNAME_SIZE])
{
	char base[IFNAME_SIZE];
	const char *rest;

	return ifname_of_device(word, ifname) && split(word, base, &rest) && !os_interface_exists(base);
}
