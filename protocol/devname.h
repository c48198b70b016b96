/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devname.h - device names: "tap0" and "/dev/tap0" <-> kind and unit.
 *
 * Pure functions, no system call, no allocation, errno untouched: the shim calls them on every
 * path that a program opens.
 */
#ifndef TUNTAPD_PROTOCOL_DEVNAME_H
#define TUNTAPD_PROTOCOL_DEVNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values cross the control socket and stand in files: never renumber. */
enum device_kind {
	DEVICE_TUN = 1,
	DEVICE_TAP = 2,
};

/* Largest number of units per kind that a daemon can be configured to serve (programs scan up to 256). */
#define DEVICE_UNITS_MAX 256
/* Number of units per kind by default, as tuntaposx had. */
#define DEVICE_UNITS_DEFAULT 16
/* The unit of a device that is known by its interface's name alone: one of the linux dialect. */
#define DEVICE_UNIT_NAMED UINT16_MAX
/*
 * What a link calls the interface of a device that does not give it its name: this, and a number of the kernel's choice.  An interface
 * of another name was named by somebody, who knows it by that.
 */
#define DEVNAME_LINK_PREFIX "ttd"
/* "tap255" with its NUL; also the size of every buffer that devname_format() writes. */
#define DEVNAME_SIZE 8

struct device_id {
	uint8_t kind;  /* enum device_kind */
	uint16_t unit; /* 0 ... DEVICE_UNITS_MAX - 1 */
};

/*
 * A device's place in its daemon's table: what page, journal record and descriptor of one open device are known by.  The units of
 * the daemon's own network namespace have fixed places; devices of other namespaces, and those that are known by a name, get one of
 * the rest when they are opened.  A device whose interface goes to another namespace keeps its place.
 */
#define DEVICE_PLACES_FIXED (2u * DEVICE_UNITS_MAX)
#define DEVICE_PLACES_MAX 4096u

/* "tun", "tap"; NULL for another kind. */
const char *devname_kind(uint8_t kind);

/*
 * True if name is exactly "tunN" or "tapN": N decimal, no sign, no leading zero (but "0"), any
 * number of digits.  Fills id; a unit of DEVICE_UNITS_MAX or more is stored as DEVICE_UNITS_MAX,
 * which no daemon serves, so that "tap300" is still a device's name, and ENOENT.
 */
bool devname_parse(const char *name, struct device_id *id);

/* True if ifname is DEVNAME_LINK_PREFIX and a number. */
bool devname_is_links(const char *ifname);

/* Writes "tap0" into name.  id must be valid. */
void devname_format(struct device_id id, char name[DEVNAME_SIZE]);

/* True for a known kind and a unit below DEVICE_UNITS_MAX: the check for ids that came from somebody else. */
bool device_id_valid(struct device_id id);

/* The same, or one that is known by its interface's name (DEVICE_UNIT_NAMED). */
bool device_id_known(struct device_id id);

bool device_id_equal(struct device_id a, struct device_id b);

/* The fixed place of a valid id. */
uint32_t device_place_fixed(struct device_id id);

/* The device at a fixed place: true and fills id; false: the place is not a fixed one. */
bool device_place_id(uint32_t place, struct device_id *id);

/* A file's name for a place below DEVICE_PLACES_MAX: the device's name at a fixed place ("tap0"), "dev512" and on for the rest. */
void device_place_name(uint32_t place, char name[DEVNAME_SIZE]);

#endif
