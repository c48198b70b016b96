/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-iflist.c - the sysctl that lists interfaces, and the functions of the C library that go by it.  See standin.h.
 *
 * Sources: darwin.md 5; XNU bsd/net/rtsock.c sysctl_iflist, sysctl_iflist2, bsd/net/if_dl.h, bsd/net/if_var.h; Libinfo gen.subproj.
 */
#include "standin.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "standin-feth.h"

#define AF_LINK 18

/* The entry of the interface itself; the C library gives one without a hardware address no address at all. */
static bool
is_link(const struct ifaddrs *of)
{
	return of->ifa_addr == NULL || of->ifa_addr->sa_family == AF_PACKET;
}

static struct ifreq
read_mtu(const char *ifname)
{
	struct ifreq in = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(in.ifr_name, ifname);
	(void)ioctl(fd, SIOCGIFMTU, &in);
	close(fd);
	return in;
}

/* What the sysctl writes, as far as there is room. */
struct answer {
	uint8_t *data;
	size_t bytes, room;
};

static void
put(struct answer *a, const void *data, size_t bytes)
{
	if (a->bytes + bytes <= a->room) {
		memcpy(a->data + a->bytes, data, bytes);
	}
	a->bytes += bytes;
}

/* Each sockaddr takes a multiple of four bytes (ROUNDUP32). */
static void
put_address(struct answer *a, const uint8_t *address)
{
	static const uint8_t zeroes[4];
	size_t bytes = address[0] == 0 ? 4 : address[0], step = (bytes + 3) & ~(size_t)3;

	put(a, address, bytes);
	put(a, zeroes, step - bytes);
}

/* sockaddr_dl: at least 20 bytes. */
static void
fill_link(uint8_t link[64], const char *ifname, uint32_t index, const struct sockaddr_ll *hardware)
{
	size_t name = strlen(ifname), address = hardware != NULL && hardware->sll_hatype == 1 ? 6 : 0;
	bool loopback = strncmp(ifname, "lo", 2) == 0;

	memset(link, 0, 64);
	link[0] = (uint8_t)(8 + name + address < 20 ? 20 : 8 + name + address);
	link[1] = AF_LINK;
	link[2] = (uint8_t)index;
	link[3] = (uint8_t)(index >> 8);
	link[4] = (uint8_t)(address == 6 ? 6 : loopback ? 24 : 1); /* IFT_ETHER, IFT_LOOP, IFT_OTHER */
	link[5] = (uint8_t)name;
	link[6] = (uint8_t)address;
	memcpy(link + 8, ifname, name);
	if (address == 6) {
		memcpy(link + 8 + name, hardware->sll_addr, 6);
	}
}

/* RTM_IFINFO2 (18) with 64-bit counters, or RTM_IFINFO (14), and the sockaddr_dl after it (RTA_IFP, 0x10). */
static void
put_interface(struct answer *a, const struct ifaddrs *of, uint32_t index, bool wide)
{
	struct {
		uint16_t length;
		uint8_t version, type;
		int32_t addresses, flags;
		uint16_t index, pad;
	} head = {.version = 5, .type = wide ? 18 : 14, .addresses = 0x10, .index = (uint16_t)index};
	const struct rtnl_link_stats *stats = of->ifa_data;
	struct ifreq in = {0};
	uint8_t link[64];
	uint64_t counts[14] = {0};
	uint32_t words[24] = {0};

	fill_link(link, of->ifa_name, index, (const struct sockaddr_ll *)(void *)of->ifa_addr);
	in = read_mtu(of->ifa_name);
	head.flags = standin_interface_flags(of->ifa_name, (int)of->ifa_flags);
	head.length = (uint16_t)((wide ? 160 : 112) + ((link[0] + 3u) & ~3u));
	put(a, &head, sizeof(head));
	words[0] = link[4];
	words[2] = (uint32_t)in.ifr_mtu;
	if (wide) {
		static const uint8_t queue[16];

		counts[1] = stats->rx_packets;
		counts[2] = stats->rx_errors;
		counts[3] = stats->tx_packets;
		counts[4] = stats->tx_errors + stats->tx_dropped;
		counts[6] = stats->rx_bytes;
		counts[7] = stats->tx_bytes;
		counts[10] = stats->rx_dropped;
		put(a, queue, sizeof(queue));
		put(a, words, 16);
		put(a, counts, sizeof(counts)); /* baudrate to noproto, timings, the last change */
	} else {
		words[5] = stats->rx_packets;
		words[7] = stats->tx_packets;
		words[10] = stats->rx_bytes;
		words[11] = stats->tx_bytes;
		put(a, words, sizeof(words));
	}
	put_address(a, link);
}

