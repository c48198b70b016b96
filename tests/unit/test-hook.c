/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-hook.c - hooks: what may be run, what it is told, in which order, and when it is ended.  As root, since others' files are not
 * run; but not those checks that tell others' files from root's.
 */
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/hook.h"
#include "fds.h"

/* Root's alone, with all that is above it; a test of a user's cannot have one. */
#define HOOK_PLACE "/run/tuntapd-unit-XXXXXX"

/* Long enough for the hooks that end. */
#define TIME_S 3

static char place[] = HOOK_PLACE;
static struct event_base *base;
static struct hooks *hooks;

START_TEST(only_root_s_own_files_are_run)
{
	char why[160], path[64] = "/tmp/tuntapd-unit-XXXXXX", hook[96];
	FILE *f;

	ck_assert_int_eq(hook_check("/usr/bin/env", why, sizeof(why)), 0);
	ck_assert_int_eq(hook_check("usr/bin/env", why, sizeof(why)), -1);
	ck_assert_int_eq(hook_check("/usr/bin/../bin/env", why, sizeof(why)), -1);
	ck_assert_int_eq(hook_check("/usr/bin", why, sizeof(why)), -1);
	ck_assert_str_eq(why, "/usr/bin is no file");
	ck_assert_int_eq(hook_check("/etc/passwd", why, sizeof(why)), -1);
	ck_assert_str_eq(why, "/etc/passwd is not executable");
	/* Everybody's, or its user's: whatever the directory above it is. */
	ck_assert_ptr_nonnull(mkdtemp(path));
	ck_assert_int_eq(chmod(path, 0777), 0);
	snprintf(hook, sizeof(hook), "%s/hook", path);
	f = fopen(hook, "we");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	chmod(hook, 0755);
	ck_assert_int_eq(hook_check(hook, why, sizeof(why)), -1);
	ck_assert_ptr_nonnull(strstr(why, ", so it is not run"));
	remove(hook);
	remove(path);
}
END_TEST

static void
make_hook(const char *name, const char *text, char path[96])
{
	FILE *f;

	snprintf(path, 96, "%s/%s", place, name);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, 0755), 0);
}

static void
read_output(const char *name, char text[4096])
{
	char path[96];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", place, name);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, 4095, f);
	text[n] = '\0';
	fclose(f);
}

/* Until every hook has ended. */
static void
finish_hooks(void)
{
	hooks_free(hooks);
	hooks = NULL;
}

static struct hook_call
call(const char *path, const char *what, const char *device)
{
	return (struct hook_call){.path = path, .what = what, .device = device, .ifname = "ttd0", .uid = 1000, .pid = 77, .netns_fd = -1};
}

START_TEST(a_hook_is_told_what_there_is_and_nothing_else)
{
	char path[96], text[4096];
	struct hook_call c;

	make_hook("hook", "#!/bin/sh\nexec >\"${0%/*}/out\"\necho \"$0 $1 $2 $#\"\n"
	    "/usr/bin/env | sort | grep -v -e ^_= -e ^PWD= -e ^SHLVL=\n"
	    "ls /proc/self/fd | wc -l\npwd\n", path);
	ck_assert_int_eq(setenv("SECRET", "1", 1), 0);
	ck_assert_int_ge(open("/dev/null", O_RDONLY), 0); /* not close-on-exec */
	c = call(path, "open", "tap0");
	hooks_run(hooks, &c);
	finish_hooks();
	read_output("out", text);
	ck_assert_ptr_nonnull(strstr(text, "/hook open tap0 2\nDEVICE=tap0\nINTERFACE=ttd0\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nPID=77\n"
	    "UID=1000\n4\n/\n"));
}
END_TEST

START_TEST(hooks_of_one_device_keep_their_order)
{
	char path[96], text[4096];
	struct hook_call open_call, close_call, other;

	/* Where they would run at once, the close would be first. */
	make_hook("hook", "#!/bin/sh\ncd \"${0%/*}\"\n"
	    "if [ \"$1$2\" = opentap0 ]; then until grep -qs tap1 out; do :; done; fi\n"
	    "echo \"$1 $2\" >>out\n", path);
	open_call = call(path, "open", "tap0");
	close_call = call(path, "close", "tap0");
	other = call(path, "open", "tap1");
	hooks_run(hooks, &open_call);
	hooks_run(hooks, &close_call);
	hooks_run(hooks, &other);
	while (access(path, F_OK) == 0) {
		event_base_loop(base, EVLOOP_ONCE);
		read_output("out", text);
		if (strcmp(text, "open tap1\nopen tap0\nclose tap0\n") == 0) {
			return;
		}
		ck_assert_msg(strncmp("open tap1\nopen tap0\nclose tap0\n", text, strlen(text)) == 0, "%s", text);
	}
}
END_TEST

START_TEST(what_is_not_root_s_when_it_is_run_is_not_run)
{
	char path[96], out[96];
	struct hook_call c;

	make_hook("hook", "#!/bin/sh\n>\"${0%/*}/out\"\n", path);
	ck_assert_int_eq(chmod(path, 0775), 0);
	c = call(path, "open", "tap0");
	hooks_run(hooks, &c);
	finish_hooks();
	snprintf(out, sizeof(out), "%s/out", place);
	ck_assert_int_eq(access(out, F_OK), -1);
}
END_TEST

START_TEST(a_hook_that_does_not_end_is_killed)
{
	char path[96];
	struct hook_call c;
	time_t start = time(NULL);

	make_hook("hook", "#!/bin/sh\nsleep 1000 &\nsleep 1000\n", path);
	c = call(path, "open", "tap0");
	hooks_run(hooks, &c);
	finish_hooks();
	ck_assert_int_le(time(NULL) - start, TIME_S + 5);
	ck_assert_int_ge(time(NULL) - start, TIME_S - 1);
}
END_TEST

static void
place_for_hooks(void)
{
	fds_note();
	memcpy(place, HOOK_PLACE, sizeof(place));
	ck_assert_ptr_nonnull(mkdtemp(place));
	base = event_base_new();
	hooks = hooks_new(base, TIME_S);
	ck_assert_ptr_nonnull(hooks);
}

static void
place_is_left(void)
{
	static const char *const names[] = {"hook", "out"};
	char path[96];

	hooks_free(hooks);
	event_base_free(base);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", place, names[i]);
		remove(path);
	}
	ck_assert_int_eq(rmdir(place), 0);
}

int
main(void)
{
	Suite *suite = suite_create("hook");
	TCase *tcase = tcase_create("hook"), *root = tcase_create("root's hooks");

	tcase_add_test(tcase, only_root_s_own_files_are_run);
	suite_add_tcase(suite, tcase);
	if (geteuid() == 0) {
		tcase_add_checked_fixture(root, place_for_hooks, place_is_left);
		tcase_set_timeout(root, 40);
		tcase_add_test(root, a_hook_is_told_what_there_is_and_nothing_else);
		tcase_add_test(root, hooks_of_one_device_keep_their_order);
		tcase_add_test(root, what_is_not_root_s_when_it_is_run_is_not_run);
		tcase_add_test(root, a_hook_that_does_not_end_is_killed);
		suite_add_tcase(suite, root);
	} else {
		printf("# left out, since only root's files are run: all that runs a hook\n");
	}
	return run_suite(suite);
}
