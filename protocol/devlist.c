/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devlist.c - RUNDIR/devices.  See devlist.h.
 */
#include "devlist.h"

#include <string.h>
#if __has_include(<sys/sysmacros.h>)
#include <sys/sysmacros.h> /* makedev; elsewhere it is in <sys/types.h> */
#endif

static size_t
list_bytes(const struct devlist_header *h)
{
	return sizeof(*h) + ((size_t)h->tun_units + h->tap_units) * sizeof(struct devlist_entry);
}

bool
devlist_valid(const void *data, size_t bytes)
{
	struct devlist_header h;

	if (bytes < sizeof(h)) {
		return false;
	}
	memcpy(&h, data, sizeof(h));
	return h.magic == DEVLIST_MAGIC && h.version == DEVLIST_VERSION && h.pad == 0 && h.tun_units <= DEVICE_UNITS_MAX &&
	    h.tap_units <= DEVICE_UNITS_MAX && bytes == list_bytes(&h);
}

bool
devlist_find(const void *data, struct device_id id, struct devlist_entry *entry)
{
	struct devlist_header h;
	size_t index = id.unit;

	memcpy(&h, data, sizeof(h));
	if (!device_id_valid(id) || id.unit >= (id.kind == DEVICE_TUN ? h.tun_units : h.tap_units)) {
		return false;
	}
	if (id.kind == DEVICE_TAP) {
		index += h.tun_units;
	}
	memcpy(entry, (const char *)data + sizeof(h) + index * sizeof(*entry), sizeof(*entry));
	entry->mode &= 0777;
	entry->flags &= DEVLIST_BEFORE_NODE;
	return true;
}

size_t
devlist_make(void *data, uint16_t tun_units, uint16_t tap_units, const struct devlist_entry *entries, int64_t since)
{
	struct devlist_header h = {
		.magic = DEVLIST_MAGIC,
		.version = DEVLIST_VERSION,
		.tun_units = tun_units,
		.tap_units = tap_units,
		.since = since,
	};

	memcpy(data, &h, sizeof(h));
	memcpy((char *)data + sizeof(h), entries, list_bytes(&h) - sizeof(h));
	return list_bytes(&h);
}

unsigned
devlist_minor(struct device_id id)
{
	return (unsigned)id.kind << 8 | id.unit;
}

dev_t
devlist_number(struct device_id id)
{
	return makedev(DEVLIST_MAJOR, devlist_minor(id));
}
