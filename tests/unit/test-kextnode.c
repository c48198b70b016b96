/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-kextnode.c - whose a node is that has a device's name.
 */
#include <check.h>
#include <sys/sysmacros.h>

#include "protocol/devlist.h"
#include "protocol/kextnode.h"
#include "suite.h"

static const struct {
	const char *name;
	mode_t mode;
	unsigned major;
	enum kextnode wanted;
} rows[] = {
	{"an extension's", S_IFCHR | 0660, 24, KEXTNODE_KEXTS},
	{"an extension's, of any mode", S_IFCHR, 34, KEXTNODE_KEXTS},
	{"the daemon's own", S_IFCHR | 0660, DEVLIST_MAJOR, KEXTNODE_OURS},
	{"a block device", S_IFBLK | 0660, 24, KEXTNODE_NONE},
	{"a file", S_IFREG | 0660, 24, KEXTNODE_NONE},
	{"a directory", S_IFDIR | 0755, 24, KEXTNODE_NONE},
	{"a link", S_IFLNK | 0777, 24, KEXTNODE_NONE},
	{"a socket", S_IFSOCK | 0666, DEVLIST_MAJOR, KEXTNODE_NONE},
};

START_TEST(a_node_is_known_by_its_number)
{
	struct stat st = {.st_mode = rows[_i].mode, .st_rdev = makedev(rows[_i].major, 3)};

	ck_assert_msg(kextnode_of(&st) == rows[_i].wanted, "%s", rows[_i].name);
}
END_TEST

START_TEST(our_own_number_is_ours_for_every_device)
{
	for (uint32_t place = 0; place < DEVICE_PLACES_FIXED; place++) {
		struct device_id id;
		struct stat st = {.st_mode = S_IFCHR};

		ck_assert(device_place_id(place, &id));
		st.st_rdev = devlist_number(id);
		ck_assert(kextnode_of(&st) == KEXTNODE_OURS);
		ck_assert_uint_eq(minor(st.st_rdev), devlist_minor(id));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("kextnode");
	TCase *tcase = tcase_create("kextnode");

	tcase_add_loop_test(tcase, a_node_is_known_by_its_number, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, our_own_number_is_ours_for_every_device);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
