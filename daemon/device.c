/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.c - the table of devices.
 *
 * Theory of operation.  The table is an array by place (protocol/devname.h).  The daemon's own namespace has a fixed place for each
 * unit; a device of another namespace takes a free one of the rest when it is opened.  An entry that was made once stays, closed, for the
 * next open.  State machine of a device:
 *
 *	closed --attach--> open --interface up--> up --interface down--> open
 *	open, up --interface departed--> closed
 *
 * Attach checks, in this order, what tells a stranger least: that the unit exists, that the opener may have it, that it has a right
 * to the namespace, and only then whether it is free.  Before an interface is made its journal record says so; the
 * page is written before the program can read it; the record is completed after the program has its answer.  The table
 * keeps no copy of a direct channel: the last close is the interface's departure, which the watch tells.  Events that come
 * late find no device with their index and are dropped; lost events are made good by reading every interface again
 * (devices_resync).
 *
 * The first address given to a device that has never been up brings it up, unless the policy forbids it; a device that was up once
 * stays as the administrator puts it, and so does one of the linux dialect, whose programs expect the kernel's own device.
 *
 * A persistent device, of the daemon's own namespace, has its interface also while it is closed: it is made when the daemon starts or the
 * policy begins to want it, and each open joins it.  What tells the last close is then that the interface has lost its carrier, of which
 * there is no news while it is down: it is read now and then (devices_look_at_kept), and whenever somebody asks about the device, or wants
 * to open it.
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
#include "setup.h"
#include "statepage.h"

/* Room for a device's name in log lines. */
#define NAME_TEXT_SIZE 64

/* Numbers tried for the "%d" of a name: more than there are places. */
#define NAME_NUMBERS_MAX (2 * DEVICE_PLACES_MAX)

struct device {
	uint32_t place; /* never changes */
	struct device_id id;
	enum device_state state;
	enum message_dialect dialect;
	struct link link;
	struct statepage page;
	bool kept; /* the interface is persistent, of our making; also while the device is closed */
	bool was_up; /* since it was opened, or made */
	bool up_on_address;       /* by the policy of its open */
	unsigned own_addresses;   /* added by us, and yet to be told of, that are no reason to bring it up */
	char close_hook[POLICY_PATH_SIZE]; /* by the policy of its open */
	int64_t since;
	pid_t pid;
	uid_t uid;
	char program[MESSAGE_PROGRAM_SIZE];
};

/* Refusals that a stranger can repeat, each with its own limit of log lines. */
enum refusal {
	REFUSED_POLICY, REFUSED_PROGRAM, REFUSED_NAMESPACE, REFUSED_TOO_MANY, REFUSED_FULL, REFUSED_BUSY, REFUSED_LINK, REFUSED_SETUP,
	REFUSALS
};

struct devices {
	struct devices_setup setup;
	struct log_limit limits[REFUSALS];
	bool ending; /* nothing is made any more */
	struct device *at[DEVICE_PLACES_MAX]; /* by place; NULL: never opened */
};

static void sync_kept(struct devices *d, uint32_t place);

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

static bool
is_open(const struct device *dev)
{
	return dev != NULL && dev->state != DEVICE_CLOSED;
}

/* The open device at a place, or NULL. */
static struct device *
find_by_place(struct devices *d, uint32_t place)
{
	return place < DEVICE_PLACES_MAX && is_open(d->at[place]) ? d->at[place] : NULL;
}

/* Also one that is closed and has its interface all the same. */
static struct device *
find_by_ifindex(struct devices *d, const struct netns *ns, uint32_t ifindex)
{
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		struct device *dev = d->at[place];

		if (dev != NULL && (is_open(dev) || dev->kept) && dev->link.netns == ns && dev->link.ifindex == ifindex) {
			return dev;
		}
	}
	return NULL;
}

static bool
is_own(const struct devices *d, uint64_t netns)
{
	return netns == netns_own(d->setup.netns)->id;
}

