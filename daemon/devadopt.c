/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devadopt.c - the table of devices: what an earlier daemon has left.
 *
 * Theory of operation.  At start each record of the journal is compared with what there is: its namespace, its interface, its
 * page.  Where all three are as the record has them the device goes on, its page is written again, and its program notices nothing.  Where
 * one is missing the device was closed while no daemon served: its page says so, and its record is cleared.  A record that is not
 * completed is of a daemon that was killed within an open; if its page speaks of that open, the program may have its device.  An interface
 * that is missing from its namespace may have been moved meanwhile (devmove.c).
 *
 * What cannot be found is not taken for closed: the device of a namespace that nobody is in any more may live on, and its page says
 * that nobody watches it.
 */
#include "device.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "devtable.h"
#include "log.h"

/* Holds the namespace of a record again.  0, or -1 with errno ENOENT: it is gone, or nobody is in it any more. */
static int
hold_namespace(struct devices *d, struct device *dev, const struct journal_record *r)
{
	int fd = devices_is_own(d, r->netns) ? -1 : os_netns_search(r->netns, r->pid);

	if (fd < 0 && !devices_is_own(d, r->netns)) {
		return -1;
	}
	dev->link.netns = netns_get(d->setup.netns, r->netns, fd);
	if (fd >= 0) {
		close(fd);
	}
	return dev->link.netns != NULL ? 0 : -1;
}

/* Takes an open device of a record on, whose page and interface are as the record has them. */
static void
go_on(struct devices *d, struct device *dev, const struct journal_record *r, const struct netif_status *status)
{
	dev->state = DEVICE_OPEN;
	dev->since = r->since;
	dev->was_up = r->was_up != 0;
	dev->dialect = r->dialect;
	memcpy(dev->program, r->program, sizeof(dev->program));
	device_write_open(d, dev);
	device_on_changed(d, dev, status);
}

/* A device whose interface was there before its open, and is, whatever became of that.  0, or -1: it is gone. */
static int
adopt_kept(struct devices *d, struct device *dev, const struct journal_record *r)
{
	const struct state_page *page = &dev->page.content;
	struct netif_status status;

	dev->link.ifindex = r->ifindex;
	dev->link.kept = true;
	if ((dev->link.ops->adopt(&dev->link, &status) < 0 &&
	    (r->state == JOURNAL_KEPT || device_find_again(d, dev, &status) < 0)) || !status.persist) {
		return -1;
	}
	dev->was_up = r->was_up != 0;
	if (r->state != JOURNAL_KEPT && page->gone == 0 && page->open_number == r->open_number + (r->state == JOURNAL_MAKING)) {
		go_on(d, dev, r, &status);
	} else {
		device_rest(d, dev);
	}
	return 0;
}

/* 0 if the device of that record is ours again. */
static int
adopt(struct devices *d, struct device *dev, const struct journal_record *r)
{
	const struct state_page *page = &dev->page.content;
	bool making = r->state == JOURNAL_MAKING, over;
	struct netif_status status;

	dev->id = (struct device_id){.kind = r->kind, .unit = r->unit};
	dev->link = (struct link){.ops = d->setup.link_named(r->link), .id = dev->id, .place = dev->place, .relays = d->setup.relays,
	    .open_number = r->open_number + making, .relay = {.pid = r->relay_pid, .start = r->relay_start}};
	memcpy(dev->link.ifname, r->ifname, sizeof(dev->link.ifname));
	device_remember_policy(dev, devices_policy_of(d, dev->id, r->ifname));
	dev->pid = r->pid;
	dev->uid = r->uid;
	if (statepage_open(&dev->page, d->setup.rundir, dev->place) < 0 || dev->link.ops == NULL) {
		return -1;
	}
	/* A record that was not completed has the number before; the page, written before the program's answer, has the rest. */
	dev->link.ifindex = making ? page->ifindex : r->ifindex;
	over = page->open_number != r->open_number + making || page->gone != 0;
	if (making && !over) {
		memcpy(dev->link.ifname, page->ifname, sizeof(dev->link.ifname)); /* the kernel may have chosen it */
	}
	if (hold_namespace(d, dev, r) < 0 && (over || r->persistent || device_find_again(d, dev, &status) < 0)) {
		/* It may live on where nobody is left to ask; then its holder asks the kernel. */
		log_warnx("%s: its network namespace (%ju) cannot be found", r->ifname, (uintmax_t)r->netns);
		(void)statepage_set_unwatched(&dev->page);
		return -1;
	}
	if (r->persistent) {
		return adopt_kept(d, dev, r);
	}
	if (over && making && dev->link.ops->after_relay != NULL) {
		dev->link.ops->after_relay(&dev->link); /* the kernel takes nothing away by itself there */
	}
	if (over || (dev->link.ops->adopt(&dev->link, &status) < 0 && device_find_again(d, dev, &status) < 0)) {
		(void)statepage_set_gone(&dev->page);
		return -1;
	}
	go_on(d, dev, r, &status);
	return 0;
}

/* Whether a record can be what a daemon wrote into that slot. */
static bool
belongs(uint32_t place, const struct journal_record *r)
{
	struct device_id id = {.kind = r->kind, .unit = r->unit};

	/* What has moved has kept its place. */
	return device_id_known(id) && (place >= DEVICE_PLACES_FIXED ||
	    (id.unit != DEVICE_UNIT_NAMED && place == device_place_fixed(id)));
}

static bool
has_interface(void *argument, uint32_t place)
{
	const struct devices *d = argument;

	return device_is_open(d->at[place]) || (d->at[place] != NULL && d->at[place]->link.kept);
}

unsigned
devices_adopt(struct devices *d)
{
	unsigned adopted = 0;

	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		char name[DEVICE_TEXT_SIZE];
		struct journal_record r;
		struct device *dev;

		if (journal_read(d->setup.journal, place, &r) < 0) {
			if (errno != ENOENT) {
				log_warn("journal, record %u", (unsigned)place);
			}
			continue;
		}
		dev = belongs(place, &r) ? devices_entry(d, place) : NULL;
		if (dev == NULL) {
			log_warnx("journal, record %u: not one of this daemon's", (unsigned)place);
			(void)journal_clear(d->setup.journal, place);
			continue;
		}
		if (adopt(d, dev, &r) == 0) {
			if (!device_is_open(dev)) {
				continue; /* only its interface is there */
			}
			adopted++;
			log_info("%s: taken over, held since an earlier daemon by uid %ld, pid %ld (%s)", device_name(d, dev, name),
			    (long)dev->uid, (long)dev->pid, dev->program);
			continue;
		}
		log_info("%s: closed while no daemon served", r.ifname);
		if (dev->link.netns != NULL && r.state == JOURNAL_OPEN) {
			device_call_hook(d, dev, "close", dev->close_hook);
		}
		device_forget(d, dev);
	}
	setup_look(&d->setup.further, has_interface, d);
	devices_sync_all_kept(d);
	return adopted;
}
