/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-shim-recognise.c - what a number is found to be: by the kernel's word, and with which page.
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
#include "protocol/page.h"
#include "shim/real.h"
#include "shim/recognise.h"
#include "shim/state.h"
#include "tests/unit/suite.h"

#define PLACE 259u /* tap3 */
#define OPEN 42

static const char *directory; /* of its own for the whole run */
static int file; /* some open file, which the fake kernel takes for a node */

static void
write_page(const struct state_page *page)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/socket.d/state/tap3", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, page, sizeof(*page)), sizeof(*page));
	ck_assert_int_eq(ftruncate(fd, PAGE_FILE_BYTES), 0);
	close(fd);
}

static const struct state_page good = {
	.magic = PAGE_MAGIC, .version = PAGE_VERSION, .open_number = OPEN, .ifindex = 7, .mtu = 1500, .up = 1, .kind = DEVICE_TAP,
	.unit = 3, .place = PLACE, .ifname = "tap3",
};

static void
begin(void)
{
	char path[128];

	fake_os_reset();
	fake_os.marked = true;
	fake_os.channel = (struct os_channel){.place = PLACE, .kind = DEVICE_TAP, .ifindex = 7, .ifname = "tap3"};
	snprintf(path, sizeof(path), "%s/socket.d", directory);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/socket.d/state", directory);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	file = open("/dev/null", O_RDWR);
	ck_assert_int_ge(file, 0);
	write_page(&good);
}

