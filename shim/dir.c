/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dir.c - listings of /dev show the devices.
 *
 * Theory of operation.  A directory stream is the C library's own from first to last, and costs nothing here but a look at one
 * word.  Only where it has come to its end does it matter which directory it is of: for /dev the devices that are served follow,
 * each once, in the order tun0, tun1, ... tap0, tap1, ..., but those that a real node has shown already.  From then on the stream is
 * in a table, with the place of the device that comes next.  A position among the devices is a negative number, which no
 * file system gives, so that telldir and seekdir go on working.
 *
 * The table is static and taken and left without a lock.  A program that has more listings of /dev at their end than it has rows, and
 * closes none of them, sees the real entries alone from then on.
 *
 * scandir and glob read directories by the C library's inner calls.  To a list of scandir the devices are added.  glob, where it
 * takes the functions that it reads with from its caller (GLOB_ALTDIRFUNC, not with musl), is given ours.
 *
 * What it does not reach: ftw, nftw and fts of the C library; getdents by system call.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devpath.h"
#include "real.h"
#include "stat.h"
#include "state.h"

/* Listings of /dev that may be past their real entries at the same time; their memory is 300 bytes each. */
#define LISTINGS_MAX 32
/* Devices in the order in which they are listed: their fixed places, from 0. */
#define PLACES_END (2 * DEVICE_UNITS_MAX)

static struct listing {
	_Atomic(DIR *) dir;   /* NULL: free */
	_Atomic uint32_t next; /* place of the next device */
	struct dirent entry;  /* what readdir gave last */
} listings[LISTINGS_MAX];

/* Rows in use: while there are none nobody looks further. */
static _Atomic unsigned listings_used;

static struct listing *
listing_find(DIR *dir)
{
	if (dir == NULL || atomic_load(&listings_used) == 0) {
		return NULL;
	}
	for (unsigned i = 0; i < LISTINGS_MAX; i++) {
		if (atomic_load(&listings[i].dir) == dir) {
			return &listings[i];
		}
	}
	return NULL;
}

/* dir is now among the devices, before that at place next.  NULL: no row is free. */
static struct listing *
listing_begin(DIR *dir, uint32_t next)
{
	for (unsigned i = 0; i < LISTINGS_MAX; i++) {
		DIR *none = NULL;

		if (atomic_compare_exchange_strong(&listings[i].dir, &none, dir)) {
			atomic_store(&listings[i].next, next);
			atomic_fetch_add(&listings_used, 1);
			return &listings[i];
		}
	}
	return NULL;
}

/* dir is among its real entries again, or closed. */
static void
listing_end(DIR *dir)
{
	struct listing *listing = listing_find(dir);

	if (listing != NULL) {
		atomic_store(&listing->dir, NULL);
		atomic_fetch_sub(&listings_used, 1);
	}
}

static void
fill(struct dirent *entry, struct device_id id, uint32_t next)
{
	memset(entry, 0, sizeof(*entry));
	entry->d_ino = devpath_inode(id);
	entry->d_reclen = sizeof(*entry);
	entry->d_type = DT_CHR;
#ifdef _DIRENT_HAVE_D_OFF
	entry->d_off = LONG_MIN + (long)next;
#endif
	devname_format(id, entry->d_name);
}

/*
 * The first device from place *next on that is served and has no real node in directory fd: true, with its entry, and *next past it.
 * errno is kept.
 */
static bool
next_device(int fd, uint32_t *next, struct dirent *entry)
{
	struct devlist_entry served;
	struct device_id id;
	struct stat st;
	int saved = errno;
	bool found = false;

	while (!found && *next < PLACES_END && device_place_id(*next, &id)) {
		if (state_find_device(id, &served, NULL) < 0) {
			*next = (*next / DEVICE_UNITS_MAX + 1) * DEVICE_UNITS_MAX; /* past the count: the other kind's */
			continue;
		}
		++*next;
		fill(entry, id, *next);
		found = real_fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0;
	}
	errno = saved;
	return found;
}

/* The real entries of dir are at their end: its row, if it is a listing that goes on. */
static struct listing *
goes_on(DIR *dir)
{
	return state_enabled() && devpath_is_dev(dirfd(dir), "") ? listing_begin(dir, 0) : NULL;
}

static bool
listing_next(DIR *dir, struct listing *listing, struct dirent *entry)
{
	uint32_t next = atomic_load(&listing->next);
	bool found = next_device(dirfd(dir), &next, entry);

	atomic_store(&listing->next, next);
	return found;
}

static struct dirent *
read_entry(DIR *dir)
{
	struct listing *listing = listing_find(dir);
	struct dirent *entry;
	int before = errno;

	if (listing == NULL) {
		/* At the end errno tells that it is one. */
		errno = 0;
		entry = real_readdir(dir);
		if (entry != NULL || errno != 0) {
			errno = entry != NULL ? before : errno;
			return entry;
		}
		errno = before;
		listing = goes_on(dir);
	}
	return listing != NULL && listing_next(dir, listing, &listing->entry) ? &listing->entry : NULL;
}

