/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * devopen.c - the table of devices: an open, from the request to the answer.
 *
 * Theory of operation.  Attach checks, in this order, what tells a stranger least: that the unit exists, that the opener may have it, that
 * it has a right to the namespace, and only then whether it is free.  Before an interface is made its journal record says so; the
 * page is written before the program can read it; the record is completed after the program has its answer (devices_settle).  Whatever
 * fails in between takes back what was made.
 *
 * A relayed device is opened in two halves.  Its relay needs some time to start, in which the daemon serves others, so the first half ends
 * once the relay is on its way, with EINPROGRESS: the device is taken, and nothing of it shows.  The second half comes when the relay has
 * its port, and only then is the interface configured, so that not even its first frame is lost.
 *
 * The linux dialect comes with a name in place of a unit: one that is a unit's is that unit, so that no two programs hold it by different
 * names; a pattern is tried number by number, as the kernel does.
 */
#include "device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "devtable.h"
#include "log.h"
#include "protocol/sys.h"

/* Numbers tried for the "%d" of a name: more than there are places. */
#define NAME_NUMBERS_MAX (2 * DEVICE_PLACES_MAX)

/*
 * The place of a device of a namespace: its own, or one where it can be.  One that is known by its name has none of its own: the kernel
 * says whether the name is taken.  DEVICE_PLACES_MAX: all are taken.
 */
static uint32_t
find_place(struct devices *d, uint64_t netns, struct device_id id)
{
	const struct device *dev = devices_find_unit(d, netns, id);
	uint32_t place = DEVICE_PLACES_FIXED;

	if (dev != NULL) {
		return dev->place;
	}
	/* Its own place may be held by a device that was opened here, and has moved. */
	if (devices_is_own(d, netns) && id.unit != DEVICE_UNIT_NAMED && devices_find_open(d, device_place_fixed(id)) == NULL) {
		return device_place_fixed(id);
	}
	while (place < DEVICE_PLACES_MAX && devices_find_open(d, place) != NULL) {
		place++;
	}
	return place;
}

static void
refuse(struct devices *d, enum refusal why, const struct device_attach *request, const char *text)
{
	char name[DEVICE_TEXT_SIZE];

	if (request->trial && errno == EBUSY) {
		return;
	}
	if (log_limit_pass(&d->limits[why], "refused opens")) {
		devices_describe_name(d, request->netns, request->id, request->ifname, name);
		log_info("%s: refused to uid %ld, pid %ld: %s", name, (long)request->peer->uid, (long)request->peer->pid, text);
	}
}

/* A step of an open that depends on the daemon's own files; errno as it was. */
static void
warn_of_open(struct devices *d, const char *name, const char *step)
{
	if (log_limit_pass(&d->limits[FAILED_OPEN], "failed opens")) {
		log_warn("%s: %s", name, step);
	}
}

/* How many devices a user has open. */
static unsigned
open_count_of(const struct devices *d, uid_t uid)
{
	unsigned count = 0;

	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		count += device_is_open(d->at[place]) && d->at[place]->uid == uid;
	}
	return count;
}

/* Who may: what can be said without a look at the device.  0, or -1 with errno. */
static int
check_opener(struct devices *d, const struct device_attach *request, const struct device_policy *policy)
{
	if (!policy_allows(&policy->entry, request->peer, request->how.access)) {
		errno = EACCES;
		refuse(d, REFUSED_POLICY, request, "its owner, group and mode do not allow it");
	} else if (request->peer->uid != 0 && request->id.unit == DEVICE_UNIT_NAMED &&
	    !policy_frees_name(d->setup.policy, request->ifname)) {
		errno = EACCES;
		refuse(d, REFUSED_POLICY, request, "only root may choose such a name, where no 'names' block of the configuration has it");
	} else if (!policy_allows_program(policy, request->peer->pid)) {
		errno = EACCES;
		refuse(d, REFUSED_PROGRAM, request, "its program is none of those that may");
	} else if (!netns_permits(d->setup.netns, request->netns, request->netns_fd, request->peer)) {
		errno = EACCES;
		refuse(d, REFUSED_NAMESPACE, request, "that network namespace is neither this daemon's nor one that the opener made: "
		    "start a daemon there");
	} else if (request->peer->uid != 0 && !policy_allows_one_more(d->setup.policy, request->peer->uid,
	    open_count_of(d, request->peer->uid))) {
		errno = EMFILE;
		refuse(d, REFUSED_TOO_MANY, request, "the user has as many devices open as one may (devices-per-user)");
	} else {
		return 0;
	}
	return -1;
}

