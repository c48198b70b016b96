/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-netif.c - ioctls of interfaces.  See standin.h.
 *
 * Strictness.  A request has its size in it: one that is not in the list, or has another size there, ends the program; so does a sockaddr
 * of another length.
 *
 * Addresses.  What is set on a point-to-point interface makes a route to the other end and no other (XNU bsd/netinet/in.c in_ifinit); an
 * IPv6 prefix makes one to the prefix.  An address brings no utun up (darwin.md 1).
 *
 * Sources: darwin.md 1 and 5 (XNU bsd/sys/sockio.h, bsd/net/if.h, bsd/net/if.c, bsd/netinet/in.c).
 */
#include "standin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "standin-bridge.h"
#include "standin-feth.h"
#include "standin-kext.h"
#include "standin-netlink.h"
#include "standin-rtnl.h"

#define DARWIN_MULTICAST 0x8000
#define DARWIN_SIMPLEX 0x800

struct darwin_ifreq {
	char name[16];
	union {
		int16_t flags;
		int32_t mtu;
		uint8_t address[16];
	} u;
};
struct darwin_aliasreq {
	char name[16];
	uint8_t address[16], broadcast[16], mask[16];
};
struct darwin_in6_aliasreq {
	char name[16];
	uint8_t address[28], destination[28], mask[28];
	int32_t flags;
	int64_t expire, preferred;
	uint32_t valid_s, preferred_s;
};
_Static_assert(sizeof(struct darwin_ifreq) == 32 && sizeof(struct darwin_aliasreq) == 64 && sizeof(struct darwin_in6_aliasreq) == 128,
    "the kernel's layouts");

static bool
is_utun(const char *ifname)
{
	return strncmp(ifname, "utun", 4) == 0;
}

uint16_t
standin_interface_flags(const char *ifname, int linux_flags)
{
	int flags = linux_flags & (IFF_UP | IFF_BROADCAST | IFF_LOOPBACK | IFF_POINTOPOINT | IFF_RUNNING | IFF_NOARP | IFF_PROMISC);

	flags |= (linux_flags & IFF_MULTICAST) != 0 ? DARWIN_MULTICAST : 0;
	if (is_utun(ifname)) {
		/* RUNNING since it was made, and no SIMPLEX. */
		return (uint16_t)((linux_flags & IFF_UP) | IFF_POINTOPOINT | IFF_RUNNING | DARWIN_MULTICAST);
	}
	if (standin_is_feth(ifname)) {
		return standin_feth_flags(ifname, linux_flags);
	}
	if (standin_is_bridge(ifname)) {
		return standin_bridge_flags(linux_flags);
	}
	if (standin_is_kexts(ifname)) {
		return standin_kext_flags(ifname, linux_flags);
	}
	return (uint16_t)(flags | ((linux_flags & IFF_BROADCAST) != 0 ? DARWIN_SIMPLEX : 0));
}

/* An interface ioctl of Linux's: 0, or -1 with errno as Darwin has it. */
static int
ask_linux(unsigned long request, const char *name, struct ifreq *out)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	memcpy(out->ifr_name, name, sizeof(out->ifr_name));
	result = fd >= 0 ? ioctl(fd, request, out) : -1;
	if (fd >= 0) {
		int saved = errno;

		close(fd);
		errno = saved == ENODEV ? ENXIO : saved;
	}
	return result;
}

/* proc_suser */
static int
need_root(void)
{
	if (geteuid() == 0) {
		return 0;
	}
	errno = EPERM;
	return -1;
}

static int
get_flags(void *argument)
{
	struct darwin_ifreq *request = argument;
	struct ifreq in = {0};

	if (ask_linux(SIOCGIFFLAGS, request->name, &in) < 0) {
		return -1;
	}
	request->u.flags = (int16_t)standin_interface_flags(request->name, (uint16_t)in.ifr_flags);
	return 0;
}

/* Of what can be set, UP is what anybody sets (IFF_CANTCHANGE). */
static int
set_flags(void *argument)
{
	const struct darwin_ifreq *request = argument;
	struct ifreq in = {0};

	if (need_root() < 0 || ask_linux(SIOCGIFFLAGS, request->name, &in) < 0) {
		return -1;
	}
	in.ifr_flags = (short)((in.ifr_flags & ~IFF_UP) | (request->u.flags & IFF_UP));
	return ask_linux(SIOCSIFFLAGS, request->name, &in);
}

static int
get_mtu(void *argument)
{
	struct darwin_ifreq *request = argument;
	struct ifreq in = {0};

	if (ask_linux(SIOCGIFMTU, request->name, &in) < 0) {
		return -1;
	}
	request->u.mtu = in.ifr_mtu;
	return 0;
}

static int
set_mtu(void *argument)
{
	const struct darwin_ifreq *request = argument;
	struct ifreq out = {.ifr_mtu = request->u.mtu};

	if (need_root() < 0) {
		return -1;
	}
	if (request->u.mtu < 72 || request->u.mtu > 65535) {
		errno = EINVAL;
		return -1;
	}
	out.ifr_mtu = request->u.mtu;
	return ask_linux(SIOCSIFMTU, request->name, &out);
}

