/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * module.h - load and unload of the extension, by the kernel's own names for them.
 */
#ifndef TUNTAPD_KEXT_MODULE_H
#define TUNTAPD_KEXT_MODULE_H

#include <mach/mach_types.h>

/* KERN_FAILURE: nothing is left, and the log says why. */
kern_return_t module_start(kmod_info_t *info, void *data);

/* KERN_FAILURE: a device is open, or its interface is not gone yet; all goes on as before. */
kern_return_t module_stop(kmod_info_t *info, void *data);

#endif
