/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-shim-kext.c - whose word comes first where a kernel extension's node is there: the daemon's, if its list says so.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-os.h"
#include "protocol/devlist.h"
#include "shim/devpath.h"
#include "shim/real.h"
#include "shim/state.h"
#include "tests/unit/suite.h"

/* The only device that the daemon hands out as a node; tap0 is another's node, and there is no tap2. */
#define HANDED_OUT "/dev/tap1"
#define ANOTHERS "/dev/tap0"
#define NODE_NUMBER 0x22000001
#define UNITS 3

static const char *directory;
static unsigned opens; /* of nodes, by the C library */
static int node_fd;
static real_stat_fn their_stat;
static real_fstatat_fn their_fstatat;
static real_openat_fn their_openat;

int shim_open(const char *path, int flags, ...);
int shim_access(const char *path, int mode);
int shim_stat(const char *path, struct stat *st);
int shim_fstatat(int dir, const char *path, struct stat *st, int flags);

static bool
is_node(const char *path)
{
	return strcmp(path, HANDED_OUT) == 0 || strcmp(path, ANOTHERS) == 0;
}

static int
fake_fstatat(int dir, const char *path, struct stat *st, int flags)
{
	if (!is_node(path)) {
		return their_fstatat(dir, path, st, flags);
	}
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFCHR | 0660;
	st->st_rdev = NODE_NUMBER;
	return 0;
}

static int
fake_stat(const char *path, struct stat *st)
{
	return is_node(path) ? fake_fstatat(AT_FDCWD, path, st, 0) : their_stat(path, st);
}

static int
fake_openat(int dir, const char *path, int flags, ...)
{
	if (!is_node(path)) {
		return their_openat(dir, path, flags, 0600);
	}
	opens++;
	ck_assert_int_eq(flags & (O_CREAT | O_EXCL | O_TRUNC), 0);
	return node_fd;
}

static int
fake_access(const char *path, int mode)
{
	errno = EACCES;
	return -1;
}

static void
make_world(void)
{
	struct devlist_entry entries[UNITS] = {
		{.uid = 5, .mode = 0606}, {.uid = 5, .mode = 0604, .flags = DEVLIST_BEFORE_NODE}, {.mode = 0600},
	};
	char data[DEVLIST_BYTES_MAX], path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/socket.d", directory);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/socket.d/devices", directory);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(data, devlist_make(data, 0, UNITS, entries, 0), 1, file), 1);
	fclose(file);
	fake_os_reset();
	fake_os.has_nodes = true;
	their_stat = (real_stat_fn)real_get(REAL_stat);
	their_fstatat = (real_fstatat_fn)real_get(REAL_fstatat);
	their_openat = (real_openat_fn)real_get(REAL_openat);
	atomic_store(&real_slots[REAL_stat], (uintptr_t)fake_stat);
	atomic_store(&real_slots[REAL_fstatat], (uintptr_t)fake_fstatat);
	atomic_store(&real_slots[REAL_openat], (uintptr_t)fake_openat);
	atomic_store(&real_slots[REAL_access], (uintptr_t)fake_access);
	node_fd = open("/dev/null", O_RDWR);
	opens = 0;
}