/*
 * The place of a device of a namespace: its own, or one where it can be.  One that is known by its name has none of its own: the kernel
 * says whether the name is taken.  DEVICE_PLACES_MAX: all are taken.
 */
static uint32_t
find_place(struct devices *d, uint64_t netns, struct device_id id)
{
	uint32_t spare = DEVICE_PLACES_MAX;
	bool named = id.unit == DEVICE_UNIT_NAMED;

	if (is_own(d, netns) && !named) {
		return device_place_fixed(id);
	}
	for (uint32_t place = DEVICE_PLACES_FIXED; place < DEVICE_PLACES_MAX; place++) {
		struct device *dev = find_by_place(d, place);

		if (dev != NULL && !named && dev->link.netns->id == netns && device_id_equal(dev->id, id)) {
			return place;
		}
		if (dev == NULL && spare == DEVICE_PLACES_MAX) {
			spare = place;
		}
	}
	return spare;
}

/* The entry of a place, made if need be.  NULL with ENOMEM. */
static struct device *
entry_at(struct devices *d, uint32_t place)
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

/* The device's name (for one without a unit, its interface's), and for another namespace than ours which. */
static const char *
describe_name(const struct devices *d, uint64_t netns, struct device_id id, const char *ifname, char text[NAME_TEXT_SIZE])
{
	char name[MESSAGE_IFNAME_SIZE];

	if (id.unit == DEVICE_UNIT_NAMED) {
		snprintf(name, sizeof(name), "%s", ifname);
	} else {
		devname_format(id, name);
	}
	if (is_own(d, netns)) {
		snprintf(text, NAME_TEXT_SIZE, "%s", name);
	} else {
		snprintf(text, NAME_TEXT_SIZE, "%s (in network namespace %ju)", name, (uintmax_t)netns);
	}
	return text;
}

static const char *
name_of(const struct devices *d, const struct device *dev, char text[NAME_TEXT_SIZE])
{
	return describe_name(d, dev->link.netns->id, dev->id, dev->link.ifname, text);
}

static int
write_journal(struct devices *d, const struct device *dev, enum journal_state state)
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
		.persistent = dev->kept,
		.relay_pid = dev->link.relay.pid,
		.relay_start = dev->link.relay.start,
	};

	snprintf(r.ifname, sizeof(r.ifname), "%s", dev->link.ifname);
	snprintf(r.link, sizeof(r.link), "%s", dev->link.ops->name);
	snprintf(r.program, sizeof(r.program), "%s", dev->program);
	return journal_write(d->setup.journal, dev->place, &r);
}

static void
write_journal_or_warn(struct devices *d, const struct device *dev)
{
	if (write_journal(d, dev, JOURNAL_OPEN) < 0) {
		log_warn("%s: writing the journal", dev->link.ifname);
	}
}

/* What holds for a device by now: by its unit, or by its interface's name. */
static const struct device_policy *
policy_of(const struct devices *d, struct device_id id, const char *ifname)
{
	return id.unit == DEVICE_UNIT_NAMED ? policy_for_name(d->setup.policy, ifname) : policy_device(d->setup.policy, id);
}

/* What is remembered of a policy for as long as the device is open: a reload does not touch it. */
static void
remember_policy(struct device *dev, const struct device_policy *policy)
{
	dev->up_on_address = policy->up_on_address;
	dev->own_addresses = 0;
	snprintf(dev->close_hook, sizeof(dev->close_hook), "%s", policy->close_hook);
}

static void
call_hook(struct devices *d, const struct device *dev, const char *what, const char *path)
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

/* The device is over; its interface is gone already or is none of ours any more. */
static void
forget(struct devices *d, struct device *dev)
{
	if (journal_clear(d->setup.journal, dev->place) < 0) {
		log_warn("clearing a journal record");
	}
	statepage_close(&dev->page);
	netns_put(d->setup.netns, dev->link.netns);
	dev->state = DEVICE_CLOSED;
	dev->kept = false;
	memset(&dev->link, 0, sizeof(dev->link));
	dev->was_up = false;
	dev->close_hook[0] = '\0';
	dev->since = 0;
	dev->pid = 0;
	dev->uid = 0;
	dev->program[0] = '\0';
}

