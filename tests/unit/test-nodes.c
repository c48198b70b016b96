/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-nodes.c - whose a node is, and what becomes of those that are wanted and of those that are not.
 *
 * Nodes are made in a directory of the test's own, which takes root's right to make them; without it those tests only see that it fails.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "daemon/nodes.h"
#include "protocol/devlist.h"
#include "protocol/paths.h"
#include "suite.h"

static char directory[] = "/tmp/tuntapd-test-nodes-XXXXXX";
static int rundir;
static struct policy *policy;

static const struct device_id tap0 = {.kind = DEVICE_TAP, .unit = 0};

static dev_t
number_of(struct device_id id)
{
	return makedev(DEVLIST_MAJOR, devlist_minor(id));
}

static const char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

/* Two devices of each kind are wanted; RUNDIR is a directory beside them. */
static void
begin(void)
{
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(mkdir(path_of("run"), 0700), 0);
	rundir = open(path_of("run"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	policy = policy_new();
	policy->tun_units = policy->tap_units = 2;
	policy->nodes = true;
}

static void
end(void)
{
	static const char *const names[] = {"tun0", "tun1", "tap0", "tap1", "tap2", "run/" PATHS_NODES};

	policy_free(policy);
	close(rundir);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)unlink(path_of(names[i]));
	}
	ck_assert_int_eq(rmdir(path_of("run")), 0);
	ck_assert_int_eq(rmdir(directory), 0); /* nothing else was left */
}

static bool
can_make(void)
{
	bool can = mknod(path_of("tap0"), S_IFCHR, number_of(tap0)) == 0;

	(void)unlink(path_of("tap0"));
	return can;
}

/* What one daemon does, from its start on; it then is killed. */
static void
daemon_does(void (*what)(struct nodes *n))
{
	struct nodes *n = nodes_new(directory, rundir);

	ck_assert_ptr_nonnull(n);
	nodes_set_policy(n, policy);
	if (what != NULL) {
		what(n);
	}
	nodes_free(n);
}

/* The file of that name, or st_mode 0. */
static struct stat
look(const char *name)
{
	struct stat st;

	if (lstat(path_of(name), &st) < 0) {
		memset(&st, 0, sizeof(st));
	}
	return st;
}

static unsigned
count(void)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;
	unsigned found = 0;

	while ((entry = readdir(dir)) != NULL) {
		found += entry->d_name[0] == 't';
	}
	closedir(dir);
	return found;
}

START_TEST(what_is_ours_has_the_device_s_number_and_is_written_down)
{
	struct stat st = {.st_mode = S_IFCHR | 0600, .st_rdev = number_of(tap0)};

	ck_assert_int_eq(nodes_whose(NULL, tap0, true), NODES_NOBODYS);
	ck_assert_int_eq(nodes_whose(NULL, tap0, false), NODES_NOBODYS);
	ck_assert_int_eq(nodes_whose(&st, tap0, true), NODES_OURS);
	ck_assert_int_eq(nodes_whose(&st, tap0, false), NODES_STRANGERS); /* another daemon's */
	st.st_rdev = number_of((struct device_id){.kind = DEVICE_TAP, .unit = 1});
	ck_assert_int_eq(nodes_whose(&st, tap0, true), NODES_STRANGERS);
	st.st_rdev = number_of((struct device_id){.kind = DEVICE_TUN, .unit = 0});
	ck_assert_int_eq(nodes_whose(&st, tap0, true), NODES_STRANGERS);
	st.st_rdev = makedev(24, 0); /* a kernel extension's */
	ck_assert_int_eq(nodes_whose(&st, tap0, true), NODES_STRANGERS);
	st.st_rdev = number_of(tap0);
	st.st_mode = S_IFBLK | 0600;
	ck_assert_int_eq(nodes_whose(&st, tap0, true), NODES_STRANGERS);
	st.st_mode = S_IFREG | 0600;
	ck_assert_int_eq(nodes_whose(&st, tap0, true), NODES_STRANGERS);
	st.st_mode = S_IFLNK | 0777;
	ck_assert_int_eq(nodes_whose(&st, tap0, true), NODES_STRANGERS);
}
END_TEST

START_TEST(without_the_right_nothing_is_left)
{
	if (!can_make()) {
		daemon_does(NULL);
		ck_assert_int_eq(faccessat(rundir, PATHS_NODES, F_OK, 0), -1);
	}
	ck_assert_uint_eq(count(), 0);
}
END_TEST

