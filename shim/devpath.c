/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devpath.c - paths of devices.  See devpath.h.
 */
#include "devpath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "real.h"
#include "state.h"

/* Longest directory part that is looked at, bytes: no way to /dev is that long, and signal handlers' stacks are small. */
#define PARENT_MAX 1024

/* Whether the directory part of path, length bytes ("" is dir itself), is /dev. */
static bool
is_dev(int dir, const char *path, size_t length)
{
	char parent[PARENT_MAX];
	struct stat theirs, dev;

	if (length >= sizeof(parent)) {
		return false;
	}
	memcpy(parent, path, length);
	parent[length] = '\0';
	return real_fstatat(dir, length == 0 ? "." : parent, &theirs, 0) == 0 && real_stat("/dev", &dev) == 0 &&
	    theirs.st_dev == dev.st_dev && theirs.st_ino == dev.st_ino;
}

bool
devpath_match(int dir, const char *path, struct device_id *id)
{
	const char *name;
	int saved = errno;
	bool match;

	if (path == NULL) {
		return false;
	}
	name = strrchr(path, '/');
	name = name != NULL ? name + 1 : path;
	if (!devname_parse(name, id)) {
		return false;
	}
	if (name - path == 5 && memcmp(path, "/dev/", 5) == 0) {
		return true;
	}
	match = is_dev(dir, path, (size_t)(name - path));
	errno = saved;
	return match;
}

bool
devpath_is_own_node(const struct stat *st, struct device_id id)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == devlist_number(id);
}

/* Whether such a node is at a path. */
static bool
has_own_node(int dir, const char *path, struct device_id id)
{
	struct stat st;

	return real_fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && devpath_is_own_node(&st, id);
}

bool
devpath_is_refused_node(int dir, const char *path, struct device_id *id)
{
	struct devlist_entry entry;
	int saved = errno;
	bool is = (saved == ENXIO || saved == EACCES) && devpath_match(dir, path, id) && state_enabled() && has_own_node(dir, path, *id) &&
	    state_find_device(*id, &entry, NULL) == 0;

	errno = saved;
	return is;
}

bool
devpath_is_before_node(int dir, const char *path, struct device_id *id, struct devlist_entry *entry)
{
	int saved = errno;
	bool before = devpath_match(dir, path, id) && state_enabled() && state_find_device(*id, entry, NULL) == 0 &&
	    (entry->flags & DEVLIST_BEFORE_NODE) != 0;

	errno = saved;
	return before;
}

bool
devpath_is_ours(int dir, const char *path, struct device_id *id)
{
	struct devlist_entry entry;
	struct stat st;
	int saved = errno;
	bool exists;

	if (!devpath_match(dir, path, id) || !state_enabled()) {
		return false;
	}
	exists = real_fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !devpath_is_own_node(&st, *id);
	errno = saved;
	return !exists || devpath_is_before_node(dir, path, id, &entry);
}

bool
devpath_is_served(int dir, const char *path)
{
	struct devlist_entry entry;
	struct device_id id;
	int saved = errno;
	bool served = saved == ENOENT && state_enabled() && devpath_match(dir, path, &id) &&
	    state_find_device(id, &entry, NULL) == 0;

	errno = saved;
	return served;
}

bool
devpath_is_dev(int dir, const char *path)
{
	int saved = errno;
	bool is = is_dev(dir, path, strlen(path));

	errno = saved;
	return is;
}

ino_t
devpath_inode(struct device_id id)
{
	/* Stable, and past what a devtmpfs numbers its own nodes with. */
	return (ino_t)DEVLIST_MAJOR << 32 | devlist_minor(id);
}
