/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - a device's life, and the meeting of its two sides: what the stack sends is queued here, what the program asks for
 * comes from here.
 *
 * Theory of operation.  Devices are a fixed table that lives as long as the extension, so that a late call finds a device that is not
 * open, and never freed memory.  Only the interface comes and goes.
 *
 * Detaching.  ifnet_detach() only begins: callbacks go on until the kernel calls back for the last time.  So a close takes the
 * device out of everybody's reach first (no new call gets in; who sleeps is woken; who is inside is waited for), then asks for the
 * detach, and waits for that last call.  It waits DEVICE_WAIT_SECONDS and no longer, since a close must not hang on somebody
 * else's reference; the device then stays DETACHING, its open is EBUSY and the extension cannot be unloaded, until the call comes.
 *
 * Revocation.  The kernel calls close while other calls are under way when a node is revoked.  That is why "inside" is counted, and why a
 * close of what is not open is nothing.
 *
 * Readers.  A wake-up wakes all who wait, not one: a reader that was chosen may end by a signal instead, and the packet would
 * wait for the next.  Whoever gets the lock first gets the packet.
 *
 * What is queued and the interface is down is discarded wherever it is met: at going down, and, for a packet that was on its way
 * then, at the read or select that finds it.
 *
 * Sources: XNU bsd/net/kpi_interface.h (ifnet_detach, ifnet_detached_func), bsd/miscfs/specfs/spec_vnops.c (spec_close: last close and
 * revocation; opens and closes of one node are one at a time), bsd/sys/select.h (the laws of select).
 */
#include "device.h"

#include <sys/errno.h>
#include <sys/param.h>
#include <sys/proc.h>
#include <sys/time.h>

#include "iface.h"
#include "kind.h"

static struct device devices[DEVICE_UNITS];
static lck_grp_t *group;

static struct selinfo *
selinfo_of(struct device *dev)
{
	return (struct selinfo *)(void *)&dev->selinfo;
}

/* Until somebody changes the device's state, by the lock; a signal ends it if interruptible.  EWOULDBLOCK: the time is over. */
static int
wait_for_state(struct device *dev, int interruptible)
{
	struct timespec bound = {.tv_sec = DEVICE_WAIT_SECONDS};

	return msleep(&dev->state, dev->lock, PZERO | interruptible, "tuntapd state", &bound);
}

/* By the lock. */
static void
change_state(struct device *dev, enum device_state state)
{
	dev->state = state;
	wakeup(&dev->state);
}

/* By the lock: ends what waits in select. */
static void
wake_select(struct device *dev)
{
	if (dev->selecting) {
		dev->selecting = false;
		selwakeup(selinfo_of(dev));
	}
}

/* By the lock: what is queued, to be freed without it. */
static mbuf_t
discard(struct device *dev)
{
	dev->counters.discarded += dev->queue.packets;
	return queue_take(&dev->queue);
}

int
device_init_all(void)
{
	group = lck_grp_alloc_init(kind.bundle, LCK_GRP_ATTR_NULL);
	if (group == NULL) {
		return -1;
	}
	for (uint32_t unit = 0; unit < DEVICE_UNITS; unit++) {
		devices[unit] = (struct device){.unit = unit, .lock = lck_mtx_alloc_init(group, LCK_ATTR_NULL)};
		if (devices[unit].lock == NULL) {
			device_fini_all();
			return -1;
		}
	}
	return 0;
}

void
device_fini_all(void)
{
	for (uint32_t unit = 0; unit < DEVICE_UNITS; unit++) {
		if (devices[unit].lock != NULL) {
			lck_mtx_free(devices[unit].lock, group);
			devices[unit].lock = NULL;
		}
	}
	lck_grp_free(group);
	group = NULL;
}

struct device *
device_find(uint32_t unit)
{
	return unit < DEVICE_UNITS ? &devices[unit] : NULL;
}