/*
 * Who holds the device.  What closes it may be known before its interface is gone: an open right after a close must not find it busy.
 * Afterwards one that nobody holds is closed.
 */
static enum relays_hold
look(struct devices *d, struct device *dev)
{
	struct netif_status status;
	enum relays_hold hold = RELAYS_HELD;

	if (!device_refresh(d, dev, &status)) {
		return RELAYS_OVER;
	}
	if (dev->opening == 0 && dev->link.ops->look != NULL) {
		hold = dev->link.ops->look(&dev->link);
	}
	if (hold == RELAYS_OVER && dev->link.kept) {
		device_on_released(d, dev);
	} else if (hold == RELAYS_OVER) {
		dev->link.ops->close(&dev->link);
		device_on_departed(d, dev, "closed");
	}
	return hold;
}

/*
 * Everything that can be said before something is made.  0 and *place, or -1 with errno; EINPROGRESS: when the relay of *place has ended.
 */
static int
check_attach(struct devices *d, const struct device_attach *request, uint32_t *place)
{
	enum relays_hold hold;
	struct device *dev;

	if (request->id.unit != DEVICE_UNIT_NAMED && !policy_has(d->setup.policy, request->id)) {
		errno = ENOENT;
		return -1;
	}
	if (check_opener(d, request, devices_policy_of(d, request->id, request->ifname)) < 0) {
		return -1;
	}
	/* More than one where one of them was moved there. */
	while ((dev = devices_find_unit(d, request->netns, request->id)) != NULL) {
		hold = look(d, dev);
		if (hold == RELAYS_ENDING) {
			*place = dev->place;
			errno = EINPROGRESS;
			return -1;
		}
		if (hold == RELAYS_HELD && dev->link.netns->id == request->netns) {
			errno = EBUSY;
			refuse(d, REFUSED_BUSY, request, "in use");
			errno = EBUSY;
			return -1;
		}
	}
	*place = find_place(d, request->netns, request->id);
	if (*place == DEVICE_PLACES_MAX) {
		refuse(d, REFUSED_FULL, request, "the table of open devices is full");
		errno = ENFILE;
		return -1;
	}
	return 0;
}

/* A closed entry becomes the request's device, in its namespace.  0, or -1 with errno. */
static int
prepare(struct devices *d, struct device *dev, const struct device_attach *request, const struct device_policy *policy)
{
	dev->id = request->id;
	dev->dialect = request->how.dialect;
	device_remember_policy(dev, policy);
	snprintf(dev->program, sizeof(dev->program), "?");
	dev->pid = request->peer->pid;
	dev->uid = request->peer->uid;
	dev->since = time(NULL);
	if (dev->link.kept) {
		return 0;
	}
	dev->was_up = false;
	dev->link = (struct link){.ops = devices_link_of(d, dev->id, dev->dialect, policy), .id = dev->id, .place = dev->place,
	    .relays = d->setup.relays};
	if (dev->link.ops == NULL) {
		errno = ENXIO;
		return -1;
	}
	dev->link.netns = netns_get(d->setup.netns, request->netns, request->netns_fd);
	if (dev->link.netns == NULL) {
		refuse(d, REFUSED_NAMESPACE, request, errno == EACCES ? "this daemon has no way into that network namespace" :
		    strerror(errno));
		return -1;
	}
	memcpy(dev->link.ifname, request->ifname, sizeof(dev->link.ifname));
	return 0;
}

