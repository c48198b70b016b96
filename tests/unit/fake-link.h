/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake-link.h - a link without a kernel: interfaces are entries of a table, channels are ends of socket pairs.
 *
 * It keeps count of what exists, fails the n-th call on request, and lets a test play the kernel: bring an interface up, take
 * it away.  Needs no root.
 */
#ifndef TUNTAPD_TESTS_FAKE_LINK_H
#define TUNTAPD_TESTS_FAKE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/link.h"

extern const struct link_ops fake_link;

/* The same, relayed: of what is persistent a relay's end is the last close, and the link is told to leave it. */
extern const struct link_ops fake_relayed_link;

/* Forgets everything; closes the kernel's ends. */
void fake_link_reset(void);

/* The nth call of open from now on fails with error (1: the next). */
void fake_link_fail_open(unsigned nth, int error);

/* From now on no interface can be read; 0: they can again. */
void fake_link_fail_read(int error);

/* From now on the link takes over only an interface of the name that it knows. */
void fake_link_adopt_by_name(void);

/* From now on an open starts a relay, whose process number is this; 0: none, as at first. */
void fake_link_start_relays(pid_t pid);

/* From now on that is who holds a channel whose interface is there. */
void fake_link_hold(enum relays_hold hold);

/* Number of interfaces that exist. */
unsigned fake_link_count(void);

/* What the kernel would show of an interface; NULL: it does not exist.  Changes made here are what read() answers. */
struct netif_status *fake_link_interface(uint32_t ifindex);

/* The interface goes, as when the last descriptor is closed. */
void fake_link_depart(uint32_t ifindex);

/* The interface goes to another namespace, where it has another index. */
void fake_link_move(uint32_t ifindex, uint64_t netns, uint32_t new_ifindex);

/* Number of calls of set_up; of after_interface, for a link that still has its name. */
unsigned fake_link_set_up_calls(void);
unsigned fake_link_after_interface_calls(void);
unsigned fake_link_leave_calls(void); /* of fake_relayed_link */

/* From now on the link "kext" has unit 0 of each kind; false: none, as at first. */
void fake_link_load_kext(bool loaded);

/* link_for and link_named of a struct devices_setup. */
const struct link_ops *fake_link_for(uint8_t kind);
const struct link_ops *fake_link_named(const char *name);

#endif
