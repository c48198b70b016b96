/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kexts.h - the kernel extensions of macOS that make tun and tap devices, or come into their way: on disk, and loaded.
 */
#ifndef TUNTAPD_CLI_KEXTS_H
#define TUNTAPD_CLI_KEXTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/probe.h"

enum kext_owner {
	KEXT_UNKNOWN = 0,
	KEXT_TUNTAPD,
	KEXT_TUNTAPOSX,
	KEXT_TUNNELBLICK,
	KEXT_CISCO,
};

enum kext_architecture {
	KEXT_X86_64 = 1,
	KEXT_ARM64E = 2,
	KEXT_OTHER_ARCHITECTURE = 4,
};

#define KEXT_IDENTIFIER_SIZE 96
#define KEXTS_MAX 64

struct kext {
	char identifier[KEXT_IDENTIFIER_SIZE]; /* "": the bundle does not say it in text */
	char path[512];         /* of the bundle, without the root; "": loaded, and not found on disk */
	enum kext_owner owner;
	bool makes_devices;     /* tun or tap; Cisco's filter of sockets makes none */
	bool loaded;
	unsigned architectures; /* of enum kext_architecture; 0: not known */
};

struct kexts {
	size_t count;
	struct kext list[KEXTS_MAX];
	bool listed;            /* what is loaded is known */
};

/* "tuntaposx", ... */
const char *kext_owner_name(enum kext_owner owner);

/* What there is of them.  The list is large: not for the stack of a small thread. */
void kexts_find(const struct probe *p, struct kexts *k);

/* Whether this Mac has Apple's own processor, and so loads extensions for arm64e alone. */
bool kexts_is_apple_silicon(const struct probe *p);

/* macOS's version as one number, 11.2 as 1102; 0: not known. */
unsigned kexts_macos_version(const struct probe *p, char *text, size_t size);

#endif
