/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-node.c - row "before": the devices among the files of /dev, for all that a program asks by path, and what nobody may change.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "harness.h"

#define UNITS 16
#define ENTRIES_MAX 4096

/* From here on /dev is this case's own, with nothing in it but what the case makes. */
static void
empty_dev(void)
{
	EXPECT(unshare(CLONE_NEWNS) == 0);
	EXPECT(mount("none", "/dev", "tmpfs", 0, NULL) == 0);
}

static bool
entry_is(const struct dirent *entry, enum kind kind, unsigned unit)
{
	return strcmp(entry->d_name, name_of(kind, unit)) == 0;
}

static bool
entry_is_device(const struct dirent *entry)
{
	for (unsigned unit = 0; unit < UNITS; unit++) {
		if (entry_is(entry, TUN, unit) || entry_is(entry, TAP, unit)) {
			return true;
		}
	}
	return false;
}

/* Entry of a listing that is a unit: it must look as stat says. */
static void
looks_as_stat_says(const struct dirent *entry, enum kind kind, unsigned unit)
{
	struct stat st;

	EXPECT(stat(path_of(kind, unit), &st) == 0);
	EXPECT(entry->d_ino == st.st_ino);
	EXPECT(entry->d_type == DT_CHR);
	EXPECT(entry->d_reclen > offsetof(struct dirent, d_name) + strlen(entry->d_name) && entry->d_reclen <= sizeof(*entry));
}

/* What is left of a listing has each unit once, and is so many entries. */
static unsigned
each_unit_once(DIR *dir, enum kind kind)
{
	unsigned seen[UNITS] = {0}, count = 0;
	struct dirent *entry;

	for (errno = 0; (entry = readdir(dir)) != NULL; count++) {
		for (unsigned unit = 0; unit < UNITS; unit++) {
			if (entry_is(entry, kind, unit)) {
				seen[unit]++;
				looks_as_stat_says(entry, kind, unit);
			}
		}
	}
	EXPECT(errno == 0);
	EXPECT(readdir(dir) == NULL && errno == 0);
	for (unsigned unit = 0; unit < UNITS; unit++) {
		EXPECT(seen[unit] == 1);
	}
	return count;
}

static void
listing_shows_each_unit_once(enum kind kind)
{
	DIR *dir = opendir("/dev");
	struct dirent *entry;
	bool null = false;

	EXPECT(dir != NULL);
	each_unit_once(dir, kind);
	rewinddir(dir);
	each_unit_once(dir, kind);
	EXPECT(closedir(dir) == 0);
	/* By descriptor, and by another way of writing it. */
	dir = fdopendir(open("/dev/shm/..", O_RDONLY | O_DIRECTORY));
	EXPECT(dir != NULL);
	each_unit_once(dir, kind);
	EXPECT(closedir(dir) == 0);
	EXPECT(chdir("/dev") == 0);
	dir = opendir(".");
	EXPECT(dir != NULL);
	each_unit_once(dir, kind);
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL) {
		null = null || strcmp(entry->d_name, "null") == 0;
	}
	EXPECT(null);
	EXPECT(closedir(dir) == 0);
	dir = opendir("/");
	EXPECT(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		EXPECT(!entry_is_device(entry));
	}
	EXPECT(closedir(dir) == 0);
	EXPECT(!if_exists(name_of(kind, 0)));
}

static void
listing_by_readdir_r(enum kind kind)
{
	DIR *dir = opendir("/dev");
	struct dirent entry, *result;
	unsigned seen[UNITS] = {0};

	EXPECT(dir != NULL);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* programs call it all the same */
	while (readdir_r(dir, &entry, &result) == 0 && result != NULL) {
		EXPECT(result == &entry);
		for (unsigned unit = 0; unit < UNITS; unit++) {
			seen[unit] += entry_is(&entry, kind, unit);
		}
	}
	EXPECT(readdir_r(dir, &entry, &result) == 0 && result == NULL);
#pragma GCC diagnostic pop
	for (unsigned unit = 0; unit < UNITS; unit++) {
		EXPECT(seen[unit] == 1);
	}
}

