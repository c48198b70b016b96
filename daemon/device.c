/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - the table of devices: what becomes of one between its open and its last close.
 *
 * Theory of operation.  The table is an array by place (protocol/devname.h).  The daemon's own namespace has a fixed place for each
 * unit; a device of another namespace takes a free one of the rest when it is opened, and so does a unit whose own place is held by
 * a device that has moved.  An entry that was made once stays, closed, for the next open.  State machine of a device:
 *
 *	closed --attach--> open --interface up--> up --interface down--> open
 *	open, up --interface departed--> closed
 *
 * The table keeps no copy of a direct channel: the last close is the interface's departure, which the watch tells.  Events that come
 * late find no device with their index and are dropped; lost events are made good by reading every interface again
 * (devices_resync).
 *
 * The first address given to a device that has never been up brings it up, unless the policy forbids it; a device that was up once
 * stays as the administrator puts it, and so does one of the linux dialect, whose programs expect the kernel's own device.
 *
 * A holder of a Linux tun descriptor can mark its interface persistent; nobody would ever take that away again, so it is
 * taken away as soon as it shows.  The kernel tells of the mark only while the interface is up (netdev_state_change); for the rest,
 * whoever asks about a device that is open, or wants to open it, has it read again.
 *
 * How a device is opened stands in devopen.c, how its interface is followed to another network namespace in devmove.c, what is different
 * where its interface is persistent in devkept.c, how a daemon takes over what an earlier one has left in devadopt.c.
 */
#include "device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge.h"
#include "devtable.h"
#include "log.h"

struct devices *
devices_new(const struct devices_setup *setup)
{
	struct devices *d = calloc(1, sizeof(*d));

	if (d != NULL) {
		d->setup = *setup;
	}
	return d;
}

void
devices_free(struct devices *d)
{
	if (d == NULL) {
		return;
	}
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		if (d->at[place] != NULL) {
			statepage_close(&d->at[place]->page);
			netns_put(d->setup.netns, d->at[place]->link.netns);
			free(d->at[place]);
		}
	}
	free(d);
}

bool
device_is_open(const struct device *dev)
{
	return dev != NULL && dev->state != DEVICE_CLOSED;
}

struct device *
devices_find_open(struct devices *d, uint32_t place)
{
	return place < DEVICE_PLACES_MAX && device_is_open(d->at[place]) ? d->at[place] : NULL;
}

/* Also one that is closed and has its interface all the same. */
static struct device *
find_by_ifindex(struct devices *d, const struct netns *ns, uint32_t ifindex)
{
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		struct device *dev = d->at[place];

		if (dev != NULL && (device_is_open(dev) || dev->link.kept) && dev->link.netns == ns && dev->link.ifindex == ifindex) {
			return dev;
		}
	}
	return NULL;
}

struct device *
devices_find_unit(struct devices *d, uint64_t netns, struct device_id id)
{
	for (uint32_t place = 0; id.unit != DEVICE_UNIT_NAMED && place < DEVICE_PLACES_MAX; place++) {
		struct device *dev = devices_find_open(d, place);

		if (dev != NULL && dev->link.netns->id == netns && device_id_equal(dev->id, id)) {
			return dev;
		}
	}
	return NULL;
}

bool
devices_is_own(const struct devices *d, uint64_t netns)
{
	return netns == netns_own(d->setup.netns)->id;
}

struct device *
devices_entry(struct devices *d, uint32_t place)
{
	struct device *dev = d->at[place];

	if (dev == NULL) {
		dev = calloc(1, sizeof(*dev));
		if (dev != NULL) {
			dev->place = place;
			statepage_init(&dev->page);
			d->at[place] = dev;
		}
	}
	return dev;
}

const char *
devices_describe_name(const struct devices *d, uint64_t netns, struct device_id id, const char *ifname, char text[DEVICE_TEXT_SIZE])
{
	char name[MESSAGE_IFNAME_SIZE];

	if (id.unit == DEVICE_UNIT_NAMED) {
		snprintf(name, sizeof(name), "%s", ifname);
	} else {
		devname_format(id, name);
	}
	if (devices_is_own(d, netns)) {
		snprintf(text, DEVICE_TEXT_SIZE, "%s", name);
	} else {
		snprintf(text, DEVICE_TEXT_SIZE, "%s (in network namespace %ju)", name, (uintmax_t)netns);
	}
	return text;
}