/* By the lock: waits until the device before is over, and takes it. */
static int
take_closed(struct device *dev)
{
	while (dev->state == DEVICE_CLOSING || dev->state == DEVICE_DETACHING) {
		int error = wait_for_state(dev, PCATCH);

		if (error != 0) {
			return error == EWOULDBLOCK ? EBUSY : error;
		}
	}
	if (dev->state != DEVICE_CLOSED) {
		return dev->state == DEVICE_GONE ? ENXIO : EBUSY;
	}
	dev->state = DEVICE_OPENING;
	dev->pid = -1;
	dev->header_mode = false;
	dev->was_up = false;
	dev->counters = (struct device_counters){.dropped = 0};
	return 0;
}

int
device_open(struct device *dev, pid_t pid)
{
	ifnet_t ifp = NULL;
	int error;

	lck_mtx_lock(dev->lock);
	error = take_closed(dev);
	lck_mtx_unlock(dev->lock);
	if (error != 0) {
		return error;
	}
	error = iface_make(dev, &ifp);
	lck_mtx_lock(dev->lock);
	if (error == 0) {
		dev->ifp = ifp;
		dev->pid = pid;
	}
	change_state(dev, error == 0 ? DEVICE_OPEN : DEVICE_CLOSED);
	lck_mtx_unlock(dev->lock);
	return error;
}

void
device_close(struct device *dev)
{
	mbuf_t stale;
	ifnet_t ifp;

	lck_mtx_lock(dev->lock);
	if (dev->state != DEVICE_OPEN) {
		lck_mtx_unlock(dev->lock);
		return;
	}
	change_state(dev, DEVICE_CLOSING);
	wakeup(&dev->queue);
	if (dev->selecting) {
		dev->selecting = false;
		selthreadclear(selinfo_of(dev));
	}
	while (dev->inside > 0) {
		(void)msleep(&dev->inside, dev->lock, PZERO, "tuntapd inside", NULL);
	}
	stale = discard(dev);
	ifp = dev->ifp;
	change_state(dev, DEVICE_DETACHING);
	lck_mtx_unlock(dev->lock);

	(void)queue_free(stale);
	iface_take_away(ifp);

	lck_mtx_lock(dev->lock);
	while (dev->state == DEVICE_DETACHING && wait_for_state(dev, 0) == 0) {
		;
	}
	lck_mtx_unlock(dev->lock);
}

void
device_detached(struct device *dev)
{
	ifnet_t ifp;

	lck_mtx_lock(dev->lock);
	ifp = dev->ifp;
	dev->ifp = NULL;
	lck_mtx_unlock(dev->lock);
	iface_release(ifp);
	/* The last that is done, since whoever sees CLOSED may open the device again, or unload the extension. */
	lck_mtx_lock(dev->lock);
	change_state(dev, DEVICE_CLOSED);
	lck_mtx_unlock(dev->lock);
}

ifnet_t
device_enter(struct device *dev)
{
	ifnet_t ifp = NULL;

	lck_mtx_lock(dev->lock);
	if (dev->state == DEVICE_OPEN) {
		dev->inside++;
		ifp = dev->ifp;
	}
	lck_mtx_unlock(dev->lock);
	return ifp;
}

void
device_leave(struct device *dev)
{
	lck_mtx_lock(dev->lock);
	if (--dev->inside == 0 && dev->state == DEVICE_CLOSING) {
		wakeup(&dev->inside);
	}
	lck_mtx_unlock(dev->lock);
}

int
device_get(struct device *dev, bool wait, mbuf_t *packet, bool *header_mode)
{
	mbuf_t stale = NULL;
	int error = 0;

	lck_mtx_lock(dev->lock);
	if (dev->state != DEVICE_OPEN) {
		error = EIO;
	} else if (!iface_is_up(dev->ifp)) {
		stale = discard(dev);
		error = EIO;
	}
	/* Down is asked for once: a reader that is asleep when the interface goes down stays asleep until the next packet. */
	while (error == 0 && (*packet = queue_get(&dev->queue)) == NULL) {
		error = wait ? msleep(&dev->queue, dev->lock, PZERO | PCATCH, "tuntapd read", NULL) : EWOULDBLOCK;
		if (error == 0 && dev->state != DEVICE_OPEN) {
			error = EIO;
		}
	}
	*header_mode = dev->header_mode;
	lck_mtx_unlock(dev->lock);
	(void)queue_free(stale);
	return error;
}