static void
end(void)
{
	char path[128];

	close(file);
	snprintf(path, sizeof(path), "%s/socket.d/state/tap3", directory);
	ck_assert_int_eq(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/socket.d/state", directory);
	ck_assert_int_eq(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/socket.d", directory);
	ck_assert_int_eq(rmdir(path), 0);
}

START_TEST(a_marked_descriptor_is_the_device_of_its_page)
{
	fdtable_held held = recognise_device(file);

	ck_assert(fdtable_is_device(held));
	ck_assert_uint_eq(fdtable_place(held), PLACE);
	ck_assert_uint_eq(fdtable_open_number(held), OPEN);
	ck_assert_uint_eq(fdtable_id(held).kind, DEVICE_TAP);
	ck_assert_uint_eq(fdtable_id(held).unit, 3);
	ck_assert_ptr_nonnull(state_page(held));
	/* It is asked once. */
	ck_assert_uint_eq(fake_os.questions, 1);
	ck_assert_uint_eq(recognise_device(file), held);
	ck_assert_uint_eq(fake_os.questions, 1);
}
END_TEST

START_TEST(one_without_a_mark_is_another_file_and_asked_once)
{
	fake_os.marked = false;
	errno = EXFULL;
	ck_assert_uint_eq(recognise_device(file), 0);
	ck_assert_uint_eq(fdtable_get(file), FDTABLE_OTHER);
	ck_assert_uint_eq(recognise_device(file), 0);
	ck_assert_uint_eq(fake_os.questions, 1);
	ck_assert_int_eq(errno, EXFULL);
}
END_TEST

START_TEST(a_number_that_is_not_open_stays_unknown)
{
	errno = EXFULL;
	ck_assert_uint_eq(recognise_device(1000), 0);
	ck_assert_uint_eq(fdtable_get(1000), FDTABLE_UNKNOWN);
	ck_assert_uint_eq(recognise_device(-1), 0);
	ck_assert_uint_eq(recognise_device(FDTABLE_MAX), 0);
	ck_assert_uint_eq(fake_os.questions, 0);
	ck_assert_int_eq(errno, EXFULL);
}
END_TEST

#define TAP3 .open_number = OPEN, .kind = DEVICE_TAP, .place = PLACE, .ifname = "tap3"

/* Pages that speak of something else; the kernel's word is that of begin(), but for the index of that name here. */
static const struct {
	const char *what;
	struct state_page page;
	uint32_t ifindex;
	uint64_t netns; /* where the caller is */
	bool believed;
} rows[] = {
	{"the index is another", {TAP3, .ifindex = 8}, 7, 0, false},
	{"renamed", {.open_number = OPEN, .ifindex = 7, .kind = DEVICE_TAP, .place = PLACE, .ifname = "uplink"}, 7, 0, true},
	{"no such name here", {TAP3, .ifindex = 9}, 0, 0, true},
	{"nor on the page", {.open_number = OPEN, .ifindex = 7, .kind = DEVICE_TAP, .place = PLACE, .ifname = "tap4"}, 0, 0, false},
	{"here", {TAP3, .ifindex = 7, .netns = 5}, 7, 5, true},
	{"here, the index is another", {TAP3, .ifindex = 8, .netns = 5}, 7, 5, false},
	{"elsewhere, with a stranger of its name here", {TAP3, .ifindex = 8, .netns = 5}, 7, 6, true},
	{"elsewhere, another name", {.open_number = OPEN, .kind = DEVICE_TAP, .place = PLACE, .ifname = "tap4", .netns = 5},
	    7, 6, false},
	{"the caller's namespace is not to be had", {TAP3, .ifindex = 7, .netns = 5}, 7, 0, true},
	{"left the daemon's sight", {TAP3, .ifindex = 8, .netns = 5, .unwatched = 1}, 7, 5, true},
	{"over", {TAP3, .ifindex = 7, .gone = 1}, 7, 0, false},
	{"the other kind", {.open_number = OPEN, .ifindex = 7, .kind = DEVICE_TUN, .place = PLACE, .ifname = "tap3"}, 7, 0, false},
	{"another place", {.open_number = OPEN, .ifindex = 7, .kind = DEVICE_TAP, .place = 3, .ifname = "tap3"}, 7, 0, false},
	{"never opened", {.open_number = 0, .ifindex = 7, .kind = DEVICE_TAP, .place = PLACE, .ifname = "tap3"}, 7, 0, false},
};

START_TEST(a_page_is_believed_only_if_it_speaks_of_the_interface)
{
	struct state_page page = rows[_i].page;
	fdtable_held held;

	page.magic = PAGE_MAGIC;
	page.version = PAGE_VERSION;
	page.unit = 3;
	write_page(&page);
	fake_os.channel.ifindex = rows[_i].ifindex;
	fake_os.netns = rows[_i].netns;
	held = recognise_device(file);
	/* A device in any case: the mark says so; without a page the kernel is asked on each call. */
	ck_assert_msg(fdtable_is_device(held), "%s", rows[_i].what);
	ck_assert_uint_eq(fdtable_id(held).unit, 3);
	ck_assert_msg((state_page(held) != NULL) == rows[_i].believed, "%s", rows[_i].what);
}
END_TEST

START_TEST(without_a_page_it_is_known_by_its_mark)
{
	fdtable_held held;

	fake_os.channel.place = DEVICE_PLACES_FIXED + 1;
	held = recognise_device(file);
	ck_assert(fdtable_is_device(held));
	ck_assert_uint_eq(fdtable_id(held).kind, DEVICE_TAP);
	ck_assert_uint_eq(fdtable_id(held).unit, DEVICE_UNIT_NAMED);
	ck_assert_ptr_null(state_page(held));
}
END_TEST

START_TEST(a_page_of_another_version_or_cut_short_is_none)
{
	struct state_page page = good;
	char path[128];

	page.version++;
	write_page(&page);
	ck_assert_ptr_null(state_page(recognise_device(file)));
	fdtable_set(file, FDTABLE_UNKNOWN);
	write_page(&good);
	snprintf(path, sizeof(path), "%s/socket.d/state/tap3", directory);
	ck_assert_int_eq(truncate(path, 40), 0);
	ck_assert_ptr_null(state_page(recognise_device(file)));
}
END_TEST

START_TEST(a_page_that_others_can_write_is_none)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/socket.d/state/tap3", directory);
	ck_assert_int_eq(chmod(path, 0664), 0);
	ck_assert_ptr_null(state_page(recognise_device(file)));
	fdtable_set(file, FDTABLE_UNKNOWN);
	ck_assert_int_eq(chmod(path, 0646), 0);
	ck_assert_ptr_null(state_page(recognise_device(file)));
	fdtable_set(file, FDTABLE_UNKNOWN);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_ptr_nonnull(state_page(recognise_device(file)));
	/* It is mapped now, whatever becomes of the file. */
	fdtable_set(file, FDTABLE_UNKNOWN);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_ptr_nonnull(state_page(recognise_device(file)));
	fdtable_set(file, FDTABLE_UNKNOWN);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_ptr_nonnull(state_page(recognise_device(file)));
	write_page(&good);
}
END_TEST

START_TEST(what_is_no_file_is_no_page_and_not_waited_for)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/socket.d/state/tap3", directory);
	ck_assert(unlink(path) == 0 && mkfifo(path, 0644) == 0);
	ck_assert_ptr_null(state_page(recognise_device(file)));
	ck_assert(unlink(path) == 0 && symlink("/dev/zero", path) == 0);
	fdtable_set(file, FDTABLE_UNKNOWN);
	ck_assert_ptr_null(state_page(recognise_device(file)));
}
END_TEST