/* An address as a sockaddr of Darwin's; 0 bytes of length: none.  A mask ends where its zeroes begin, and has no family. */
static void
fill_inet(uint8_t out[32], const struct sockaddr *in, uint32_t index, bool mask)
{
	memset(out, 0, 32);
	if (in == NULL || (in->sa_family != AF_INET && in->sa_family != AF_INET6)) {
		return;
	}
	if (in->sa_family == AF_INET) {
		memcpy(out, in, sizeof(struct sockaddr_in));
		out[0] = sizeof(struct sockaddr_in);
		out[1] = 2;
	} else {
		memcpy(out, in, sizeof(struct sockaddr_in6));
		out[0] = sizeof(struct sockaddr_in6);
		out[1] = 30;
		if (!mask && out[8] == 0xfe && (out[9] & 0xc0) == 0x80) {
			/* The kernel's own form: the scope is inside. */
			out[10] = (uint8_t)(index >> 8);
			out[11] = (uint8_t)index;
			memset(out + 24, 0, 4);
		}
	}
	if (mask) {
		out[1] = 0;
		while (out[0] > 0 && out[out[0] - 1] == 0) {
			out[0]--;
		}
	}
}

/* RTM_NEWADDR (12): netmask (0x4), address (0x20), broadcast or the other end (0x80). */
static void
put_inet(struct answer *a, const struct ifaddrs *of, uint32_t index)
{
	struct {
		uint16_t length;
		uint8_t version, type;
		int32_t addresses, flags;
		uint16_t index, pad;
		int32_t metric;
	} head = {.version = 5, .type = 12, .addresses = 0x24, .index = (uint16_t)index};
	uint8_t address[32], mask[32], other[32];
	size_t bytes = sizeof(head);

	fill_inet(address, of->ifa_addr, index, false);
	fill_inet(mask, of->ifa_netmask, index, true);
	fill_inet(other, of->ifa_ifu.ifu_dstaddr, index, false);
	head.addresses |= other[0] != 0 ? 0x80 : 0;
	bytes += (address[0] + 3u) & ~3u;
	bytes += mask[0] == 0 ? 4 : (mask[0] + 3u) & ~3u;
	bytes += (other[0] + 3u) & ~3u;
	head.length = (uint16_t)bytes;
	put(a, &head, sizeof(head));
	put_address(a, mask);
	put_address(a, address);
	if (other[0] != 0) {
		put_address(a, other);
	}
}

