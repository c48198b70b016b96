/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-obstacle.c - suite "obstacle": what the facts of a program mean for the library, and the commands that are offered.
 */
#include "cli/obstacle.h"

#include <check.h>
#include <string.h>

#include "cli/text.h"
#include "tests/unit/suite.h"

#define ELF_X86_64 62
#define ELF_ARM64 183
#define MACHO_X86_64 7
#define MACHO_ARM 12

static struct obstacles obstacles;

static const struct binary_info linux_program = {
	.format = BINARY_ELF, .machine = ELF_X86_64, .bits = 64, .program = true, .dynamic = true, .libc = BINARY_LIBC_GLIBC, .slices = 1,
	.interpreter = "/lib64/ld-linux-x86-64.so.2",
};
static const struct binary_info mac_program = {
	.format = BINARY_MACHO, .machine = MACHO_ARM, .bits = 64, .program = true, .dynamic = true, .libc = BINARY_LIBC_SYSTEM, .slices = 1,
	.platform = BINARY_PLATFORM_MACOS, .interpreter = "/usr/lib/dyld",
};

/* The ids of all obstacles, with a blank after each. */
static const char *
judge(const struct binary_info *info, const char *path, enum privilege privilege, bool has_loader)
{
	static char ids[256];
	const struct obstacle_facts facts = {
		.path = path, .info = info, .own = info->format == BINARY_ELF ? &linux_program : NULL, .system = info->format,
		.privilege = privilege, .has_loader = has_loader,
	};

	obstacles.count = 0;
	obstacles_judge(&obstacles, &facts);
	ids[0] = '\0';
	for (size_t i = 0; i < obstacles.count; i++) {
		strcat(strcat(ids, obstacles.list[i].id), obstacles.list[i].warning ? "? " : " ");
	}
	return ids;
}

START_TEST(each_fact_is_a_reason)
{
	struct binary_info info = linux_program;

	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_NONE, true), "");
	ck_assert_ptr_null(obstacles_first(&obstacles));
	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_SET_UID, true), "set-user-id ");
	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_SET_GID, true), "set-group-id ");
	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_CAPABILITIES, true), "capabilities ");
	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_NONE, false), "loader ");
	info.libc = BINARY_LIBC_UNKNOWN;
	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_SET_UID, true), "c-library set-user-id ");
	info = linux_program;
	info.machine = ELF_ARM64;
	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_SET_UID, true), "machine ");
	info = linux_program;
	info.bits = 32;
	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_NONE, true), "machine ");
	info = linux_program;
	info.dynamic = false;
	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_SET_UID, true), "static ");
	info.program = false;
	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_SET_UID, true), "no-program ");
	info = linux_program;
	info.go = true;
	ck_assert_str_eq(judge(&info, "/p", PRIVILEGE_NONE, true), "go? ");
	ck_assert_ptr_null(obstacles_first(&obstacles)); /* a warning keeps nothing out */
}
END_TEST

START_TEST(a_program_of_another_system_is_that_and_no_more)
{
	const struct obstacle_facts facts = {.path = "/p", .info = &mac_program, .own = &linux_program, .system = BINARY_ELF};

	obstacles.count = 0;
	obstacles_judge(&obstacles, &facts);
	ck_assert_uint_eq(obstacles.count, 1);
	ck_assert_str_eq(obstacles.list[0].id, "system");
	ck_assert_str_eq(obstacles.list[0].reason, "is a program for macOS");
}
END_TEST

START_TEST(a_signature_s_reasons_add_up)
{
	struct binary_info info = mac_program;

	ck_assert_str_eq(judge(&info, "/opt/p", PRIVILEGE_NONE, true), "");
	info.signature = BINARY_SIGNED | BINARY_HARDENED | BINARY_RESTRICTED;
	info.restrict_segment = true;
	ck_assert_str_eq(
	    judge(&info, "/opt/p", PRIVILEGE_SET_UID, true), "restrict-segment restricted hardened-runtime set-user-id ");
	ck_assert_str_eq(obstacles_first(&obstacles)->id, "restrict-segment");
	info = mac_program;
	info.machine = MACHO_X86_64;
	ck_assert_str_eq(judge(&info, "/opt/p", PRIVILEGE_SYSTEM, true), "system-integrity ");
	info.bits = 32;
	ck_assert_str_eq(judge(&info, "/opt/p", PRIVILEGE_NONE, true), "machine ");
}
END_TEST

