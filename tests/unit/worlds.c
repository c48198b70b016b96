/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worlds.c - fixtures.  See worlds.h.
 */
#include "worlds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-link.h"
#include "protocol/paths.h"

struct world world;

unsigned
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL) {
		count++;
	}
	closedir(dir);
	return count;
}

static int
remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

void
world_of_a_rundir(void)
{
	memset(&world, 0, sizeof(world));
	world.fds_before = count_fds();
	snprintf(world.dir, sizeof(world.dir), "/tmp/tuntapd-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(world.dir));
	world.dir_fd = open(world.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(world.dir_fd, 0);
	ck_assert_int_eq(mkdirat(world.dir_fd, PATHS_STATE_DIR, 0755), 0);
}

static void
make_table(void)
{
	static const struct netns_callbacks none = {0};
	struct devices_setup setup;

	world.journal = journal_open(world.dir_fd);
	ck_assert_ptr_nonnull(world.journal);
	world.netns = netns_table_new(NULL, WORLD_NETNS, &none);
	ck_assert_ptr_nonnull(world.netns);
	setup = (struct devices_setup){
		.policy = world.policy,
		.journal = world.journal,
		.netns = world.netns,
		.rundir = world.dir_fd,
		.link_for = fake_link_for,
		.link_named = fake_link_named,
	};
	world.devices = devices_new(&setup);
	ck_assert_ptr_nonnull(world.devices);
}

void
world_of_closed_devices(void)
{
	world_of_a_rundir();
	fake_link_reset();
	world.policy = policy_new();
	ck_assert_ptr_nonnull(world.policy);
	make_table();
}

static void
forget_table(void)
{
	devices_free(world.devices);
	world.devices = NULL;
	netns_table_free(world.netns);
	world.netns = NULL;
	journal_close(world.journal);
	world.journal = NULL;
}

void
world_restart_daemon(void)
{
	forget_table();
	make_table();
}

void
world_end(void)
{
	forget_table();
	policy_free(world.policy);
	world.policy = NULL;
	fake_link_reset();
	close(world.dir_fd);
	ck_assert_int_eq(nftw(world.dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	ck_assert_uint_eq(count_fds(), world.fds_before);
}

int
world_try_attach(uint8_t kind, uint16_t unit, const struct os_peer *peer, uint64_t netns, struct device_attached *out)
{
	struct device_attach request = {
		.id = {.kind = kind, .unit = unit},
		.how = {.access = MESSAGE_ACCESS_ALL, .given_fd = -1},
		.peer = peer,
		.netns = netns != 0 ? netns : WORLD_NETNS,
		.netns_fd = netns != 0 ? world.dir_fd : -1, /* any descriptor is a namespace's on the fake link */
	};

	return devices_attach(world.devices, &request, out) == 0 ? 0 : errno;
}

struct device_attached
world_attach(uint8_t kind, uint16_t unit)
{
	struct os_peer root = {.pid = 1234};
	struct device_attached out;

	ck_assert_int_eq(world_try_attach(kind, unit, &root, 0, &out), 0);
	devices_settle(world.devices, out.place, "a program");
	return out;
}
