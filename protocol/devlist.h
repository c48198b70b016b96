/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devlist.h - RUNDIR/devices: which devices exist by path, and their owner, group and mode.
 *
 * The daemon writes the file (0644, replaced by rename, removed on a clean stop); the shim reads it whole and
 * answers stat, access and ENOENT from it, without a connection.  Layout: struct devlist_header, then
 * tun_units entries for tun0, tun1, ..., then tap_units entries.
 */
#ifndef TUNTAPD_PROTOCOL_DEVLIST_H
#define TUNTAPD_PROTOCOL_DEVLIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "devname.h"

#define DEVLIST_MAGIC 0x6c707474u /* "ttpl", little end first */
#define DEVLIST_VERSION 1

struct devlist_header {
	uint32_t magic;
	uint32_t version;
	uint16_t tun_units;
	uint16_t tap_units;
	uint32_t pad;
	int64_t since; /* seconds since 1970: when this list was written; the nodes' times */
};

struct devlist_entry {
	uint32_t uid;
	uint32_t gid;
	uint16_t mode;  /* permission bits, 0 ... 0777 */
	uint16_t flags; /* DEVLIST_* */
};

/* The daemon is asked, and its owner, group and mode are the device's, also where a node of that name is there. */
#define DEVLIST_BEFORE_NODE 1

static_assert(sizeof(struct devlist_header) == 24, "file layout");
static_assert(sizeof(struct devlist_entry) == 12, "file layout");

#define DEVLIST_BYTES_MAX \
	(sizeof(struct devlist_header) + 2 * DEVICE_UNITS_MAX * sizeof(struct devlist_entry))

/* Whole check of a file's content: magic, version, counts, exact size. */
bool devlist_valid(const void *data, size_t bytes);

/* Entry of a device in a valid list: true and fills entry, or false: no such device. */
bool devlist_find(const void *data, struct device_id id, struct devlist_entry *entry);

/*
 * Writes a list into data (DEVLIST_BYTES_MAX bytes of room) and returns its size, bytes.
 * entries holds tun_units then tap_units items.
 */
size_t devlist_make(void *data, uint16_t tun_units, uint16_t tap_units, const struct devlist_entry *entries,
    int64_t since);

/*
 * The character device's number that stat shows for a device: major DEVLIST_MAJOR (Linux's range for local use, 240-254,
 * admin-guide/devices.txt), minor kind << 8 | unit.  The halves are for makedev(3), since dev_t differs by platform.
 */
#define DEVLIST_MAJOR 250u
unsigned devlist_minor(struct device_id id);
dev_t devlist_number(struct device_id id);

#endif
