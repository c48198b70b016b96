/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-shim-fdtable.c - the table of descriptor numbers, and whose it is after fork, vfork and a raw clone.
 */
#include <check.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/fdtable.h"
#include "tests/unit/suite.h"

#define NUMBER 77

#define SOME_PLACE 777

static const struct device_id some_device = {.kind = DEVICE_TAP, .unit = 9};

static void
clean_table(void)
{
	fdtable_init();
	for (int fd = 0; fd < FDTABLE_MAX; fd++) {
		fdtable_set(fd, FDTABLE_UNKNOWN);
	}
}

/* Ends well only if the child's exit status is 0. */
static void
expect_success(pid_t child)
{
	int status;

	ck_assert_int_gt(child, 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child's status %#x", (unsigned)status);
}

START_TEST(an_entry_keeps_device_place_and_open_number)
{
	static const uint64_t opens[] = {0, 1, 0xffffffff, UINT64_C(0xffffffffff)};
	static const uint32_t places[] = {0, 1, DEVICE_PLACES_FIXED, DEVICE_PLACES_MAX - 1};

	for (unsigned i = 0; i < DEVICE_PLACES_FIXED * 16; i++) {
		uint64_t open = opens[i % 4];
		uint32_t place = places[i / 4 % 4];
		struct device_id id;
		fdtable_held held;

		ck_assert(device_place_id(i / 16, &id));
		held = fdtable_pack(id, place, open);
		ck_assert(held != 0);
		ck_assert_uint_eq(fdtable_id(held).kind, id.kind);
		ck_assert_uint_eq(fdtable_id(held).unit, id.unit);
		ck_assert_uint_eq(fdtable_place(held), place);
		ck_assert_uint_eq(fdtable_open_number(held), open);
		ck_assert(fdtable_is_open(held, open));
		ck_assert(!fdtable_is_open(held, open + 1));
	}
}
END_TEST

START_TEST(numbers_that_cannot_be_are_no_devices)
{
	static const int numbers[] = {-1, FDTABLE_MAX, FDTABLE_MAX + 1, 0x7fffffff, (int)0x80000000};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		fdtable_set(numbers[i], fdtable_pack(some_device, SOME_PLACE, 1));
		fdtable_learn(numbers[i], fdtable_pack(some_device, SOME_PLACE, 1));
		ck_assert_uint_eq(fdtable_get(numbers[i]), FDTABLE_OTHER);
	}
	fdtable_set(FDTABLE_MAX - 1, fdtable_pack(some_device, SOME_PLACE, 1));
	ck_assert(fdtable_is_device(fdtable_get(FDTABLE_MAX - 1)));
}
END_TEST

START_TEST(a_range_is_cleared_and_nothing_else)
{
	for (int fd = 10; fd < 20; fd++) {
		fdtable_set(fd, fdtable_pack(some_device, SOME_PLACE, 1));
	}
	fdtable_close_range(12, 14);
	fdtable_close_range(18, 0xffffffffu);
	for (int fd = 10; fd < 20; fd++) {
		ck_assert_msg(fdtable_is_device(fdtable_get(fd)) == (fd < 12 || (fd > 14 && fd < 18)), "number %d", fd);
	}
}
END_TEST

START_TEST(what_is_learnt_late_does_not_count)
{
	const fdtable_held held = fdtable_pack(some_device, SOME_PLACE, 1);

	fdtable_learn(NUMBER, held);
	ck_assert_uint_eq(fdtable_get(NUMBER), held);
	fdtable_learn(NUMBER, FDTABLE_OTHER);
	ck_assert_uint_eq(fdtable_get(NUMBER), held);
	fdtable_close_range(0, FDTABLE_MAX - 1);
	ck_assert_uint_eq(fdtable_get(NUMBER), FDTABLE_OTHER);
	fdtable_learn(NUMBER, held);
	ck_assert_uint_eq(fdtable_get(NUMBER), FDTABLE_OTHER);
	ck_assert_uint_eq(fdtable_get(NUMBER + 1), FDTABLE_UNKNOWN);
}
END_TEST

static unsigned asked;

static void
ask(int fd)
{
	ck_assert_int_eq(fd, NUMBER);
	asked++;
}