/* Of the tap of a kernel extension (standin-feth.c has feth's): the length is the sockaddr's, as the kernel takes it. */
static int
set_mac(void *argument)
{
	const struct darwin_ifreq *request = argument;
	struct ifreq out = {.ifr_hwaddr.sa_family = 1 /* Ethernet */};

	if (strncmp(request->name, "bridge", 6) == 0) {
		standin_refuse("SIOCSIFLLADDR (0x8020693c) of %s", request->name);
	}
	if (request->u.address[0] != 6 || request->u.address[1] != 18) {
		standin_refuse("SIOCSIFLLADDR: length %u, family %u", request->u.address[0], request->u.address[1]);
	}
	memcpy(out.ifr_hwaddr.sa_data, request->u.address + 2, 6);
	return need_root() < 0 ? -1 : ask_linux(SIOCSIFHWADDR, request->name, &out);
}

/* A sockaddr of IPv4; NULL: there is none. */
static const uint8_t *
inet_in(const uint8_t address[16], const char *what)
{
	if (address[0] == 0) {
		return NULL;
	}
	if (address[0] != 16 || (address[1] != 2 && address[1] != 0)) {
		standin_refuse("%s of length %u, family %u", what, address[0], address[1]);
	}
	return address + 4;
}

static unsigned
bits_of(const uint8_t *mask, size_t bytes)
{
	unsigned bits = 0;

	while (bits < 8 * bytes && (mask[bits / 8] & 0x80u >> bits % 8) != 0) {
		bits++;
	}
	return bits;
}

static int
find_index(const char name[16])
{
	struct ifreq in = {0};

	return ask_linux(SIOCGIFINDEX, name, &in) < 0 ? -1 : in.ifr_ifindex;
}

static int
add_address(void *argument)
{
	const struct darwin_aliasreq *request = argument;
	const uint8_t *address = inet_in(request->address, "ifra_addr"), *other = inet_in(request->broadcast, "ifra_broadaddr"),
	    *mask = inet_in(request->mask, "ifra_mask");
	struct ifaddrmsg message = {.ifa_family = AF_INET, .ifa_prefixlen = mask != NULL ? (uint8_t)bits_of(mask, 4) : 32};
	uint32_t flags = 0;
	struct standin_netlink m;
	struct ifreq in = {0};
	int index = find_index(request->name);

	if (need_root() < 0 || index < 0 || ask_linux(SIOCGIFFLAGS, request->name, &in) < 0) {
		return -1;
	}
	message.ifa_index = (uint32_t)index;
	if ((in.ifr_flags & IFF_POINTOPOINT) != 0) {
		flags = other == NULL ? IFA_F_NOPREFIXROUTE : 0;
		message.ifa_prefixlen = other == NULL ? message.ifa_prefixlen : 32;
	}
	standin_netlink_begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &message, sizeof(message));
	standin_netlink_add(&m, IFA_LOCAL, address, 4);
	if ((in.ifr_flags & IFF_POINTOPOINT) != 0 && other != NULL) {
		standin_netlink_add(&m, IFA_ADDRESS, other, 4);
	} else {
		standin_netlink_add(&m, IFA_ADDRESS, address, 4);
		if (other != NULL) {
			standin_netlink_add(&m, IFA_BROADCAST, other, 4);
		}
	}
	standin_netlink_add(&m, IFA_FLAGS, &flags, sizeof(flags));
	standin_feth_addressed(request->name); /* UP comes first, then the news of the address */
	return standin_netlink_ask(&m);
}

/* A sockaddr of IPv6; NULL: there is none. */
static const uint8_t *
inet6_in(const uint8_t address[28], const char *what)
{
	if (address[0] == 0) {
		return NULL;
	}
	if (address[0] != 28 || (address[1] != 30 && address[1] != 0)) {
		standin_refuse("%s of length %u, family %u", what, address[0], address[1]);
	}
	return address + 8;
}

static int
add_address6(void *argument)
{
	const struct darwin_in6_aliasreq *request = argument;
	const uint8_t *address = inet6_in(request->address, "ifra_addr"), *other = inet6_in(request->destination, "ifra_dstaddr"),
	    *mask = inet6_in(request->mask, "ifra_prefixmask");
	struct ifaddrmsg message = {.ifa_family = AF_INET6, .ifa_prefixlen = mask != NULL ? (uint8_t)bits_of(mask, 16) : 128,
	    .ifa_flags = IFA_F_NODAD};
	struct standin_netlink m;
	int index = find_index(request->name);

	if (need_root() < 0 || index < 0) {
		return -1;
	}
	if (request->flags != 0 || request->valid_s == 0) {
		standin_refuse("SIOCAIFADDR_IN6: flags %#x, lifetime %u", (unsigned)request->flags, request->valid_s);
	}
	message.ifa_index = (uint32_t)index;
	standin_netlink_begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &message, sizeof(message));
	standin_netlink_add(&m, IFA_LOCAL, address, 16);
	standin_netlink_add(&m, IFA_ADDRESS, other != NULL ? other : address, 16);
	return standin_netlink_ask(&m);
}

