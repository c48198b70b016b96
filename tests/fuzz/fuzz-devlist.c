/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-devlist.c - any bytes as the file RUNDIR/devices.
 *
 * A list that is accepted has exactly the devices that its header says, each with the entry that stands at its place, and is what
 * devlist_make() writes for them.
 */
#include <string.h>

#include "fuzz.h"
#include "protocol/devlist.h"

/* Units looked for past the largest there can be. */
#define UNITS_BEYOND 8

unsigned long fuzz_accepted;

static void
list_must_hold(const uint8_t *list, size_t bytes)
{
	static struct devlist_entry entries[2 * DEVICE_UNITS_MAX];
	static uint8_t again[DEVLIST_BYTES_MAX];
	struct devlist_header h;
	size_t count;

	memcpy(&h, list, sizeof(h));
	count = (size_t)h.tun_units + h.tap_units;
	fuzz_must(h.tun_units <= DEVICE_UNITS_MAX && h.tap_units <= DEVICE_UNITS_MAX, "counts");
	fuzz_must(bytes == sizeof(h) + count * sizeof(entries[0]), "size");
	memcpy(entries, list + sizeof(h), count * sizeof(entries[0]));
	fuzz_must(devlist_make(again, h.tun_units, h.tap_units, entries, h.since) == bytes && memcmp(again, list, bytes) == 0,
	    "an accepted list is its fields");

	for (uint8_t kind = 0; kind <= DEVICE_TAP + 1; kind++) {
		unsigned units = kind == DEVICE_TUN ? h.tun_units : kind == DEVICE_TAP ? h.tap_units : 0;

		for (uint16_t unit = 0; unit < DEVICE_UNITS_MAX + UNITS_BEYOND; unit++) {
			const struct devlist_entry *expected = &entries[(kind == DEVICE_TAP ? h.tun_units : 0) + (unit < units ? unit : 0)];
			struct devlist_entry found;
			bool is_there = devlist_find(list, (struct device_id){.kind = kind, .unit = unit}, &found);

			fuzz_must(is_there == (unit < units), "which devices are there");
			fuzz_must(!is_there || (found.uid == expected->uid && found.gid == expected->gid &&
			    found.mode == (expected->mode & 0777)), "a device's own entry");
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (devlist_valid(data, size)) {
		fuzz_accepted++;
		list_must_hold(data, size);
	}
	return 0;
}