static void
places_in_a_listing(enum kind kind)
{
	static struct {
		long before;
		char name[NAME_MAX + 1];
	} entries[ENTRIES_MAX];
	DIR *dir = opendir("/dev");
	struct dirent *entry;
	unsigned count = 0;
	long end;

	EXPECT(dir != NULL);
	for (;;) {
		long before = telldir(dir);

		entry = readdir(dir);
		if (entry == NULL) {
			break;
		}
		EXPECT(before != -1 && count < ENTRIES_MAX);
		entries[count].before = before;
		strcpy(entries[count].name, entry->d_name);
		count++;
	}
	EXPECT(count >= 2 * UNITS);
	end = telldir(dir);
	EXPECT(end != -1);
	/* Backwards, so that each seek crosses what it must. */
	for (unsigned i = count; i-- > 0;) {
		seekdir(dir, entries[i].before);
		entry = readdir(dir);
		EXPECT(entry != NULL && strcmp(entry->d_name, entries[i].name) == 0);
	}
	/* From the start to the end, and to the last. */
	rewinddir(dir);
	seekdir(dir, end);
	EXPECT(readdir(dir) == NULL);
	rewinddir(dir);
	seekdir(dir, entries[count - 1].before);
	entry = readdir(dir);
	EXPECT(entry != NULL && strcmp(entry->d_name, entries[count - 1].name) == 0);
	EXPECT(readdir(dir) == NULL);
	EXPECT(closedir(dir) == 0);
}

static void
real_node_is_listed_once(enum kind kind)
{
	DIR *dir;
	struct dirent *entry;
	unsigned seen = 0;

	empty_dev();
	EXPECT(mknod(path_of(kind, 5), S_IFREG | 0600, 0) == 0);
	dir = opendir("/dev");
	EXPECT(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		if (entry_is(entry, kind, 5)) {
			EXPECT(entry->d_type == DT_REG);
			seen++;
		}
	}
	EXPECT(seen == 1);
	rewinddir(dir);
	seen = 0;
	while ((entry = readdir(dir)) != NULL) {
		seen++;
	}
	EXPECT(seen == 2 + 2 * UNITS); /* "." and ".." */
}

static void
many_listings_at_once(enum kind kind)
{
	DIR *dirs[100];
	unsigned real = 0, entries[100] = {0};

	empty_dev();
	EXPECT(mkdir("/dev/other", 0700) == 0);
	for (unsigned i = 0; i < 100; i++) {
		dirs[i] = opendir("/dev");
		EXPECT(dirs[i] != NULL);
	}
	/* In turns, one entry each; at the most the devices are missing. */
	for (unsigned turn = 0; turn < 100; turn++) {
		for (unsigned i = 0; i < 100; i++) {
			entries[i] += readdir(dirs[i]) != NULL;
		}
	}
	for (unsigned i = 0; i < 100; i++) {
		EXPECT(entries[i] == 3 + 2 * UNITS || entries[i] == 3);
		real += entries[i] == 3;
		EXPECT(closedir(dirs[i]) == 0);
	}
	EXPECT(real < 90);
	dirs[0] = opendir("/dev");
	EXPECT(dirs[0] != NULL && each_unit_once(dirs[0], kind) == 3 + 2 * UNITS);
}

static int
only_devices(const struct dirent *entry)
{
	return entry_is_device(entry);
}

/* A sorted list of each device, once; frees it. */
static void
is_list_of_devices(int count, struct dirent **list, enum kind kind)
{
	unsigned seen = 0;

	EXPECT(count == 2 * UNITS);
	for (int i = 0; i < count; i++) {
		seen += entry_is(list[i], kind, 7);
		EXPECT(i == 0 || strcmp(list[i - 1]->d_name, list[i]->d_name) < 0);
	}
	EXPECT(seen == 1);
	for (int i = 0; i < count; i++) {
		free(list[i]);
	}
	free(list);
}

