/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.c - settings, device list and state pages.  See state.h.
 *
 * Pages.  There is one mapping for each device, made at the first attach in this process (or before its fork) and never
 * taken away, so that a reader in another thread or a signal handler never touches memory that is gone.  The next attach of the
 * same device maps its page over the old one, which the kernel does in one step.
 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "protocol/paths.h"
#include "real.h"

enum { SETTINGS_NEW, SETTINGS_FILLING, SETTINGS_READY };

static struct {
	_Atomic int state; /* of the rest: written once, by whoever made it FILLING */
	bool enabled;
	bool verbose;
	char socket[PATHS_SIZE];
	char devices[PATHS_SIZE];
} settings;

static _Atomic(struct state_page *) pages[2][DEVICE_UNITS_MAX];

void
state_init(void)
{
	const char *path;
	int expected = SETTINGS_NEW, saved = errno;

	if (!atomic_compare_exchange_strong(&settings.state, &expected, SETTINGS_FILLING)) {
		return;
	}
	path = secure_getenv("TUNTAPD_SOCKET");
	if (path == NULL || path[0] == '\0') {
		path = PATHS_SOCKET_DEFAULT;
	}
	settings.verbose = secure_getenv("TUNTAPD_VERBOSE") != NULL;
	settings.enabled = secure_getenv("TUNTAPD_DISABLE") == NULL &&
	    paths_in_rundir(path, PATHS_DEVICES, settings.devices, sizeof(settings.devices)) == 0;
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

int
state_find_device(struct device_id id, struct devlist_entry *entry, int64_t *since)
{
	_Alignas(struct devlist_header) char data[DEVLIST_BYTES_MAX + 1];
	ssize_t bytes;
	int fd = real_open(settings.devices, O_RDONLY | O_CLOEXEC, NULL);

	if (fd < 0) {
		if (errno != EMFILE && errno != ENFILE) {
			errno = ENOENT;
		}
		return -1;
	}
	/* The file is replaced as a whole, and read in one call, so it is never seen half-written. */
	bytes = real_read(fd, data, sizeof(data));
	real_close(fd);
	if (bytes < 0 || !devlist_valid(data, (size_t)bytes) || !devlist_find(data, id, entry)) {
		errno = ENOENT;
		return -1;
	}
	if (since != NULL) {
		*since = ((const struct devlist_header *)(const void *)data)->since;
	}
	return 0;
}

static _Atomic(struct state_page *) *
page_slot(struct device_id id)
{
	return &pages[id.kind == DEVICE_TAP][id.unit];
}

int
state_map(struct device_id id, int fd)
{
	_Atomic(struct state_page *) *slot = page_slot(id);
	struct state_page *before = atomic_load(slot), *page;

	page = mmap(before, PAGE_FILE_BYTES, PROT_READ, MAP_SHARED | (before != NULL ? MAP_FIXED : 0), fd, 0);
	if (page == MAP_FAILED) {
		return -1;
	}
	if (page->magic != PAGE_MAGIC || page->version != PAGE_VERSION) {
		errno = EPROTO; /* and nobody believes it: see state_page() */
		return -1;
	}
	if (before == NULL && !atomic_compare_exchange_strong(slot, &before, page)) {
		/* Another thread mapped the same device's page meanwhile: over it with this one. */
		munmap(page, PAGE_FILE_BYTES);
		if (mmap(before, PAGE_FILE_BYTES, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
			return -1;
		}
	}
	return 0;
}

const struct state_page *
state_page(fdtable_held held)
{
	const struct state_page *page = atomic_load_explicit(page_slot(fdtable_id(held)), memory_order_acquire);

	if (page == NULL || __atomic_load_n(&page->unwatched, __ATOMIC_RELAXED) != 0 ||
	    page->magic != PAGE_MAGIC || page->version != PAGE_VERSION ||
	    !fdtable_is_open(held, __atomic_load_n(&page->open_number, __ATOMIC_RELAXED))) {
		return NULL;
	}
	return page;
}