static int
delete_address(void *argument)
{
	const struct darwin_ifreq *request = argument;
	const uint8_t *address = inet_in(request->u.address, "ifr_addr");
	struct ifaddrmsg message = {.ifa_family = AF_INET, .ifa_prefixlen = 32};
	struct standin_netlink m;
	int index = find_index(request->name);

	if (need_root() < 0 || index < 0) {
		return -1;
	}
	message.ifa_index = (uint32_t)index;
	standin_netlink_begin(&m, RTM_DELADDR, 0, &message, sizeof(message));
	standin_netlink_add(&m, IFA_LOCAL, address, 4);
	return standin_netlink_ask(&m);
}

/* The first address, its other end, its mask. */
static int
get_address(void *argument, unsigned long linux_request)
{
	struct darwin_ifreq *request = argument;
	struct ifreq in = {.ifr_addr = {.sa_family = AF_INET}};

	if (ask_linux(linux_request, request->name, &in) < 0) {
		return -1;
	}
	memcpy(request->u.address, &in.ifr_addr, 16);
	request->u.address[0] = 16;
	request->u.address[1] = 2;
	return 0;
}

static int
get_first(void *argument)
{
	return get_address(argument, SIOCGIFADDR);
}

static int
get_destination(void *argument)
{
	return get_address(argument, SIOCGIFDSTADDR);
}

static int
get_mask(void *argument)
{
	return get_address(argument, SIOCGIFNETMASK);
}

/* Only what a cloner has made (if_clone_destroy); what it has made others may know. */
static int
destroy(void *argument)
{
	const struct darwin_ifreq *request = argument;

	if (need_root() < 0 || find_index(request->name) < 0) {
		return -1;
	}
	errno = EINVAL;
	return -1;
}

/* bsd/net/if.h, bsd/net/if_media.h: valid and active; IFM_ETHER or IFM_IEEE80211, whichever is automatic. */
struct __attribute__((packed, aligned(4))) darwin_ifmediareq {
	char name[16];
	int32_t current, mask, status, active, count;
	int32_t *list;
};
_Static_assert(sizeof(struct darwin_ifmediareq) == 44, "the kernel's layout (LP64)");

/* A tun, a feth and the loopback have none here; what is Wi-Fi says so in its alias. */
static int
get_media(void *argument)
{
	struct darwin_ifmediareq *request = argument;
	char text[RTNL_ALIAS_SIZE];

	if (find_index(request->name) < 0) {
		return -1;
	}
	if (strncmp(request->name, "en", 2) != 0 || rtnl_get_alias(request->name, text) < 0) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (request->count != 0 || request->list != NULL) {
		standin_refuse("SIOCGIFMEDIA with a list");
	}
	request->current = request->active = strcmp(text, "wifi") == 0 ? 0x80 : 0x20;
	request->mask = 0;
	request->status = 0x3;
	request->count = 1;
	return 0;
}

/* Status reaches the driver, and this one does not have it. */
static int
not_by_driver(void *argument)
{
	const struct darwin_ifreq *request = argument;

	if (find_index(request->name) < 0) {
		return -1;
	}
	errno = EOPNOTSUPP;
	return -1;
}

static const struct {
	uint32_t request;
	const char *call;
	int (*answer)(void *argument);
} requests[] = {
	{0xc0206911, "ioctl/SIOCGIFFLAGS", get_flags},
	{0x80206910, "ioctl/SIOCSIFFLAGS", set_flags},
	{0xc0206933, "ioctl/SIOCGIFMTU", get_mtu},
	{0x80206934, "ioctl/SIOCSIFMTU", set_mtu},
	{0x8020693c, "ioctl/SIOCSIFLLADDR", set_mac},
	{0x8040691a, "ioctl/SIOCAIFADDR", add_address},
	{0x8080691a, "ioctl/SIOCAIFADDR_IN6", add_address6},
	{0x80206919, "ioctl/SIOCDIFADDR", delete_address},
	{0xc0206921, "ioctl/SIOCGIFADDR", get_first},
	{0xc0206922, "ioctl/SIOCGIFDSTADDR", get_destination},
	{0xc0206925, "ioctl/SIOCGIFNETMASK", get_mask},
	{0x80206979, "ioctl/SIOCIFDESTROY", destroy},
	{0xc331693d, "ioctl/SIOCGIFSTATUS", not_by_driver},
	{0xc02c6938, "ioctl/SIOCGIFMEDIA", get_media},
};

int
standin_interface_ioctl(uint32_t request, void *argument)
{
	int result = standin_bridge_ioctl(request, argument);

	if (result < 0 && errno == ENOTTY) {
		result = standin_feth_ioctl(request, argument);
	}
	if (result == 0 || errno != ENOTTY) {
		return result;
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i].request == request) {
			return standin_fails(requests[i].call) ? -1 : requests[i].answer(argument);
		}
	}
	if ((request >> 8 & 0xff) == 'i') {
		standin_refuse("the interface ioctl %#x is none, or its size is another's", request);
	}
	errno = ENOTTY;
	return -1;
}