static int
begin_page(struct device *dev, unsigned access, const struct netif_status *status)
{
	struct statepage_open open = {
		.id = dev->id,
		.channel = dev->link.ops->channel,
		.access = access,
		.netns = dev->link.netns->id,
		.ifindex = status->ifindex,
		.mtu = status->mtu,
		.ifname = dev->link.ifname,
	};

	return statepage_begin(&dev->page, &open);
}

/* What the administrator has configured.  0, or -1 with errno, logged. */
static int
configure(struct devices *d, struct device *dev, const struct device_attach *request, const struct device_policy *policy,
    struct netif_status *status)
{
	char what[SETUP_WHAT_SIZE];

	if (setup_apply(&d->setup.further, policy, &dev->link, status, what) < 0) {
		int saved = errno;

		refuse(d, REFUSED_SETUP, request, what);
		errno = saved;
		return -1;
	}
	if (!status->up) {
		dev->own_addresses = policy->address_count;
	}
	return 0;
}

/* An open that does not come to its end: takes back what was made for it; made: the interface exists.  errno as it was. */
static void
take_back(struct devices *d, struct device *dev, bool made)
{
	uint32_t place = dev->place;
	int saved = errno;

	if (dev->link.kept && (!made || dev->link.ops->leave != NULL)) {
		device_rest(d, dev);
	} else {
		if (made) {
			dev->link.ops->close(&dev->link); /* a program that gave its own descriptor would keep it alive */
		}
		device_forget(d, dev);
	}
	devices_sync_kept(d, place);
	errno = saved;
}

/* The second half of an open: its channel works.  0, or -1 with errno, and nothing is left but the channel. */
static int
complete(struct devices *d, struct device *dev, const struct device_attach *request, int channel, struct netif_status *status,
    struct device_attached *out)
{
	const struct device_policy *policy = devices_policy_of(d, dev->id, dev->link.ifname);
	char name[DEVICE_TEXT_SIZE];
	int page = -1;

	if (!dev->link.kept && policy_configures(policy) && configure(d, dev, request, policy, status) < 0) {
		goto fail;
	}
	page = statepage_reader(&dev->page, d->setup.rundir);
	if (page < 0 || begin_page(dev, request->how.access, status) < 0) {
		warn_of_open(d, device_name(d, dev, name), "writing down the open");
		goto fail;
	}
	dev->state = DEVICE_OPEN;
	out->opening = 0;
	out->channel = channel;
	out->page = page;
	out->channel_type = dev->link.ops->channel;
	out->id = dev->id;
	out->place = dev->place;
	out->open_number = dev->page.content.open_number;
	out->ifindex = dev->link.ifindex;
	out->mtu = status->mtu;
	memcpy(out->ifname, dev->link.ifname, sizeof(out->ifname));
	if (status->up) {
		device_on_changed(d, dev, status);
	}
	return 0;
fail:
	take_back(d, dev, true);
	if (page >= 0) {
		sys_close(page);
	}
	return -1;
}