static void
end_world(void)
{
	char path[64];

	close(node_fd);
	snprintf(path, sizeof(path), "%s/socket.d/devices", directory);
	ck_assert_int_eq(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/socket.d", directory);
	ck_assert_int_eq(rmdir(path), 0);
}

START_TEST(a_path_is_the_daemon_s_only_if_the_list_says_so)
{
	struct devlist_entry entry;
	struct device_id id;

	errno = EXDEV;
	ck_assert(devpath_is_before_node(AT_FDCWD, HANDED_OUT, &id, &entry));
	ck_assert_uint_eq(id.unit, 1);
	ck_assert_uint_eq(entry.mode, 0604);
	ck_assert(!devpath_is_before_node(AT_FDCWD, ANOTHERS, &id, &entry));
	ck_assert(!devpath_is_before_node(AT_FDCWD, "/dev/tap7", &id, &entry));
	ck_assert(!devpath_is_before_node(AT_FDCWD, "/dev/null", &id, &entry));
	ck_assert(devpath_is_ours(AT_FDCWD, HANDED_OUT, &id));
	ck_assert(!devpath_is_ours(AT_FDCWD, ANOTHERS, &id));
	ck_assert(devpath_is_ours(AT_FDCWD, "/dev/tap2", &id)); /* there is no file of that name */
	ck_assert_int_eq(errno, EXDEV);
}
END_TEST

/* What the flags alone forbid is answered before the daemon is asked, and the node is not opened. */
START_TEST(an_open_of_a_node_is_the_daemon_s)
{
	ck_assert_int_eq(shim_open(HANDED_OUT, O_RDWR | O_CREAT | O_EXCL, 0600), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(shim_open(HANDED_OUT, O_RDONLY | O_DIRECTORY), -1);
	ck_assert_int_eq(errno, ENOTDIR);
	ck_assert_int_eq(shim_open(HANDED_OUT, O_ACCMODE), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(opens, 0);
	ck_assert_int_eq(shim_open(ANOTHERS, O_RDWR), node_fd);
	ck_assert_uint_eq(opens, 1);
}
END_TEST

START_TEST(a_list_that_nobody_serves_by_leaves_the_node)
{
	errno = EXDEV;
	ck_assert_int_eq(shim_open(HANDED_OUT, O_RDWR), node_fd);
	ck_assert_int_eq(errno, EXDEV);
	ck_assert_int_eq(shim_open(HANDED_OUT, O_RDWR | O_CREAT | O_TRUNC, 0600), node_fd);
	ck_assert_uint_eq(opens, 2);
	ck_assert_uint_eq(fdtable_get(node_fd), FDTABLE_OTHER);
}
END_TEST

START_TEST(where_there_can_be_no_such_nodes_the_kernel_is_asked_first)
{
	fake_os.has_nodes = false;
	ck_assert_int_eq(shim_open(HANDED_OUT, O_RDONLY | O_DIRECTORY), node_fd);
	ck_assert_uint_eq(opens, 1);
}
END_TEST

START_TEST(a_node_has_the_owner_and_mode_that_the_policy_says)
{
	struct stat st;

	ck_assert_int_eq(shim_stat(HANDED_OUT, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFCHR | 0604);
	ck_assert_uint_eq(st.st_uid, 5);
	ck_assert_uint_eq(st.st_rdev, NODE_NUMBER);
	ck_assert_int_eq(shim_fstatat(AT_FDCWD, HANDED_OUT, &st, 0), 0);
	ck_assert_uint_eq(st.st_mode, S_IFCHR | 0604);
	ck_assert_int_eq(shim_stat(ANOTHERS, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFCHR | 0660);
	ck_assert_uint_eq(st.st_uid, 0);
}
END_TEST

START_TEST(access_goes_by_the_policy)
{
	errno = EXDEV;
	ck_assert_int_eq(shim_access(HANDED_OUT, R_OK), 0);
	ck_assert_int_eq(errno, EXDEV);
	/* Root executes what somebody may; another user of these is told by the mode. */
	ck_assert_int_eq(shim_access(HANDED_OUT, X_OK), -1);
	ck_assert_int_eq(errno, EACCES);
	ck_assert_int_eq(shim_access(ANOTHERS, R_OK), -1);
	ck_assert_int_eq(errno, EACCES);
}
END_TEST

int
main(int argc, char *argv[])
{
	Suite *suite = suite_create("shim-kext");
	TCase *tcase = tcase_create("kext");
	int status;

	directory = fake_directory(argv);
	tcase_add_checked_fixture(tcase, make_world, end_world);
	tcase_add_test(tcase, a_path_is_the_daemon_s_only_if_the_list_says_so);
	tcase_add_test(tcase, an_open_of_a_node_is_the_daemon_s);
	tcase_add_test(tcase, a_list_that_nobody_serves_by_leaves_the_node);
	tcase_add_test(tcase, where_there_can_be_no_such_nodes_the_kernel_is_asked_first);
	tcase_add_test(tcase, a_node_has_the_owner_and_mode_that_the_policy_says);
	tcase_add_test(tcase, access_goes_by_the_policy);
	suite_add_tcase(suite, tcase);
	status = run_suite(suite);
	return rmdir(directory) == 0 ? status : EXIT_FAILURE;
}
