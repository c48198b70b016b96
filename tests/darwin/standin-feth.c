/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-feth.c - fake Ethernet interfaces (feth), on Linux's veth.  See standin-feth.h.
 *
 * A feth is there by itself, and gets a peer and loses it while it lives; a veth has another end, for life.  So each feth is one end of a
 * veth whose other end, its cable, Darwin does not know of; peers are feths whose cables are joined: what the one receives leaves through
 * the other (standin-rtnl.h).  A feth without a peer has a cable that is down, and what it sends is gone.
 *
 * What Darwin keeps of an interface and Linux does not (the peer's name, the largest MTU, which is that of the moment when it was made,
 * and whether it is RUNNING) is written into its alias, so all processes know it and it ends with the interface; the machine's settings
 * are written into the loopback interface's.
 *
 * Limits.  A feth that is down receives nothing here; on macOS it does.  The stack here drops a frame that is longer than the receiver's
 * MTU and a tag; there nothing looks.  Destroying takes effect at once; to have it late, let the next call fail (standin.h).
 *
 * Sources: darwin.md 2; XNU bsd/net/if_fake.c, bsd/net/if.c (if_clone_create, ifioctl), bsd/net/if_clone.c (unit: IF_MAXUNIT 0x7fff),
 * bsd/net/if_private.h (IF_MINMTU 72).
 */
#include "standin-feth.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "standin-bridge.h"
#include "standin-rtnl.h"
#include "standin.h"

#define LARGEST_UNIT 32767
#define SMALLEST_MTU 72
#define PLAIN_MTU 1500
#define LARGEST_MTU 16370
#define LARGEST_BY_DEFAULT 2048
#define MACHINE "lo"
/* In the 16 bits of a sockaddr_dl; the others are of what Darwin does not have. */
#define FIRST_INDEX 1000
#define FIRST_CABLE_INDEX 100000
#define RUN_TRIES 5000
#define RUN_TRY_MS 1

/* Darwin's flags, bsd/net/if.h */
#define UP 0x1
#define BROADCAST 0x2
#define RUNNING 0x40
#define SIMPLEX 0x800
#define MULTICAST 0x8000

/* bsd/net/if.h, if_fake_var.h */
struct darwin_ifreq {
	char name[16];
	union {
		struct {
			uint8_t length, family;
			uint8_t data[14];
		} address;
		int16_t flags;
		int32_t mtu;
		struct {
			int32_t current, smallest, largest;
		} device_mtu;
	} u;
};
struct darwin_ifdrv {
	char name[16];
	uint64_t command, length;
	struct fake_request *data;
};
struct fake_request {
	uint64_t reserved[4];
	union {
		char peer[16];
		uint8_t all[128];
	} u;
};
_Static_assert(sizeof(struct darwin_ifreq) == 32 && sizeof(struct darwin_ifdrv) == 40 && sizeof(struct fake_request) == 160,
    "the kernel's layouts (LP64)");

struct feth {
	char ifname[16], peer[16]; /* no peer: empty */
	int largest_mtu;
	bool unrun; /* up without RUNNING */
};

/* Settings that an interface takes over when it is made; those that none of ours may change have one value only. */
static const struct {
	const char *name;
	int value;
} settings[] = {
	{"bsd_mode", 1}, {"txstart", 1}, {"nxattach", 0}, {"hwcsum", 0}, {"tso_support", 0}, {"lro", 0}, {"fcs", 0}, {"trailer_length", 0},
	{"tx_drops", 0}, {"wmm_mode", 0}, {"vlan_tagging", 1}, {"separate_frame_header", 0}, {"user_access", 0}, {"debug", 0},
	{"buflet_size", 512},
};

/* The number of a feth's name, or false. */
static bool
take_unit(const char *name, unsigned long *unit)
{
	char *end;

	if (strncmp(name, "feth", 4) != 0 || name[4] < '0' || name[4] > '9' || (name[4] == '0' && name[5] != '\0')) {
		return false;
	}
	*unit = strtoul(name + 4, &end, 10);
	return *end == '\0';
}

static void
cable_of(const char *ifname, char cable[IFNAMSIZ])
{
	snprintf(cable, IFNAMSIZ, "cable%.10s", ifname + 4);
}