START_TEST(what_is_forgotten_is_asked_again)
{
	const fdtable_held held = fdtable_pack(some_device, SOME_PLACE, 1);

	fdtable_set(NUMBER, held);
	fdtable_close_range(NUMBER, NUMBER);
	fdtable_forget_range(NUMBER + 1, 0xffffffffu, ask);
	ck_assert_uint_eq(fdtable_get(NUMBER), FDTABLE_OTHER);
	fdtable_forget_range(NUMBER, 0xffffffffu, ask);
	ck_assert_uint_eq(fdtable_get(NUMBER), FDTABLE_UNKNOWN);
	fdtable_learn(NUMBER, held);
	ck_assert_uint_eq(fdtable_get(NUMBER), held);
	/* At once, where nobody would ask later. */
	ck_assert_uint_eq(asked, 0);
	fdtable_settle();
	fdtable_forget_range(NUMBER, 0xffffffffu, ask);
	ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(a_unit_that_nobody_tells_is_none)
{
	fdtable_held held = fdtable_pack((struct device_id){.kind = DEVICE_TAP, .unit = DEVICE_UNIT_NAMED}, DEVICE_PLACES_MAX - 1, 0);

	ck_assert(fdtable_is_device(held));
	ck_assert_uint_eq(fdtable_id(held).unit, DEVICE_UNIT_NAMED);
	ck_assert_uint_eq(fdtable_place(held), DEVICE_PLACES_MAX - 1);
	ck_assert_uint_eq(fdtable_open_number(held), 0);
}
END_TEST

START_TEST(a_vfork_child_changes_nothing)
{
	pid_t child;

	fdtable_set(NUMBER, fdtable_pack(some_device, SOME_PLACE, 1));
	child = vfork();
	if (child == 0) {
		fdtable_set(NUMBER, FDTABLE_OTHER);
		fdtable_set(NUMBER + 1, fdtable_pack(some_device, SOME_PLACE, 1));
		fdtable_close_range(0, FDTABLE_MAX);
		_exit(0);
	}
	expect_success(child);
	ck_assert(fdtable_is_device(fdtable_get(NUMBER)));
	ck_assert(!fdtable_is_device(fdtable_get(NUMBER + 1)));
}
END_TEST

/* What a child of fork does: 0 if it is master of its own table, and its vfork child is not. */
static int
own_table(void)
{
	pid_t child = vfork();
	int status;

	if (child == 0) {
		fdtable_set(NUMBER, FDTABLE_OTHER);
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child || !fdtable_is_device(fdtable_get(NUMBER))) {
		return 1;
	}
	fdtable_set(NUMBER, FDTABLE_OTHER);
	return !fdtable_is_device(fdtable_get(NUMBER)) ? 0 : 2;
}

START_TEST(a_fork_child_has_its_own_and_its_vfork_child_changes_nothing)
{
	pid_t child;

	fdtable_set(NUMBER, fdtable_pack(some_device, SOME_PLACE, 1));
	child = fork();
	if (child == 0) {
		_exit(own_table());
	}
	expect_success(child);
	ck_assert(fdtable_is_device(fdtable_get(NUMBER)));
}
END_TEST

/* fork(3) tells its handlers; a raw system call tells nobody. */
START_TEST(a_child_of_a_raw_system_call_has_its_own)
{
	pid_t child;

	fdtable_set(NUMBER, fdtable_pack(some_device, SOME_PLACE, 1));
	child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (child == 0) {
		fdtable_set(NUMBER, FDTABLE_OTHER);
		_exit(!fdtable_is_device(fdtable_get(NUMBER)) ? 0 : 1);
	}
	expect_success(child);
	ck_assert(fdtable_is_device(fdtable_get(NUMBER)));
}
END_TEST

START_TEST(a_child_of_a_forked_child_has_its_own)
{
	pid_t child = fork();

	if (child == 0) {
		pid_t grandchild;
		int status = 1;

		fdtable_set(NUMBER, fdtable_pack(some_device, SOME_PLACE, 1));
		grandchild = fork();
		if (grandchild == 0) {
			_exit(own_table());
		}
		waitpid(grandchild, &status, 0);
		_exit(status == 0 && fdtable_is_device(fdtable_get(NUMBER)) ? 0 : 1);
	}
	expect_success(child);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("shim-fdtable");
	TCase *tcase = tcase_create("fdtable");

	tcase_add_checked_fixture(tcase, clean_table, clean_table);
	tcase_add_test(tcase, an_entry_keeps_device_place_and_open_number);
	tcase_add_test(tcase, numbers_that_cannot_be_are_no_devices);
	tcase_add_test(tcase, a_range_is_cleared_and_nothing_else);
	tcase_add_test(tcase, what_is_learnt_late_does_not_count);
	tcase_add_test(tcase, what_is_forgotten_is_asked_again);
	tcase_add_test(tcase, a_unit_that_nobody_tells_is_none);
	tcase_add_test(tcase, a_vfork_child_changes_nothing);
	tcase_add_test(tcase, a_fork_child_has_its_own_and_its_vfork_child_changes_nothing);
	tcase_add_test(tcase, a_child_of_a_raw_system_call_has_its_own);
	tcase_add_test(tcase, a_child_of_a_forked_child_has_its_own);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
