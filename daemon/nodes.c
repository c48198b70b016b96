/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nodes.c - makes nodes of the devices, and takes them away.  See nodes.h.
 *
 * Theory of operation.  A node is there for who only looks: ls, a shell's pattern, a test of owner and mode in a program without the
 * library.  It opens for nobody: no driver has its number, so the kernel says ENXIO, and the library goes to the daemon then, as where
 * nothing is.
 *
 * Ours is a node with the number of its device, which is the one that the library shows (protocol/devlist.h), where the record, a file in
 * RUNDIR, says that this daemon or one before it has made it.  What else is there is somebody else's, and left alone: a kernel extension
 * has its nodes under the same names, with a number of its own.  The record is written before a node is made, and after one is taken
 * away, so a daemon that is killed leaves none that the next one does not know.  RUNDIR and /dev are both empty after a boot.
 *
 * A node is made with no rights at all, and gets its owner before its mode, so at no time it says more than the policy.
 *
 * Sources: XNU bsd/miscfs/specfs/spec_vnops.c spec_open (a number past the table of drivers: ENXIO), bsd/miscfs/devfs/devfs_vnops.c
 * devfs_mknod.  Unverified: that system integrity protection leaves root the right.
 */
#include "nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "protocol/devlist.h"
#include "protocol/paths.h"

#define RECORD_MAGIC 0x6e707474u /* "ttpn", little end first */
#define RECORD_VERSION 1
#define PATH_BYTES 128

/* RUNDIR/nodes. */
struct record {
	uint32_t magic;
	uint32_t version;
	uint8_t made[DEVICE_PLACES_FIXED]; /* by place: a node is, or is about to be, there */
};

struct nodes {
	const char *directory;
	int rundir;
	struct record record;
	bool told[DEVICE_PLACES_FIXED]; /* that it is left alone */
};

enum nodes_whose
nodes_whose(const struct stat *st, struct device_id id, bool recorded)
{
	if (st == NULL) {
		return NODES_NOBODYS;
	}
	return recorded && S_ISCHR(st->st_mode) && st->st_rdev == devlist_number(id) ? NODES_OURS : NODES_STRANGERS;
}

static void
read_record(struct nodes *n)
{
	int fd = openat(n->rundir, PATHS_NODES, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno != ENOENT) {
		log_warn("the record of nodes cannot be read, and what is there is left alone");
	}
	if (fd >= 0 && (read(fd, &n->record, sizeof(n->record)) != (ssize_t)sizeof(n->record) || n->record.magic != RECORD_MAGIC ||
	    n->record.version != RECORD_VERSION)) {
		log_warnx("the record of nodes is none of this daemon's: what is there is left alone");
		memset(&n->record, 0, sizeof(n->record));
	}
	if (fd >= 0) {
		close(fd);
	}
}

/* What is, or is about to be, at a place.  0, or -1 with errno. */
static int
note(struct nodes *n, uint32_t place, bool made)
{
	struct record out;
	int fd, saved;
	ssize_t written;

	n->record.magic = RECORD_MAGIC;
	n->record.version = RECORD_VERSION;
	n->record.made[place] = made;
	out = n->record;
	fd = openat(n->rundir, PATHS_NODES, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return -1;
	}
	written = pwrite(fd, &out, sizeof(out), 0);
	saved = written < 0 ? errno : ENOSPC;
	close(fd);
	errno = saved;
	return written == (ssize_t)sizeof(n->record) ? 0 : -1;
}

struct nodes *
nodes_new(const char *directory, int rundir)
{
	struct nodes *n = calloc(1, sizeof(*n));

	if (n != NULL) {
		n->directory = directory;
		n->rundir = rundir;
		read_record(n);
	}
	return n;
}

void
nodes_free(struct nodes *n)
{
	free(n);
}

static void
path_of(const struct nodes *n, struct device_id id, char path[PATH_BYTES])
{
	char name[DEVNAME_SIZE];

	devname_format(id, name);
	snprintf(path, PATH_BYTES, "%s/%s", n->directory, name);
}

/* Owner before mode; a change of owner may take rights from a mode, and adds none. */
static int
adjust(const char *path, const struct devlist_entry *entry)
{
	return fchownat(AT_FDCWD, path, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0 ? -1 :
	    fchmodat(AT_FDCWD, path, (mode_t)entry->mode, 0);
}

/* 0, or -1, logged: the next one fails as well. */
static int
make(struct nodes *n, uint32_t place, struct device_id id, const char *path, const struct devlist_entry *entry)
{
	bool made = note(n, place, true) == 0 && mknod(path, S_IFCHR, devlist_number(id)) == 0;

	if (!made || adjust(path, entry) < 0) {
		log_warn("%s: making the node", path);
		if (!made) {
			(void)note(n, place, false);
		}
		return -1;
	}
	log_debug("%s is made", path);
	return 0;
}

static void
take_away(struct nodes *n, uint32_t place, const char *path)
{
	if ((unlink(path) < 0 && errno != ENOENT) || note(n, place, false) < 0) {
		log_warn("%s: taking the node away", path);
	}
}

static bool
is_any_noted(const struct nodes *n)
{
	static const uint8_t none[DEVICE_PLACES_FIXED];

	return memcmp(n->record.made, none, sizeof(none)) != 0;
}

/* entry NULL: none is wanted.  0, or -1: no node can be made. */
static int
sync_place(struct nodes *n, uint32_t place, struct device_id id, const struct devlist_entry *entry)
{
	bool noted = n->record.made[place] != 0;
	char path[PATH_BYTES];
	struct stat st;
	enum nodes_whose whose;

	path_of(n, id, path);
	whose = nodes_whose(lstat(path, &st) == 0 ? &st : NULL, id, noted);
	if (whose == NODES_OURS && entry != NULL) {
		if ((st.st_uid != entry->uid || st.st_gid != entry->gid || (st.st_mode & 07777) != entry->mode) &&
		    adjust(path, entry) < 0) {
			log_warn("%s: changing the node", path);
		}
		return 0;
	}
	if (whose == NODES_OURS) {
		take_away(n, place, path);
		return 0;
	}
	if (entry == NULL || whose == NODES_STRANGERS) {
		if (noted) {
			(void)note(n, place, false); /* somebody has taken it away, or put something in its place */
		}
		if (entry != NULL && !n->told[place]) {
			log_info("%s is there, and not this daemon's: left alone", path);
			n->told[place] = true;
		}
		return 0;
	}
	n->told[place] = false;
	return make(n, place, id, path, entry);
}

static void
drop_empty_record(const struct nodes *n)
{
	if (!is_any_noted(n)) {
		(void)unlinkat(n->rundir, PATHS_NODES, 0);
	}
}

void
nodes_set_policy(struct nodes *n, const struct policy *policy)
{
	struct device_id id;

	if (!policy->nodes && !is_any_noted(n)) {
		return;
	}
	for (uint32_t place = 0; device_place_id(place, &id); place++) {
		const struct devlist_entry *entry = policy->nodes && policy_has(policy, id) ? &policy_device(policy, id)->entry : NULL;

		if (sync_place(n, place, id, entry) < 0) {
			break;
		}
	}
	drop_empty_record(n);
}

void
nodes_remove_all(struct nodes *n)
{
	struct device_id id;

	for (uint32_t place = 0; is_any_noted(n) && device_place_id(place, &id); place++) {
		(void)sync_place(n, place, id, NULL);
	}
	drop_empty_record(n);
}
