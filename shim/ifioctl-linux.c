/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ifioctl-linux.c - Linux's interface ioctls by a device's name.  See ifioctl.h.
 *
 * Theory of operation.  The program's own call comes first.  What it answers is the answer, unless it says that there is no interface of
 * that name (ENODEV, which every one of these says before it does anything) and a device has the name: then it is made once more, by the
 * interface's name.  So an interface that is really called tap0 is never hidden, and where names are the same nothing is added.  Requests
 * are told by their number alone: programs make them on sockets of any family.
 *
 * The second call is made on a copy.  The program's structure may be in read-only memory, or seen by other threads; of its bytes, those
 * beside the name are written if the kernel changed them, and the name never.  Some programs bring less room than the structure (18 bytes,
 * name and flags), but the kernel has just read all of it, or the first call would have been EFAULT.
 *
 * Not here: the wireless requests and those of drivers (SIOCDEVPRIVATE), whose structures are their own; and bonding, vlan and bridge
 * requests that carry a second name.  SIOCBRADDIF goes by index.
 *
 * Sources: netdevice(7), arp(7), rtnetlink(7); net/core/dev_ioctl.c, net/ipv4/devinet.c (an alias is of the interface before its
 * colon), net/ipv4/arp.c, net/ipv4/fib_frontend.c (rt_dev); linux/sockios.h.
 */
#include "ifioctl.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ifname.h"
#include "real.h"

#define NAME_BYTES IFNAMSIZ
static_assert(IFNAMSIZ == IFNAME_SIZE, "a name of ours is a name of the kernel's");

/* A request whose argument has a name in it. */
struct by_name {
	uint32_t request;
	uint16_t bytes;   /* of the argument, as the kernel reads it */
	uint16_t name_at;
};

#define IFREQ(request) {request, sizeof(struct ifreq), offsetof(struct ifreq, ifr_name)}
#define ARPREQ(request) {request, sizeof(struct arpreq), offsetof(struct arpreq, arp_dev)}
#define BYTES_MAX sizeof(struct arpreq)

static const struct by_name requests[] = {
	IFREQ(SIOCGIFFLAGS), IFREQ(SIOCSIFFLAGS), IFREQ(SIOCGIFPFLAGS), IFREQ(SIOCSIFPFLAGS), IFREQ(SIOCGIFADDR), IFREQ(SIOCSIFADDR),
	IFREQ(SIOCDIFADDR), IFREQ(SIOCGIFDSTADDR), IFREQ(SIOCSIFDSTADDR), IFREQ(SIOCGIFBRDADDR), IFREQ(SIOCSIFBRDADDR),
	IFREQ(SIOCGIFNETMASK), IFREQ(SIOCSIFNETMASK), IFREQ(SIOCGIFMETRIC), IFREQ(SIOCSIFMETRIC), IFREQ(SIOCGIFMEM), IFREQ(SIOCSIFMEM),
	IFREQ(SIOCGIFMTU), IFREQ(SIOCSIFMTU), IFREQ(SIOCSIFNAME), IFREQ(SIOCGIFHWADDR), IFREQ(SIOCSIFHWADDR), IFREQ(SIOCSIFHWBROADCAST),
	IFREQ(SIOCGIFENCAP), IFREQ(SIOCSIFENCAP), IFREQ(SIOCADDMULTI), IFREQ(SIOCDELMULTI), IFREQ(SIOCGIFINDEX), IFREQ(SIOCGIFTXQLEN),
	IFREQ(SIOCSIFTXQLEN), IFREQ(SIOCGIFMAP), IFREQ(SIOCSIFMAP), IFREQ(SIOCETHTOOL), IFREQ(SIOCGMIIPHY), IFREQ(SIOCGMIIREG),
	IFREQ(SIOCSMIIREG), IFREQ(SIOCBRADDIF), IFREQ(SIOCBRDELIF), IFREQ(SIOCSHWTSTAMP), IFREQ(SIOCGHWTSTAMP),
	ARPREQ(SIOCGARP), ARPREQ(SIOCSARP), ARPREQ(SIOCDARP),
};

