/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor-checks.h - the parts of `tuntapd doctor`: each adds what it finds.  All of them are built on every system, and look through a
 * probe: which run is decided by the system that is looked at.
 */
#ifndef TUNTAPD_CLI_DOCTOR_CHECKS_H
#define TUNTAPD_CLI_DOCTOR_CHECKS_H

#include <stddef.h>

#include "cli/finding.h"
#include "cli/probe.h"

struct message_device;

/* What the daemon said of its devices; known is false where it could not be asked. */
struct doctor_devices {
	struct message_device *list;
	size_t count;
	bool known;
};

/* Whether an interface of that name is an open device's. */
bool doctor_is_ours(const struct doctor_devices *d, const char *ifname);

/* The daemon, its socket, its files, the shim: doctor-daemon.c.  devices->list is the caller's to free. */
void doctor_check_daemon(const struct probe *p, struct findings *f, struct doctor_devices *devices);

/* Linux: the node, rights, the service, other interfaces, MTUs, packet filter: doctor-lin.c. */
void doctor_check_linux(const struct probe *p, struct findings *f, const struct doctor_devices *devices);

/* macOS: the service, interfaces, MTUs, settings of feth, packet filter: doctor-mac.c. */
void doctor_check_macos(const struct probe *p, struct findings *f, const struct doctor_devices *devices);

/* macOS: kernel extensions, and what is left of older products: doctor-kexts.c. */
void doctor_check_kexts(const struct probe *p, struct findings *f);

/* All of them, as far as they are for the system that is looked at. */
void doctor_examine(const struct probe *p, struct findings *f, struct doctor_devices *devices);

#endif