struct dirent *
shim_readdir(DIR *dir)
{
	return read_entry(dir);
}

/* Returns an error's number; *result is NULL at the end. */
int
shim_readdir_r(DIR *dir, struct dirent *entry, struct dirent **result)
{
	struct listing *listing = listing_find(dir);
	int error;

	if (listing == NULL) {
		error = real_readdir_r(dir, entry, result);
		if (error != 0 || *result != NULL) {
			return error;
		}
		listing = goes_on(dir);
	}
	*result = listing != NULL && listing_next(dir, listing, entry) ? entry : NULL;
	return 0;
}

long
shim_telldir(DIR *dir)
{
	struct listing *listing = listing_find(dir);

	return listing != NULL ? LONG_MIN + (long)atomic_load(&listing->next) : real_telldir(dir);
}

void
shim_seekdir(DIR *dir, long place)
{
	struct listing *listing;

	if (place > LONG_MIN + PLACES_END) {
		listing_end(dir);
		real_seekdir(dir, place);
		return;
	}
	listing = listing_find(dir);
	if (listing != NULL) {
		atomic_store(&listing->next, (uint32_t)(place - LONG_MIN));
	} else {
		(void)listing_begin(dir, (uint32_t)(place - LONG_MIN));
	}
}

void
shim_rewinddir(DIR *dir)
{
	listing_end(dir);
	real_rewinddir(dir);
}

int
shim_closedir(DIR *dir)
{
	listing_end(dir); /* before its memory is another's */
	return real_closedir(dir);
}

DIR *
shim_opendir(const char *path)
{
	DIR *dir = real_opendir(path);

	if (dir == NULL && devpath_is_served(AT_FDCWD, path)) {
		errno = ENOTDIR;
	}
	return dir;
}

/* Puts a copy of entry at the end of a list of count.  0, or -1: no memory. */
static int
list_add(struct dirent ***list, int count, const struct dirent *entry)
{
	struct dirent **longer = realloc(*list, ((size_t)count + 1) * sizeof(struct dirent *)), *copy;

	if (longer == NULL) {
		return -1;
	}
	*list = longer;
	copy = malloc(sizeof(*copy));
	if (copy == NULL) {
		return -1;
	}
	*copy = *entry;
	longer[count] = copy;
	return 0;
}

/* The devices, after the count entries that scandir(3) has found in dir/path.  Returns as scandir. */
static int
scan_devices(int count, int dir, const char *path, struct dirent ***list, scandir_filter filter, scandir_order order)
{
	struct dirent entry;
	uint32_t next = 0;
	int saved = errno, fd, real = count;

	if (count < 0) {
		if (devpath_is_served(dir, path)) {
			errno = ENOTDIR;
		}
		return -1;
	}
	if (!state_enabled() || !devpath_is_dev(dir, path)) {
		return count;
	}
	fd = real_openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, NULL);
	while (fd >= 0 && next_device(fd, &next, &entry)) {
		if (filter != NULL && filter(&entry) == 0) {
			continue;
		}
		if (list_add(list, count, &entry) < 0) {
			real_close(fd);
			while (count > 0) {
				free((*list)[--count]);
			}
			free((void *)*list);
			errno = ENOMEM;
			return -1;
		}
		count++;
	}
	if (fd >= 0) {
		real_close(fd);
	}
	if (order != NULL && count > real) {
		qsort((void *)*list, (size_t)count, sizeof(struct dirent *), (int (*)(const void *, const void *))order);
	}
	errno = saved;
	return count;
}

int
shim_scandir(const char *path, struct dirent ***list, scandir_filter filter, scandir_order order)
{
	return scan_devices(real_scandir(path, list, filter, order), AT_FDCWD, path, list, filter, order);
}

#ifdef ENTRY_scandirat
int
shim_scandirat(int dir, const char *path, struct dirent ***list, scandir_filter filter, scandir_order order)
{
	return scan_devices(real_scandirat(dir, path, list, filter, order), dir, path, list, filter, order);
}
#endif

#ifdef ENTRY_glob
static void *
glob_opendir(const char *path)
{
	return real_opendir(path);
}

static struct dirent *
glob_readdir(void *dir)
{
	return read_entry(dir);
}

static void
glob_closedir(void *dir)
{
	listing_end(dir);
	(void)real_closedir(dir);
}

int
shim_glob(const char *pattern, int flags, glob_error failed, glob_t *found)
{
	int result;

	if ((flags & GLOB_ALTDIRFUNC) != 0 || found == NULL || !state_enabled()) {
		return real_glob(pattern, flags, failed, found);
	}
	found->gl_opendir = glob_opendir;
	found->gl_readdir = glob_readdir;
	found->gl_closedir = glob_closedir;
	found->gl_stat = stat_any;
	found->gl_lstat = stat_any_link;
	result = real_glob(pattern, flags | GLOB_ALTDIRFUNC, failed, found);
	found->gl_flags &= ~GLOB_ALTDIRFUNC; /* nobody asked for it */
	return result;
}
#endif