/* One device whose name is settled: request->ifname. */
static int
attach(struct devices *d, const struct device_attach *request, struct device_attached *out)
{
	const struct device_policy *policy = devices_policy_of(d, request->id, request->ifname);
	struct link_open how = request->how;
	struct netif_status status;
	struct device *dev;
	char name[DEVICE_TEXT_SIZE];
	int channel = -1, saved;

	out->opening = 0;
	if (check_attach(d, request, &out->place) < 0) {
		return -1;
	}
	dev = devices_entry(d, out->place);
	if (dev != NULL && dev->link.kept && !device_is_still_kept(dev)) {
		device_on_departed(d, dev, "closed"); /* it is made anew, if it can be */
	}
	if (dev != NULL && dev->link.kept && request->how.dialect == DIALECT_LINUX && dev->link.ops->channel != CHANNEL_DIRECT) {
		errno = EBUSY;
		refuse(d, REFUSED_LINK, request, "its persistent interface is none of the kernel's tun driver (link)");
		errno = EBUSY;
		return -1;
	}
	if (dev == NULL || prepare(d, dev, request, policy) < 0) {
		return -1;
	}
	how.join = dev->link.kept;
	how.announce = device_announce;
	how.argument = d;
	/* In the linux dialect the program names the interface. */
	how.kernel_name = policy->kernel_name && how.dialect == DIALECT_BSD;
	device_name(d, dev, name);
	if (statepage_open(&dev->page, d->setup.rundir, dev->place) < 0 || device_write_journal(d, dev, JOURNAL_MAKING) < 0) {
		warn_of_open(d, name, "preparing the open");
		goto fail;
	}
	dev->link.open_number = dev->page.content.open_number + 1;
	if (dev->link.ops->open(&dev->link, &how, &channel, &status) < 0) {
		saved = errno;
		refuse(d, REFUSED_LINK, request, saved == EBUSY ?
		    "an interface of that name exists, or somebody has its node, and it is not ours" : strerror(saved));
		errno = saved;
		goto fail;
	}
	if (dev->link.relay.pid == 0) {
		if (how.join && dev->link.ops->read(&dev->link, &status) < 0) {
			take_back(d, dev, true);
		} else if (complete(d, dev, request, channel, &status, out) == 0) {
			return 0;
		}
		if (channel != how.given_fd) {
			sys_close(channel);
		}
		return -1;
	}
	/* A relay goes on without us: it must be known by the time that the program has its end. */
	if (device_write_journal(d, dev, JOURNAL_MAKING) < 0) {
		warn_of_open(d, name, "writing down the relay");
		take_back(d, dev, true);
		return -1;
	}
	dev->state = DEVICE_OPEN;
	dev->opening = out->opening = ++d->openings;
	errno = EINPROGRESS;
	return -1;
fail:
	take_back(d, dev, false);
	return -1;
}

int
devices_attach_finish(struct devices *d, const struct device_attach *request, uint32_t place, uint64_t opening, int channel,
    struct device_attached *out)
{
	struct device *dev = devices_find_open(d, place);
	struct netif_status status;

	if (dev == NULL || dev->opening != opening) {
		errno = ENXIO; /* the interface has gone */
		return -1;
	}
	dev->opening = 0;
	if (channel < 0 || dev->link.relay.pid == 0 || dev->link.ops->read(&dev->link, &status) < 0) {
		errno = ENXIO;
		refuse(d, REFUSED_LINK, request, "its relay does not come up");
		errno = ENXIO;
		take_back(d, dev, true);
		return -1;
	}
	return complete(d, dev, request, channel, &status, out);
}

/* What dev_valid_name() (net/core/dev.c) lets an interface be called, and one "%d" at most. */
static bool
is_name_or_pattern(const char *name)
{
	const char *percent = strchr(name, '%');

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return false;
	}
	for (const char *c = name; *c != '\0'; c++) {
		if (*c == '/' || *c == ':' || *c <= ' ' || *c == 0x7f) {
			return false;
		}
	}
	return percent == NULL || (percent[1] == 'd' && strchr(percent + 1, '%') == NULL);
}

/* Makes request that of one device called by a pattern with number in place of "%d".  False: the name would be too long. */
static bool
settle_name(struct devices *d, struct device_attach *request, const char *pattern, unsigned number)
{
	const char *percent = strchr(pattern, '%');
	struct device_id id;
	int length;

	if (percent == NULL) {
		length = snprintf(request->ifname, sizeof(request->ifname), "%s", pattern);
	} else {
		length = snprintf(request->ifname, sizeof(request->ifname), "%.*s%u%s", (int)(percent - pattern), pattern, number,
		    percent + 2);
	}
	/* A name that is a unit's is that unit, so that no two programs hold it by different names. */
	request->id.unit = DEVICE_UNIT_NAMED;
	if (devname_parse(request->ifname, &id) && id.kind == request->id.kind && policy_has(d->setup.policy, id)) {
		request->id = id;
	}
	return length > 0 && (size_t)length < sizeof(request->ifname);
}

