/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake-link.c - a link without a kernel.  See fake-link.h.
 */
#include "fake-link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define INTERFACES_MAX 4096

static struct {
	struct netif_status status; /* ifindex 0: free */
	uint64_t netns;
	int kernel_end;
	ino_t channel_inode;
} interfaces[INTERFACES_MAX];
static uint32_t last_index;
static unsigned fail_in, set_up_calls, after_interface_calls, leave_calls;
static int fail_error, read_error;
static bool by_name;
static pid_t relay_pid;
static enum relays_hold present_hold;

void
fake_link_reset(void)
{
	for (unsigned i = 0; i < INTERFACES_MAX; i++) {
		if (interfaces[i].status.ifindex != 0) {
			close(interfaces[i].kernel_end);
		}
	}
	memset(interfaces, 0, sizeof(interfaces));
	last_index = 0;
	fail_in = 0;
	read_error = 0;
	by_name = false;
	set_up_calls = 0;
	after_interface_calls = 0;
	leave_calls = 0;
	relay_pid = 0;
	present_hold = RELAYS_HELD;
}

void
fake_link_adopt_by_name(void)
{
	by_name = true;
}

void
fake_link_start_relays(pid_t pid)
{
	relay_pid = pid;
}

void
fake_link_hold(enum relays_hold hold)
{
	present_hold = hold;
}

void
fake_link_fail_read(int error)
{
	read_error = error;
}

void
fake_link_fail_open(unsigned nth, int error)
{
	fail_in = nth;
	fail_error = error;
}

unsigned
fake_link_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < INTERFACES_MAX; i++) {
		count += interfaces[i].status.ifindex != 0;
	}
	return count;
}

static unsigned
find(uint32_t ifindex)
{
	for (unsigned i = 0; i < INTERFACES_MAX; i++) {
		if (interfaces[i].status.ifindex == ifindex) {
			return i;
		}
	}
	return INTERFACES_MAX;
}

struct netif_status *
fake_link_interface(uint32_t ifindex)
{
	unsigned i = find(ifindex);

	return i < INTERFACES_MAX ? &interfaces[i].status : NULL;
}

void
fake_link_depart(uint32_t ifindex)
{
	unsigned i = find(ifindex);

	if (i < INTERFACES_MAX) {
		close(interfaces[i].kernel_end);
		memset(&interfaces[i], 0, sizeof(interfaces[i]));
	}
}

void
fake_link_move(uint32_t ifindex, uint64_t netns, uint32_t new_ifindex)
{
	unsigned i = find(ifindex);

	interfaces[i].netns = netns;
	interfaces[i].status.ifindex = new_ifindex;
	interfaces[i].status.up = false;
}

unsigned
fake_link_set_up_calls(void)
{
	return set_up_calls;
}

unsigned
fake_link_after_interface_calls(void)
{
	return after_interface_calls;
}

unsigned
fake_link_leave_calls(void)
{
	return leave_calls;
}

static const char *
fake_unavailable(void)
{
	return NULL;
}

/* Somebody opens an interface that is there. */
static int
join(const struct link *l, int *channel, struct netif_status *status)
{
	unsigned i = find(l->ifindex);
	struct stat st;
	int ends[2];

	if (i == INTERFACES_MAX || interfaces[i].status.carrier) {
		errno = i == INTERFACES_MAX ? ENODEV : EBUSY;
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		return -1;
	}
	fstat(ends[0], &st);
	close(interfaces[i].kernel_end);
	interfaces[i].kernel_end = ends[1];
	interfaces[i].channel_inode = st.st_ino;
	interfaces[i].status.carrier = true;
	*status = interfaces[i].status;
	*channel = ends[0];
	return 0;
}

static int
fake_keep(struct link *l, int channel)
{
	unsigned i = find(l->ifindex);

	interfaces[i].status.persist = true;
	interfaces[i].status.carrier = false; /* the caller closes its channel at once */
	return 0;
}

static int
fake_open(struct link *l, const struct link_open *how, int *channel, struct netif_status *status)
{
	unsigned slot = find(0);
	struct stat st;
	int ends[2];

	if (fail_in > 0 && --fail_in == 0) {
		errno = fail_error;
		return -1;
	}
	if (how->join) {
		return join(l, channel, status);
	}
	for (unsigned i = 0; i < INTERFACES_MAX; i++) {
		if (interfaces[i].status.ifindex != 0 && interfaces[i].netns == l->netns->id &&
		    strcmp(interfaces[i].status.ifname, l->ifname) == 0) {
			errno = EBUSY;
			return -1;
		}
	}
	if (slot == INTERFACES_MAX || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		return -1;
	}
	fstat(ends[0], &st);
	interfaces[slot].netns = l->netns->id;
	interfaces[slot].kernel_end = ends[1];
	interfaces[slot].channel_inode = st.st_ino;
	interfaces[slot].status = (struct netif_status){.ifindex = ++last_index, .mtu = 1500, .carrier = true};
	if (how->kernel_name) {
		snprintf(l->ifname, sizeof(l->ifname), "fake%u", last_index);
	}
	snprintf(interfaces[slot].status.ifname, sizeof(interfaces[slot].status.ifname), "%s", l->ifname);
	*status = interfaces[slot].status;
	l->relay.pid = relay_pid;
	l->ifindex = last_index;
	if (relay_pid != 0) {
		close(ends[0]); /* it would come from the relay */
		ends[0] = -1;
	}
	*channel = ends[0];
	return 0;
}