bool
standin_is_hidden(const char *ifname)
{
	return strncmp(ifname, "cable", 5) == 0;
}

/* What is kept of an interface.  ENXIO: there is none; EINVAL: it is no feth. */
static int
read_feth(const char *ifname, struct feth *f)
{
	char text[RTNL_ALIAS_SIZE];
	int unrun;

	*f = (struct feth){0};
	if (rtnl_get_alias(ifname, text) < 0) {
		errno = errno == ENODEV ? ENXIO : errno;
		return -1;
	}
	if (sscanf(text, "feth peer=%15s largest-mtu=%d unrun=%d", f->peer, &f->largest_mtu, &unrun) != 3) {
		errno = EINVAL;
		return -1;
	}
	snprintf(f->ifname, sizeof(f->ifname), "%s", ifname);
	f->unrun = unrun != 0;
	if (strcmp(f->peer, "-") == 0) {
		f->peer[0] = '\0';
	}
	return 0;
}

static int
write_feth(const struct feth *f)
{
	char text[RTNL_ALIAS_SIZE];

	snprintf(text, sizeof(text), "feth peer=%s largest-mtu=%d unrun=%d", f->peer[0] != '\0' ? f->peer : "-", f->largest_mtu, f->unrun);
	return rtnl_set_alias(f->ifname, text);
}

bool
standin_is_feth(const char *ifname)
{
	unsigned long unit;
	struct feth f;

	return take_unit(ifname, &unit) && read_feth(ifname, &f) == 0;
}

static int
read_largest_mtu(void)
{
	char text[RTNL_ALIAS_SIZE];
	int value;

	return rtnl_get_alias(MACHINE, text) == 0 && sscanf(text, "net.link.fake.max_mtu=%d", &value) == 1 ? value : LARGEST_BY_DEFAULT;
}

/* One of Linux's requests by name. */
static int
ask_linux(unsigned long request, struct ifreq *r, const char *ifname)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), result, error;

	if (sock < 0) {
		return -1;
	}
	memset(r->ifr_name, 0, sizeof(r->ifr_name));
	strncpy(r->ifr_name, ifname, sizeof(r->ifr_name) - 1);
	result = ioctl(sock, request, r);
	error = errno;
	close(sock);
	errno = error;
	return result;
}

static int
set_linux_up(const char *ifname, bool up)
{
	struct ifreq r;

	if (ask_linux(SIOCGIFFLAGS, &r, ifname) < 0) {
		return -1;
	}
	r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
	return ask_linux(SIOCSIFFLAGS, &r, ifname);
}

/* Linux lets nothing through yet when an interface has just been brought up, but for what it does in the background (linkwatch). */
static void
wait_until_it_runs(const char *ifname)
{
	struct ifreq r = {0};

	for (unsigned tries = 0; tries < RUN_TRIES && ask_linux(SIOCGIFFLAGS, &r, ifname) == 0; tries++) {
		if ((r.ifr_flags & IFF_RUNNING) != 0) {
			return;
		}
		(void)poll(NULL, 0, RUN_TRY_MS);
	}
	standin_refuse("%s is up and does not run: %s", ifname, strerror(errno));
}

/* An end that is up, at a cable that is, lets frames through. */
static void
wait_for_cable(const char *ifname)
{
	char cable[IFNAMSIZ];
	struct ifreq r;

	cable_of(ifname, cable);
	if (ask_linux(SIOCGIFFLAGS, &r, ifname) == 0 && (r.ifr_flags & IFF_UP) != 0) {
		wait_until_it_runs(ifname);
		wait_until_it_runs(cable);
	}
}

static int
set_linux_mtu(const char *ifname, int mtu)
{
	struct ifreq r = {.ifr_mtu = mtu};

	return ask_linux(SIOCSIFMTU, &r, ifname);
}

