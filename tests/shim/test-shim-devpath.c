/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-shim-devpath.c - which paths mean a device, and what it costs to say that one does not.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "protocol/devlist.h"
#include "shim/devpath.h"
#include "shim/real.h"
#include "tests/unit/suite.h"

static char world[] = "/tmp/shim-devpath.XXXXXX";
static unsigned calls;
static const struct stat *shown; /* in the place of every file in /dev; NULL: what there is */
static real_fstatat_fn their_fstatat;
static real_stat_fn their_stat;

static int
counting_fstatat(int dir, const char *path, struct stat *st, int flags)
{
	calls++;
	if (shown != NULL && devname_parse(path + 5, &(struct device_id){0})) {
		*st = *shown;
		return 0;
	}
	return their_fstatat(dir, path, st, flags);
}

static int
counting_stat(const char *path, struct stat *st)
{
	calls++;
	return their_stat(path, st);
}

/* A directory with a link to /dev, a directory of its own, and a link to a file of /dev. */
static void
make_world(void)
{
	snprintf(world, sizeof(world), "/tmp/shim-devpath.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(world));
	ck_assert_int_eq(chdir(world), 0);
	ck_assert_int_eq(symlink("/dev", "link"), 0);
	ck_assert_int_eq(mkdir("dev", 0700), 0);
	ck_assert_int_eq(symlink("../dev/tap0", "dev/tap1"), 0);
	their_fstatat = (real_fstatat_fn)real_get(REAL_fstatat);
	their_stat = (real_stat_fn)real_get(REAL_stat);
	atomic_store(&real_slots[REAL_fstatat], (uintptr_t)counting_fstatat);
	atomic_store(&real_slots[REAL_stat], (uintptr_t)counting_stat);
	calls = 0;
}

static void
end_world(void)
{
	ck_assert_int_eq(chdir(world), 0);
	ck_assert_int_eq(unlink("dev/tap1"), 0);
	ck_assert_int_eq(rmdir("dev"), 0);
	ck_assert_int_eq(unlink("link"), 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(world), 0);
	atomic_store(&real_slots[REAL_fstatat], (uintptr_t)their_fstatat);
	atomic_store(&real_slots[REAL_stat], (uintptr_t)their_stat);
}

#define NO 0

static const struct row {
	const char *start; /* where the program stands; NULL: its own directory */
	const char *path;
	uint8_t kind;      /* NO: no device's path */
	uint16_t unit;
	bool asks;         /* may ask the kernel about directories */
} rows[] = {
	{NULL, "/dev/tap0", DEVICE_TAP, 0, false},
	{NULL, "/dev/tun15", DEVICE_TUN, 15, false},
	{NULL, "/dev/tap999999999999", DEVICE_TAP, DEVICE_UNITS_MAX, false},
	{NULL, "//dev/tap0", DEVICE_TAP, 0, true},
	{NULL, "/dev//tap0", DEVICE_TAP, 0, true},
	{NULL, "/dev/./tun2", DEVICE_TUN, 2, true},
	{NULL, "/dev/../dev/tun2", DEVICE_TUN, 2, true},
	{NULL, "link/tap4", DEVICE_TAP, 4, true},
	{NULL, "./link/../link/tap4", NO, 0, true}, /* ".." of /dev is / */
	{"/dev", "tap5", DEVICE_TAP, 5, true},
	{"/dev", "./tap5", DEVICE_TAP, 5, true},
	{"/", "dev/tap6", DEVICE_TAP, 6, true},
	{"/usr", "../dev/tap6", DEVICE_TAP, 6, true},
	{NULL, "tap0", NO, 0, true},
	{NULL, "dev/tap0", NO, 0, true},
	{NULL, "dev/tap1", NO, 0, true},
	{NULL, "none/tap0", NO, 0, true},
	{NULL, "/tap0", NO, 0, true},
	{NULL, "/tmp/tap0", NO, 0, true},
	{NULL, "/dev/null", NO, 0, false},
	{NULL, "/dev/tap", NO, 0, false},
	{NULL, "/dev/tun", NO, 0, false},
	{NULL, "/dev/net/tun", NO, 0, false},
	{NULL, "/dev/tap00", NO, 0, false},
	{NULL, "/dev/tap01", NO, 0, false},
	{NULL, "/dev/tap-1", NO, 0, false},
	{NULL, "/dev/tap0 ", NO, 0, false},
	{NULL, "/dev/tap0/", NO, 0, false},
	{NULL, "/dev/tap0/x", NO, 0, false},
	{NULL, "/dev/Tap0", NO, 0, false},
	{NULL, "/dev/xtap0", NO, 0, false},
	{NULL, "/dev/", NO, 0, false},
	{NULL, "/", NO, 0, false},
	{NULL, "", NO, 0, false},
	{NULL, NULL, NO, 0, false},
	{NULL, "some/ordinary/file.txt", NO, 0, false},
};

START_TEST(a_path_is_or_is_not_a_device)
{
	const struct row *row = &rows[_i];
	struct device_id id = {0};

	if (row->start != NULL) {
		ck_assert_int_eq(chdir(row->start), 0);
	}
	errno = EXDEV;
	ck_assert_msg(devpath_match(AT_FDCWD, row->path, &id) == (row->kind != NO), "%s", row->path);
	ck_assert_int_eq(errno, EXDEV);
	ck_assert_msg(row->asks || calls == 0, "%s: %u system calls", row->path, calls);
	if (row->kind != NO) {
		ck_assert_uint_eq(id.kind, row->kind);
		ck_assert_uint_eq(id.unit, row->unit);
	}
}
END_TEST

START_TEST(a_real_node_is_the_daemon_s_by_its_number)
{
	const struct device_id tap3 = {.kind = DEVICE_TAP, .unit = 3};
	struct stat st = {.st_mode = S_IFCHR | 0600, .st_rdev = makedev(DEVLIST_MAJOR, devlist_minor(tap3))};
	struct device_id id;

	shown = &st;
	errno = EXDEV;
	ck_assert(devpath_is_own_node(&st, tap3));
	ck_assert(!devpath_is_own_node(&st, (struct device_id){.kind = DEVICE_TUN, .unit = 3}));
	ck_assert(devpath_is_ours(AT_FDCWD, "/dev/tap3", &id));
	ck_assert(!devpath_is_ours(AT_FDCWD, "/dev/tap4", &id)); /* with another's number it is somebody else's */
	st.st_mode = S_IFBLK | 0600;
	ck_assert(!devpath_is_own_node(&st, tap3));
	st.st_mode = S_IFREG | 0600;
	ck_assert(!devpath_is_ours(AT_FDCWD, "/dev/tap3", &id));
	st.st_mode = S_IFCHR | 0600;
	st.st_rdev = makedev(24, 3); /* a kernel extension's */
	ck_assert(!devpath_is_ours(AT_FDCWD, "/dev/tap3", &id));
	ck_assert_int_eq(errno, EXDEV);
	shown = NULL;
}
END_TEST

START_TEST(only_what_the_kernel_refuses_as_a_node_is_looked_at_again)
{
	static const int others[] = {0, ENOENT, ENOTDIR, EBUSY, EMFILE};
	struct device_id id;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		errno = others[i];
		ck_assert(!devpath_is_refused_node(AT_FDCWD, "/dev/tap3", &id));
		ck_assert_int_eq(errno, others[i]);
	}
	ck_assert_uint_eq(calls, 0);
	errno = ENXIO;
	ck_assert(!devpath_is_refused_node(AT_FDCWD, "/dev/null", &id));
	ck_assert_uint_eq(calls, 0);
	ck_assert(!devpath_is_refused_node(AT_FDCWD, "/dev/tap3", &id)); /* there is none */
	ck_assert_int_eq(errno, ENXIO);
}
END_TEST