/* {CTL_NET 4, PF_ROUTE 17, 0, family, NET_RT_IFLIST 3 or NET_RT_IFLIST2 6, index}: one interface, or all; then its addresses. */
static int
list_interfaces(const int *mib, uint8_t *data, size_t *bytes)
{
	struct answer a = {.data = data, .room = data != NULL ? *bytes : 0};
	struct ifaddrs *list;

	if (getifaddrs(&list) < 0) {
		return -1;
	}
	for (const struct ifaddrs *of = list; of != NULL; of = of->ifa_next) {
		uint32_t index = is_link(of) ? if_nametoindex(of->ifa_name) : 0;

		if (index == 0 || standin_is_hidden(of->ifa_name) || (mib[5] != 0 && (uint32_t)mib[5] != index)) {
			continue;
		}
		put_interface(&a, of, index, mib[4] == 6);
		for (const struct ifaddrs *own = list; own != NULL; own = own->ifa_next) {
			if (mib[3] == 0 && !is_link(own) && strcmp(own->ifa_name, of->ifa_name) == 0) {
				put_inet(&a, own, index);
			}
		}
	}
	freeifaddrs(list);
	*bytes = a.bytes;
	if (data != NULL && a.bytes > a.room) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

static int
darwin_sysctl(const int *mib, uint32_t count, void *data, size_t *bytes, const void *new, size_t new_bytes)
{
	if (count != 6 || mib[0] != 4 || mib[1] != 17 || mib[2] != 0 || (mib[4] != 3 && mib[4] != 6) ||
	    (mib[3] != 0 && mib[3] != AF_LINK) ||
	    new != NULL || bytes == NULL) {
		standin_refuse("sysctl of %u numbers: %d, %d", count, mib[0], mib[1]);
	}
	return (int)standin_translated(standin_fails("sysctl/interfaces") ? -1 : list_interfaces(mib, data, bytes));
}

/* Whether the machine forwards, a number of 32 bits that root alone may change: Linux's. */
static const struct {
	const char *name, *linux_path;
} forwarding[] = {
	{"net.inet.ip.forwarding", "/proc/sys/net/ipv4/ip_forward"}, {"net.inet6.ip6.forwarding", "/proc/sys/net/ipv6/conf/all/forwarding"},
};

static int
use_forwarding(const char *path, void *data, const size_t *bytes, const void *new, size_t new_bytes)
{
	int fd = open(path, new != NULL ? O_RDWR : O_RDONLY), value;
	char text;

	if (fd < 0) {
		errno = errno == EACCES ? EPERM : errno;
		return -1;
	}
	if (read(fd, &text, 1) != 1) {
		standin_refuse("%s: %s", path, strerror(errno));
	}
	if (data != NULL) {
		value = text != '0';
		if (*bytes != sizeof(value)) {
			standin_refuse("a switch into %zu bytes", *bytes);
		}
		memcpy(data, &value, sizeof(value));
	}
	if (new != NULL) {
		if (new_bytes != sizeof(value)) {
			standin_refuse("a switch of %zu bytes", new_bytes);
		}
		memcpy(&value, new, sizeof(value));
		if (pwrite(fd, value != 0 ? "1" : "0", 1, 0) != 1) {
			standin_refuse("%s: %s", path, strerror(errno));
		}
	}
	close(fd);
	return 0;
}

/* One that an earlier macOS does not have is ENOENT. */
static int
darwin_sysctlbyname(const char *name, void *data, size_t *bytes, const void *new, size_t new_bytes)
{
	for (size_t i = 0; i < sizeof(forwarding) / sizeof(forwarding[0]); i++) {
		if (strcmp(name, forwarding[i].name) == 0) {
			return (int)standin_translated(standin_fails(new != NULL ? "sysctl/set-forwarding" : "sysctl/forwarding") ? -1 :
			    use_forwarding(forwarding[i].linux_path, data, bytes, new, new_bytes));
		}
	}
	return (int)standin_translated(standin_feth_sysctl(name, data, bytes, new, new_bytes));
}

/* ifaddrs.h has Linux's layout, with Darwin's addresses; each is one piece of memory with what it points to. */
struct darwin_ifaddrs {
	struct ifaddrs shown;
	char name[16];
	uint8_t address[64], mask[32], other[32];
};

static struct darwin_ifaddrs *
make_entry(const struct ifaddrs *of)
{
	struct darwin_ifaddrs *entry = calloc(1, sizeof(*entry));
	uint32_t index = if_nametoindex(of->ifa_name);

	if (entry == NULL) {
		standin_refuse("no memory");
	}
	strncpy(entry->name, of->ifa_name, sizeof(entry->name) - 1);
	entry->shown.ifa_name = entry->name;
	entry->shown.ifa_flags = standin_interface_flags(of->ifa_name, (int)of->ifa_flags);
	entry->shown.ifa_addr = (struct sockaddr *)(void *)entry->address;
	if (is_link(of)) {
		fill_link(entry->address, of->ifa_name, index, (const struct sockaddr_ll *)(void *)of->ifa_addr);
		return entry;
	}
	fill_inet(entry->address, of->ifa_addr, index, false);
	fill_inet(entry->mask, of->ifa_netmask, index, false);
	fill_inet(entry->other, of->ifa_ifu.ifu_dstaddr, index, false);
	entry->shown.ifa_netmask = entry->mask[0] != 0 ? (struct sockaddr *)(void *)entry->mask : NULL;
	entry->shown.ifa_ifu.ifu_dstaddr = entry->other[0] != 0 ? (struct sockaddr *)(void *)entry->other : NULL;
	return entry;
}

static int
darwin_getifaddrs(struct ifaddrs **list)
{
	struct ifaddrs *in;

	*list = NULL;
	if (standin_fails("getifaddrs") || getifaddrs(&in) < 0) {
		return (int)standin_translated(-1);
	}
	for (const struct ifaddrs *of = in; of != NULL; of = of->ifa_next) {
		if (standin_is_hidden(of->ifa_name)) {
			continue;
		}
		*list = &make_entry(of)->shown;
		list = &(*list)->ifa_next;
	}
	freeifaddrs(in);
	return 0;
}

static void
darwin_freeifaddrs(struct ifaddrs *list)
{
	while (list != NULL) {
		struct ifaddrs *next = list->ifa_next;

		free(list);
		list = next;
	}
}

static unsigned
darwin_if_nametoindex(const char *name)
{
	unsigned index = standin_fails("if_nametoindex") ? 0 : if_nametoindex(name);

	if (index == 0) {
		errno = errno == ENODEV ? ENXIO : errno;
		(void)standin_translated(-1);
	}
	return index;
}

static char *
darwin_if_indextoname(unsigned index, char *name)
{
	char *result = standin_fails("if_indextoname") ? NULL : if_indextoname(index, name);

	if (result == NULL) {
		(void)standin_translated(-1);
	}
	return result;
}

const struct standin_symbol standin_iflist_symbols[] = {
	OTHER(freeifaddrs), OTHER(getifaddrs), OTHER(if_indextoname), OTHER(if_nametoindex), OTHER(sysctl), OTHER(sysctlbyname),
	SAME(if_nameindex), SAME(if_freenameindex),
	{NULL, NULL},
};
