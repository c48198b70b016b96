/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.c - the fixture of these tests.
 */
#include "world.h"

#include <stdio.h>
#include <time.h>

#define PATH_BYTES 32
#define WAIT_SECONDS 10

static bool is_tap;

void
world_learn_kind(void)
{
	struct kpi_stat st;

	if (kpi_load() < 0) {
		fprintf(stderr, "load: %s\n", kpi_log());
		abort();
	}
	is_tap = kpi_stat("/dev/tap0", &st) == 0;
	if (kpi_unload() < 0) {
		fprintf(stderr, "unload: %s\n", kpi_log());
		abort();
	}
}

void
world_loaded(void)
{
	ck_assert_msg(kpi_load() == 0, "load: %s", kpi_log());
}

void
world_unloaded(void)
{
	const char *left;

	kpi_wait_detached();
	ck_assert_msg(kpi_unload() == 0, "unload: %s", kpi_log());
	left = kpi_leaks();
	ck_assert_msg(left == NULL, "left: %s", left);
}

bool
world_is_tap(void)
{
	return is_tap;
}

const char *
world_path(unsigned unit)
{
	static _Thread_local char path[PATH_BYTES];

	snprintf(path, sizeof(path), "/dev/%s%u", is_tap ? "tap" : "tun", unit);
	return path;
}

const char *
world_name(unsigned unit)
{
	return world_path(unit) + sizeof("/dev/") - 1;
}

struct kpi_file *
world_open(int flags)
{
	struct kpi_file *f = kpi_open(world_path(0), KPI_READ | KPI_WRITE | flags);

	ck_assert_msg(f != NULL, "open: %s", strerror(errno));
	return f;
}

struct kpi_file *
world_open_up(int flags)
{
	struct kpi_file *f = world_open(flags);

	ck_assert_int_eq(kpi_if_add_address(world_name(0), KPI_INET), 0);
	return f;
}

size_t
world_link_bytes(void)
{
	return is_tap ? 14 : 0;
}

void
world_packet(uint8_t *packet, size_t size, uint32_t number)
{
	size_t link = world_link_bytes();

	if (size < WORLD_LEAST) {
		abort();
	}
	memset(packet, 0x5a, size);
	if (is_tap) {
		memset(packet, 0xff, 6);
		packet[12] = 0x08;
		packet[13] = 0x00;
	}
	packet[link] = 0x45;
	memcpy(packet + link + 20, &number, sizeof(number));
}

uint32_t
world_number(const uint8_t *packet)
{
	uint32_t number;

	memcpy(&number, packet + world_link_bytes() + 20, sizeof(number));
	return number;
}

bool
world_somebody_sleeps(void)
{
	return kpi_sleepers() > 0;
}

bool
world_somebody_selects(void)
{
	return kpi_selecting() > 0;
}

bool
world_nobody_sleeps(void)
{
	return kpi_sleepers() == 0;
}

void
world_wait(bool (*condition)(void), const char *what)
{
	struct timespec now, pause = {.tv_nsec = 100000};
	time_t until;

	clock_gettime(CLOCK_MONOTONIC, &now);
	until = now.tv_sec + WAIT_SECONDS;
	while (!condition()) {
		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
		ck_assert_msg(now.tv_sec < until, "waited in vain: %s", what);
	}
}
