/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-bridge.c - which interfaces are wireless, on a tree like that of sysfs; and the list of bridges, on files that are not whole.  What
 * a bridge does is shown on real interfaces (tests/integration/test_bridge.py).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/bridge.h"
#include "fds.h"
#include "protocol/paths.h"

static char path[] = "/tmp/tuntapd-bridge-XXXXXX";
static int dir;

static void
make_tree(void)
{
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
}

static void
remove_tree(void)
{
	static const char *const parts[] = {"wlan0/wireless", "wlan1/phy80211", "wlan0", "wlan1", "eth0"};

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		(void)unlinkat(dir, parts[i], AT_REMOVEDIR);
	}
	(void)unlinkat(dir, PATHS_BRIDGES, 0);
	close(dir);
	ck_assert_int_eq(rmdir(path), 0);
}

START_TEST(wireless_interfaces_are_known_by_either_sign)
{
	ck_assert_int_eq(mkdirat(dir, "wlan0", 0700) | mkdirat(dir, "wlan0/wireless", 0700), 0);
	ck_assert_int_eq(mkdirat(dir, "wlan1", 0700) | mkdirat(dir, "wlan1/phy80211", 0700), 0);
	ck_assert_int_eq(mkdirat(dir, "eth0", 0700), 0);
	ck_assert_int_eq(netif_is_wireless_at(dir, "wlan0"), 1);
	ck_assert_int_eq(netif_is_wireless_at(dir, "wlan1"), 1);
	ck_assert_int_eq(netif_is_wireless_at(dir, "eth0"), 0);
	ck_assert_int_eq(netif_is_wireless_at(dir, "nowhere"), 0);
}
END_TEST

/* None of them is taken for a bridge: bridges_look() would ask the network that is not there. */
START_TEST(a_list_that_is_not_whole_is_empty)
{
	static const char *const contents[] = {"", "x", "ttpb", "ttpb\1\0\0\0"};
	char other[48 * 3];
	struct bridges *b;
	int file;

	memset(other, 0x55, sizeof(other));
	for (unsigned i = 0; i < 5; i++) {
		file = openat(dir, PATHS_BRIDGES, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		ck_assert_int_ge(i < 4 ? write(file, contents[i], strlen(contents[i])) : write(file, other, sizeof(other)), 0);
		close(file);
		b = bridges_new(dir, NULL);
		ck_assert_ptr_nonnull(b);
		bridges_look(b);
		bridges_free(b);
	}
	ck_assert_ptr_null(bridges_new(-1, NULL));
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("bridge");
	TCase *tcase = tcase_create("bridge");

	tcase_add_checked_fixture(tcase, make_tree, remove_tree);
	tcase_add_test(tcase, wireless_interfaces_are_known_by_either_sign);
	tcase_add_test(tcase, a_list_that_is_not_whole_is_empty);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
