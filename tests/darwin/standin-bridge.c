/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-bridge.c - the bridge interface, on Linux's bridge.  See standin-bridge.h.
 *
 * Strictness.  Sizes and directions of commands are those of the kernel's table; one that is not known here ends the program, and so does a
 * member's name that does not end.
 *
 * A member that is destroyed leaves its bridge late on macOS, when its name and index are gone already: here it stands in the next few
 * lists, whose number is in the bridge's alias.
 *
 * Limits.  A member hears nothing for itself while it is in Linux's bridge, since what is the host's is the bridge's there; on macOS it
 * goes on as before.  A bridge that has got an address is not up by that.  There are no copies of what passes (span), and no translation of
 * MAC addresses.
 *
 * Sources: XNU bsd/net/if_bridge.c (bridge_control_table64, DRVSPEC, bridge_ioctl_add, bridge_ioctl_del, BRIDGE_IOCTL_GIFS, bridge_init:
 * RUNNING comes by SIOCSIFFLAGS), bsd/net/if_bridgevar.h, bsd/net/dlil.c (ifnet_detach, ifnet_detach_final).
 */
#include "standin-bridge.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "standin-feth.h"
#include "standin-rtnl.h"
#include "standin.h"

#define LARGEST_UNIT 32767
#define LISTS_WITH_THE_GONE 4

/* Darwin's flags, bsd/net/if.h */
#define UP 0x1
#define BROADCAST 0x2
#define NOTRAILERS 0x20
#define RUNNING 0x40
#define SIMPLEX 0x800
#define MULTICAST 0x8000

/* if_bridgevar.h: what a command is about. */
struct member {
	char name[16];
	uint32_t flags, stp_flags, cost;
	uint8_t port, priority, protocol, role, state, pad[3];
	uint32_t addresses, most_addresses, exceeded;
	uint8_t pad2[32];
};
struct __attribute__((packed, aligned(4))) list {
	uint32_t length;
	struct member *members;
};
struct driver_request {
	char name[16];
	uint64_t command, length;
	void *data;
};
_Static_assert(sizeof(struct member) == 80 && sizeof(struct list) == 12 && sizeof(struct driver_request) == 40,
    "the kernel's layouts (LP64)");

enum { ADD = 0, DELETE = 1, LIST = 6 };

/* The commands of the kernel's table that are known here. */
static const struct {
	const char *call;
	size_t bytes;
	bool answers;
} commands[] = {
	[ADD] = {"ioctl/BRDGADD", sizeof(struct member), false},
	[DELETE] = {"ioctl/BRDGDEL", sizeof(struct member), false},
	[LIST] = {"ioctl/BRDGGIFS", sizeof(struct list), true},
};

static bool
is_name(const char *ifname)
{
	return strncmp(ifname, "bridge", 6) == 0 && ifname[6] >= '0' && ifname[6] <= '9';
}

bool
standin_is_bridge(const char *ifname)
{
	return is_name(ifname) && if_nametoindex(ifname) != 0;
}

uint16_t
standin_bridge_flags(int linux_flags)
{
	return BROADCAST | NOTRAILERS | SIMPLEX | MULTICAST | ((linux_flags & IFF_UP) != 0 ? UP | RUNNING : 0);
}

/* A number of Linux's about an interface. */
static int
ask_linux(unsigned long request, const char *ifname, struct ifreq *r)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), result, saved;

	memcpy(r->ifr_name, ifname, strnlen(ifname, sizeof(r->ifr_name) - 1));
	result = ioctl(fd, request, r);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

static int
mtu_of(const char *ifname)
{
	struct ifreq r = {0};

	return ask_linux(SIOCGIFMTU, ifname, &r) < 0 ? -1 : r.ifr_mtu;
}

static bool
is_ethernet(const char *ifname)
{
	struct ifreq r = {0};

	return ask_linux(SIOCGIFHWADDR, ifname, &r) == 0 && r.ifr_hwaddr.sa_family == 1;
}

/* The bridge's members: what on_member says of each; their number. */
static unsigned
each_member(const char *bridge, void (*on_member)(const char *member, void *argument), void *argument)
{
	struct if_nameindex *all = if_nameindex();
	uint32_t index = if_nametoindex(bridge), master;
	unsigned count = 0;

	for (const struct if_nameindex *one = all; one != NULL && one->if_index != 0; one++) {
		if (rtnl_get_master(one->if_name, &master) == 0 && master == index) {
			count++;
			if (on_member != NULL) {
				on_member(one->if_name, argument);
			}
		}
	}
	if_freenameindex(all);
	return count;
}

static int
add(const char *bridge, const struct member *m)
{
	struct ifreq mtu = {.ifr_mtu = mtu_of(m->name)};
	bool is_first = each_member(bridge, NULL, NULL) == 0;
	uint32_t master;

	if (rtnl_get_master(m->name, &master) < 0 || standin_is_hidden(m->name)) {
		errno = ENOENT;
		return -1;
	}
	if (master != 0) {
		errno = master == if_nametoindex(bridge) ? EEXIST : EBUSY;
		return -1;
	}
	if (!is_ethernet(m->name) || (!is_first && mtu.ifr_mtu != mtu_of(bridge))) {
		errno = EINVAL;
		return -1;
	}
	if (rtnl_set_master(m->name, if_nametoindex(bridge)) < 0) {
		return -1;
	}
	return is_first ? ask_linux(SIOCSIFMTU, bridge, &mtu) : 0;
}