START_TEST(a_copy_is_offered_and_for_an_application_the_whole_of_it)
{
	struct binary_info info = mac_program;

	info.signature = BINARY_SIGNED | BINARY_HARDENED;
	judge(&info, "/opt/a b/p", PRIVILEGE_NONE, true);
	ck_assert_str_eq(obstacles.list[0].commands[0], "cp '/opt/a b/p' ./p-signed");
	ck_assert_str_eq(obstacles.list[0].commands[1], "codesign --force --sign - ./p-signed");
	ck_assert_str_eq(obstacles.list[0].commands[2], "tuntapd exec -- ./p-signed");
	judge(&info, "/Applications/A.app/Contents/MacOS/p", PRIVILEGE_NONE, true);
	ck_assert_str_eq(obstacles.list[0].commands[0], "cp -R /Applications/A.app ./A.app");
	ck_assert_str_eq(obstacles.list[0].commands[1], "codesign --force --deep --sign - ./A.app");
	ck_assert_str_eq(obstacles.list[0].commands[2], "tuntapd exec -- ./A.app/Contents/MacOS/p");
}
END_TEST

START_TEST(the_list_is_bounded)
{
	char path[PATH_MAX];

	memset(path, '\'', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	obstacles.count = 0;
	for (int i = 0; i < OBSTACLES_MAX + 3; i++) {
		struct obstacle *o = obstacle_add(&obstacles, "id", path, path, "%s", path);

		for (int c = 0; c < OBSTACLE_COMMANDS_MAX + 3; c++) {
			obstacle_command(o, "%s", path);
		}
	}
	ck_assert_uint_eq(obstacles.count, OBSTACLES_MAX);
}
END_TEST

static const struct {
	const char *path;
	bool is_system;
} paths[] = {
	{"/bin/sh", true}, {"/sbin/ifconfig", true}, {"/usr/bin/env", true}, {"/usr/libexec/x", true},
	{"/System/Library/x", true},
	{"/usr/local/bin/openvpn", false}, {"/usr/localx/bin/openvpn", true}, {"/opt/homebrew/bin/tincd", false}, {"/binary/x", false},
	{"bin/sh", false}, {"/Applications/x.app/Contents/MacOS/x", false},
};

START_TEST(the_system_s_directories_are_known)
{
	ck_assert_msg(obstacle_is_system_path(paths[_i].path) == paths[_i].is_system, "%s", paths[_i].path);
}
END_TEST

START_TEST(words_are_quoted_for_a_shell)
{
	static const struct {
		const char *word, *quoted;
	} words[] = {
		{"plain-1.2_x/y", "plain-1.2_x/y"}, {"", "''"}, {"a b", "'a b'"}, {"it's", "'it'\\''s'"}, {"$(x)", "'$(x)'"},
		{"a\nb", "'a\nb'"},
		{"~", "'~'"}, {"*", "'*'"},
	};
	char cell[64], small[16] = "";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		strcpy(cell, "cmd ");
		text_append_quoted(cell, sizeof(cell), words[i].word);
		ck_assert_str_eq(cell + 4, words[i].quoted);
	}
	text_append_quoted(small, sizeof(small), "a word that is too long");
	ck_assert_ptr_nonnull(strstr(small, "...")); /* and so no whole word */
	ck_assert_ptr_null(strstr(small + 1, "'"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("obstacle");
	TCase *tcase = tcase_create("obstacle");

	tcase_add_test(tcase, each_fact_is_a_reason);
	tcase_add_test(tcase, a_program_of_another_system_is_that_and_no_more);
	tcase_add_test(tcase, a_signature_s_reasons_add_up);
	tcase_add_test(tcase, a_copy_is_offered_and_for_an_application_the_whole_of_it);
	tcase_add_test(tcase, the_list_is_bounded);
	tcase_add_loop_test(tcase, the_system_s_directories_are_known, 0, (int)(sizeof(paths) / sizeof(paths[0])));
	tcase_add_test(tcase, words_are_quoted_for_a_shell);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