static void
scandir_finds_them(enum kind kind)
{
	struct dirent **list;
	int count, dir = open("/dev", O_RDONLY | O_DIRECTORY);

	count = scandir("/dev", &list, only_devices, alphasort);
	is_list_of_devices(count, list, kind);
	count = scandir("/dev/shm/../", &list, only_devices, alphasort);
	is_list_of_devices(count, list, kind);
	EXPECT(dir >= 0);
#ifdef __GLIBC__
	count = scandirat(dir, ".", &list, only_devices, alphasort);
	is_list_of_devices(count, list, kind);
#endif
	count = scandir("/dev", &list, NULL, NULL);
	EXPECT(count > 2 * UNITS);
	while (count > 0) {
		free(list[--count]);
	}
	free(list);
	EXPECT(scandir("/etc", &list, only_devices, NULL) == 0);
	EXPECT_ERRNO(scandir(path_of(kind, 0), &list, NULL, NULL), ENOTDIR);
	EXPECT_ERRNO(scandir("/dev/nothing-there", &list, NULL, NULL), ENOENT);
}

#ifdef GLOB_ALTDIRFUNC
static void
glob_finds_them(enum kind kind)
{
	glob_t found = {0};
	char pattern[64] = "/d[e]v/";

	strcat(pattern, kind == TUN ? "tun*" : "ta?*");
	EXPECT(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc >= UNITS);
	EXPECT((found.gl_flags & GLOB_ALTDIRFUNC) == 0);
	EXPECT(strcmp(found.gl_pathv[0], path_of(kind, 0)) == 0 && strcmp(found.gl_pathv[1], path_of(kind, 1)) == 0);
	EXPECT(glob("/dev/nul[l]", GLOB_APPEND, NULL, &found) == 0);
	EXPECT(strcmp(found.gl_pathv[found.gl_pathc - 1], "/dev/null") == 0);
	globfree(&found);
	EXPECT(glob(path_of(kind, 3), 0, NULL, &found) == 0 && found.gl_pathc == 1);
	globfree(&found);
	EXPECT(glob("/dev/ta[p]99", 0, NULL, &found) == GLOB_NOMATCH);
	EXPECT(chdir("/dev") == 0);
	EXPECT(glob("{tap,tun}1[0-5]", GLOB_BRACE, NULL, &found) == 0 && found.gl_pathc == 12);
	globfree(&found);
}
#endif

static void
programs_find_them(enum kind kind)
{
	char command[200];

	snprintf(command, sizeof(command), "test \"$(ls /dev | grep -x -c %s)\" = 1", name_of(kind, 3));
	EXPECT(system(command) == 0);
#ifdef __GLIBC__ /* programs of glibc, started by one of musl, have the library for musl, which knows no statx */
	snprintf(command, sizeof(command), "ls -l %s | grep -q '^crw-rw---- 1 root root'", path_of(kind, 3));
	EXPECT(system(command) == 0);
	snprintf(command, sizeof(command), "find /dev -maxdepth 1 -type c -name %s | grep -q .", name_of(kind, 3));
	EXPECT(system(command) == 0);
	snprintf(command, sizeof(command), "test -c %s && test \"$(echo /dev/t[au]?3)\" = '/dev/tap3 /dev/tun3'", path_of(kind, 3));
	EXPECT(system(command) == 0);
#endif
}

static void
real_path_is_its_own(enum kind kind)
{
	char resolved[PATH_MAX], dotted[64] = "/dev/../dev//./", *path;

	strcat(dotted, name_of(kind, 3));
	errno = 0;
	EXPECT(realpath(path_of(kind, 3), resolved) == resolved && strcmp(resolved, path_of(kind, 3)) == 0);
	EXPECT(errno == 0);
	EXPECT(realpath(dotted, resolved) == resolved && strcmp(resolved, path_of(kind, 3)) == 0);
	path = realpath(dotted, NULL);
	EXPECT(path != NULL && strcmp(path, path_of(kind, 3)) == 0);
	free(path);
#ifdef __GLIBC__
	path = canonicalize_file_name(dotted);
	EXPECT(path != NULL && strcmp(path, path_of(kind, 3)) == 0);
	free(path);
#endif
	EXPECT(chdir("/dev/shm") == 0);
	strcpy(dotted, "../");
	strcat(dotted, name_of(kind, 3));
	EXPECT(realpath(dotted, resolved) == resolved && strcmp(resolved, path_of(kind, 3)) == 0);
	EXPECT(realpath(path_of(kind, 16), resolved) == NULL && errno == ENOENT);
	EXPECT(realpath("/tmp/tap0", resolved) == NULL && errno == ENOENT);
	EXPECT(realpath("/dev/null", resolved) == resolved && strcmp(resolved, "/dev/null") == 0);
}