static int
delete(const char *bridge, const struct member *m)
{
	uint32_t master;

	if (rtnl_get_master(m->name, &master) < 0 || master != if_nametoindex(bridge)) {
		errno = ENOENT;
		return -1;
	}
	return rtnl_set_master(m->name, 0);
}

/* The member that is gone and is listed all the same; false: none, or not any more. */
static bool
take_gone(const char *bridge, char name[16], bool counts)
{
	char text[RTNL_ALIAS_SIZE];
	int times;

	if (rtnl_get_alias(bridge, text) < 0 || sscanf(text, "gone=%15s times=%d", name, &times) != 2 || times == 0) {
		return false;
	}
	if (counts) {
		snprintf(text, sizeof(text), "gone=%s times=%d", name, times - 1);
		(void)rtnl_set_alias(bridge, text);
	}
	return true;
}

struct filling {
	struct member *at;
	uint32_t left;
	unsigned count;
};

static void
fill_member(const char *name, void *argument)
{
	struct filling *f = argument;

	if (f->left < sizeof(*f->at)) {
		return;
	}
	/* IFBIF_LEARNING, IFBIF_DISCOVER */
	*f->at = (struct member){.flags = 0x3, .port = (uint8_t)if_nametoindex(name)};
	memcpy(f->at->name, name, strnlen(name, sizeof(f->at->name) - 1));
	f->at++;
	f->left -= (uint32_t)sizeof(*f->at);
	f->count++;
}

static int
list(const char *bridge, struct list *l)
{
	struct filling f = {.at = l->members, .left = l->length};
	char gone[16];

	if (l->length == 0) {
		l->length = (uint32_t)(sizeof(struct member) * (each_member(bridge, NULL, NULL) + take_gone(bridge, gone, false)));
		return 0;
	}
	(void)each_member(bridge, fill_member, &f);
	if (take_gone(bridge, gone, true)) {
		fill_member(gone, &f);
	}
	l->length = (uint32_t)(sizeof(struct member) * f.count);
	return 0;
}

static int
specify(bool set, struct driver_request *r)
{
	if (r->command > 37) { /* the table's last */
		errno = EINVAL;
		return -1;
	}
	if (r->command >= sizeof(commands) / sizeof(commands[0]) || commands[r->command].call == NULL) {
		standin_refuse("%s: command %lu of a bridge", r->name, (unsigned long)r->command);
	}
	if (standin_fails(commands[r->command].call)) {
		return -1;
	}
	if (set == commands[r->command].answers) {
		errno = EINVAL;
		return -1;
	}
	if (set && geteuid() != 0) {
		errno = EPERM;
		return -1;
	}
	if (r->length != commands[r->command].bytes) {
		errno = EINVAL;
		return -1;
	}
	if (r->command == LIST) {
		return list(r->name, r->data);
	}
	if (memchr(r->data, '\0', 16) == NULL) {
		standin_refuse("a bridge's member has a name of more than 15 bytes");
	}
	return r->command == ADD ? add(r->name, r->data) : delete(r->name, r->data);
}

static int
create(const char *name)
{
	if (standin_fails("ioctl/SIOCIFCREATE2")) {
		return -1;
	}
	if (geteuid() != 0) {
		errno = EPERM;
		return -1;
	}
	if (strlen(name + 6) > 5 || strtoul(name + 6, NULL, 10) > LARGEST_UNIT) {
		errno = ENXIO;
		return -1;
	}
	return rtnl_make_bridge(name);
}

static int
destroy(const char *name)
{
	if (standin_fails("ioctl/SIOCIFDESTROY")) {
		return -1;
	}
	if (geteuid() != 0) {
		errno = EPERM;
		return -1;
	}
	if (rtnl_delete(name) < 0) {
		errno = errno == ENODEV ? ENXIO : errno;
		return -1;
	}
	return 0;
}

/* With members it is theirs alone that a bridge can have. */
static int
set_mtu(const char *name, int32_t mtu)
{
	struct ifreq r = {.ifr_mtu = mtu};

	if (geteuid() != 0) {
		errno = EPERM;
		return -1;
	}
	if (mtu < 576 || (each_member(name, NULL, NULL) > 0 && mtu != mtu_of(name))) {
		errno = EINVAL;
		return -1;
	}
	return ask_linux(SIOCSIFMTU, name, &r);
}

int
standin_bridge_ioctl(uint32_t request, void *argument)
{
	char *name = argument;

	errno = ENOTTY;
	if (memchr(name, '\0', 16) == NULL || !is_name(name)) {
		return -1;
	}
	if (request == 0xc0206978 || request == 0xc020697a) { /* SIOCIFCREATE, SIOCIFCREATE2 */
		return create(name);
	}
	if (if_nametoindex(name) == 0) {
		errno = ENXIO;
		return -1;
	}
	switch (request) {
	case 0x80206979: /* SIOCIFDESTROY */
		return destroy(name);
	case 0x8028697b: /* SIOCSDRVSPEC */
	case 0xc028697b:
		return specify(request == 0x8028697b, argument);
	case 0x80206934: /* SIOCSIFMTU */
		return set_mtu(name, *(const int32_t *)(const void *)(name + 16));
	default:
		errno = ENOTTY;
		return -1;
	}
}

void
standin_bridge_loses(const char *ifname)
{
	char bridge[IFNAMSIZ], text[RTNL_ALIAS_SIZE];
	uint32_t master;

	if (rtnl_get_master(ifname, &master) < 0 || master == 0 || if_indextoname(master, bridge) == NULL) {
		return;
	}
	snprintf(text, sizeof(text), "gone=%s times=%d", ifname, LISTS_WITH_THE_GONE);
	(void)rtnl_set_alias(bridge, text);
}
