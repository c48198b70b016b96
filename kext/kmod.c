/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmod.c - what the kernel's loader looks for in the extension's file: its name, its version, and where load and unload begin.
 *
 * Linked into the extension alone.  KEXT_BUNDLE and KEXT_VERSION are the build's, and the same as Info.plist's.  The three other symbols
 * are what libkmod.a, which holds the loader's entry, wants to know.
 */
#include <mach/mach_types.h>

#include "module.h"

/* In libkmod.a; they call the two below. */
extern kmod_start_func_t _start;
extern kmod_stop_func_t _stop;

extern kmod_start_func_t *_realmain;
extern kmod_stop_func_t *_antimain;
extern int _kext_apple_cc;

/* The loader looks for it by name, when all else is hidden. */
extern __attribute__((visibility("default"))) kmod_info_t KMOD_INFO_NAME;

KMOD_EXPLICIT_DECL(KEXT_BUNDLE, KEXT_VERSION, _start, _stop)

__attribute__((visibility("hidden"))) kmod_start_func_t *_realmain = module_start;
__attribute__((visibility("hidden"))) kmod_stop_func_t *_antimain = module_stop;
__attribute__((visibility("hidden"))) int _kext_apple_cc = 0;
