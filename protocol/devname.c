/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devname.c - device names.  See devname.h.
 */
#include "devname.h"

#include <string.h>

const char *
devname_kind(uint8_t kind)
{
	switch (kind) {
	case DEVICE_TUN:
		return "tun";
	case DEVICE_TAP:
		return "tap";
	default:
		return NULL;
	}
}

bool
devname_parse(const char *name, struct device_id *id)
{
	unsigned unit = 0;
	uint8_t kind;

	if (name[0] != 't') {
		return false;
	}
	if (name[1] == 'u' && name[2] == 'n') {
		kind = DEVICE_TUN;
	} else if (name[1] == 'a' && name[2] == 'p') {
		kind = DEVICE_TAP;
	} else {
		return false;
	}
	name += 3;
	if (name[0] == '\0' || (name[0] == '0' && name[1] != '\0')) {
		return false;
	}
	for (; *name != '\0'; name++) {
		if (*name < '0' || *name > '9') {
			return false;
		}
		unit = unit * 10 + (unsigned)(*name - '0');
		if (unit > DEVICE_UNITS_MAX) {
			unit = DEVICE_UNITS_MAX;
		}
	}
	id->kind = kind;
	id->unit = (uint16_t)unit;
	return true;
}

/* Three letters and a number below 10000. */
static void
format(const char *letters, unsigned number, char name[DEVNAME_SIZE])
{
	char digits[4];
	unsigned count = 0;
	char *out = name;

	memcpy(out, letters, 3);
	out += 3;
	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0 && count < sizeof(digits));
	while (count > 0) {
		*out++ = digits[--count];
	}
	*out = '\0';
}

bool
devname_is_links(const char *ifname)
{
	const size_t prefix = sizeof(DEVNAME_LINK_PREFIX) - 1;

	if (strncmp(ifname, DEVNAME_LINK_PREFIX, prefix) != 0 || ifname[prefix] == '\0') {
		return false;
	}
	for (const char *c = ifname + prefix; *c != '\0'; c++) {
		if (*c < '0' || *c > '9') {
			return false;
		}
	}
	return true;
}

void
devname_format(struct device_id id, char name[DEVNAME_SIZE])
{
	const char *kind = devname_kind(id.kind);

	format(kind != NULL ? kind : "???", id.unit, name);
}

bool
device_id_valid(struct device_id id)
{
	return devname_kind(id.kind) != NULL && id.unit < DEVICE_UNITS_MAX;
}

bool
device_id_known(struct device_id id)
{
	return device_id_valid(id) || (devname_kind(id.kind) != NULL && id.unit == DEVICE_UNIT_NAMED);
}

bool
device_id_equal(struct device_id a, struct device_id b)
{
	return a.kind == b.kind && a.unit == b.unit;
}

uint32_t
device_place_fixed(struct device_id id)
{
	return (uint32_t)(id.kind - DEVICE_TUN) * DEVICE_UNITS_MAX + id.unit;
}

bool
device_place_id(uint32_t place, struct device_id *id)
{
	if (place >= DEVICE_PLACES_FIXED) {
		return false;
	}
	id->kind = (uint8_t)(DEVICE_TUN + place / DEVICE_UNITS_MAX);
	id->unit = (uint16_t)(place % DEVICE_UNITS_MAX);
	return true;
}

void
device_place_name(uint32_t place, char name[DEVNAME_SIZE])
{
	struct device_id id;

	if (device_place_id(place, &id)) {
		devname_format(id, name);
	} else {
		format("dev", place, name);
	}
}
