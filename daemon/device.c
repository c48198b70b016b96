/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - the table of devices.
 *
 * Theory of operation.  State machine of a device:
 *
 *	closed --attach--> open --interface up--> up --interface down--> open
 *	open, up --interface departed--> closed
 *
 * Attach checks, in this order, what tells a stranger least: that the unit exists, that the opener may have it, that it is
 * called from our namespace, and only then whether it is free.  Before an interface is made its journal record says so; the
 * page is written before the program can read it; the record is completed after the program has its answer.  The table
 * keeps no copy of a direct channel: the last close is the interface's departure, which the watch tells.  Events that come
 * late find no device with their index and are dropped; lost events are made good by reading every interface again
 * (devices_resync).
 *
 * The first address given to a device that has never been up brings it up; a device that was up once stays as the
 * administrator puts it.
 *
 * A holder of a Linux tun descriptor can mark its interface persistent; nobody would ever take that away again, so it is
 * taken away as soon as it shows.  The kernel tells of the mark only while the interface is up (netdev_state_change); for the rest,
 * whoever asks about a device that is open, or wants to open it, has it read again.
 */
#include "device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "statepage.h"

struct device {
	struct device_id id;
	enum device_state state;
	struct link link;
	struct statepage page;
	bool was_up; /* since it was opened */
	int64_t since;
	pid_t pid;
	uid_t uid;
	char program[MESSAGE_PROGRAM_SIZE];
};

/* Refusals that a stranger can repeat, each with its own limit of log lines. */
enum refusal { REFUSED_POLICY, REFUSED_NAMESPACE, REFUSED_BUSY, REFUSED_LINK, REFUSALS };

struct devices {
	struct devices_setup setup;
	struct log_limit limits[REFUSALS];
	unsigned count;
	struct device items[]; /* tun0, tun1, ..., tap0, ... */
};

struct devices *
devices_new(const struct devices_setup *setup)
{
	unsigned tun = policy_units(setup->policy, DEVICE_TUN), tap = policy_units(setup->policy, DEVICE_TAP);
	struct devices *d = calloc(1, sizeof(*d) + (tun + tap) * sizeof(d->items[0]));

	if (d == NULL) {
		return NULL;
	}
	d->setup = *setup;
	d->count = tun + tap;
	for (unsigned i = 0; i < d->count; i++) {
		d->items[i].id.kind = i < tun ? DEVICE_TUN : DEVICE_TAP;
		d->items[i].id.unit = (uint16_t)(i < tun ? i : i - tun);
		statepage_init(&d->items[i].page);
	}
	return d;
}

void
devices_free(struct devices *d)
{
	if (d == NULL) {
		return;
	}
	for (unsigned i = 0; i < d->count; i++) {
		statepage_close(&d->items[i].page);
	}
	free(d);
}

static struct device *
find_by_id(struct devices *d, struct device_id id)
{
	for (unsigned i = 0; i < d->count; i++) {
		if (device_id_equal(d->items[i].id, id)) {
			return &d->items[i];
		}
	}
	return NULL;
}

static struct device *
find_by_place(struct devices *d, uint32_t place)
{
	struct device_id id;

	return device_place_id(place, &id) ? find_by_id(d, id) : NULL;
}

static struct device *
find_by_ifindex(struct devices *d, uint32_t ifindex)
{
	for (unsigned i = 0; i < d->count; i++) {
		if (d->items[i].state != DEVICE_CLOSED && d->items[i].link.ifindex == ifindex) {
			return &d->items[i];
		}
	}
	return NULL;
}