static void
it_is_no_link_and_no_directory(enum kind kind)
{
	volatile size_t room = 64; /* not a constant: what a fortified program calls */
	char target[64];
	int dir = open("/dev", O_RDONLY | O_DIRECTORY);

	EXPECT_ERRNO(readlink(path_of(kind, 3), target, sizeof(target)), EINVAL);
	EXPECT_ERRNO(readlink(path_of(kind, 3), target, room), EINVAL);
	EXPECT_ERRNO(readlinkat(dir, name_of(kind, 3), target, sizeof(target)), EINVAL);
	EXPECT_ERRNO(readlinkat(dir, name_of(kind, 3), target, room), EINVAL);
	EXPECT_ERRNO(readlink(path_of(kind, 16), target, sizeof(target)), ENOENT);
	EXPECT_ERRNO(open(path_of(kind, 3), O_RDONLY | O_DIRECTORY), ENOTDIR);
	EXPECT(opendir(path_of(kind, 3)) == NULL && errno == ENOTDIR);
	EXPECT(opendir(path_of(kind, 16)) == NULL && errno == ENOENT);
	EXPECT_ERRNO(truncate(path_of(kind, 3), 0), EINVAL);
	EXPECT_ERRNO(truncate(path_of(kind, 16), 0), ENOENT);
#ifdef O_PATH
	EXPECT_ERRNO(open(path_of(kind, 3), O_PATH), ENOENT); /* there is no file to name */
#endif
	EXPECT_ERRNO(unlink(path_of(kind, 3)), ENOENT);
	EXPECT_ERRNO(rename(path_of(kind, 3), "/dev/other"), ENOENT);
	EXPECT(access(path_of(kind, 3), F_OK) == 0 && !if_exists(name_of(kind, 3)));
}

static void
nobody_changes_it_by_path(enum kind kind)
{
	const struct timespec times[2] = {{1, 0}, {1, 0}};
	const struct timeval old_times[2] = {{1, 0}, {1, 0}};
	struct stat before, after;
	int dir = open("/dev", O_RDONLY | O_DIRECTORY);
	char path[32];

	strcpy(path, path_of(kind, 3));
	EXPECT(stat(path, &before) == 0 && dir >= 0);
	EXPECT_ERRNO(chmod(path, 0666), EPERM);
	EXPECT_ERRNO(fchmodat(dir, name_of(kind, 3), 0666, 0), EPERM);
	EXPECT_ERRNO(chown(path, 1, 1), EPERM);
	EXPECT_ERRNO(lchown(path, 1, 1), EPERM);
	EXPECT_ERRNO(fchownat(dir, name_of(kind, 3), 1, 1, 0), EPERM);
	EXPECT_ERRNO(utime(path, NULL), EPERM);
	EXPECT_ERRNO(utimes(path, old_times), EPERM);
	EXPECT_ERRNO(lutimes(path, old_times), EPERM);
	EXPECT_ERRNO(futimesat(dir, name_of(kind, 3), old_times), EPERM);
	EXPECT_ERRNO(utimensat(dir, name_of(kind, 3), times, 0), EPERM);
	EXPECT(stat(path, &after) == 0);
	EXPECT(before.st_mode == after.st_mode && before.st_uid == after.st_uid && before.st_mtime == after.st_mtime);
	EXPECT_ERRNO(chmod(path_of(kind, 16), 0666), ENOENT);
	EXPECT_ERRNO(chown(path_of(kind, 16), 1, 1), ENOENT);
}