const char *
device_name(const struct devices *d, const struct device *dev, char text[DEVICE_TEXT_SIZE])
{
	return devices_describe_name(d, dev->link.netns->id, dev->id, dev->link.ifname, text);
}

const struct device_policy *
devices_policy_of(const struct devices *d, struct device_id id, const char *ifname)
{
	return id.unit == DEVICE_UNIT_NAMED ? policy_for_name(d->setup.policy, ifname) : policy_device(d->setup.policy, id);
}

void
device_remember_policy(struct device *dev, const struct device_policy *policy)
{
	dev->up_on_address = policy->up_on_address;
	dev->own_addresses = 0;
	snprintf(dev->close_hook, sizeof(dev->close_hook), "%s", policy->close_hook);
}

const struct link_ops *
devices_link_of(const struct devices *d, struct device_id id, enum message_dialect dialect, const struct device_policy *policy)
{
	const struct link_ops *ops = policy->link[0] != '\0' ? d->setup.link_named(policy->link) : NULL;

	if (ops != NULL && (ops->kinds & (1u << id.kind)) != 0 && (dialect == DIALECT_BSD || ops->channel == CHANNEL_DIRECT)) {
		return ops;
	}
	ops = dialect == DIALECT_BSD && policy_wants_kext(policy) ? d->setup.link_named(POLICY_LINK_KEXT) : NULL;
	return ops != NULL && ops->has != NULL && ops->has(id) ? ops : d->setup.link_for(id.kind);
}

int
device_write_journal(struct devices *d, const struct device *dev, enum journal_state state)
{
	struct journal_record r = {
		.state = (uint8_t)state,
		.kind = dev->id.kind,
		.unit = dev->id.unit,
		.ifindex = dev->link.ifindex,
		.netns = dev->link.netns->id,
		.open_number = dev->page.content.open_number,
		.since = dev->since,
		.pid = dev->pid,
		.uid = dev->uid,
		.was_up = dev->was_up,
		.dialect = (uint8_t)dev->dialect,
		.persistent = dev->link.kept,
		.relay_pid = dev->link.relay.pid,
		.relay_start = dev->link.relay.start,
	};

	snprintf(r.ifname, sizeof(r.ifname), "%s", dev->link.ifname);
	snprintf(r.link, sizeof(r.link), "%s", dev->link.ops->name);
	snprintf(r.program, sizeof(r.program), "%s", dev->program);
	return journal_write(d->setup.journal, dev->place, &r);
}

int
device_announce(void *argument, const struct link *l)
{
	struct devices *d = argument;

	return device_write_journal(d, d->at[l->place], JOURNAL_MAKING);
}

void
device_write_open(struct devices *d, const struct device *dev)
{
	if (device_write_journal(d, dev, JOURNAL_OPEN) < 0) {
		log_warn("%s: writing the journal", dev->link.ifname);
	}
}

void
device_call_hook(struct devices *d, const struct device *dev, const char *what, const char *path)
{
	char name[MESSAGE_IFNAME_SIZE];
	struct hook_call call = {
		.path = path,
		.what = what,
		.device = dev->link.ifname,
		.ifname = dev->link.ifname,
		.uid = dev->uid,
		.pid = dev->pid,
		.netns = dev->link.netns->id,
		.netns_fd = dev->link.netns->fd,
	};

	if (dev->id.unit != DEVICE_UNIT_NAMED) {
		devname_format(dev->id, name);
		call.device = name;
	}
	hooks_run(d->setup.hooks, &call);
}