static void
refuse(struct devices *d, enum refusal why, const struct device_attach *request, const char *text)
{
	char name[NAME_TEXT_SIZE];

	if (request->trial && errno == EBUSY) {
		return;
	}
	if (log_limit_pass(&d->limits[why], "refused opens")) {
		log_info("%s: refused to uid %ld, pid %ld: %s", describe_name(d, request->netns, request->id, request->ifname, name),
		    (long)request->peer->uid, (long)request->peer->pid, text);
	}
}

static void
on_departed(struct devices *d, struct device *dev, const char *why)
{
	char name[NAME_TEXT_SIZE];

	name_of(d, dev, name);
	log_info("%s: %s", name, is_open(dev) ? why : "its persistent interface is gone");
	if (is_open(dev)) {
		if (statepage_set_gone(&dev->page) < 0) {
			log_warn("%s: writing the state page", name);
		}
		call_hook(d, dev, "close", dev->close_hook);
	}
	forget(d, dev);
	sync_kept(d, dev->place);
}

/* A device is closed, and its persistent interface is there. */
static void
rest(struct devices *d, struct device *dev)
{
	statepage_close(&dev->page);
	dev->state = DEVICE_CLOSED;
	if (write_journal(d, dev, JOURNAL_KEPT) < 0) {
		log_warn("%s: writing the journal", dev->link.ifname);
	}
}

/* The last close of a device whose interface stays. */
static void
on_released(struct devices *d, struct device *dev)
{
	char name[NAME_TEXT_SIZE];

	name_of(d, dev, name);
	if (statepage_set_gone(&dev->page) < 0) {
		log_warn("%s: writing the state page", name);
	}
	log_info("%s: closed, interface %s stays", name, dev->link.ifname);
	call_hook(d, dev, "close", dev->close_hook);
	rest(d, dev);
	sync_kept(d, dev->place);
}

