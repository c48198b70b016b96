/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * module.c - load and unload.
 *
 * Load goes from the inside out, so that nothing can be called before what it needs is there: locks, protocols, nodes.  Unload
 * goes the other way, and begins by closing the door: each device is retired, which succeeds only for one that is closed and whose
 * interface is gone. If one cannot be, or a call does not end, all are opened again, and the extension stays loaded, with
 * everything as it was.
 */
#include "module.h"

#include <libkern/libkern.h>

#include "cdev.h"
#include "device.h"
#include "iface.h"
#include "kind.h"

static ifnet_family_t family;

kern_return_t
module_start(kmod_info_t *info, void *data)
{
	errno_t error;

	if (device_init_all() < 0) {
		printf("%s: no memory\n", kind.bundle);
		return KERN_FAILURE;
	}
	error = kind.start(&family);
	if (error != 0) {
		printf("%s: protocols cannot be registered: %d\n", kind.bundle, error);
		device_fini_all();
		return KERN_FAILURE;
	}
	iface_set_family(family);
	if (cdev_start() < 0) {
		kind.stop(family);
		device_fini_all();
		return KERN_FAILURE;
	}
	return KERN_SUCCESS;
}

static void
restore_before(uint32_t unit)
{
	while (unit-- > 0) {
		device_restore(device_find(unit));
	}
}

kern_return_t
module_stop(kmod_info_t *info, void *data)
{
	for (uint32_t unit = 0; unit < DEVICE_UNITS; unit++) {
		if (!device_retire(device_find(unit))) {
			printf("%s: %s%u is in use\n", kind.bundle, kind.name, unit);
			restore_before(unit);
			return KERN_FAILURE;
		}
	}
	if (!cdev_stop()) {
		restore_before(DEVICE_UNITS);
		return KERN_FAILURE;
	}
	kind.stop(family);
	device_fini_all();
	return KERN_SUCCESS;
}
