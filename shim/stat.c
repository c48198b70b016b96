/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stat.c - the stat and access families.
 *
 * By path, the C library is asked first; only where it finds nothing, and the path is a device's, does the device list answer; and for a
 * node of a kernel extension that the daemon hands out, the list says owner, group and mode.
 * By descriptor, the kernel's own device is shown as ours: same node, owner and mode by both ways.  Where the daemon has made real nodes
 * (macOS), the kernel's word about those is the answer, by both ways.
 */
#include "stat.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if __has_include(<sys/sysmacros.h>)
#include <sys/sysmacros.h> /* makedev; elsewhere it is in <sys/types.h> */
#endif

#include "devpath.h"
#include "dialect.h"
#include "fdtable.h"
#include "os.h"
#include "real.h"
#include "recognise.h"
#include "state.h"

/* Supplementary groups looked at; a process with more is judged without them, here only: the daemon asks the kernel. */
#define GROUPS_MAX 1024

static void
fill(struct stat *st, struct device_id id, const struct devlist_entry *entry, int64_t since)
{
	char path[sizeof("/dev/") + DEVNAME_SIZE] = "/dev/";
	struct stat dev;

	/* Where there is a real one, it is what everybody sees by the path. */
	devname_format(id, path + strlen(path));
	if (real_lstat(path, &dev) == 0 && devpath_is_own_node(&dev, id)) {
		*st = dev;
		return;
	}
	memset(st, 0, sizeof(*st));
	if (real_stat("/dev", &dev) == 0) {
		st->st_dev = dev.st_dev;
	}
	st->st_ino = devpath_inode(id);
	st->st_mode = S_IFCHR | (mode_t)entry->mode;
	st->st_nlink = 1;
	st->st_uid = entry->uid;
	st->st_gid = entry->gid;
	st->st_rdev = devlist_number(id);
	st->st_blksize = 4096;
	st->st_atime = st->st_mtime = st->st_ctime = (time_t)since;
}

/*
 * The real call failed: the device's answer in its place, if path is one; errno is then what it was before both.  Returns as
 * stat(2).
 */
static int
stat_path(int before, int dir, const char *path, struct stat *st)
{
	struct devlist_entry entry;
	struct device_id id;
	int64_t since;
	int saved = errno;

	if (saved != ENOENT || !state_enabled() || !devpath_match(dir, path, &id) ||
	    state_find_device(id, &entry, &since) < 0) {
		errno = saved;
		return -1;
	}
	fill(st, id, &entry, since);
	errno = before;
	return 0;
}

/* The real call gave *st for a path: a node that the daemon hands out has the owner, group and mode that the policy says.  0. */
static int
stat_node(int dir, const char *path, struct stat *st)
{
	struct devlist_entry entry;
	struct device_id id;

	if (S_ISCHR(st->st_mode) && devpath_is_before_node(dir, path, &id, &entry)) {
		st->st_mode = S_IFCHR | (mode_t)entry.mode;
		st->st_uid = entry.uid;
		st->st_gid = entry.gid;
	}
	return 0;
}

/* The real call gave *st for fd: shown as the device, if it is one. */
static void
stat_number(int fd, struct stat *st)
{
	fdtable_held held = recognise_device(fd);
	struct devlist_entry entry = {.mode = 0660};
	int64_t since = 0;
	int saved = errno;

	if (held == 0) {
		return;
	}
	if (!os_is_device_node(st) && (!S_ISSOCK(st->st_mode) || os_ask_device(fd, fdtable_id(held)) == OS_OTHER)) {
		fdtable_set(fd, FDTABLE_OTHER);
		return;
	}
	/* While no daemon serves there is no list; an open device is what it was by default. */
	(void)state_find_device(fdtable_id(held), &entry, &since);
	fill(st, fdtable_id(held), &entry, since);
	errno = saved;
}

int
stat_any(const char *path, struct stat *st)
{
	int before = errno;

	return real_stat(path, st) == 0 ? stat_node(AT_FDCWD, path, st) : stat_path(before, AT_FDCWD, path, st);
}

int
stat_any_link(const char *path, struct stat *st)
{
	int before = errno;

	return real_lstat(path, st) == 0 ? stat_node(AT_FDCWD, path, st) : stat_path(before, AT_FDCWD, path, st);
}

int
shim_stat(const char *path, struct stat *st)
{
	return stat_any(path, st);
}

int
shim_lstat(const char *path, struct stat *st)
{
	return stat_any_link(path, st);
}

int
shim_fstat(int fd, struct stat *st)
{
	int result = real_fstat(fd, st);

	if (result == 0) {
		stat_number(fd, st);
	}
	return result;
}

/* Whether a path that the kernel has taken is no path, so that the call meant the descriptor: AT_EMPTY_PATH; NULL from Linux 6.11 on. */
static bool
is_empty(const char *path)
{
	return path == NULL || path[0] == '\0';
}

/* What both fstatat forms do after the real call. */
static int
after_fstatat(int before, int result, int dir, const char *path, struct stat *st)
{
	if (result == 0) {
		if (!is_empty(path)) {
			return stat_node(dir, path, st);
		}
		stat_number(dir, st);
		return 0;
	}
	return stat_path(before, dir, path, st);
}

int
shim_fstatat(int dir, const char *path, struct stat *st, int flags)
{
	int before = errno;

	return after_fstatat(before, real_fstatat(dir, path, st, flags), dir, path, st);
}

#ifdef ENTRY___xstat
/* The names of these calls before glibc 2.33, which older programs still import; one layout of struct stat on 64-bit. */
int
shim___xstat(int version, const char *path, struct stat *st)
{
	int before = errno;

	return real___xstat(version, path, st) == 0 ? 0 : stat_path(before, AT_FDCWD, path, st);
}