static void
on_changed(struct devices *d, struct device *dev, const struct netif_status *status)
{
	char name[NAME_TEXT_SIZE];
	bool first_up = status->up && !dev->was_up;
	bool renamed = status->ifname[0] != '\0' && strcmp(status->ifname, dev->link.ifname) != 0;

	name_of(d, dev, name);
	if (dev->kept && !status->carrier) {
		on_released(d, dev);
		return;
	}
	if (status->persist && !dev->kept) {
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

/* How many devices a user has open. */
static unsigned
open_count_of(const struct devices *d, uid_t uid)
{
	unsigned count = 0;

	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		count += is_open(d->at[place]) && d->at[place]->uid == uid;
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

/* Whether the interface of a closed device is there as it was left. */
static bool
is_still_kept(struct device *dev)
{
	struct netif_status status;

	return dev->link.ops->read(&dev->link, &status) == 0 && status.persist;
}

/*
 * Whether somebody holds the device.  What closes it may be known before its interface is gone: an open right after a close must not find
 * it busy.
 */
static bool
is_held(struct devices *d, struct device *dev)
{
	struct netif_status status;

	if (!refresh(d, dev, &status) || dev->state == DEVICE_CLOSED) {
		return false;
	}
	if (dev->link.ops->is_over == NULL || !dev->link.ops->is_over(&dev->link)) {
		return true;
	}
	dev->link.ops->close(&dev->link);
	on_departed(d, dev, "closed");
	return false;
}

/* Everything that can be said before something is made.  0 and *place, or -1 with errno. */
static int
check_attach(struct devices *d, const struct device_attach *request, uint32_t *place)
{
	struct device *dev;

	if (request->id.unit != DEVICE_UNIT_NAMED && !policy_has(d->setup.policy, request->id)) {
		errno = ENOENT;
		return -1;
	}
	if (check_opener(d, request, policy_of(d, request->id, request->ifname)) < 0) {
		return -1;
	}
	*place = find_place(d, request->netns, request->id);
	if (*place == DEVICE_PLACES_MAX) {
		refuse(d, REFUSED_FULL, request, "the table of open devices is full");
		errno = ENFILE;
		return -1;
	}
	dev = find_by_place(d, *place);
	if (dev != NULL && is_held(d, dev)) {
		errno = EBUSY;
		refuse(d, REFUSED_BUSY, request, "in use");
		errno = EBUSY;
		return -1;
	}
	return 0;
}

/*
 * The link that makes a device; NULL: this platform has none.  What the configured one cannot make (another kind; the linux dialect, whose
 * device is the kernel's own) is made as if nothing were configured.
 */
static const struct link_ops *
link_of(const struct devices *d, uint8_t kind, enum message_dialect dialect, const struct device_policy *policy)
{
	const struct link_ops *ops = policy->link[0] != '\0' ? d->setup.link_named(policy->link) : NULL;

	return ops != NULL && (ops->kinds & (1u << kind)) != 0 && (dialect == DIALECT_BSD || ops->channel == CHANNEL_DIRECT) ? ops :
	    d->setup.link_for(kind);
}

/* A closed entry becomes the request's device, in its namespace.  0, or -1 with errno. */
static int
prepare(struct devices *d, struct device *dev, const struct device_attach *request, const struct device_policy *policy)
{
	dev->id = request->id;
	dev->dialect = request->how.dialect;
	remember_policy(dev, policy);
	snprintf(dev->program, sizeof(dev->program), "?");
	dev->pid = request->peer->pid;
	dev->uid = request->peer->uid;
	dev->since = time(NULL);
	if (dev->kept) {
		return 0;
	}
	dev->was_up = false;
	dev->link = (struct link){.ops = link_of(d, dev->id.kind, dev->dialect, policy), .id = dev->id, .place = dev->place,
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

	if (setup_apply(policy, &dev->link, status, what) < 0) {
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

/* One device whose name is settled: request->ifname. */
static int
attach(struct devices *d, const struct device_attach *request, struct device_attached *out)
{
	const struct device_policy *policy = policy_of(d, request->id, request->ifname);
	struct link_open how = request->how;
	struct netif_status status;
	struct device *dev;
	char name[NAME_TEXT_SIZE];
	int channel = -1, page = -1, saved;
	uint32_t place;

	if (check_attach(d, request, &place) < 0) {
		return -1;
	}
	dev = entry_at(d, place);
	if (dev != NULL && dev->kept && !is_still_kept(dev)) {
		forget(d, dev);
	}
	if (dev == NULL || prepare(d, dev, request, policy) < 0) {
		return -1;
	}
	how.join = dev->kept;
	/* In the linux dialect the program names the interface. */
	how.kernel_name = policy->kernel_name && how.dialect == DIALECT_BSD;
	name_of(d, dev, name);
	if (statepage_open(&dev->page, d->setup.rundir, place) < 0 || write_journal(d, dev, JOURNAL_MAKING) < 0) {
		log_warn("%s: preparing the open", name);
		goto fail;
	}
	dev->link.open_number = dev->page.content.open_number + 1;
	if (dev->link.ops->open(&dev->link, &how, &channel, &status) < 0) {
		saved = errno;
		refuse(d, REFUSED_LINK, request, saved == EBUSY ?
		    "an interface of that name exists, and is not ours" : strerror(saved));
		errno = saved;
		goto fail;
	}
	if (how.join && dev->link.ops->read(&dev->link, &status) < 0) {
		goto fail;
	}
	if (!how.join && policy_configures(policy) && configure(d, dev, request, policy, &status) < 0) {
		goto fail;
	}
	page = statepage_reader(&dev->page, d->setup.rundir);
	/* A relay goes on without us: it must be known by the time that the program has its end. */
	if (dev->link.relay.pid != 0 && write_journal(d, dev, JOURNAL_MAKING) < 0) {
		log_warn("%s: writing down the relay", name);
		goto fail;
	}
	if (page < 0 || begin_page(dev, request->how.access, &status) < 0) {
		log_warn("%s: writing down the open", name);
		goto fail;
	}
	dev->state = DEVICE_OPEN;
	out->channel = channel;
	out->page = page;
	out->channel_type = dev->link.ops->channel;
	out->id = dev->id;
	out->place = place;
	out->open_number = dev->page.content.open_number;
	out->ifindex = dev->link.ifindex;
	out->mtu = status.mtu;
	memcpy(out->ifname, dev->link.ifname, sizeof(out->ifname));
	if (status.up) {
		on_changed(d, dev, &status);
	}
	return 0;
fail:
	saved = errno;
	if (channel < 0 && dev->kept) {
		rest(d, dev);
		errno = saved;
		return -1;
	}
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
	sync_kept(d, place);
	errno = saved;
	return -1;
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

/* The open device that fd is a channel of, or NULL. */
static struct device *
find_by_channel(struct devices *d, int fd)
{
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		struct device *dev = find_by_place(d, place);

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
	char name[NAME_TEXT_SIZE];

	if (dev == NULL || dev->dialect != DIALECT_LINUX || dev->link.ops->tun_set == NULL) {
		errno = ENXIO;
		return -1;
	}
	name_of(d, dev, name);
	if (peer->uid != 0 && (what == TUN_SET_PERSIST ? value != 0 : what != TUN_SET_OWNER || value != peer->uid)) {
		log_info("%s: refused to uid %ld, pid %ld: only root makes an interface persistent, or another's", name,
		    (long)peer->uid, (long)peer->pid);
		errno = EPERM;
		return -1;
	}
	if (dev->link.ops->tun_set(&dev->link, fd, what, value) < 0) {
		return -1;
	}
	if (what == TUN_SET_PERSIST && value != 0) {
		log_info("%s: made persistent by uid %ld, pid %ld: it is the system's now", name, (long)peer->uid, (long)peer->pid);
		(void)statepage_set_unwatched(&dev->page);
		forget(d, dev);
	}
	return 0;
}

void
devices_settle(struct devices *d, uint32_t place, const char *program)
{
	struct device *dev = find_by_place(d, place);
	char name[NAME_TEXT_SIZE];

	if (dev == NULL) {
		return;
	}
	name_of(d, dev, name);
	snprintf(dev->program, sizeof(dev->program), "%s", program);
	write_journal_or_warn(d, dev);
	log_info("%s: opened by uid %ld, pid %ld (%s), interface %s", name, (long)dev->uid, (long)dev->pid, dev->program,
	    dev->link.ifname);
	call_hook(d, dev, "open", policy_of(d, dev->id, dev->link.ifname)->open_hook);
}

int
devices_set_header_mode(struct devices *d, uint32_t place, uint64_t open_number, int proof, bool on)
{
	struct device *dev = find_by_place(d, place);

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
		if (!is_open(dev)) {
			memcpy(dev->link.ifname, event->status.ifname, sizeof(dev->link.ifname));
		} else if (dev->kept && !event->status.carrier) {
			/* The news may be of before this open: only what is so now ends it. */
			(void)refresh(d, dev, &status);
		} else {
			on_changed(d, dev, &event->status);
		}
		break;
	case NETIF_ADDRESS_ADDED:
		/* Contract: the first address given to a device that was never up brings it up (lwIP, iodine say no "up"). */
		if (dev->own_addresses > 0) {
			dev->own_addresses--;
		} else if (dev->dialect == DIALECT_BSD && dev->up_on_address && !dev->was_up &&
		    dev->link.ops->set_up(&dev->link) < 0 && errno != ENODEV) {
			log_warn("%s: bringing the interface up", dev->link.ifname); /* ENODEV: that it has gone is the next news */
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
		if (is_open(dev)) {
			call_hook(d, dev, "close", dev->close_hook);
		}
		forget(d, dev);
		sync_kept(d, dev->place);
		break;
	}
}

void
devices_on_relay_end(struct devices *d, uint32_t place, pid_t pid)
{
	struct device *dev = find_by_place(d, place);

	if (dev == NULL || dev->link.relay.pid != pid) {
		return;
	}
	dev->link.relay.pid = 0;
	if (statepage_set_gone(&dev->page) < 0) {
		log_warn("%s: writing the state page", dev->link.ifname);
	}
}

void
devices_resync(struct devices *d, const struct netns *ns)
{
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		struct device *dev = find_by_place(d, place);
		struct netif_status status;

		if (dev != NULL && dev->link.netns == ns) {
			dev->own_addresses = 0; /* that news may be lost, too */
			(void)refresh(d, dev, &status);
		} else if (d->at[place] != NULL && d->at[place]->kept && d->at[place]->link.netns == ns && !is_still_kept(d->at[place])) {
			on_departed(d, d->at[place], "closed");
		}
	}
}

/* Takes away the interface of a closed device. */
static void
remove_kept(struct devices *d, struct device *dev)
{
	log_info("%s: taking its persistent interface away", dev->link.ifname);
	dev->link.ops->close(&dev->link);
	forget(d, dev);
}

/* The steps of keep(), of which each is undone by its caller. */
static int
make_kept(struct devices *d, struct device *dev, const struct device_policy *policy, int *channel, char what[SETUP_WHAT_SIZE])
{
	struct link_open how = {.access = MESSAGE_ACCESS_ALL, .given_fd = -1, .kernel_name = policy->kernel_name};
	struct netif_status status;

	dev->link = (struct link){.ops = link_of(d, dev->id.kind, DIALECT_BSD, policy), .id = dev->id, .place = dev->place,
	    .relays = d->setup.relays};
	if (dev->link.ops == NULL || dev->link.ops->keep == NULL) {
		errno = EOPNOTSUPP;
		return -1;
	}
	devname_format(dev->id, dev->link.ifname);
	dev->link.netns = netns_get(d->setup.netns, netns_own(d->setup.netns)->id, -1);
	if (dev->link.netns == NULL || dev->link.ops->open(&dev->link, &how, channel, &status) < 0) {
		return -1;
	}
	if (policy_configures(policy) && setup_apply(policy, &dev->link, &status, what) < 0) {
		return -1;
	}
	dev->own_addresses = status.up ? 0 : policy->address_count;
	dev->was_up = status.up;
	dev->kept = true;
	/* Until the last step it goes with our descriptor, so that there is no moment in which nobody knows of it. */
	return write_journal(d, dev, JOURNAL_KEPT) < 0 ? -1 : dev->link.ops->keep(&dev->link, *channel);
}

/* Makes the interface of a closed device that the policy wants to be there. */
static void
keep(struct devices *d, uint32_t place, struct device_id id)
{
	const struct device_policy *policy = policy_device(d->setup.policy, id);
	struct device *dev = entry_at(d, place);
	char name[DEVNAME_SIZE], what[SETUP_WHAT_SIZE] = "";
	int channel = -1;

	devname_format(id, name);
	if (dev == NULL) {
		log_warn("%s: making its persistent interface", name);
		return;
	}
	dev->id = id;
	dev->dialect = DIALECT_BSD;
	remember_policy(dev, policy);
	if (make_kept(d, dev, policy, &channel, what) < 0) {
		log_warn("%s: making its persistent interface%s%s", name, what[0] != '\0' ? ": " : "", what);
		if (channel >= 0) {
			dev->link.ops->close(&dev->link);
		}
		forget(d, dev);
	} else {
		log_info("%s: its persistent interface %s is made", name, dev->link.ifname);
	}
	if (channel >= 0) {
		close(channel);
	}
}

/* Makes or takes away the interface of a device that nobody holds, as the policy wants it: in the daemon's own namespace. */
static void
sync_kept(struct devices *d, uint32_t place)
{
	struct device *dev = d->at[place];
	bool kept = dev != NULL && dev->kept, wanted;
	struct device_id id;

	if (d->ending || is_open(dev) || !device_place_id(place, &id)) {
		return;
	}
	wanted = policy_has(d->setup.policy, id) && policy_device(d->setup.policy, id)->persistent;
	if (kept && !wanted) {
		remove_kept(d, dev);
	} else if (wanted && !kept) {
		keep(d, place, id);
	}
}

static void
sync_all_kept(struct devices *d)
{
	for (uint32_t place = 0; place < DEVICE_PLACES_FIXED; place++) {
		sync_kept(d, place);
	}
}

/* Holds the namespace of a record again.  0, or -1 with errno ENOENT: it is gone, or nobody is in it any more. */
static int
hold_namespace(struct devices *d, struct device *dev, const struct journal_record *r)
{
	int fd = is_own(d, r->netns) ? -1 : os_netns_search(r->netns, r->pid);

	if (fd < 0 && !is_own(d, r->netns)) {
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
	write_journal_or_warn(d, dev);
	on_changed(d, dev, status);
}

/* A device whose interface was there before its open, and is, whatever became of that.  0, or -1: it is gone. */
static int
adopt_kept(struct devices *d, struct device *dev, const struct journal_record *r)
{
	const struct state_page *page = &dev->page.content;
	struct netif_status status;

	dev->link.ifindex = r->ifindex;
	if (dev->link.ops->adopt(&dev->link, &status) < 0 || !status.persist) {
		return -1;
	}
	dev->kept = true;
	dev->was_up = r->was_up != 0;
	if (r->state != JOURNAL_KEPT && page->gone == 0 && page->open_number == r->open_number + (r->state == JOURNAL_MAKING)) {
		go_on(d, dev, r, &status);
	} else {
		rest(d, dev);
	}
	return 0;
}

/* 0 if the device of that record is ours again. */
static int
adopt(struct devices *d, struct device *dev, const struct journal_record *r)
{
	const struct state_page *page = &dev->page.content;
	bool making = r->state == JOURNAL_MAKING;
	struct netif_status status;

	dev->id = (struct device_id){.kind = r->kind, .unit = r->unit};
	dev->link = (struct link){.ops = d->setup.link_named(r->link), .id = dev->id, .place = dev->place, .relays = d->setup.relays,
	    .open_number = r->open_number + making, .relay = {.pid = r->relay_pid, .start = r->relay_start}};
	memcpy(dev->link.ifname, r->ifname, sizeof(dev->link.ifname));
	remember_policy(dev, policy_of(d, dev->id, r->ifname));
	dev->pid = r->pid;
	dev->uid = r->uid;
	if (statepage_open(&dev->page, d->setup.rundir, dev->place) < 0 || dev->link.ops == NULL) {
		return -1;
	}
	if (hold_namespace(d, dev, r) < 0) {
		/* It may live on where nobody is left to ask; then its holder asks the kernel. */
		log_warn("%s: its network namespace (%ju) cannot be found", r->ifname, (uintmax_t)r->netns);
		(void)statepage_set_unwatched(&dev->page);
		return -1;
	}
	if (r->persistent) {
		return adopt_kept(d, dev, r);
	}
	/* A record that was not completed has the number before; the page, written before the program's answer, has the rest. */
	dev->link.ifindex = making ? page->ifindex : r->ifindex;
	if (page->open_number != r->open_number + making || page->gone != 0 ||
	    dev->link.ops->adopt(&dev->link, &status) < 0) {
		(void)statepage_set_gone(&dev->page);
		return -1;
	}
	go_on(d, dev, r, &status);
	return 0;
}

/* Whether a record can be what a daemon wrote into that slot. */
static bool
belongs(const struct devices *d, uint32_t place, const struct journal_record *r)
{
	struct device_id id = {.kind = r->kind, .unit = r->unit};

	return device_id_known(id) && (id.unit != DEVICE_UNIT_NAMED && is_own(d, r->netns) ?
	    place == device_place_fixed(id) : place >= DEVICE_PLACES_FIXED);
}

unsigned
devices_adopt(struct devices *d)
{
	unsigned adopted = 0;

	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		char name[NAME_TEXT_SIZE];
		struct journal_record r;
		struct device *dev;

		if (journal_read(d->setup.journal, place, &r) < 0) {
			if (errno != ENOENT) {
				log_warn("journal, record %u", (unsigned)place);
			}
			continue;
		}
		dev = belongs(d, place, &r) ? entry_at(d, place) : NULL;
		if (dev == NULL) {
			log_warnx("journal, record %u: not one of this daemon's", (unsigned)place);
			(void)journal_clear(d->setup.journal, place);
			continue;
		}
		if (adopt(d, dev, &r) == 0) {
			if (!is_open(dev)) {
				continue; /* only its interface is there */
			}
			adopted++;
			log_info("%s: taken over, held since an earlier daemon by uid %ld, pid %ld (%s)", name_of(d, dev, name),
			    (long)dev->uid, (long)dev->pid, dev->program);
			continue;
		}
		log_info("%s: closed while no daemon served", r.ifname);
		if (dev->link.netns != NULL && r.state == JOURNAL_OPEN) {
			call_hook(d, dev, "close", dev->close_hook);
		}
		forget(d, dev);
	}
	sync_all_kept(d);
	return adopted;
}

void
devices_set_policy(struct devices *d, const struct policy *policy)
{
	const struct policy *old = d->setup.policy;

	/* An interface that nobody holds is made anew, where it would now be made otherwise. */
	for (uint32_t place = 0; place < DEVICE_PLACES_FIXED; place++) {
		struct device *dev = d->at[place];

		if (dev != NULL && dev->kept && !is_open(dev) &&
		    !policy_same(policy_device(old, dev->id), policy_device(policy, dev->id))) {
			remove_kept(d, dev);
		}
	}
	d->setup.policy = policy;
	sync_all_kept(d);
}

bool
devices_look_at_kept(struct devices *d)
{
	struct netif_status status;
	bool any = false;

	for (uint32_t place = 0; place < DEVICE_PLACES_FIXED; place++) {
		struct device *dev = d->at[place];
		struct device_id id;

		if (is_open(dev) && dev->kept && dev->state != DEVICE_UP) {
			(void)refresh(d, dev, &status);
		}
		any = any || (dev != NULL && dev->kept) || (device_place_id(place, &id) && policy_has(d->setup.policy, id) &&
		    policy_device(d->setup.policy, id)->persistent);
	}
	return any;
}

unsigned
devices_end_all(struct devices *d)
{
	unsigned ended = 0;

	d->ending = true;
	for (uint32_t place = 0; place < DEVICE_PLACES_MAX; place++) {
		struct device *dev = find_by_place(d, place);

		if (dev == NULL && d->at[place] != NULL && d->at[place]->kept) {
			remove_kept(d, d->at[place]);
		}
		if (dev != NULL) {
			dev->link.ops->close(&dev->link);
			on_departed(d, dev, "ended on request");
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

	return is_open(d->at[place]) || (device_place_id(place, &id) && policy_has(d->setup.policy, id));
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

	if (!refresh(d, dev, &status)) {
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
	return true;
}

void
devices_describe(struct devices *d, uint32_t cursor, struct message_device *out)
{
	uint32_t place = cursor, next;
	struct device_id id;

	while ((place = next_listed(d, place)) < DEVICE_PLACES_MAX) {
		if (is_open(d->at[place]) && describe(d, d->at[place], out)) {
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
		open += is_open(d->at[place]);
	}
	return open;
}