void
device_forget(struct devices *d, struct device *dev)
{
	dev->opening = 0;
	if (journal_clear(d->setup.journal, dev->place) < 0) {
		log_warn("clearing a journal record");
	}
	statepage_close(&dev->page);
	netns_put(d->setup.netns, dev->link.netns);
	dev->state = DEVICE_CLOSED;
	memset(&dev->link, 0, sizeof(dev->link));
	dev->outdated = false;
	dev->was_up = false;
	dev->close_hook[0] = '\0';
	dev->since = 0;
	dev->pid = 0;
	dev->uid = 0;
	dev->program[0] = '\0';
	setup_undo(&d->setup.further, dev->place);
}

void
device_on_departed(struct devices *d, struct device *dev, const char *why)
{
	char name[DEVICE_TEXT_SIZE];

	device_name(d, dev, name);
	if (dev->opening == 0) {
		log_info("%s: %s", name, device_is_open(dev) ? why : "its persistent interface is gone");
	}
	if (device_is_open(dev) && dev->opening == 0) {
		if (statepage_set_gone(&dev->page) < 0) {
			log_warn("%s: writing the state page", name);
		}
		device_call_hook(d, dev, "close", dev->close_hook);
	}
	if (dev->opening == 0 && dev->link.ops->after_interface != NULL) {
		dev->link.ops->after_interface(&dev->link);
	}
	device_forget(d, dev);
	devices_sync_kept(d, dev->id.unit == DEVICE_UNIT_NAMED ? dev->place : device_place_fixed(dev->id));
}

void
device_on_changed(struct devices *d, struct device *dev, const struct netif_status *status)
{
	char name[DEVICE_TEXT_SIZE];
	bool first_up = status->up && !dev->was_up;
	bool renamed = status->ifname[0] != '\0' && strcmp(status->ifname, dev->link.ifname) != 0;

	if (dev->opening != 0) {
		return; /* its page and record are still of the open before; the end of the attach looks again */
	}
	device_name(d, dev, name);
	if (dev->link.kept && !status->carrier) {
		device_on_released(d, dev);
		return;
	}
	if (status->persist && !dev->link.kept) {
		log_warnx("%s: made persistent by a holder (opened by uid %ld, pid %ld, %s), which the policy does not grant: "
		    "taking the interface away", name, (long)dev->uid, (long)dev->pid, dev->program);
		dev->link.ops->close(&dev->link);
		device_on_departed(d, dev, "closed: its interface was made persistent");
		return;
	}
	if (statepage_set_mtu(&dev->page, status->mtu) < 0 || statepage_set_up(&dev->page, status->up) < 0) {
		log_warn("%s: writing the state page", name);
	}
	if (dev->state != (status->up ? DEVICE_UP : DEVICE_OPEN)) {
		/* Once: it may be that it never runs. */
		if (status->stalled && dev->up_on_address && dev->link.ops->set_up(&dev->link) < 0 && errno != ENODEV) {
			log_warn("%s: bringing the interface up", name);
		}
		log_debug("%s: interface %s is %s", name, status->ifname, status->up ? "up" : "down");
		dev->state = status->up ? DEVICE_UP : DEVICE_OPEN;
	}
	if (renamed) {
		if (log_limit_pass(&d->limits[RENAMED], "renamed interfaces")) {
			log_info("%s: interface %s is now called %s", name, dev->link.ifname, status->ifname);
		}
		memcpy(dev->link.ifname, status->ifname, sizeof(dev->link.ifname));
		if (statepage_set_ifname(&dev->page, dev->link.ifname) < 0) {
			log_warn("%s: writing the state page", name);
		}
	}
	if (first_up) {
		dev->was_up = true;
	}
	if (first_up || renamed) {
		device_write_open(d, dev);
	}
}

/* Contract: the first address given to a device that was never up brings it up (lwIP, iodine say no "up"). */
void
device_on_address(struct device *dev)
{
	if (dev->own_addresses > 0) {
		dev->own_addresses--;
	} else if (dev->dialect == DIALECT_BSD && dev->up_on_address && !dev->was_up &&
	    dev->link.ops->set_up(&dev->link) < 0 && errno != ENODEV) {
		log_warn("%s: bringing the interface up", dev->link.ifname); /* ENODEV: that it has gone is the next news */
	}
}