static const struct by_name *
find(uint32_t request)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i].request == request) {
			return &requests[i];
		}
	}
	return NULL;
}

/* A name as the kernel reads it: what fills its field is cut. */
static void
read_name(const char *from, char name[NAME_BYTES])
{
	memcpy(name, from, NAME_BYTES);
	name[NAME_BYTES - 1] = '\0';
}

/* The kernel's name, in memory that the kernel has just written, becomes the device's. */
static void
put_back(char *at)
{
	char name[NAME_BYTES], device[NAME_BYTES] = {0};

	read_name(at, name);
	if (ifname_to_device(name, device)) {
		memcpy(at, device, sizeof(device));
	}
}

/* The name is a device's: the same request by its interface's.  False: it is not, and errno is kept. */
static bool
again(int fd, const struct by_name *row, char *argument, int *result)
{
	char copy[BYTES_MAX], before[BYTES_MAX], name[NAME_BYTES], ifname[NAME_BYTES] = {0};
	size_t after = row->name_at + NAME_BYTES;

	read_name(argument + row->name_at, name);
	if (!ifname_of_device(name, ifname)) {
		return false;
	}
	memcpy(before, argument, row->bytes);
	memcpy(copy, before, row->bytes);
	memcpy(copy + row->name_at, ifname, sizeof(ifname));
	*result = real_ioctl(fd, (ioctl_request)row->request, copy);
	if (memcmp(copy, before, row->name_at) != 0) {
		memcpy(argument, copy, row->name_at);
	}
	if (memcmp(copy + after, before + after, row->bytes - after) != 0) {
		memcpy(argument + after, copy + after, row->bytes - after);
	}
	return true;
}

/* A route through an interface: the name is outside the structure.  IPv6's structure is another, and has an index. */
static bool
again_route(int fd, uint32_t request, const struct rtentry *route, int *result)
{
	char name[NAME_BYTES], ifname[NAME_BYTES];
	socklen_t size = sizeof(int);
	struct rtentry copy;
	int family, saved = errno;

	if (real_getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0 || family != AF_INET || route->rt_dev == NULL) {
		errno = saved;
		return false;
	}
	/* The kernel reads no more than fits. */
	memcpy(name, route->rt_dev, strnlen(route->rt_dev, NAME_BYTES - 1));
	name[strnlen(route->rt_dev, NAME_BYTES - 1)] = '\0';
	if (!ifname_of_device(name, ifname)) {
		return false;
	}
	copy = *route;
	copy.rt_dev = ifname;
	*result = real_ioctl(fd, (ioctl_request)request, &copy);
	return true;
}

static void
put_back_all(const struct ifconf *list)
{
	if (list->ifc_req != NULL) {
		for (int i = 0; i < list->ifc_len / (int)sizeof(struct ifreq); i++) {
			put_back(list->ifc_req[i].ifr_name);
		}
	}
}

bool
ifioctl(int fd, uint32_t request, void *argument, int *result)
{
	const struct by_name *row = NULL;
	int saved = errno;

	/* sockios.h: all of them are of this kind. */
	if (request >> 8 != SOCK_IOC_TYPE) {
		return false;
	}
	if (request != SIOCGIFNAME && request != SIOCGIFCONF && request != SIOCADDRT && request != SIOCDELRT &&
	    (row = find(request)) == NULL) {
		return false;
	}
	*result = real_ioctl(fd, (ioctl_request)request, argument);
	if (*result == 0) {
		switch (request) {
		case SIOCGIFNAME:
			put_back(((struct ifreq *)argument)->ifr_name);
			break;
		case SIOCGIFCONF:
			put_back_all(argument);
			break;
		case SIOCGARP:
			put_back(((struct arpreq *)argument)->arp_dev);
			break;
		default:
			break;
		}
	} else if (errno == ENODEV && (row != NULL ? again(fd, row, argument, result) :
	    (request == SIOCADDRT || request == SIOCDELRT) && again_route(fd, request, argument, result)) && *result == 0) {
		errno = saved;
	}
	return true;
}
