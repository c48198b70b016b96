/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-before.c - row "before": devices exist by path, without being opened.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

static void
all_units_exist(enum kind kind)
{
	struct stat st;

	for (unsigned unit = 0; unit < 16; unit++) {
		EXPECT(stat(path_of(kind, unit), &st) == 0);
		EXPECT(S_ISCHR(st.st_mode));
		EXPECT((st.st_mode & 07777) == 0660);
		EXPECT(st.st_uid == 0 && st.st_gid == 0);
		EXPECT(lstat(path_of(kind, unit), &st) == 0 && S_ISCHR(st.st_mode));
		EXPECT(access(path_of(kind, unit), F_OK) == 0);
		EXPECT(access(path_of(kind, unit), R_OK | W_OK) == 0);
	}
	EXPECT(!if_exists(name_of(kind, 0)));
}

static void
each_unit_is_a_node_of_its_own(enum kind kind)
{
	struct stat a, b, other;

	EXPECT(stat(path_of(kind, 0), &a) == 0 && stat(path_of(kind, 1), &b) == 0);
	EXPECT(stat(path_of(kind == TUN ? TAP : TUN, 0), &other) == 0);
	EXPECT(a.st_rdev != b.st_rdev && a.st_ino != b.st_ino);
	EXPECT(a.st_rdev != other.st_rdev && a.st_ino != other.st_ino);
}

static void
past_the_count_is_enoent(enum kind kind)
{
	struct stat st;

	EXPECT_ERRNO(open(path_of(kind, 16), O_RDWR), ENOENT);
	EXPECT_ERRNO(open(path_of(kind, 255), O_RDWR), ENOENT);
	EXPECT_ERRNO(open(path_of(kind, 4000000000u), O_RDWR), ENOENT);
	EXPECT_ERRNO(stat(path_of(kind, 16), &st), ENOENT);
	EXPECT_ERRNO(access(path_of(kind, 16), F_OK), ENOENT);
}

static void
other_names_are_enoent(enum kind kind)
{
	static const char *const names[] = {"/dev/tap", "/dev/tun", "/dev/tap00", "/dev/tun01", "/dev/tap-1", "/dev/tap0x",
	    "/dev/tap 0", "/dev/Tap0", "/dev/tapp0", "/dev/xtap0"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		EXPECT_ERRNO(open(names[i], O_RDWR), ENOENT);
	}
	EXPECT_ERRNO(open("/tap0", O_RDWR), ENOENT);
	EXPECT_ERRNO(open("/tmp/tap0", O_RDWR), ENOENT);
}

/* Opens by that path and by the plain one must exclude each other. */
static void
means_unit_zero(enum kind kind, int dir, const char *path)
{
	struct stat by_path, plain;
	int fd = openat(dir, path, O_RDWR);

	EXPECT(fd >= 0);
	EXPECT_ERRNO(open(path_of(kind, 0), O_RDWR), EBUSY);
	EXPECT(fstatat(dir, path, &by_path, 0) == 0 && stat(path_of(kind, 0), &plain) == 0);
	EXPECT(by_path.st_rdev == plain.st_rdev);
	EXPECT(faccessat(dir, path, R_OK | W_OK, 0) == 0);
	EXPECT(close(fd) == 0);
}

static void
any_way_of_writing_the_path(enum kind kind)
{
	char path[64];
	int dir = open("/dev", O_RDONLY | O_DIRECTORY);
	static const char *const prefixes[] = {"/dev//", "//dev/", "/dev/./", "/dev/../dev/", "/proc/../dev/", "/tmp/../dev/"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		strcpy(path, prefixes[i]);
		strcat(path, name_of(kind, 0));
		means_unit_zero(kind, AT_FDCWD, path);
	}
	EXPECT(dir >= 0);
	means_unit_zero(kind, dir, name_of(kind, 0));
	EXPECT(chdir("/dev") == 0);
	means_unit_zero(kind, AT_FDCWD, name_of(kind, 0));
	strcpy(path, "./");
	strcat(path, name_of(kind, 0));
	means_unit_zero(kind, AT_FDCWD, path);
	EXPECT(chdir("/dev/shm") == 0);
	strcpy(path, "../");
	strcat(path, name_of(kind, 0));
	means_unit_zero(kind, AT_FDCWD, path);
	EXPECT(chdir("/tmp") == 0);
	EXPECT_ERRNO(open(name_of(kind, 0), O_RDWR), ENOENT);
}

static void
a_real_file_of_that_name_is_opened(enum kind kind)
{
	/* As with macvtap's /dev/tapN, or a kernel extension's: a node that exists is the one that is meant.  Here /dev/null's number. */
	struct stat null;
	char byte = 'x';
	int fd;

	EXPECT(stat("/dev/null", &null) == 0 && mknod(path_of(kind, 9), S_IFCHR | 0600, null.st_rdev) == 0);
	fd = open(path_of(kind, 9), O_RDWR);
	EXPECT(unlink(path_of(kind, 9)) == 0);
	EXPECT(fd >= 0);
	EXPECT(!if_exists(name_of(kind, 9)));
	EXPECT(write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 0);
}

const struct contract_case before_cases[] = {
	{"before.exist", "sixteen units of each kind exist by path, owned by root, mode 0660", ON_BOTH, all_units_exist},
	{"before.stat", "each unit shows a device number and an inode of its own", ON_BOTH, each_unit_is_a_node_of_its_own},
	{"before.enoent", "a unit past the count is ENOENT for open, stat and access", ON_BOTH, past_the_count_is_enoent},
	{"before.names", "a name without a number, or nearly right, is ENOENT", ON_TAP, other_names_are_enoent},
	{"before.paths", "absolute, relative, dotted and directory-descriptor paths all mean the device", ON_BOTH,
	    any_way_of_writing_the_path},
	{"before.node", "a real node of that name is opened instead", ON_BOTH, a_real_file_of_that_name_is_opened},
	{0},
};