static int
write_journal(struct devices *d, const struct device *dev, enum journal_state state)
{
	struct journal_record r = {
		.state = (uint8_t)state,
		.kind = dev->id.kind,
		.unit = dev->id.unit,
		.ifindex = dev->link.ifindex,
		.netns = d->setup.netns,
		.open_number = dev->page.content.open_number,
		.since = dev->since,
		.pid = dev->pid,
		.uid = dev->uid,
		.was_up = dev->was_up,
	};

	snprintf(r.ifname, sizeof(r.ifname), "%s", dev->link.ifname);
	snprintf(r.link, sizeof(r.link), "%s", dev->link.ops->name);
	snprintf(r.program, sizeof(r.program), "%s", dev->program);
	return journal_write(d->setup.journal, device_place_fixed(dev->id), &r);
}

static void
write_journal_or_warn(struct devices *d, const struct device *dev)
{
	if (write_journal(d, dev, JOURNAL_OPEN) < 0) {
		log_warn("%s: writing the journal", dev->link.ifname);
	}
}

/* The device is over; its interface is gone already or is none of ours any more. */
static void
forget(struct devices *d, struct device *dev)
{
	if (journal_clear(d->setup.journal, device_place_fixed(dev->id)) < 0) {
		log_warn("clearing a journal record");
	}
	dev->state = DEVICE_CLOSED;
	memset(&dev->link, 0, sizeof(dev->link));
	dev->was_up = false;
	dev->since = 0;
	dev->pid = 0;
	dev->uid = 0;
	dev->program[0] = '\0';
}

static void
refuse(struct devices *d, enum refusal why, const struct device_attach *request, const char *text)
{
	char name[DEVNAME_SIZE];

	devname_format(request->id, name);
	if (log_limit_pass(&d->limits[why], "refused opens")) {
		log_info("%s: refused to uid %ld, pid %ld: %s", name, (long)request->peer->uid,
		    (long)request->peer->pid, text);
	}
}

static void
on_departed(struct devices *d, struct device *dev, const char *why)
{
	char name[DEVNAME_SIZE];

	devname_format(dev->id, name);
	if (statepage_set_gone(&dev->page) < 0) {
		log_warn("%s: writing the state page", name);
	}
	log_info("%s: %s", name, why);
	forget(d, dev);
}

static void
on_changed(struct devices *d, struct device *dev, const struct netif_status *status)
{
	char name[DEVNAME_SIZE];
	bool first_up = status->up && !dev->was_up;
	bool renamed = status->ifname[0] != '\0' && strcmp(status->ifname, dev->link.ifname) != 0;

	devname_format(dev->id, name);
	if (status->persist) {
		log_warnx("%s: made persistent by a holder (opened by uid %ld, pid %ld, %s), which the policy does not grant: "
		    "taking the interface away", name, (long)dev->uid, (long)dev->pid, dev->program);
		dev->link.ops->close(&dev->link);
		on_departed(d, dev, "closed: its interface was made persistent");
		return;
	}
	if (statepage_set_mtu(&dev->page, status->mtu) < 0 || statepage_set_up(&dev->page, status->up) < 0) {
		log_warn("%s: writing the state page", name);
	}
	if (dev->state != (status->up ? DEVICE_UP : DEVICE_OPEN)) {
		log_debug("%s: interface %s is %s", name, status->ifname, status->up ? "up" : "down");
		dev->state = status->up ? DEVICE_UP : DEVICE_OPEN;
	}
	if (renamed) {
		log_info("%s: interface %s is now called %s", name, dev->link.ifname, status->ifname);
		memcpy(dev->link.ifname, status->ifname, sizeof(dev->link.ifname));
		if (statepage_set_ifname(&dev->page, dev->link.ifname) < 0) {
			log_warn("%s: writing the state page", name);
		}
	}
	if (first_up) {
		dev->was_up = true;
	}
	if (first_up || renamed) {
		write_journal_or_warn(d, dev);
	}
}

/* Reads the interface again: for when news may be missing.  False: the device is closed now, or could not be read. */
static bool
refresh(struct devices *d, struct device *dev, struct netif_status *status)
{
	if (dev->link.ops->read(&dev->link, status) == 0) {
		on_changed(d, dev, status);
		return dev->state != DEVICE_CLOSED;
	}
	if (errno == ENODEV) {
		on_departed(d, dev, "closed");
	} else {
		log_warn("%s: reading the interface", dev->link.ifname);
	}
	return false;
}