bool
device_refresh(struct devices *d, struct device *dev, struct netif_status *status)
{
	int result = dev->link.ops->read(&dev->link, status);

	if (result < 0 && errno == ENODEV) {
		result = device_find_again(d, dev, status);
	}
	if (result == 0) {
		device_on_changed(d, dev, status);
	} else if (errno == ENODEV) {
		device_on_departed(d, dev, "closed");
	} else {
		if (log_limit_pass(&d->limits[FAILED_READ], "failed looks")) {
			log_warn("%s: reading the interface", dev->link.ifname);
		}
		memset(status, 0, sizeof(*status));
	}
	return dev->state != DEVICE_CLOSED;
}

/* The open device that fd is a channel of, or NULL. */
static struct device *
find_by_channel(struct devices *d, int fd)
{
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		struct device *dev = devices_find_open(d, place);

		if (dev != NULL && dev->link.ops->prove(&dev->link, fd) == 0) {
			return dev;
		}
	}
	return NULL;
}

int
devices_tun_set(struct devices *d, const struct os_peer *peer, int fd, enum message_tun_what what, uint32_t value)
{
	struct device *dev = find_by_channel(d, fd);
	char name[DEVICE_TEXT_SIZE];

	if (dev == NULL || dev->dialect != DIALECT_LINUX || dev->link.ops->tun_set == NULL) {
		errno = ENXIO;
		return -1;
	}
	device_name(d, dev, name);
	if (peer->uid != 0 && (what == TUN_SET_PERSIST ? value != 0 : what != TUN_SET_OWNER || value != peer->uid)) {
		if (log_limit_pass(&d->limits[REFUSED_TUN_SET], "refused settings")) {
			log_info("%s: refused to uid %ld, pid %ld: only root makes an interface persistent, or another's", name,
			    (long)peer->uid, (long)peer->pid);
		}
		errno = EPERM;
		return -1;
	}
	if (dev->link.ops->tun_set(&dev->link, fd, what, value) < 0) {
		return -1;
	}
	if (what == TUN_SET_PERSIST && value != 0) {
		log_info("%s: made persistent by uid %ld, pid %ld: it is the system's now", name, (long)peer->uid, (long)peer->pid);
		(void)statepage_set_unwatched(&dev->page);
		device_forget(d, dev);
	}
	return 0;
}

int
devices_bridge(struct devices *d, struct device_id id, const char *with)
{
	struct device *dev = device_id_valid(id) ? devices_find_open(d, device_place_fixed(id)) : NULL;
	char name[DEVICE_TEXT_SIZE], why[BRIDGE_WHY_SIZE];

	if (dev == NULL || !devices_is_own(d, dev->link.netns->id) || d->setup.further.bridges == NULL) {
		errno = ENXIO;
		return -1;
	}
	device_name(d, dev, name);
	if (with[0] == '\0') {
		if (bridges_leave(d->setup.further.bridges, dev->link.ifindex) < 0) {
			return -1;
		}
		log_info("%s: in no bridge any more", name);
		return 0;
	}
	if (bridges_join(d->setup.further.bridges, dev->link.ifindex, with, 0, why) < 0) {
		log_warnx("%s: bridge: %s", name, why);
		return -1;
	}
	log_info("%s: in a bridge with %s", name, with);
	return 0;
}