START_TEST(a_directory_descriptor_counts_for_relative_paths_only)
{
	int dev = open("/dev", O_RDONLY | O_DIRECTORY), tmp = open("/tmp", O_RDONLY | O_DIRECTORY);
	struct device_id id;

	ck_assert(devpath_match(dev, "tap7", &id));
	ck_assert_uint_eq(id.unit, 7);
	ck_assert(devpath_match(tmp, "../dev/tap7", &id));
	ck_assert(devpath_match(tmp, "/dev/tap7", &id));
	ck_assert(!devpath_match(tmp, "tap7", &id));
	errno = EXDEV;
	ck_assert(!devpath_match(9999, "tap7", &id)); /* no such descriptor: the real call will say so */
	ck_assert_int_eq(errno, EXDEV);
	close(dev);
	close(tmp);
}
END_TEST

START_TEST(a_path_too_long_to_copy_is_no_device)
{
	static char path[PATH_MAX + 32]; /* that the kernel would not take either */
	struct device_id id;

	for (size_t i = 0; i < PATH_MAX; i++) {
		path[i] = '/';
	}
	snprintf(path + PATH_MAX, 32, "dev/tap0");
	ck_assert(!devpath_match(AT_FDCWD, path, &id));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shim-devpath");
	TCase *tcase = tcase_create("devpath");

	tcase_add_checked_fixture(tcase, make_world, end_world);
	tcase_add_loop_test(tcase, a_path_is_or_is_not_a_device, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, a_real_node_is_the_daemon_s_by_its_number);
	tcase_add_test(tcase, only_what_the_kernel_refuses_as_a_node_is_looked_at_again);
	tcase_add_test(tcase, a_directory_descriptor_counts_for_relative_paths_only);
	tcase_add_test(tcase, a_path_too_long_to_copy_is_no_device);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