START_TEST(nodes_are_made_as_the_policy_says_and_follow_it)
{
	if (!can_make()) {
		return;
	}
	daemon_does(NULL);
	ck_assert_uint_eq(count(), 4);
	ck_assert_uint_eq(look("tap0").st_mode, S_IFCHR | 0660);
	ck_assert_uint_eq(look("tap0").st_rdev, number_of(tap0));
	ck_assert_int_eq(open(path_of("tun1"), O_RDWR | O_CLOEXEC), -1);
	/* The next one, after a reload: another owner and mode, and one tun less. */
	policy->devices[POLICY_TAP].entry = (struct devlist_entry){.uid = 1, .gid = 2, .mode = 0604};
	policy->tun_units = 1;
	daemon_does(NULL);
	ck_assert_uint_eq(count(), 3);
	ck_assert_uint_eq(look("tun1").st_mode, 0);
	ck_assert_uint_eq(look("tap1").st_mode, S_IFCHR | 0604);
	ck_assert_uint_eq(look("tap1").st_uid, 1);
	ck_assert_uint_eq(look("tap1").st_gid, 2);
	/* Not wanted at all any more. */
	policy->nodes = false;
	daemon_does(NULL);
	ck_assert_uint_eq(count(), 0);
	ck_assert_int_eq(faccessat(rundir, PATHS_NODES, F_OK, 0), -1);
}
END_TEST

START_TEST(a_stop_takes_away_what_is_ours)
{
	if (!can_make()) {
		return;
	}
	daemon_does(nodes_remove_all);
	ck_assert_uint_eq(count(), 0);
	/* Also what a daemon left that was killed. */
	daemon_does(NULL);
	ck_assert_uint_eq(count(), 4);
	daemon_does(nodes_remove_all);
	ck_assert_uint_eq(count(), 0);
	ck_assert_int_eq(faccessat(rundir, PATHS_NODES, F_OK, 0), -1);
}
END_TEST

START_TEST(what_is_somebody_else_s_is_left_alone)
{
	if (!can_make()) {
		return;
	}
	ck_assert_int_eq(mknod(path_of("tap0"), S_IFCHR | 0600, makedev(24, 0)), 0);
	ck_assert_int_eq(mknod(path_of("tap1"), S_IFCHR | 0600, number_of((struct device_id){.kind = DEVICE_TAP, .unit = 1})), 0);
	ck_assert_int_eq(symlink("/dev/null", path_of("tun0")), 0);
	daemon_does(nodes_remove_all);
	ck_assert_uint_eq(count(), 3);
	ck_assert_uint_eq(look("tap0").st_rdev, makedev(24, 0));
	ck_assert_uint_eq(look("tap1").st_mode, S_IFCHR | 0600);
	ck_assert(S_ISLNK(look("tun0").st_mode));
	/* What somebody has put in the place of one of ours is not ours either. */
	(void)unlink(path_of("tap0"));
	(void)unlink(path_of("tap1"));
	(void)unlink(path_of("tun0"));
	daemon_does(NULL);
	(void)unlink(path_of("tap0"));
	ck_assert_int_eq(mknod(path_of("tap0"), S_IFCHR | 0600, makedev(24, 0)), 0);
	daemon_does(nodes_remove_all);
	ck_assert_uint_eq(count(), 1);
	ck_assert_uint_eq(look("tap0").st_mode, S_IFCHR | 0600);
}
END_TEST

START_TEST(a_record_of_somebody_else_s_is_not_believed)
{
	int fd = openat(rundir, PATHS_NODES, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	char junk[520];

	memset(junk, 1, sizeof(junk));
	ck_assert_int_eq(write(fd, junk, sizeof(junk)), sizeof(junk));
	close(fd);
	if (can_make()) {
		ck_assert_int_eq(mknod(path_of("tap0"), S_IFCHR | 0600, number_of(tap0)), 0);
		policy->nodes = false;
		daemon_does(nodes_remove_all);
		ck_assert_uint_eq(count(), 1);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("nodes");
	TCase *tcase = tcase_create("nodes");

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_test(tcase, what_is_ours_has_the_device_s_number_and_is_written_down);
	tcase_add_test(tcase, without_the_right_nothing_is_left);
	tcase_add_test(tcase, nodes_are_made_as_the_policy_says_and_follow_it);
	tcase_add_test(tcase, a_stop_takes_away_what_is_ours);
	tcase_add_test(tcase, what_is_somebody_else_s_is_left_alone);
	tcase_add_test(tcase, a_record_of_somebody_else_s_is_not_believed);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