/* Everything that can be said before something is made.  0 and *out, or -1 with errno. */
static int
check_attach(struct devices *d, const struct device_attach *request, struct device **out)
{
	struct device *dev = find_by_id(d, request->id);
	struct netif_status status;

	if (dev == NULL) {
		errno = ENOENT;
		return -1;
	}
	if (!policy_allows(&d->setup.policy->entry, request->peer, request->how.access)) {
		refuse(d, REFUSED_POLICY, request, "its owner, group and mode do not allow it");
		errno = EACCES;
		return -1;
	}
	if (request->netns != d->setup.netns) {
		refuse(d, REFUSED_NAMESPACE, request, "it is in another network namespace than this daemon: "
		    "start a daemon there");
		errno = EACCES;
		return -1;
	}
	if (dev->state != DEVICE_CLOSED && (refresh(d, dev, &status) || dev->state != DEVICE_CLOSED)) {
		refuse(d, REFUSED_BUSY, request, "in use");
		errno = EBUSY;
		return -1;
	}
	*out = dev;
	return 0;
}

static int
begin_page(struct devices *d, struct device *dev, const struct netif_status *status)
{
	struct statepage_open open = {
		.id = dev->id,
		.channel = dev->link.ops->channel,
		.netns = d->setup.netns,
		.ifindex = status->ifindex,
		.mtu = status->mtu,
		.ifname = dev->link.ifname,
	};

	return statepage_begin(&dev->page, &open);
}

int
devices_attach(struct devices *d, const struct device_attach *request, struct device_attached *out)
{
	struct netif_status status;
	struct device *dev;
	char name[DEVNAME_SIZE];
	int channel = -1, page = -1, saved;

	if (check_attach(d, request, &dev) < 0) {
		return -1;
	}
	devname_format(dev->id, name);
	dev->link = (struct link){.ops = d->setup.link_for(dev->id.kind), .netif = d->setup.netif, .id = dev->id,
	    .place = device_place_fixed(dev->id)};
	if (dev->link.ops == NULL) {
		errno = ENXIO;
		return -1;
	}
	snprintf(dev->link.ifname, sizeof(dev->link.ifname), "%s", name);
	snprintf(dev->program, sizeof(dev->program), "?");
	dev->pid = request->peer->pid;
	dev->uid = request->peer->uid;
	dev->since = time(NULL);
	dev->was_up = false;
	if (statepage_open(&dev->page, d->setup.rundir, device_place_fixed(dev->id)) < 0 || write_journal(d, dev, JOURNAL_MAKING) < 0) {
		log_warn("%s: preparing the open", name);
		goto fail;
	}
	if (dev->link.ops->open(&dev->link, &request->how, &channel, &status) < 0) {
		saved = errno;
		refuse(d, REFUSED_LINK, request, saved == EBUSY ?
		    "an interface of that name exists, and is not ours" : strerror(saved));
		errno = saved;
		goto fail;
	}
	page = statepage_reader(&dev->page, d->setup.rundir);
	if (page < 0 || begin_page(d, dev, &status) < 0) {
		log_warn("%s: writing down the open", name);
		goto fail;
	}
	dev->state = DEVICE_OPEN;
	out->channel = channel;
	out->page = page;
	out->channel_type = dev->link.ops->channel;
	out->place = dev->link.place;
	out->open_number = dev->page.content.open_number;
	out->ifindex = dev->link.ifindex;
	out->mtu = status.mtu;
	memcpy(out->ifname, dev->link.ifname, sizeof(out->ifname));
	return 0;
fail:
	saved = errno;
	if (channel >= 0) {
		/* The interface exists; a program that gave its own descriptor would keep it alive. */
		dev->link.ops->close(&dev->link);
		if (channel != request->how.given_fd) {
			close(channel);
		}
	}
	if (page >= 0) {
		close(page);
	}
	forget(d, dev);
	errno = saved;
	return -1;
}

