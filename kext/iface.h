/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iface.h - the network interface of an open device.
 *
 * Only the functions marked "by the lock" may be called with a device's lock held.
 */
#ifndef TUNTAPD_KEXT_IFACE_H
#define TUNTAPD_KEXT_IFACE_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/kernel_types.h>
#include <sys/kpi_mbuf.h>

struct device;

/* At load, once: the family that protocols know these interfaces by. */
void iface_set_family(uint32_t family);

/*
 * Makes and attaches the interface; *ifp is then the device's.  EBUSY: another one has its name; else the kernel's refusal.  Nothing is
 * left after an error.
 */
int iface_make(struct device *dev, ifnet_t *ifp);

/* Down, and begins to detach.  The kernel calls device_detached() when it is done. */
void iface_take_away(ifnet_t ifp);

/* Gives up what iface_make() took; the last use. */
void iface_release(ifnet_t ifp);

/* By the lock, or without. */
bool iface_is_up(ifnet_t ifp);

uint32_t iface_mtu(ifnet_t ifp);

/* A packet that the program wrote, link header and all, goes to the stack.  It is no longer the caller's, whatever comes of it. */
void iface_input(ifnet_t ifp, mbuf_t packet);

#endif
