/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devkept.c - the table of devices: interfaces that are there also while their device is closed.
 *
 * Theory of operation.  A persistent device, of the daemon's own namespace, has its interface before and after its opens: it is made when
 * the daemon starts or the policy begins to want it, each open joins it, and it is taken away when the policy wants it no more, or
 * otherwise.  While nobody holds it, it rests: the record says so, and there is no page.
 *
 * What tells the last close is the end of the relay; of a direct link, that the interface has lost its carrier, of which there is no news
 * while it is down: it is read now and then (devices_look_at_kept), and whenever somebody asks about the device, or wants to open it.
 */
#include "device.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "devtable.h"
#include "log.h"

bool
device_is_still_kept(struct device *dev)
{
	struct netif_status status;

	return dev->link.ops->read(&dev->link, &status) == 0 ? status.persist : errno != ENODEV;
}

void
device_rest(struct devices *d, struct device *dev)
{
	if (dev->link.ops->leave != NULL) {
		dev->link.ops->leave(&dev->link);
	}
	statepage_close(&dev->page);
	dev->state = DEVICE_CLOSED;
	if (device_write_journal(d, dev, JOURNAL_KEPT) < 0) {
		log_warn("%s: writing the journal", dev->link.ifname);
	}
}

void
device_on_released(struct devices *d, struct device *dev)
{
	char name[DEVICE_TEXT_SIZE];

	device_name(d, dev, name);
	if (statepage_set_gone(&dev->page) < 0) {
		log_warn("%s: writing the state page", name);
	}
	log_info("%s: closed, interface %s stays", name, dev->link.ifname);
	device_call_hook(d, dev, "close", dev->close_hook);
	device_rest(d, dev);
	if (!devices_is_own(d, dev->link.netns->id)) {
		device_remove_kept(d, dev); /* nobody would find it there */
	}
	devices_sync_kept(d, dev->place);
}

void
device_remove_kept(struct devices *d, struct device *dev)
{
	log_info("%s: taking its persistent interface away", dev->link.ifname);
	dev->link.ops->close(&dev->link);
	device_forget(d, dev);
}

/* The steps of keep(), of which each is undone by its caller. */
static int
make_kept(struct devices *d, struct device *dev, const struct device_policy *policy, int *channel, char what[SETUP_WHAT_SIZE])
{
	struct link_open how = {.access = MESSAGE_ACCESS_ALL, .given_fd = -1, .keep = true, .kernel_name = policy->kernel_name,
	    .announce = device_announce, .argument = d};
	struct netif_status status;

	dev->link = (struct link){.ops = devices_link_of(d, dev->id, DIALECT_BSD, policy), .id = dev->id, .place = dev->place,
	    .relays = d->setup.relays};
	if (dev->link.ops == NULL || dev->link.ops->keep == NULL) {
		errno = EOPNOTSUPP;
		return -1;
	}
	devname_format(dev->id, dev->link.ifname);
	dev->link.netns = netns_get(d->setup.netns, netns_own(d->setup.netns)->id, -1);
	/* What is announced counts from the page's number. */
	if (dev->link.netns == NULL || statepage_open(&dev->page, d->setup.rundir, dev->place) < 0 ||
	    dev->link.ops->open(&dev->link, &how, channel, &status) < 0) {
		return -1;
	}
	if (policy_configures(policy) && setup_apply(&d->setup.further, policy, &dev->link, &status, what) < 0) {
		return -1;
	}
	dev->own_addresses = status.up ? 0 : policy->address_count;
	dev->was_up = status.up;
	dev->link.kept = true;
	/* Until the last step it goes with our descriptor, if the link can, so that there is no moment in which nobody knows of it. */
	if (device_write_journal(d, dev, JOURNAL_KEPT) < 0 || dev->link.ops->keep(&dev->link, *channel) < 0) {
		return -1;
	}
	statepage_close(&dev->page);
	return 0;
}

/* Makes the interface of a closed device that the policy wants to be there. */
static void
keep(struct devices *d, uint32_t place, struct device_id id)
{
	const struct device_policy *policy = policy_device(d->setup.policy, id);
	struct device *dev = devices_entry(d, place);
	char name[DEVNAME_SIZE], what[SETUP_WHAT_SIZE] = "";
	int channel = -1;

	devname_format(id, name);
	if (dev == NULL) {
		log_warn("%s: making its persistent interface", name);
		return;
	}
	dev->id = id;
	dev->dialect = DIALECT_BSD;
	device_remember_policy(dev, policy);
	if (make_kept(d, dev, policy, &channel, what) < 0) {
		log_warn("%s: making its persistent interface%s%s", name, what[0] != '\0' ? ": " : "", what);
		if (dev->link.ifindex != 0) {
			dev->link.ops->close(&dev->link);
		}
		device_forget(d, dev);
	} else {
		log_info("%s: its persistent interface %s is made", name, dev->link.ifname);
	}
	if (channel >= 0) {
		close(channel);
	}
}

static bool
is_wanted(const struct devices *d, struct device_id id)
{
	return policy_has(d->setup.policy, id) && policy_device(d->setup.policy, id)->persistent;
}

void
devices_sync_kept(struct devices *d, uint32_t place)
{
	struct device *dev = d->at[place];
	bool kept = dev != NULL && dev->link.kept, wanted;
	struct device_id id;

	if (d->ending || device_is_open(dev) || !device_place_id(place, &id) ||
	    devices_find_unit(d, netns_own(d->setup.netns)->id, id) != NULL) {
		return;
	}
	wanted = is_wanted(d, id);
	if (kept && (!wanted || dev->outdated)) {
		device_remove_kept(d, dev);
		kept = false;
	}
	if (wanted && !kept) {
		keep(d, place, id);
	}
}

void
devices_sync_all_kept(struct devices *d)
{
	for (uint32_t place = 0; place < DEVICE_PLACES_FIXED; place++) {
		devices_sync_kept(d, place);
	}
}

void
devices_set_policy(struct devices *d, const struct policy *policy)
{
	const struct policy *old = d->setup.policy;

	/* An interface is made anew, where it would now be made otherwise: at once, or when nobody holds it any more. */
	for (uint32_t place = 0; place < DEVICE_PLACES_FIXED; place++) {
		struct device *dev = d->at[place];

		if (dev != NULL && dev->link.kept && !policy_same(policy_device(old, dev->id), policy_device(policy, dev->id))) {
			dev->outdated = true;
		}
	}
	d->setup.policy = policy;
	devices_sync_all_kept(d);
}

/* Whether a persistent device of that link can be closed without news of it. */
static bool
closes_silently(const struct link_ops *ops)
{
	return ops != NULL && ops->leave == NULL;
}

bool
devices_look_at_kept(struct devices *d)
{
	struct netif_status status;
	bool any = false;

	for (uint32_t place = 0; place < DEVICE_PLACES_FIXED; place++) {
		struct device *dev = d->at[place];
		struct device_id id;

		if (device_is_open(dev) && dev->link.kept && closes_silently(dev->link.ops) && dev->state != DEVICE_UP) {
			(void)device_refresh(d, dev, &status);
		}
		any = any || (dev != NULL && dev->link.kept && closes_silently(dev->link.ops)) || (device_place_id(place, &id) &&
		    is_wanted(d, id) && closes_silently(devices_link_of(d, id, DIALECT_BSD, policy_device(d->setup.policy, id))));
	}
	return any;
}
