/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-paths.c - which RUNDIR belongs to which socket.
 */
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "fds.h"
#include "protocol/paths.h"

#define SUN_PATH_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

static const struct {
	const char *socket_path;
	const char *name;
	const char *expected;
} rows[] = {
	{PATHS_SOCKET_DEFAULT, NULL, PATHS_RUNDIR_DEFAULT},
	{PATHS_SOCKET_DEFAULT, PATHS_DEVICES, PATHS_RUNDIR_DEFAULT "/devices"},
	{PATHS_SOCKET_DEFAULT, PATHS_STATE_DIR, PATHS_RUNDIR_DEFAULT "/state"},
	{"/tmp/s", NULL, "/tmp/s.d"},
	{"/tmp/s", PATHS_JOURNAL, "/tmp/s.d/journal"},
	{"/tmp/s", "state/tap0", "/tmp/s.d/state/tap0"},
	{"s", PATHS_LOCK, "s.d/lock"},
	{"/", NULL, "/.d"},
	/* Not the default, however near: no guess about what a path may lead to. */
	{"/" PATHS_SOCKET_DEFAULT, NULL, "/" PATHS_SOCKET_DEFAULT ".d"},
	{PATHS_SOCKET_DEFAULT "2", NULL, PATHS_SOCKET_DEFAULT "2.d"},
	{PATHS_RUNDIR_DEFAULT, NULL, PATHS_RUNDIR_DEFAULT ".d"},
};

START_TEST(rundir_follows_the_socket)
{
	size_t length = strlen(rows[_i].expected);
	char out[PATHS_SIZE];

	ck_assert_int_eq(paths_in_rundir(rows[_i].socket_path, rows[_i].name, out, sizeof(out)), 0);
	ck_assert_str_eq(out, rows[_i].expected);

	/* Exactly enough room, and one byte less. */
	memset(out, '#', sizeof(out));
	ck_assert_int_eq(paths_in_rundir(rows[_i].socket_path, rows[_i].name, out, length + 1), 0);
	ck_assert_str_eq(out, rows[_i].expected);
	memset(out, '#', sizeof(out));
	errno = 0;
	ck_assert_int_eq(paths_in_rundir(rows[_i].socket_path, rows[_i].name, out, length), -1);
	ck_assert_int_eq(errno, ENAMETOOLONG);
	ck_assert_int_eq(out[length], '#');
}
END_TEST

START_TEST(no_room_writes_nothing_past_it)
{
	for (size_t size = 0; size < strlen("/tmp/s.d/devices"); size++) {
		char out[PATHS_SIZE];

		memset(out, '#', sizeof(out));
		errno = 0;
		ck_assert_int_eq(paths_in_rundir("/tmp/s", PATHS_DEVICES, out, size), -1);
		ck_assert_int_eq(errno, ENAMETOOLONG);
		for (size_t i = size; i < sizeof(out); i++) {
			ck_assert_int_eq(out[i], '#');
		}
	}
}
END_TEST

START_TEST(empty_socket_is_einval)
{
	char out[PATHS_SIZE];

	errno = 0;
	ck_assert_int_eq(paths_in_rundir("", NULL, out, sizeof(out)), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(socket_must_fit_an_address)
{
	char socket_path[SUN_PATH_BYTES + 1], out[PATHS_SIZE];

	memset(socket_path, 'x', sizeof(socket_path));
	socket_path[0] = '/';
	socket_path[SUN_PATH_BYTES - 1] = '\0';
	ck_assert_int_eq(paths_in_rundir(socket_path, "state/tap255", out, sizeof(out)), 0);
	ck_assert_uint_eq(strlen(out), SUN_PATH_BYTES - 1 + strlen(".d/state/tap255"));

	socket_path[SUN_PATH_BYTES - 1] = 'x';
	socket_path[SUN_PATH_BYTES] = '\0';
	errno = 0;
	ck_assert_int_eq(paths_in_rundir(socket_path, NULL, out, sizeof(out)), -1);
	ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("paths");
	TCase *tc = tcase_create("rundir");

	tcase_add_checked_fixture(tc, fds_note, fds_assert_as_noted);
	tcase_add_loop_test(tc, rundir_follows_the_socket, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, no_room_writes_nothing_past_it);
	tcase_add_test(tc, empty_socket_is_einval);
	tcase_add_test(tc, socket_must_fit_an_address);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