bool
device_put(struct device *dev, mbuf_t packet)
{
	bool taken;

	lck_mtx_lock(dev->lock);
	taken = dev->state == DEVICE_OPEN && queue_put(&dev->queue, packet);
	if (taken) {
		wakeup(&dev->queue);
		wake_select(dev);
	} else {
		dev->counters.dropped++;
	}
	lck_mtx_unlock(dev->lock);
	return taken;
}

bool
device_readable(struct device *dev, proc_t p, void *wql)
{
	mbuf_t stale = NULL;
	bool readable = true; /* a read of what is no longer open does not wait */

	lck_mtx_lock(dev->lock);
	if (dev->state == DEVICE_OPEN) {
		if (!iface_is_up(dev->ifp)) {
			stale = discard(dev);
		}
		readable = dev->queue.packets > 0;
		if (!readable) {
			/* The second look of a select, which has no list to be on, is recorded nowhere. */
			dev->selecting = dev->selecting || wql != NULL;
			selrecord(p, selinfo_of(dev), wql);
		}
	}
	lck_mtx_unlock(dev->lock);
	(void)queue_free(stale);
	return readable;
}

uint32_t
device_next_bytes(struct device *dev)
{
	uint32_t bytes = 0;

	lck_mtx_lock(dev->lock);
	if (dev->state == DEVICE_OPEN && dev->queue.packets > 0 && iface_is_up(dev->ifp)) {
		bytes = (uint32_t)queue_next_bytes(&dev->queue) + (dev->header_mode ? FAMILY_HEADER_BYTES : 0);
	}
	lck_mtx_unlock(dev->lock);
	return bytes;
}

bool
device_header_mode(struct device *dev)
{
	bool on;

	lck_mtx_lock(dev->lock);
	on = dev->header_mode;
	lck_mtx_unlock(dev->lock);
	return on;
}

void
device_set_header_mode(struct device *dev, bool on)
{
	lck_mtx_lock(dev->lock);
	dev->header_mode = on;
	lck_mtx_unlock(dev->lock);
}

void
device_up_changed(struct device *dev, bool up)
{
	mbuf_t stale = NULL;

	lck_mtx_lock(dev->lock);
	if (up) {
		dev->was_up = true;
		if (dev->queue.packets > 0) {
			wake_select(dev);
		}
	} else {
		stale = discard(dev);
	}
	lck_mtx_unlock(dev->lock);
	(void)queue_free(stale);
}

bool
device_first_up(struct device *dev)
{
	bool first;

	lck_mtx_lock(dev->lock);
	first = !dev->was_up;
	dev->was_up = true;
	lck_mtx_unlock(dev->lock);
	return first;
}

void
device_count_cut(struct device *dev)
{
	lck_mtx_lock(dev->lock);
	dev->counters.cut++;
	lck_mtx_unlock(dev->lock);
}

void
device_count_refused(struct device *dev)
{
	lck_mtx_lock(dev->lock);
	dev->counters.refused++;
	lck_mtx_unlock(dev->lock);
}

void
device_summary(struct device *dev, struct device_summary *out)
{
	lck_mtx_lock(dev->lock);
	out->open = dev->state == DEVICE_OPEN;
	out->pid = dev->pid;
	out->queued = dev->queue.packets;
	out->counters = dev->counters;
	lck_mtx_unlock(dev->lock);
}

bool
device_retire(struct device *dev)
{
	bool closed;

	lck_mtx_lock(dev->lock);
	closed = dev->state == DEVICE_CLOSED;
	if (closed) {
		dev->state = DEVICE_GONE;
	}
	lck_mtx_unlock(dev->lock);
	return closed;
}

void
device_restore(struct device *dev)
{
	lck_mtx_lock(dev->lock);
	if (dev->state == DEVICE_GONE) {
		change_state(dev, DEVICE_CLOSED);
	}
	lck_mtx_unlock(dev->lock);
}
