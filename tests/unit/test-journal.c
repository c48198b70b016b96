/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-journal.c - records survive, damaged ones are not believed.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/paths.h"
#include "worlds.h"

static const struct journal_record sample = {
	.state = JOURNAL_OPEN,
	.kind = DEVICE_TAP,
	.unit = 3,
	.ifindex = 42,
	.netns = 4026531840u,
	.open_number = 17,
	.since = 1700000000,
	.pid = 812,
	.uid = 501,
	.was_up = 1,
	.ifname = "tap3",
	.link = "fake",
	.program = "openvpn",
};

START_TEST(record_is_read_back_by_the_next_daemon)
{
	struct journal *j = journal_open(world.dir_fd);
	struct journal_record r;

	ck_assert_ptr_nonnull(j);
	ck_assert_int_eq(journal_write(j, 7, &sample), 0);
	journal_close(j);
	j = journal_open(world.dir_fd);
	ck_assert_int_eq(journal_read(j, 7, &r), 0);
	ck_assert_uint_eq(r.magic, JOURNAL_MAGIC);
	r.magic = r.version = 0;
	ck_assert_mem_eq(&r, &sample, sizeof(r));
	journal_close(j);
}
END_TEST

START_TEST(free_slots_and_cleared_ones_are_enoent)
{
	struct journal *j = journal_open(world.dir_fd);
	struct journal_record r;

	ck_assert_int_eq(journal_read(j, 0, &r), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(journal_write(j, 3, &sample), 0);
	ck_assert_int_eq(journal_read(j, 2, &r), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(journal_clear(j, 3), 0);
	ck_assert_int_eq(journal_read(j, 3, &r), -1);
	ck_assert_int_eq(errno, ENOENT);
	journal_close(j);
}
END_TEST

/* Byte positions that must not hold anything: each makes the record unbelievable. */
static const struct {
	const char *name;
	size_t offset;
	uint8_t value;
} damages[] = {
	{"magic", 0, 0x00},
	{"version", 4, 9},
	{"state", 8, 4},
	{"kind", 9, 7},
	{"unit", 11, 1},
};

START_TEST(damaged_record_is_refused_and_cleared)
{
	struct journal *j = journal_open(world.dir_fd);
	struct journal_record r;
	int fd;

	ck_assert_int_eq(journal_write(j, 0, &sample), 0);
	fd = openat(world.dir_fd, PATHS_JOURNAL, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(pwrite(fd, &damages[_i].value, 1, (off_t)damages[_i].offset), 1);
	close(fd);
	ck_assert_msg(journal_read(j, 0, &r) == -1 && errno == EBADMSG, "%s", damages[_i].name);
	ck_assert_msg(journal_read(j, 0, &r) == -1 && errno == ENOENT, "%s", damages[_i].name);
	journal_close(j);
}
END_TEST

START_TEST(name_without_an_end_is_refused)
{
	struct journal *j = journal_open(world.dir_fd);
	struct journal_record r = sample;

	memset(r.program, 'x', sizeof(r.program));
	ck_assert_int_eq(journal_write(j, 0, &r), 0);
	ck_assert_int_eq(journal_read(j, 0, &r), -1);
	ck_assert_int_eq(errno, EBADMSG);
	journal_close(j);
}
END_TEST

START_TEST(cut_record_is_refused)
{
	struct journal *j = journal_open(world.dir_fd);
	struct journal_record r;
	int fd;

	ck_assert_int_eq(journal_write(j, 0, &sample), 0);
	fd = openat(world.dir_fd, PATHS_JOURNAL, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, sizeof(r) - 1), 0);
	close(fd);
	ck_assert_int_eq(journal_read(j, 0, &r), -1);
	ck_assert_int_eq(errno, EBADMSG);
	journal_close(j);
}
END_TEST

START_TEST(file_is_private)
{
	struct journal *j = journal_open(world.dir_fd);
	struct stat st;

	ck_assert_int_eq(fstatat(world.dir_fd, PATHS_JOURNAL, &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	journal_close(j);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("journal");
	TCase *tcase = tcase_create("journal");

	tcase_add_checked_fixture(tcase, world_of_a_rundir, world_end);
	tcase_add_test(tcase, record_is_read_back_by_the_next_daemon);
	tcase_add_test(tcase, free_slots_and_cleared_ones_are_enoent);
	tcase_add_loop_test(tcase, damaged_record_is_refused_and_cleared, 0, sizeof(damages) / sizeof(damages[0]));
	tcase_add_test(tcase, name_without_an_end_is_refused);
	tcase_add_test(tcase, cut_record_is_refused);
	tcase_add_test(tcase, file_is_private);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
