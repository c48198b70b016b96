/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page.h - the state page: what the shim may know about an open device without asking anybody.
 *
 * A file RUNDIR/state/DEVICE (0644, written by the monitor alone, with pwrite), mapped read-only by the shim.  Its name is that of
 * the device's place (devname.h): "tap0" for one that was opened in the daemon's own namespace.
 * It outlives the daemon; the next one goes on writing it.  Fields are written one by one and only
 * the byte-sized ones are read as truth by the shim; the page may lag, so before a refusal the shim asks the kernel.
 * A page whose open number is not that of the reader's descriptor belongs to a later open: the reader's is over.
 */
#ifndef TUNTAPD_PROTOCOL_PAGE_H
#define TUNTAPD_PROTOCOL_PAGE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "devname.h"

#define PAGE_MAGIC 0x67707474u /* "ttpg", little end first */
#define PAGE_VERSION 1
/* Size of the file, bytes: one page on every machine that we know with 4 KiB, and mappable on larger ones. */
#define PAGE_FILE_BYTES 4096

struct state_page {
	uint32_t magic;
	uint32_t version;
	uint64_t open_number; /* of the present or last open, from 1; 0: never opened */
	uint32_t ifindex;
	uint32_t mtu;         /* bytes above the link header */
	union {
		uint64_t word; /* all to unit at once */
		struct {
			uint8_t up;          /* the interface is up */
			uint8_t gone;        /* this open is over: its interface or its relay went away */
			uint8_t header_mode; /* tun: packets carry the address-family header */
			uint8_t unwatched;   /* the daemon no longer hears of the interface: ask the kernel each time */
			uint8_t kind;
			uint8_t channel;     /* enum channel_type */
			uint16_t unit;
		};
	};
	uint64_t netns;       /* inode of the interface's network namespace; 0 where there are none */
	uint32_t place;       /* the device's */
	uint8_t access;       /* relayed: MESSAGE_ACCESS_*, what it was opened for; 0: nobody has said */
	uint8_t pad[3];
	char ifname[16];      /* the interface's name, NUL-terminated; may change while open */
};

static_assert(sizeof(struct state_page) == 64, "file layout");

/*
 * How a descriptor tells that it is a device, and which (Linux, direct link): the send-buffer limit of its tun queue has a value that
 * nobody else sets, and that limits nothing.  The monitor sets it with TUNSETSNDBUF; every holder can read it with TUNGETSNDBUF.
 */
#define PAGE_MARK_FIRST (INT32_MAX - 1)

static inline int32_t
page_mark_of_place(uint32_t place)
{
	return PAGE_MARK_FIRST - (int32_t)place;
}

/* True and *place; false: no mark of ours. */
static inline bool
page_place_of_mark(int32_t mark, uint32_t *place)
{
	if (mark > PAGE_MARK_FIRST || mark <= PAGE_MARK_FIRST - (int32_t)DEVICE_PLACES_MAX) {
		return false;
	}
	*place = (uint32_t)(PAGE_MARK_FIRST - mark);
	return true;
}

#endif