void
devices_settle(struct devices *d, struct device_id id, const char *program)
{
	struct device *dev = find_by_id(d, id);
	char name[DEVNAME_SIZE];

	if (dev == NULL || dev->state == DEVICE_CLOSED) {
		return;
	}
	devname_format(id, name);
	snprintf(dev->program, sizeof(dev->program), "%s", program);
	write_journal_or_warn(d, dev);
	log_info("%s: opened by uid %ld, pid %ld (%s), interface %s", name, (long)dev->uid, (long)dev->pid, dev->program,
	    dev->link.ifname);
}

int
devices_set_header_mode(struct devices *d, uint32_t place, uint64_t open_number, int proof, bool on)
{
	struct device *dev = find_by_place(d, place);

	if (dev == NULL || dev->state == DEVICE_CLOSED || dev->page.content.open_number != open_number) {
		errno = ENXIO;
		return -1;
	}
	if (dev->id.kind != DEVICE_TUN) {
		errno = ENOTTY;
		return -1;
	}
	if (dev->link.ops->prove(&dev->link, proof) < 0) {
		return -1;
	}
	return statepage_set_header_mode(&dev->page, on);
}

void
devices_on_event(struct devices *d, const struct netif_event *event)
{
	struct device *dev = find_by_ifindex(d, event->ifindex);

	if (dev == NULL) {
		return;
	}
	switch (event->type) {
	case NETIF_CHANGED:
		on_changed(d, dev, &event->status);
		break;
	case NETIF_ADDRESS_ADDED:
		/* Contract: the first address given to a device that was never up brings it up (lwIP, iodine say no "up"). */
		if (!dev->was_up && dev->link.ops->set_up(&dev->link) < 0) {
			log_warn("%s: bringing the interface up", dev->link.ifname);
		}
		break;
	case NETIF_DEPARTED:
		on_departed(d, dev, "closed");
		break;
	case NETIF_MOVED:
		/* It lives on where this daemon cannot watch it: the program asks the kernel from now on. */
		log_warnx("%s: moved to another network namespace, no longer watched", dev->link.ifname);
		if (statepage_set_unwatched(&dev->page) < 0) {
			log_warn("%s: writing the state page", dev->link.ifname);
		}
		forget(d, dev);
		break;
	}
}

void
devices_resync(struct devices *d)
{
	for (unsigned i = 0; i < d->count; i++) {
		struct device *dev = &d->items[i];
		struct netif_status status;

		if (dev->state != DEVICE_CLOSED) {
			(void)refresh(d, dev, &status);
		}
	}
}

/* 0 if the device of that record is ours again. */
static int
adopt(struct devices *d, struct device *dev, const struct journal_record *r)
{
	const struct state_page *page = &dev->page.content;
	bool making = r->state == JOURNAL_MAKING;
	struct netif_status status;

	dev->link = (struct link){.ops = d->setup.link_named(r->link), .netif = d->setup.netif, .id = dev->id,
	    .place = device_place_fixed(dev->id)};
	memcpy(dev->link.ifname, r->ifname, sizeof(dev->link.ifname));
	if (dev->link.ops == NULL || r->netns != d->setup.netns || statepage_open(&dev->page, d->setup.rundir, device_place_fixed(dev->id)) < 0) {
		return -1;
	}
	/* A record that was not completed has the number before; the page, written before the program's answer, has the rest. */
	dev->link.ifindex = making ? page->ifindex : r->ifindex;
	if (page->open_number != r->open_number + making || page->gone != 0 ||
	    dev->link.ops->adopt(&dev->link, &status) < 0) {
		return -1;
	}
	dev->state = DEVICE_OPEN;
	dev->since = r->since;
	dev->pid = r->pid;
	dev->uid = r->uid;
	dev->was_up = r->was_up != 0;
	memcpy(dev->program, r->program, sizeof(dev->program));
	write_journal_or_warn(d, dev);
	on_changed(d, dev, &status);
	return 0;
}