int
devices_set_header_mode(struct devices *d, uint32_t place, uint64_t open_number, int proof, bool on)
{
	struct device *dev = devices_find_open(d, place);

	if (dev == NULL || dev->page.content.open_number != open_number) {
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
devices_on_event(struct devices *d, const struct netns *ns, const struct netif_event *event)
{
	struct device *dev = find_by_ifindex(d, ns, event->ifindex);
	struct netif_status status;

	if (dev == NULL) {
		return;
	}
	switch (event->type) {
	case NETIF_CHANGED:
		if (!device_is_open(dev)) {
			memcpy(dev->link.ifname, event->status.ifname, sizeof(dev->link.ifname));
		} else if (dev->link.kept && !event->status.carrier) {
			/* The news may be of before this open: only what is so now ends it. */
			(void)device_refresh(d, dev, &status);
		} else {
			device_on_changed(d, dev, &event->status);
		}
		break;
	case NETIF_ADDRESS_ADDED:
		device_on_address(dev);
		break;
	case NETIF_DEPARTED:
		device_on_departed(d, dev, "closed");
		break;
	case NETIF_MOVED:
		device_on_moved(d, dev, event);
		break;
	}
}

void
devices_on_relay_end(struct devices *d, uint32_t place, pid_t pid)
{
	struct device *dev = devices_find_open(d, place);

	if (dev == NULL || dev->link.relay.pid != pid) {
		return;
	}
	dev->link.relay.pid = 0;
	if (dev->link.kept) {
		if (dev->opening == 0) { /* else the end of the open is what takes it back */
			device_on_released(d, dev);
		}
		return;
	}
	if (statepage_set_gone(&dev->page) < 0) {
		log_warn("%s: writing the state page", dev->link.ifname);
	}
	if (dev->link.ops->after_relay != NULL) {
		dev->link.ops->after_relay(&dev->link); /* of which there will be news */
	}
}

void
devices_resync(struct devices *d, const struct netns *ns)
{
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		struct device *dev = devices_find_open(d, place);
		struct netif_status status;

		if (dev != NULL && dev->link.netns == ns) {
			dev->own_addresses = 0; /* that news may be lost, too */
			(void)device_refresh(d, dev, &status);
		} else if (d->at[place] != NULL && d->at[place]->link.kept && d->at[place]->link.netns == ns &&
		    !device_is_still_kept(d->at[place])) {
			device_on_departed(d, d->at[place], "closed");
		}
	}
}

unsigned
devices_end_all(struct devices *d)
{
	unsigned ended = 0;

	d->ending = true;
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		struct device *dev = devices_find_open(d, place);

		if (dev == NULL && d->at[place] != NULL && d->at[place]->link.kept) {
			device_remove_kept(d, d->at[place]);
		}
		if (dev != NULL) {
			dev->link.ops->close(&dev->link);
			device_on_departed(d, dev, "ended on request");
			ended++;
		}
	}
	return ended;
}

/* What is to be told of a place, open or not. */
static bool
is_listed(const struct devices *d, uint32_t place)
{
	struct device_id id;

	return device_is_open(d->at[place]) || (device_place_id(place, &id) && policy_has(d->setup.policy, id));
}

static uint32_t
next_listed(const struct devices *d, uint32_t place)
{
	while (place < DEVICE_PLACES_MAX && !is_listed(d, place)) {
		place++;
	}
	return place;
}

/* False: it has just closed. */
static bool
describe(struct devices *d, struct device *dev, struct message_device *out)
{
	struct netif_status status;

	if (!device_refresh(d, dev, &status)) {
		return false;
	}
	out->kind = dev->id.kind;
	out->unit = dev->id.unit;
	out->state = (uint8_t)dev->state;
	out->open_number = dev->page.content.open_number;
	out->since = dev->since;
	out->netns = dev->link.netns->id;
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
	if (dev->link.relay.pid != 0 && dev->link.relays != NULL) {
		relays_read_memory(dev->link.relays, dev->place, &out->memory_limit, &out->memory_relay);
	}
	return true;
}

void
devices_describe(struct devices *d, uint32_t cursor, struct message_device *out)
{
	uint32_t place = cursor, next;
	struct device_id id;

	while ((place = next_listed(d, place)) < DEVICE_PLACES_MAX) {
		if (device_is_open(d->at[place]) && d->at[place]->opening == 0 && describe(d, d->at[place], out)) {
			break;
		}
		if (device_place_id(place, &id)) {
			out->kind = id.kind;
			out->unit = id.unit;
			break;
		}
		place++; /* elsewhere, and closed */
	}
	if (place >= DEVICE_PLACES_MAX) {
		out->error = ENOENT;
		return;
	}
	next = next_listed(d, place + 1);
	out->next = next < DEVICE_PLACES_MAX ? next : 0;
}

unsigned
devices_open_count(const struct devices *d)
{
	unsigned open = 0;

	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		open += device_is_open(d->at[place]);
	}
	return open;
}
