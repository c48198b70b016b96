/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-policy.c - who may open what: owner, group, supplementary group, others, root; and the configuration file.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/config.h"
#include "worlds.h"

static gid_t extra_groups[] = {7, 300, 9};

static const struct {
	const char *name;
	struct os_peer peer;
	uint32_t mode;
	unsigned access;
	bool allowed;
} rows[] = {
	{"owner reads and writes", {.uid = 100}, 0600, MESSAGE_ACCESS_ALL, true},
	{"owner without write", {.uid = 100}, 0400, MESSAGE_ACCESS_ALL, false},
	{"owner reads only", {.uid = 100}, 0400, MESSAGE_ACCESS_READ, true},
	{"owner is not helped by the group's bits", {.uid = 100, .gid = 300}, 0060, MESSAGE_ACCESS_ALL, false},
	{"group member", {.uid = 1, .gid = 300}, 0660, MESSAGE_ACCESS_ALL, true},
	{"group member, no bits", {.uid = 1, .gid = 300}, 0606, MESSAGE_ACCESS_ALL, false},
	{"supplementary group", {.uid = 1, .gid = 1, .groups = extra_groups, .group_count = 3}, 0660, MESSAGE_ACCESS_ALL, true},
	{"supplementary group past the count", {.uid = 1, .gid = 1, .groups = extra_groups, .group_count = 1}, 0660,
	    MESSAGE_ACCESS_ALL, false},
	{"other, no bits", {.uid = 1, .gid = 1}, 0660, MESSAGE_ACCESS_READ, false},
	{"other with bits", {.uid = 1, .gid = 1}, 0666, MESSAGE_ACCESS_ALL, true},
	{"other writes only", {.uid = 1, .gid = 1}, 0662, MESSAGE_ACCESS_WRITE, true},
	{"other writes only, wants both", {.uid = 1, .gid = 1}, 0662, MESSAGE_ACCESS_ALL, false},
	{"root always", {.uid = 0}, 0000, MESSAGE_ACCESS_ALL, true},
};

START_TEST(mode_bits_decide)
{
	struct devlist_entry entry = {.uid = 100, .gid = 300, .mode = rows[_i].mode};

	ck_assert_msg(policy_allows(&entry, &rows[_i].peer, rows[_i].access) == rows[_i].allowed, "%s", rows[_i].name);
}
END_TEST

static const struct {
	const char *text;
	int status;
	struct policy policy; /* where status is EX_OK */
} files[] = {
	{"", EX_OK, {16, 16, {0, 0, 0660}}},
	{"tun-units = 4\ntap-units = 256\n", EX_OK, {4, 256, {0, 0, 0660}}},
	{"owner = \"0\"\ngroup = \"1234\"\nmode = \"0666\"\n", EX_OK, {16, 16, {0, 1234, 0666}}},
	{"owner = root\n", EX_OK, {16, 16, {0, 0, 0660}}},
	{"tun-units = 257\n", EX_CONFIG, {0}},
	{"tun-units = -1\n", EX_CONFIG, {0}},
	{"tap-unitz = 4\n", EX_CONFIG, {0}},
	{"mode = \"0999\"\n", EX_CONFIG, {0}},
	{"mode = \"01777\"\n", EX_CONFIG, {0}},
	{"mode = \"rw\"\n", EX_CONFIG, {0}},
	{"owner = \"no such user here\"\n", EX_CONFIG, {0}},
	{"group = \"no such group here\"\n", EX_CONFIG, {0}},
	{"owner = \"99999999999\"\n", EX_CONFIG, {0}},
	{"tun-units = {\n", EX_CONFIG, {0}},
};

START_TEST(configuration_file_is_taken_whole_or_refused)
{
	struct policy policy;
	char path[128];
	int fd, status;

	snprintf(path, sizeof(path), "%s/conf", world.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, files[_i].text, strlen(files[_i].text)), (ssize_t)strlen(files[_i].text));
	close(fd);
	status = config_load(&policy, path);
	ck_assert_msg(status == files[_i].status, "%s: status %d", files[_i].text, status);
	if (status == EX_OK) {
		ck_assert_uint_eq(policy.tun_units, files[_i].policy.tun_units);
		ck_assert_uint_eq(policy.tap_units, files[_i].policy.tap_units);
		ck_assert_uint_eq(policy.entry.uid, files[_i].policy.entry.uid);
		ck_assert_uint_eq(policy.entry.gid, files[_i].policy.entry.gid);
		ck_assert_uint_eq(policy.entry.mode, files[_i].policy.entry.mode);
	}
}
END_TEST

START_TEST(named_file_must_exist)
{
	struct policy policy;

	ck_assert_int_eq(config_load(&policy, "/nonexistent/tuntapd.conf"), EX_NOINPUT);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tcase = tcase_create("policy");

	tcase_add_checked_fixture(tcase, world_of_a_rundir, world_end);
	tcase_add_loop_test(tcase, mode_bits_decide, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tcase, configuration_file_is_taken_whole_or_refused, 0, sizeof(files) / sizeof(files[0]));
	tcase_add_test(tcase, named_file_must_exist);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
