/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - the devices of an extension: each is a node in /dev, and while it is open an interface, a queue and some counters.
 *
 * States, and who changes them:
 *
 *	CLOSED    -> OPENING    device_open      the opener makes the interface, without the lock
 *	OPENING   -> OPEN       device_open      or CLOSED, if it could not be made
 *	OPEN      -> CLOSING    device_close     sleepers are woken, and whoever is inside leaves
 *	CLOSING   -> DETACHING  device_close     the kernel takes the interface away, in its own time
 *	DETACHING -> CLOSED     device_detached  the kernel's word that it is done
 *	CLOSED    <-> GONE      device_retire, device_restore: the extension is being unloaded
 *
 * One lock for each device, and no other lock is ever taken while one is held: none of ours, and none of the kernel's that could
 * call us back.  With it held nothing allocates, frees, copies to or from a program, or calls an interface but for reading its
 * flags; msleep gives it up.  Allowed, and needed so that no wake-up is lost: wakeup, selrecord, selwakeup, as the kernel's own
 * bpf does.
 */
#ifndef TUNTAPD_KEXT_DEVICE_H
#define TUNTAPD_KEXT_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <kern/locks.h>
#include <sys/kernel_types.h>
#include <sys/kpi_mbuf.h>
#include <sys/select.h>

#include "queue.h"

#define DEVICE_UNITS 16

/* How long an open waits until the one before is over, and a close until the interface is gone: device contract, "close (last)". */
#define DEVICE_WAIT_SECONDS 2

/*
 * Room for the kernel's struct selinfo, whose size it does not tell.  It was 64 bytes in XNU 11417 (bsd/sys/select.h: a waitq of at most
 * 48, a list head, flags), and all zeroes is a fresh one.
 */
#define SELINFO_BYTES 256

enum device_state {
	DEVICE_CLOSED,
	DEVICE_OPENING,
	DEVICE_OPEN,
	DEVICE_CLOSING,
	DEVICE_DETACHING,
	DEVICE_GONE,
};

struct device_counters {
	uint64_t dropped;   /* the queue was full */
	uint64_t discarded; /* queued when the interface went down, or the device was closed */
	uint64_t cut;       /* longer than the program's buffer */
	uint64_t refused;   /* written, and no packet */
};

struct device {
	lck_mtx_t *lock; /* never changes */
	uint32_t unit;   /* never changes */

	/* By the lock, all that follows. */
	enum device_state state;
	ifnet_t ifp;      /* ours from OPENING to the end of DETACHING; who is inside may use it without the lock */
	uint32_t inside;  /* threads in a call of the device */
	pid_t pid;        /* of who opened it */
	struct queue queue;
	struct device_counters counters;
	union {
		uint64_t aligned;
		uint8_t bytes[SELINFO_BYTES];
	} selinfo;
	bool header_mode;
	bool was_up;      /* since it was opened */
	bool selecting;   /* somebody waits in select */
};

/* At load and unload.  -1: no memory, and nothing is left. */
int device_init_all(void);
void device_fini_all(void);

/* NULL: there is none of that number. */
struct device *device_find(uint32_t unit);

/*
 * Makes the interface.  EBUSY: it is open, or its interface of before does not go, or a stranger's has its name; ENXIO: being unloaded;
 * EINTR and ERESTART: a signal while it waited; others are the kernel's refusal of an interface.
 */
int device_open(struct device *dev, pid_t pid);

/* Idempotent.  When it returns the interface is gone, or DEVICE_WAIT_SECONDS are over. */
void device_close(struct device *dev);

/* Begins and ends a call of the device.  NULL: it is not open. */
ifnet_t device_enter(struct device *dev);
void device_leave(struct device *dev);

/*
 * The next packet, now the caller's, and whether it is to have the header; waits for one if asked to.  Called inside.  EIO: the interface
 * is down, or the device is being closed; EWOULDBLOCK; EINTR, ERESTART.
 */
int device_get(struct device *dev, bool wait, mbuf_t *packet, bool *header_mode);

/* A packet for the program.  Whether it was taken; if not, it is still the caller's. */
bool device_put(struct device *dev, mbuf_t packet);

/* For select: whether a packet can be read.  If not, the caller's select is told when. */
bool device_readable(struct device *dev, proc_t p, void *wql);

/* Bytes that the next read gives; 0: none. */
uint32_t device_next_bytes(struct device *dev);

bool device_header_mode(struct device *dev);
void device_set_header_mode(struct device *dev, bool on);

/* The interface went up or down.  What is queued when it goes down is discarded, so that no poller spins. */
void device_up_changed(struct device *dev, bool up);

/* Whether this is the first word that the interface is to be up since the device was opened. */
bool device_first_up(struct device *dev);

/* Counts. */
void device_count_cut(struct device *dev);
void device_count_refused(struct device *dev);

/* As it is, for people. */
struct device_summary {
	bool open;
	pid_t pid;
	uint32_t queued;
	struct device_counters counters;
};
void device_summary(struct device *dev, struct device_summary *out);

/* The kernel is done with the interface. */
void device_detached(struct device *dev);

/* Whether it was closed, and cannot be opened any more until it is restored. */
bool device_retire(struct device *dev);
void device_restore(struct device *dev);

#endif