static int
fake_read(struct link *l, struct netif_status *status)
{
	unsigned i = find(l->ifindex);

	if (i == INTERFACES_MAX || interfaces[i].netns != l->netns->id || read_error != 0) {
		errno = read_error != 0 ? read_error : ENODEV;
		return -1;
	}
	*status = interfaces[i].status;
	return 0;
}

static int
fake_adopt(struct link *l, struct netif_status *status)
{
	if (fake_read(l, status) < 0) {
		return -1;
	}
	if (by_name && strcmp(status->ifname, l->ifname) != 0) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

static enum relays_hold
fake_look(struct link *l)
{
	return present_hold;
}

static int
fake_set_up(struct link *l)
{
	unsigned i = find(l->ifindex);

	set_up_calls++;
	if (i == INTERFACES_MAX) {
		errno = ENODEV;
		return -1;
	}
	interfaces[i].status.up = true;
	return 0;
}

static int
fake_prove(struct link *l, int fd)
{
	unsigned i = find(l->ifindex);
	struct stat st;

	if (i < INTERFACES_MAX && fstat(fd, &st) == 0 && st.st_ino == interfaces[i].channel_inode) {
		return 0;
	}
	errno = EPERM;
	return -1;
}

static void
fake_close(struct link *l)
{
	fake_link_depart(l->ifindex);
	l->ifindex = 0;
}

static void
fake_after_interface(struct link *l)
{
	/* Its name is what tells what is left. */
	after_interface_calls += l->ifname[0] != '\0';
}

const struct link_ops fake_link = {
	.name = "fake",
	.kinds = 1u << DEVICE_TUN | 1u << DEVICE_TAP,
	.channel = CHANNEL_DIRECT,
	.unavailable = fake_unavailable,
	.open = fake_open,
	.keep = fake_keep,
	.adopt = fake_adopt,
	.read = fake_read,
	.look = fake_look,
	.after_interface = fake_after_interface,
	.set_up = fake_set_up,
	.prove = fake_prove,
	.close = fake_close,
};

/* As a relayed link does: no relay is started for what is only to be there, and one is for who joins. */
static int
relayed_open(struct link *l, const struct link_open *how, int *channel, struct netif_status *status)
{
	pid_t relay = relay_pid;
	int result;

	if (how->keep) {
		relay_pid = 0;
		result = fake_open(l, how, channel, status);
		relay_pid = relay;
		return result;
	}
	result = fake_open(l, how, channel, status);
	if (result == 0 && how->join) {
		close(*channel);
		*channel = -1;
		l->relay.pid = relay_pid;
	}
	return result;
}

static int
relayed_read(struct link *l, struct netif_status *status)
{
	int result = fake_read(l, status);

	status->persist = l->kept;
	status->carrier = l->relay.pid != 0;
	return result;
}

static void
relayed_leave(struct link *l)
{
	unsigned i = find(l->ifindex);

	leave_calls++;
	l->relay.pid = 0;
	if (i < INTERFACES_MAX) {
		interfaces[i].status.carrier = false;
	}
}

const struct link_ops fake_relayed_link = {
	.name = "relayed",
	.kinds = 1u << DEVICE_TUN | 1u << DEVICE_TAP,
	.channel = CHANNEL_RELAYED,
	.unavailable = fake_unavailable,
	.open = relayed_open,
	.keep = fake_keep,
	.leave = relayed_leave,
	.adopt = relayed_read,
	.read = relayed_read,
	.look = fake_look,
	.after_interface = fake_after_interface,
	.set_up = fake_set_up,
	.prove = fake_prove,
	.close = fake_close,
};

/* The same, of a driver that does not have every device. */
static struct link_ops kext;
static bool kext_loaded;

void
fake_link_load_kext(bool loaded)
{
	kext_loaded = loaded;
}

static bool
fake_has(struct device_id id)
{
	return kext_loaded && id.unit == 0;
}

const struct link_ops *
fake_link_for(uint8_t kind)
{
	return &fake_link;
}

const struct link_ops *
fake_link_named(const char *name)
{
	if (strcmp(name, "kext") == 0) {
		kext = fake_link;
		kext.name = "kext";
		kext.channel = CHANNEL_NODE;
		kext.has = fake_has;
		kext.keep = NULL;
		return &kext;
	}
	return strcmp(name, fake_link.name) == 0 ? &fake_link : strcmp(name, fake_relayed_link.name) == 0 ? &fake_relayed_link : NULL;
}