unsigned
devices_adopt(struct devices *d)
{
	unsigned adopted = 0;

	for (unsigned slot = 0; slot < JOURNAL_SLOTS; slot++) {
		struct journal_record r;
		struct device *dev;

		if (journal_read(d->setup.journal, slot, &r) < 0) {
			if (errno != ENOENT) {
				log_warn("journal, record %u", slot);
			}
			continue;
		}
		dev = find_by_id(d, (struct device_id){.kind = r.kind, .unit = r.unit});
		if (dev != NULL && device_place_fixed(dev->id) == slot && adopt(d, dev, &r) == 0) {
			adopted++;
			log_info("%s: taken over, held since an earlier daemon by uid %ld, pid %ld (%s)", dev->link.ifname,
			    (long)dev->uid, (long)dev->pid, dev->program);
			continue;
		}
		log_info("%s: closed while no daemon served", r.ifname);
		if (dev != NULL && statepage_open(&dev->page, d->setup.rundir, device_place_fixed(dev->id)) == 0) {
			(void)statepage_set_gone(&dev->page);
		}
		if (dev != NULL) {
			forget(d, dev);
		} else if (journal_clear(d->setup.journal, slot) < 0) {
			log_warn("clearing a journal record");
		}
	}
	return adopted;
}

unsigned
devices_end_all(struct devices *d)
{
	unsigned ended = 0;

	for (unsigned i = 0; i < d->count; i++) {
		struct device *dev = &d->items[i];

		if (dev->state != DEVICE_CLOSED) {
			dev->link.ops->close(&dev->link);
			on_departed(d, dev, "ended on request");
			ended++;
		}
	}
	return ended;
}

static void
describe(struct devices *d, struct device *dev, struct message_device *out)
{
	struct netif_status status;

	out->kind = dev->id.kind;
	out->unit = dev->id.unit;
	if (dev->state == DEVICE_CLOSED || !refresh(d, dev, &status)) {
		return;
	}
	out->state = (uint8_t)dev->state;
	out->open_number = dev->page.content.open_number;
	out->since = dev->since;
	out->netns = d->setup.netns;
	out->pid = dev->pid;
	out->uid = dev->uid;
	out->channel = (uint8_t)dev->link.ops->channel;
	out->header_mode = dev->page.content.header_mode;
	out->ifindex = dev->link.ifindex;
	out->mtu = dev->page.content.mtu;
	memcpy(out->ifname, dev->link.ifname, sizeof(out->ifname));
	snprintf(out->link, sizeof(out->link), "%s", dev->link.ops->name);
	memcpy(out->program, dev->program, sizeof(out->program));
	out->has_mac = status.has_mac;
	memcpy(out->mac, status.mac, sizeof(out->mac));
	out->address_count = (uint8_t)status.address_count;
	out->addresses_total = (uint16_t)(status.addresses_total < UINT16_MAX ? status.addresses_total : UINT16_MAX);
	memcpy(out->addresses, status.addresses, sizeof(out->addresses));
	out->to_program = status.to_program;
	out->from_program = status.from_program;
}

void
devices_describe(struct devices *d, uint32_t cursor, struct message_device *out)
{
	if (cursor >= d->count) {
		out->error = ENOENT;
		return;
	}
	describe(d, &d->items[cursor], out);
	out->next = cursor + 1 < d->count ? cursor + 1 : 0;
}

unsigned
devices_open_count(const struct devices *d)
{
	unsigned open = 0;

	for (unsigned i = 0; i < d->count; i++) {
		open += d->items[i].state != DEVICE_CLOSED;
	}
	return open;
}