START_TEST(a_received_number_is_looked_at_anew)
{
	fdtable_set(file, FDTABLE_OTHER);
	recognise_born(file);
	ck_assert(fdtable_is_device(fdtable_get(file)));
	fake_os.marked = false;
	recognise_born(file);
	ck_assert_uint_eq(fdtable_get(file), FDTABLE_OTHER);
}
END_TEST

START_TEST(before_a_filter_every_number_is_looked_at_once_and_none_afterwards)
{
	unsigned questions;
	int ends[2];

	errno = EXFULL;
	recognise_all();
	ck_assert_int_eq(errno, EXFULL);
	ck_assert(fdtable_is_device(fdtable_get(file)));
	questions = fake_os.questions;
	ck_assert_int_eq(pipe(ends), 0);
	fake_os.marked = true;
	ck_assert_uint_eq(recognise_device(ends[0]), 0);
	fdtable_set(ends[0], FDTABLE_OTHER);
	ck_assert_uint_eq(fdtable_get(ends[0]), FDTABLE_UNKNOWN);
	/* What was made a device is one, and its copy; what took a device's number is none. */
	ck_assert_int_eq(shim_dup2(file, ends[0]), ends[0]);
	ck_assert_uint_eq(fdtable_get(ends[0]), fdtable_get(file));
	ck_assert_int_eq(shim_dup2(ends[1], ends[0]), ends[0]);
	ck_assert(!fdtable_is_device(fdtable_get(ends[0])));
	ck_assert_uint_eq(recognise_device(ends[0]), 0);
	ck_assert_uint_eq(fake_os.questions, questions);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* A thread that is still looking at the last file of the copy's number must not have the last word. */
START_TEST(a_copy_is_known_as_soon_as_it_is_made)
{
	int copy = shim_dup(file);

	ck_assert(fdtable_is_device(fdtable_get(copy)));
	fdtable_learn(copy, FDTABLE_OTHER);
	ck_assert_uint_eq(fdtable_get(copy), fdtable_get(file));
	ck_assert_int_eq(shim_close(copy), 0);
	ck_assert_uint_eq(fdtable_get(copy), FDTABLE_OTHER);
	ck_assert_uint_eq(fake_os.questions, 1);
}
END_TEST

int
main(int argc, char *argv[])
{
	Suite *suite = suite_create("shim-recognise");
	TCase *tcase = tcase_create("recognise");
	int status;

	directory = fake_directory(argv);
	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_test(tcase, a_marked_descriptor_is_the_device_of_its_page);
	tcase_add_test(tcase, one_without_a_mark_is_another_file_and_asked_once);
	tcase_add_test(tcase, a_number_that_is_not_open_stays_unknown);
	tcase_add_loop_test(tcase, a_page_is_believed_only_if_it_speaks_of_the_interface, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, without_a_page_it_is_known_by_its_mark);
	tcase_add_test(tcase, a_page_of_another_version_or_cut_short_is_none);
	tcase_add_test(tcase, a_page_that_others_can_write_is_none);
	tcase_add_test(tcase, what_is_no_file_is_no_page_and_not_waited_for);
	tcase_add_test(tcase, a_received_number_is_looked_at_anew);
	tcase_add_test(tcase, a_copy_is_known_as_soon_as_it_is_made);
	tcase_add_test(tcase, before_a_filter_every_number_is_looked_at_once_and_none_afterwards);
	suite_add_tcase(suite, tcase);
	status = run_suite(suite);
	(void)rmdir(directory);
	return status;
}