static void
nobody_changes_it_by_number(enum kind kind)
{
	const struct timespec times[2] = {{1, 0}, {1, 0}};
	struct stat before, after;
	int fd = opened(kind, 3);

	/* Not by what was meant for the device, either.  What is asked for is what is there, lest a failure harms this machine. */
	EXPECT(stat("/dev/net/tun", &before) == 0);
	EXPECT_ERRNO(fchmod(fd, before.st_mode & 07777), EPERM);
	EXPECT_ERRNO(fchown(fd, before.st_uid, before.st_gid), EPERM);
	EXPECT_ERRNO(futimens(fd, (struct timespec[2]){before.st_atim, before.st_mtim}), EPERM);
	EXPECT_ERRNO(futimes(fd, (struct timeval[2]){{before.st_atime, 0}, {before.st_mtime, 0}}), EPERM);
	EXPECT_ERRNO(fsetxattr(fd, "trusted.test", "x", 1, XATTR_REPLACE), EPERM);
	EXPECT_ERRNO(fremovexattr(fd, "trusted.test"), EPERM);
#ifdef AT_EMPTY_PATH
	EXPECT_ERRNO(fchownat(fd, "", before.st_uid, before.st_gid, AT_EMPTY_PATH), EPERM);
#endif
	EXPECT(stat("/dev/net/tun", &after) == 0);
	EXPECT(before.st_ctim.tv_sec == after.st_ctim.tv_sec && before.st_ctim.tv_nsec == after.st_ctim.tv_nsec);
	/* A number that is another file's again is that file's. */
	EXPECT(close(fd) == 0);
	fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	EXPECT(fd >= 0 && fchmod(fd, 0640) == 0 && futimens(fd, times) == 0);
	EXPECT(fstat(fd, &after) == 0 && (after.st_mode & 0777) == 0640 && after.st_mtime == 1);
}

static void
it_has_no_extended_attributes(enum kind kind)
{
	char value[64], path[32];
	int fd;

	strcpy(path, path_of(kind, 3));
	EXPECT_ERRNO(getxattr(path, "user.test", value, sizeof(value)), ENODATA);
	EXPECT_ERRNO(lgetxattr(path, "system.posix_acl_access", value, sizeof(value)), ENODATA);
	EXPECT(listxattr(path, value, sizeof(value)) == 0);
	EXPECT(llistxattr(path, NULL, 0) == 0);
	EXPECT_ERRNO(setxattr(path, "user.test", "x", 1, 0), EPERM);
	EXPECT_ERRNO(lsetxattr(path, "user.test", "x", 1, 0), EPERM);
	EXPECT_ERRNO(removexattr(path, "user.test"), EPERM);
	EXPECT_ERRNO(lremovexattr(path, "user.test"), EPERM);
	EXPECT_ERRNO(getxattr(path_of(kind, 16), "user.test", value, sizeof(value)), ENOENT);
	fd = opened(kind, 3);
	EXPECT_ERRNO(fgetxattr(fd, "user.test", value, sizeof(value)), ENODATA);
}

const struct contract_case node_cases[] = {
	{"before.listing", "a listing of /dev shows each unit once, as stat does", ON_BOTH, listing_shows_each_unit_once},
	{"before.listing", "so does readdir_r", ON_BOTH, listing_by_readdir_r},
	{"before.listing", "telldir and seekdir find every entry again", ON_BOTH, places_in_a_listing},
	{"before.listing", "a real node is listed once, as what it is", ON_BOTH, real_node_is_listed_once},
	{"before.listing", "a hundred listings at once show the real entries, and the next one all", ON_BOTH, many_listings_at_once},
	{"before.listing", "scandir finds, filters and sorts them", ON_BOTH, scandir_finds_them},
#ifdef GLOB_ALTDIRFUNC
	{"before.listing", "glob finds them", ON_BOTH, glob_finds_them},
#endif
	{"before.listing", "ls, find, test and the shell's patterns find them", ON_BOTH, programs_find_them},
	{"before.realpath", "the real path of each way of writing it is /dev and the name", ON_BOTH, real_path_is_its_own},
	{"before.kind", "it is no link, no directory, nothing to cut, and not there to take away", ON_BOTH,
	    it_is_no_link_and_no_directory},
	{"before.kept", "owner, mode and times are the policy's: EPERM by path", ON_BOTH, nobody_changes_it_by_path},
	{"before.kept", "EPERM by number, and the kernel's own node is untouched", ON_BOTH, nobody_changes_it_by_number},
	{"before.kept", "no extended attributes, and none can be set", ON_BOTH, it_has_no_extended_attributes},
	{0},
};