int
shim___lxstat(int version, const char *path, struct stat *st)
{
	int before = errno;

	return real___lxstat(version, path, st) == 0 ? 0 : stat_path(before, AT_FDCWD, path, st);
}

int
shim___fxstat(int version, int fd, struct stat *st)
{
	int result = real___fxstat(version, fd, st);

	if (result == 0) {
		stat_number(fd, st);
	}
	return result;
}

int
shim___fxstatat(int version, int dir, const char *path, struct stat *st, int flags)
{
	int before = errno;

	return after_fstatat(before, real___fxstatat(version, dir, path, st, flags), dir, path, st);
}
#endif

#ifdef ENTRY_statx
static void
fill_statx(struct statx *sx, const struct stat *st)
{
	memset(sx, 0, sizeof(*sx));
	sx->stx_mask = STATX_BASIC_STATS;
	sx->stx_blksize = (uint32_t)st->st_blksize;
	sx->stx_nlink = (uint32_t)st->st_nlink;
	sx->stx_uid = st->st_uid;
	sx->stx_gid = st->st_gid;
	sx->stx_mode = (uint16_t)st->st_mode;
	sx->stx_ino = st->st_ino;
	sx->stx_rdev_major = major(st->st_rdev);
	sx->stx_rdev_minor = minor(st->st_rdev);
	sx->stx_dev_major = major(st->st_dev);
	sx->stx_dev_minor = minor(st->st_dev);
	sx->stx_atime.tv_sec = sx->stx_mtime.tv_sec = sx->stx_ctime.tv_sec = st->st_mtim.tv_sec;
}

int
shim_statx(int dir, const char *path, int flags, unsigned mask, struct statx *sx)
{
	struct stat st;
	int before = errno, result = real_statx(dir, path, flags, mask, sx);

	if (result != 0) {
		result = stat_path(before, dir, path, &st);
		if (result == 0) {
			fill_statx(sx, &st);
		}
	} else if (is_empty(path) && recognise_device(dir) != 0 && real_fstat(dir, &st) == 0) {
		stat_number(dir, &st);
		if (fdtable_is_device(fdtable_get(dir))) {
			fill_statx(sx, &st);
		}
	}
	return result;
}
#endif

/* Apart, because of its stack: a signal handler's may be small. */
static __attribute__((noinline)) bool
is_member(gid_t gid, gid_t own)
{
	gid_t groups[GROUPS_MAX];
	int count;

	if (gid == own) {
		return true;
	}
	count = getgroups(GROUPS_MAX, groups);
	for (int i = 0; i < count; i++) {
		if (groups[i] == gid) {
			return true;
		}
	}
	return false;
}

/* Whether a process with these ids may access a device in that mode, as the daemon would say. */
static bool
may_access(const struct devlist_entry *entry, int mode, uid_t uid, gid_t gid)
{
	unsigned wanted = (unsigned)mode & (R_OK | W_OK | X_OK), granted;

	if (uid == 0) {
		return (wanted & X_OK) == 0 || (entry->mode & 0111) != 0; /* root reads and writes, and executes what somebody may */
	}
	if (uid == entry->uid) {
		granted = entry->mode >> 6;
	} else if (is_member(entry->gid, gid)) {
		granted = entry->mode >> 3;
	} else {
		granted = entry->mode;
	}
	return (granted & wanted) == wanted;
}

/* Who asks, and for what. */
struct asker {
	int mode;
	uid_t uid;
	gid_t gid;
};

static bool
may(const struct devlist_entry *entry, void *argument)
{
	const struct asker *a = argument;

	return may_access(entry, a->mode, a->uid, a->gid);
}

/* before: errno till now. */
static int
answer(int before, bool allowed)
{
	errno = allowed ? before : EACCES;
	return allowed ? 0 : -1;
}

/*
 * The real call gave result: the device's answer in its place, if path is one; of a node that is there, if the daemon hands it out.  The
 * node of the linux dialect, which the daemon opens for whoever may open any device, is there for those.
 */
static int
access_path(int before, int result, int dir, const char *path, int mode, bool effective)
{
	struct devlist_entry entry;
	struct device_id id;
	struct asker asker;
	int saved = errno;
	bool node = (result == 0 || saved == EACCES) && devpath_is_before_node(dir, path, &id, &entry);

	if (result == 0 && !node) {
		return 0;
	}
	asker = (struct asker){mode, effective ? geteuid() : getuid(), effective ? getegid() : getgid()};
	if (node) {
		return answer(before, may(&entry, &asker));
	}
	if (dialect_linux_is_node(path) && state_enabled() && state_some_device(may, &asker)) {
		errno = before;
		return 0;
	}
	if (saved != ENOENT || !state_enabled() || !devpath_match(dir, path, &id) ||
	    state_find_device(id, &entry, NULL) < 0) {
		errno = saved;
		return -1;
	}
	return answer(before, may(&entry, &asker));
}

int
shim_access(const char *path, int mode)
{
	int before = errno;

	return access_path(before, real_access(path, mode), AT_FDCWD, path, mode, false);
}

int
shim_faccessat(int dir, const char *path, int mode, int flags)
{
	int before = errno;

	return access_path(before, real_faccessat(dir, path, mode, flags), dir, path, mode, (flags & AT_EACCESS) != 0);
}

#ifdef ENTRY_euidaccess
int
shim_euidaccess(const char *path, int mode)
{
	int before = errno;

	return access_path(before, real_euidaccess(path, mode), AT_FDCWD, path, mode, true);
}
#endif