/* Whole frames, with their checksums, leave the interface: hwcsum and tso_support are 0. */
static int
switch_offloads_off(const char *ifname)
{
	static const uint32_t commands[] = {ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct ethtool_value off = {.cmd = commands[i]};
		struct ifreq r = {.ifr_data = (char *)&off};

		if (ask_linux(SIOCETHTOOL, &r, ifname) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
create_unit(unsigned long unit)
{
	const uint8_t mac[6] = {0x66, 0x65, 0x74, 0x68, (uint8_t)(unit >> 8), (uint8_t)unit};
	struct feth f = {.largest_mtu = read_largest_mtu()};
	char cable[IFNAMSIZ];

	snprintf(f.ifname, sizeof(f.ifname), "feth%lu", unit);
	cable_of(f.ifname, cable);
	/* An interface has the index of an earlier one of its name (dlil_ctl.c dlil_if_acquire, dlil.c ifnet_attach). */
	if (rtnl_make_veth(f.ifname, cable, mac, FIRST_INDEX + (uint32_t)unit, FIRST_CABLE_INDEX + (uint32_t)unit) < 0) {
		return -1;
	}
	if (set_linux_mtu(cable, 65535) < 0 || switch_offloads_off(f.ifname) < 0 || write_feth(&f) < 0) {
		standin_refuse("%s: %s", f.ifname, strerror(errno));
	}
	return 0;
}

static int
create(struct darwin_ifreq *r)
{
	unsigned long unit;

	if (strcmp(r->name, "feth") == 0) {
		for (unit = 0; create_unit(unit) < 0; unit++) {
			if (errno != EEXIST || unit == LARGEST_UNIT) {
				return -1;
			}
		}
		snprintf(r->name, sizeof(r->name), "feth%lu", unit);
		return 0;
	}
	if (!take_unit(r->name, &unit)) {
		errno = EINVAL; /* no cloner */
		return -1;
	}
	if (unit > LARGEST_UNIT) {
		errno = ENXIO;
		return -1;
	}
	return create_unit(unit);
}

/*
 * A process that is killed while it joins two, or takes them apart, leaves one that says so and one that does not, or a redirection that
 * neither tells of.  In a kernel there is no such moment: they are apart.
 */
static bool
is_joined(const struct feth *f, struct feth *peer)
{
	return f->peer[0] != '\0' && read_feth(f->peer, peer) == 0 && strcmp(peer->peer, f->ifname) == 0;
}

/* The cables of two, which are nobody else's, are joined. */
static int
join(struct feth *one, struct feth *other)
{
	char cables[2][IFNAMSIZ];

	cable_of(one->ifname, cables[0]);
	cable_of(other->ifname, cables[1]);
	strcpy(one->peer, other->ifname);
	strcpy(other->peer, one->ifname);
	if (rtnl_redirect_no_more(if_nametoindex(cables[0])) < 0 || rtnl_redirect_no_more(if_nametoindex(cables[1])) < 0 ||
	    rtnl_redirect(if_nametoindex(cables[0]), if_nametoindex(cables[1])) < 0 ||
	    rtnl_redirect(if_nametoindex(cables[1]), if_nametoindex(cables[0])) < 0 || set_linux_up(cables[0], true) < 0 ||
	    set_linux_up(cables[1], true) < 0 || write_feth(one) < 0 || write_feth(other) < 0) {
		return -1;
	}
	wait_for_cable(one->ifname);
	wait_for_cable(other->ifname);
	return 0;
}

/* Its end of what joined it to another. */
static int
part(struct feth *f)
{
	char cable[IFNAMSIZ];

	cable_of(f->ifname, cable);
	f->peer[0] = '\0';
	return set_linux_up(cable, false) < 0 || rtnl_redirect_no_more(if_nametoindex(cable)) < 0 ? -1 : write_feth(f);
}

/* Whatever it was joined to, it is no more, and that one is not. */
static int
take_apart(struct feth *one)
{
	struct feth other;

	if (one->peer[0] == '\0') {
		return 0;
	}
	if (is_joined(one, &other) && part(&other) < 0) {
		return -1;
	}
	return part(one);
}

static int
destroy(const struct darwin_ifreq *r)
{
	unsigned long unit;
	struct feth f;

	if (!take_unit(r->name, &unit)) {
		errno = EINVAL; /* no cloner */
		return -1;
	}
	if (read_feth(r->name, &f) < 0) {
		return -1;
	}
	if (take_apart(&f) < 0) {
		standin_refuse("%s cannot be parted from %s: %s", f.ifname, f.peer, strerror(errno));
	}
	standin_bridge_loses(f.ifname);
	return rtnl_delete(f.ifname);
}

static int
set_peer(const char *ifname, const char *peer)
{
	struct feth one, other, third;

	if (read_feth(ifname, &one) < 0) {
		return -1;
	}
	if (peer[0] == '\0') {
		return take_apart(&one);
	}
	if (strnlen(peer, 16) == 16 || strcmp(peer, ifname) == 0) {
		standin_refuse("SIOCSDRVSPEC: %.16s as the peer of %s", peer, ifname);
	}
	if (read_feth(peer, &other) < 0) {
		return -1;
	}
	if (is_joined(&one, &third) || is_joined(&other, &third)) {
		errno = EBUSY;
		return -1;
	}
	if (join(&one, &other) < 0) {
		standin_refuse("%s and %s cannot be joined: %s", ifname, peer, strerror(errno));
	}
	return 0;
}

static int
specify(bool set, struct darwin_ifdrv *r)
{
	struct feth f;

	if (read_feth(r->name, &f) < 0) {
		errno = errno == EINVAL ? EOPNOTSUPP : errno;
		return -1;
	}
	if (r->command != 1) {
		if (set && (r->command == 2 || r->command == 3)) {
			standin_refuse("SIOCSDRVSPEC: command %lu", (unsigned long)r->command);
		}
		errno = EOPNOTSUPP;
		return -1;
	}
	if (r->length < sizeof(struct fake_request)) {
		errno = EINVAL;
		return -1;
	}
	if (!set) {
		memset(r->data, 0, sizeof(*r->data));
		strcpy(r->data->u.peer, f.peer);
		return 0;
	}
	for (unsigned i = 0; i < 4; i++) {
		if (r->data->reserved[i] != 0) {
			errno = EINVAL;
			return -1;
		}
	}
	return set_peer(r->name, r->data->u.peer);
}

uint16_t
standin_feth_flags(const char *ifname, int linux_flags)
{
	uint16_t flags = BROADCAST | SIMPLEX | MULTICAST;
	struct feth f;

	if ((linux_flags & IFF_UP) != 0) {
		/* Whoever brings it up on Linux is in the place of ifconfig. */
		flags |= UP;
		flags |= read_feth(ifname, &f) == 0 && f.unrun ? 0 : RUNNING;
	}
	return flags;
}

void
standin_feth_addressed(const char *ifname)
{
	struct ifreq r;
	struct feth f;

	if (read_feth(ifname, &f) < 0 || ask_linux(SIOCGIFFLAGS, &r, ifname) < 0 || (r.ifr_flags & IFF_UP) != 0) {
		return;
	}
	f.unrun = true;
	if (write_feth(&f) < 0 || set_linux_up(ifname, true) < 0) {
		standin_refuse("%s: %s", ifname, strerror(errno));
	}
	if (f.peer[0] != '\0') {
		wait_for_cable(ifname);
	}
}

static int
set_flags(struct feth *f, const struct darwin_ifreq *r)
{
	/* RUNNING follows UP, here alone. */
	if (f->unrun) {
		f->unrun = false;
		if (write_feth(f) < 0) {
			return -1;
		}
	}
	if (set_linux_up(f->ifname, (r->u.flags & UP) != 0) < 0) {
		return -1;
	}
	if (f->peer[0] != '\0') {
		wait_for_cable(f->ifname);
	}
	return 0;
}

static int
set_mac(const struct feth *f, const struct darwin_ifreq *r)
{
	struct ifreq out = {.ifr_hwaddr.sa_family = 1 /* Ethernet */};

	if (r->u.address.length != 6 || r->u.address.family != 18) {
		standin_refuse("SIOCSIFLLADDR: length %u, family %u", r->u.address.length, r->u.address.family);
	}
	memcpy(out.ifr_hwaddr.sa_data, r->u.address.data, 6);
	return ask_linux(SIOCSIFHWADDR, &out, f->ifname);
}

/* Requests about one feth.  privileged: EPERM for others than root. */
static int
about_one(uint32_t request, struct darwin_ifreq *r, struct feth *f)
{
	struct ifreq linux_one;

	switch (request) {
	case 0x80206910: /* SIOCSIFFLAGS */
		return set_flags(f, r);
	case 0x80206934: /* SIOCSIFMTU */
		if (r->u.mtu < SMALLEST_MTU || r->u.mtu > f->largest_mtu) {
			errno = EINVAL;
			return -1;
		}
		return set_linux_mtu(f->ifname, r->u.mtu);
	case 0x8020693c: /* SIOCSIFLLADDR */
		return set_mac(f, r);
	default: /* SIOCGIFDEVMTU */
		if (ask_linux(SIOCGIFMTU, &linux_one, f->ifname) < 0) {
			return -1;
		}
		r->u.device_mtu.current = linux_one.ifr_mtu;
		r->u.device_mtu.smallest = SMALLEST_MTU;
		r->u.device_mtu.largest = f->largest_mtu;
		return 0;
	}
}

/* The requests that are known here. */
static const struct {
	uint32_t request;
	const char *name;
	bool by_anyone;
	bool of_one; /* where others than a feth may be meant */
} requests[] = {
	{0xc0206978, "ioctl/SIOCIFCREATE", false, false}, {0xc020697a, "ioctl/SIOCIFCREATE2", false, false},
	{0x80206979, "ioctl/SIOCIFDESTROY", false, false}, {0x8028697b, "ioctl/SIOCSDRVSPEC", false, false},
	{0xc028697b, "ioctl/SIOCGDRVSPEC", true, false}, {0x80206910, "ioctl/SIOCSIFFLAGS", false, true},
	{0x80206934, "ioctl/SIOCSIFMTU", false, true},
	{0x8020693c, "ioctl/SIOCSIFLLADDR", false, true}, {0xc0206944, "ioctl/SIOCGIFDEVMTU", true, true},
};

int
standin_feth_ioctl(uint32_t request, void *argument)
{
	size_t known = 0, count = sizeof(requests) / sizeof(requests[0]);
	struct feth f;

	while (known < count && requests[known].request != request) {
		known++;
	}
	if (known == count) {
		errno = ENOTTY;
		return -1;
	}
	errno = ENOTTY;
	if (requests[known].of_one && (strnlen(argument, 16) == 16 || read_feth(argument, &f) < 0)) {
		errno = errno == ENXIO ? ENXIO : ENOTTY;
		return -1;
	}
	if (standin_fails(requests[known].name)) {
		return -1;
	}
	if (!requests[known].by_anyone && geteuid() != 0) {
		errno = EPERM;
		return -1;
	}
	switch (request) {
	case 0xc0206978:
	case 0xc020697a:
		return create(argument);
	case 0x80206979:
		return destroy(argument);
	case 0x8028697b:
	case 0xc028697b:
		return specify(request == 0x8028697b, argument);
	default:
		return about_one(request, argument, &f);
	}
}

static int
set_largest_mtu(const void *new, size_t new_bytes)
{
	char text[RTNL_ALIAS_SIZE];
	int value;

	if (new_bytes != sizeof(value)) {
		standin_refuse("net.link.fake.max_mtu of %zu bytes", new_bytes);
	}
	if (geteuid() != 0) {
		errno = EPERM;
		return -1;
	}
	memcpy(&value, new, sizeof(value));
	if (value < PLAIN_MTU || value > LARGEST_MTU) {
		errno = EINVAL;
		return -1;
	}
	snprintf(text, sizeof(text), "net.link.fake.max_mtu=%d", value);
	return rtnl_set_alias(MACHINE, text);
}

int
standin_feth_sysctl(const char *name, void *old, size_t *old_bytes, const void *new, size_t new_bytes)
{
	int value = -1;

	if (strncmp(name, "net.link.fake.", 14) != 0) {
		errno = ENOENT;
		return -1;
	}
	if (standin_fails("sysctl/net.link.fake")) {
		return -1;
	}
	if (strcmp(name + 14, "max_mtu") == 0) {
		value = read_largest_mtu();
	}
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		if (strcmp(name + 14, settings[i].name) == 0) {
			value = settings[i].value;
		}
	}
	if (value < 0) {
		errno = ENOENT;
		return -1;
	}
	if (old != NULL) {
		if (*old_bytes != sizeof(value)) {
			standin_refuse("%s into %zu bytes", name, *old_bytes);
		}
		memcpy(old, &value, sizeof(value));
	}
	if (new == NULL) {
		return 0;
	}
	if (strcmp(name + 14, "max_mtu") != 0) {
		standin_refuse("%s is set", name);
	}
	return set_largest_mtu(new, new_bytes);
}