/* The linux dialect: a name, or the lowest number of a pattern that is free, as the kernel chooses (__dev_alloc_name). */
static int
attach_named(struct devices *d, const struct device_attach *request, struct device_attached *out)
{
	struct device_attach one = *request;
	char pattern[MESSAGE_IFNAME_SIZE];

	snprintf(pattern, sizeof(pattern), "%s", request->ifname);
	if (pattern[0] == '\0') {
		snprintf(pattern, sizeof(pattern), "%s%%d", devname_kind(request->id.kind));
	}
	one.trial = strchr(pattern, '%') != NULL;
	if (!is_name_or_pattern(pattern)) {
		errno = EINVAL;
		return -1;
	}
	for (unsigned number = 0; number < NAME_NUMBERS_MAX; number++) {
		if (!settle_name(d, &one, pattern, number)) {
			errno = EINVAL;
			return -1;
		}
		if (attach(d, &one, out) == 0) {
			return 0;
		}
		if (errno != EBUSY || !one.trial) {
			return -1;
		}
	}
	errno = ENFILE;
	return -1;
}

int
devices_attach(struct devices *d, const struct device_attach *request, struct device_attached *out)
{
	struct device_attach one = *request;

	if (request->how.dialect == DIALECT_LINUX) {
		return attach_named(d, request, out);
	}
	devname_format(one.id, one.ifname);
	return attach(d, &one, out);
}

void
devices_settle(struct devices *d, uint32_t place, const char *program)
{
	struct device *dev = devices_find_open(d, place);
	char name[DEVICE_TEXT_SIZE];

	if (dev == NULL) {
		return;
	}
	device_name(d, dev, name);
	snprintf(dev->program, sizeof(dev->program), "%s", program);
	device_write_open(d, dev);
	log_info("%s: opened by uid %ld, pid %ld (%s), interface %s", name, (long)dev->uid, (long)dev->pid, dev->program,
	    dev->link.ifname);
	device_call_hook(d, dev, "open", devices_policy_of(d, dev->id, dev->link.ifname)->open_hook);
}

int
devices_node(struct devices *d, const struct device_attach *request)
{
	const struct link_ops *ops = d->setup.link_for(request->id.kind);
	struct netns *ns;
	int fd, saved;

	if (ops == NULL || ops->node == NULL) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (!policy_allows_some(d->setup.policy, request->peer, request->how.access) ||
	    !netns_permits(d->setup.netns, request->netns, request->netns_fd, request->peer)) {
		errno = EACCES;
		return -1;
	}
	ns = netns_get(d->setup.netns, request->netns, request->netns_fd);
	if (ns == NULL) {
		return -1;
	}
	fd = ops->node(ns, &request->how);
	saved = errno;
	netns_put(d->setup.netns, ns);
	errno = saved;
	return fd;
}

int
devices_see(struct devices *d, const struct device_attach *request, struct device_seen *seen)
{
	const struct device_policy *policy = policy_device(d->setup.policy, request->id);
	const struct device *dev;

	if (!policy_has(d->setup.policy, request->id)) {
		errno = ENOENT;
		return -1;
	}
	if (!policy_allows(&policy->entry, request->peer, MESSAGE_ACCESS_ALL) ||
	    !netns_permits(d->setup.netns, request->netns, request->netns_fd, request->peer)) {
		errno = EACCES;
		refuse(d, REFUSED_CAPTURE, request, "who may not open it may not see what passes");
		errno = EACCES;
		return -1;
	}
	dev = devices_find_unit(d, request->netns, request->id);
	if (dev == NULL) {
		errno = ENODEV;
		return -1;
	}
	if (request->peer->uid != 0 && request->peer->uid != dev->uid && !policy->capture_permitted) {
		errno = EACCES;
		refuse(d, REFUSED_CAPTURE, request, "another user has it open, and the policy lets only that one see what passes");
		errno = EACCES;
		return -1;
	}
	*seen = (struct device_seen){.netns = dev->link.netns, .ifindex = dev->link.ifindex};
	memcpy(seen->ifname, dev->link.ifname, sizeof(seen->ifname));
	return 0;
}
