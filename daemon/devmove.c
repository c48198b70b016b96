/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devmove.c - the table of devices: interfaces that go to another network namespace while their device is open.
 *
 * Theory of operation.  Somebody who may does "ip link set tap0 netns X", and the device works on: its descriptor does not care.  The
 * kernel tells it in the namespace that is left: the interface departs, with the number by which that namespace knows the new one, and
 * the index there.  The number is looked for among the namespaces that processes are in or that have a name; then the device is the new
 * namespace's: its page, its record, its watch, its unit.  It keeps its place, which its descriptor is marked with.  Back, on, or renamed
 * on the way are nothing else.
 *
 * News may be late, or lost, and while no daemon serves there are none: the interface may have gone on from where it went to, or be
 * missing from where it was.  Then the link is asked (link_ops.find), which knows somebody who holds the other end.
 *
 * A namespace that cannot be found, or that this daemon has no right to, is not watched: the page says so, the program asks the kernel, and
 * the table forgets the device.  So is a persistent interface that nobody holds: who moved it has it now.
 */
#include "device.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "devtable.h"
#include "log.h"

/* The interface is in namespace ns, held for the device, with that index.  0 and *status, or -1 with errno, ns let go of. */
static int
settle_in(struct devices *d, struct device *dev, struct netns *ns, uint32_t ifindex, struct netif_status *status)
{
	struct link before = dev->link;
	char name[DEVICE_TEXT_SIZE];

	if (ns == NULL) {
		return -1;
	}
	dev->link.netns = ns;
	dev->link.ifindex = ifindex;
	if (dev->link.ops->read(&dev->link, status) < 0) {
		int saved = errno;

		dev->link = before;
		netns_put(d->setup.netns, ns);
		errno = saved;
		return -1;
	}
	if (device_is_open(dev)) {
		device_write_open(d, dev);
	}
	if (statepage_set_whereabouts(&dev->page, ns->id, ifindex) < 0) {
		log_warn("%s: writing the state page", dev->link.ifname);
	}
	log_info("%s: interface %s was moved here", device_name(d, dev, name), before.ifname);
	netns_put(d->setup.netns, before.netns);
	return 0;
}

int
device_find_again(struct devices *d, struct device *dev, struct netif_status *status)
{
	struct link_place where;
	struct netns *ns;

	if (dev->link.ops->find == NULL || dev->link.ops->find(&dev->link, dev->pid, &where) < 0) {
		errno = ENODEV;
		return -1;
	}
	ns = netns_get(d->setup.netns, where.netns, where.netns_fd);
	if (where.netns_fd >= 0) {
		close(where.netns_fd);
	}
	if (settle_in(d, dev, ns, where.ifindex, status) < 0) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

/* The device lives on where this daemon cannot watch it. */
static void
lose(struct devices *d, struct device *dev)
{
	char name[DEVICE_TEXT_SIZE];

	log_warnx("%s: interface %s was moved to a network namespace that %s: no longer watched, its program asks the kernel from now on",
	    device_name(d, dev, name), dev->link.ifname, errno == EACCES ? "this daemon has no right to" :
	    "cannot be found (have a process in it, or give it a name, see ip-netns(8))");
	if (statepage_set_unwatched(&dev->page) < 0) {
		log_warn("%s: writing the state page", dev->link.ifname);
	}
	device_call_hook(d, dev, "close", dev->close_hook);
	device_forget(d, dev);
}

void
device_on_moved(struct devices *d, struct device *dev, const struct netif_event *event)
{
	struct netif_status status;
	uint32_t place = dev->place;
	struct netns *ns;

	if (!device_is_open(dev)) {
		log_warnx("%s: its persistent interface was moved to another network namespace, and is whose it is there",
		    dev->link.ifname);
		device_forget(d, dev);
		devices_sync_kept(d, place);
		return;
	}
	dev->own_addresses = 0; /* a move takes them away */
	ns = netns_get_peer(d->setup.netns, dev->link.netns->netif, event->netns, dev->pid);
	if (settle_in(d, dev, ns, event->new_ifindex, &status) < 0 &&
	    (errno == EACCES || device_find_again(d, dev, &status) < 0)) {
		lose(d, dev);
		devices_sync_kept(d, place);
		return;
	}
	device_on_changed(d, dev, &status);
	if (device_is_open(dev) && status.addresses_total > 0) {
		device_on_address(dev); /* that news was told before we listened there */
	}
}
