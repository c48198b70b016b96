/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.c - settings, device list and state pages.  See state.h.
 *
 * Pages.  There is one mapping for each place, made at the first attach in this process (or before its fork) and never
 * taken away, so that a reader in another thread or a signal handler never touches memory that is gone.  The next attach at
 * the same place maps its page over the old one, which the kernel does in one step.
 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cancel.h"
#include "os.h"
#include "protocol/paths.h"
#include "real.h"

enum { SETTINGS_NEW, SETTINGS_FILLING, SETTINGS_READY };

static struct {
	_Atomic int state; /* of the rest: written once, by whoever made it FILLING */
	bool enabled;
	bool verbose;
	char socket[PATHS_SIZE];
	char devices[PATHS_SIZE];
	char state_dir[PATHS_SIZE];
} settings;

_Atomic(struct state_page *) state_pages[DEVICE_PLACES_MAX];

void
state_init(void)
{
	const char *path;
	int expected = SETTINGS_NEW, saved = errno;

	if (!atomic_compare_exchange_strong(&settings.state, &expected, SETTINGS_FILLING)) {
		return;
	}
	path = os_getenv("TUNTAPD_SOCKET");
	if (path == NULL || path[0] == '\0') {
		path = PATHS_SOCKET_DEFAULT;
	}
	settings.verbose = os_getenv("TUNTAPD_VERBOSE") != NULL;
	settings.enabled = os_getenv("TUNTAPD_DISABLE") == NULL &&
	    paths_in_rundir(path, PATHS_DEVICES, settings.devices, sizeof(settings.devices)) == 0 &&
	    paths_in_rundir(path, PATHS_STATE_DIR "/", settings.state_dir, sizeof(settings.state_dir) - DEVNAME_SIZE) == 0;
	if (settings.enabled) {
		strcpy(settings.socket, path); /* paths_in_rundir() has checked its length */
	}
	fdtable_init();
	atomic_store(&settings.state, SETTINGS_READY);
	errno = saved;
}

bool
state_enabled(void)
{
	if (atomic_load(&settings.state) != SETTINGS_READY) {
		state_init();
	}
	/* Another thread may be filling them in: it will be ready before any program could tell. */
	return atomic_load(&settings.state) == SETTINGS_READY && settings.enabled;
}

const char *
state_socket(void)
{
	return settings.socket;
}

void
state_explain(struct device_id id, const char *text)
{
	char line[256] = "tuntapd: ", name[DEVNAME_SIZE];
	const char *parts[] = {name, ": ", text, "\n"};
	size_t length = strlen(line);
	int saved = errno;

	if (!settings.verbose) {
		return;
	}
	devname_format(id, name);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t more = strlen(parts[i]);

		if (length + more < sizeof(line)) {
			memcpy(line + length, parts[i], more);
			length += more;
		}
	}
	/* Standard error is the program's: if it is closed, there is nobody to tell. */
	(void)!real_write(STDERR_FILENO, line, length);
	errno = saved;
}

/*
 * RUNDIR/devices, mapped: *bytes long, to be unmapped by the caller.  NULL with errno: ENOENT (no daemon has said that it serves), EMFILE,
 * ENFILE.  The daemon replaces the file as a whole, by rename, so it is never seen half-written or cut; what lies there instead is not
 * waited for.  Mapped, because a copy would not fit on the stack that a signal handler may have.
 */
static void *
map_devices(size_t *bytes)
{
	int before = cancel_hold(), fd = real_open(settings.devices, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, NULL);
	void *data = MAP_FAILED;
	struct stat st;

	if (fd < 0) {
		cancel_release(before);
		if (errno != EMFILE && errno != ENFILE) {
			errno = ENOENT;
		}
		return NULL;
	}
	if (real_fstat(fd, &st) == 0 && st.st_size > 0 && (uintmax_t)st.st_size <= DEVLIST_BYTES_MAX) {
		*bytes = (size_t)st.st_size;
		data = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	real_close(fd);
	cancel_release(before);
	if (data != MAP_FAILED && devlist_valid(data, *bytes)) {
		return data;
	}
	if (data != MAP_FAILED) {
		munmap(data, *bytes);
	}
	errno = ENOENT;
	return NULL;
}

int
state_find_device(struct device_id id, struct devlist_entry *entry, int64_t *since)
{
	size_t bytes;
	void *data = map_devices(&bytes);
	bool found;

	if (data == NULL) {
		return -1;
	}
	found = devlist_find(data, id, entry);
	if (found && since != NULL) {
		*since = ((const struct devlist_header *)data)->since;
	}
	munmap(data, bytes);
	if (!found) {
		errno = ENOENT;
		return -1;
	}
	return 0;
}

bool
state_some_device(bool (*allows)(const struct devlist_entry *entry, void *argument), void *argument)
{
	int saved = errno;
	size_t bytes;
	void *data = map_devices(&bytes);
	struct devlist_entry entry;
	struct device_id id;
	bool some = false;

	for (uint32_t place = 0; data != NULL && !some && device_place_id(place, &id); place++) {
		some = devlist_find(data, id, &entry) && allows(&entry, argument);
	}
	if (data != NULL) {
		munmap(data, bytes);
	}
	errno = saved;
	return some;
}

int
state_map(uint32_t place, int fd)
{
	_Atomic(struct state_page *) *slot = &state_pages[place];
	struct state_page *before = NULL, *page;
	struct stat st;
	bool good;

	/* A page past the end of a short file would kill who reads it. */
	if (real_fstat(fd, &st) < 0 || st.st_size < PAGE_FILE_BYTES) {
		errno = EPROTO;
		return -1;
	}
	page = mmap(NULL, PAGE_FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		return -1;
	}
	good = page->magic == PAGE_MAGIC && page->version == PAGE_VERSION;
	if (good && atomic_compare_exchange_strong(slot, &before, page)) {
		return 0;
	}
	munmap(page, PAGE_FILE_BYTES);
	if (!good) {
		errno = EPROTO;
		return -1;
	}
	/* There is one of an earlier open, and readers of it: this one takes its place under them. */
	return mmap(before, PAGE_FILE_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ? -1 : 0;
}

/*
 * Whether a file in the directory can be the daemon's: root's, or this user's, who may serve himself, and nobody else can write to it.
 * In a user namespace root has no number that can be relied on; there, the default directory is the system's.
 */
static bool
can_be_the_daemon_s(const struct stat *st)
{
	return S_ISREG(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
	    (st->st_uid == 0 || st->st_uid == geteuid() || strcmp(settings.socket, PATHS_SOCKET_DEFAULT) == 0);
}

const struct state_page *
state_map_place(uint32_t place)
{
	char path[PATHS_SIZE];
	size_t length = strlen(settings.state_dir);
	int fd, before = cancel_hold();
	struct stat st;

	memcpy(path, settings.state_dir, length);
	device_place_name(place, path + length);
	/* Whatever lies there is not waited for. */
	fd = real_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, NULL);
	if (fd >= 0) {
		if (real_fstat(fd, &st) == 0 && can_be_the_daemon_s(&st)) {
			(void)state_map(place, fd);
		}
		real_close(fd);
	}
	cancel_release(before);
	/* A program that has changed its root directory may have mapped it before. */
	return atomic_load_explicit(&state_pages[place], memory_order_acquire);
}

bool
state_elsewhere(const struct state_page *page)
{
	uint64_t own;

	/* An unwatched one says where the interface was. */
	if (page->netns == 0 || !state_watched(page)) {
		return false;
	}
	own = os_own_netns();
	return own != 0 && own != page->netns;
}
