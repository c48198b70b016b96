/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.c - the C library's functions that take or give an interface's name.
 *
 * As with ioctls (ifioctl.h): a name goes to the C library first, and only one that no interface has is looked up among the devices.
 * What comes back is the kernel's name, and becomes the device's in the memory that the C library has just filled.
 *
 * getifaddrs.  A longer name may not fit where a shorter one was: the platform says how much room there is.
 *
 * if_nameindex.  There a name may have no room to spare, and is freed with or without its list, as the C library likes.  A list in which
 * something changes is made anew, in a mapping, and if_freenameindex knows those by where and how they begin.
 *
 * getaddrinfo and getnameinfo: the zone of an IPv6 address ("fe80::1%tap0") is an interface's name.
 *
 * None of these is on the packet path.  They are as safe in signal handlers as the C library's own: if_nametoindex, if_indextoname
 * and the options of sockets are, the others allocate.
 */
#include <assert.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "ifname.h"
#include "os.h"
#include "real.h"

static_assert(IF_NAMESIZE == IFNAME_SIZE, "a name of ours is a name of the C library's");

/* Bytes of "ADDRESS%ZONE" that are looked at; the longest textual address has 45 (INET6_ADDRSTRLEN). */
#define NODE_SIZE 80

unsigned
shim_if_nametoindex(const char *name)
{
	char ifname[IFNAME_SIZE];
	int saved = errno;
	unsigned index = real_if_nametoindex(name);

	if (index == 0 && ifname_of_device(name, ifname)) {
		index = real_if_nametoindex(ifname);
		if (index != 0) {
			errno = saved;
		}
	}
	return index;
}

char *
shim_if_indextoname(unsigned index, char *name)
{
	char device[IFNAME_SIZE];

	name = real_if_indextoname(index, name);
	if (name != NULL && ifname_to_device(name, device)) {
		strcpy(name, device);
	}
	return name;
}

int
shim_getifaddrs(struct ifaddrs **list)
{
	char device[IFNAME_SIZE];
	int result = real_getifaddrs(list);

	if (result == 0) {
		for (const struct ifaddrs *entry = *list; entry != NULL; entry = entry->ifa_next) {
			if (entry->ifa_name != NULL && ifname_to_device(entry->ifa_name, device) &&
			    strlen(device) <= os_ifaddrs_room(entry->ifa_name)) {
				strcpy(entry->ifa_name, device);
			}
		}
	}
	return result;
}

#define OUR_LIST UINT64_C(0x7878646e69665474)

/* A list made anew: this, then the array, then the names. */
struct our_list {
	uint64_t mark;
	size_t bytes; /* of the mapping */
	struct if_nameindex entries[];
};

static bool
has_ours(const struct if_nameindex *list, size_t *count)
{
	char device[IFNAME_SIZE];
	bool found = false;

	for (*count = 0; list[*count].if_name != NULL; ++*count) {
		found = found || ifname_to_device(list[*count].if_name, device);
	}
	return found;
}

struct if_nameindex *
shim_if_nameindex(void)
{
	struct if_nameindex *list = real_if_nameindex();
	struct our_list *ours;
	size_t count, bytes;
	char (*names)[IFNAME_SIZE];

	if (list == NULL || !has_ours(list, &count)) {
		return list;
	}
	bytes = sizeof(*ours) + (count + 1) * sizeof(*list) + count * sizeof(*names);
	ours = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ours == MAP_FAILED) {
		real_if_freenameindex(list);
		errno = ENOBUFS;
		return NULL;
	}
	ours->mark = OUR_LIST;
	ours->bytes = bytes;
	names = (void *)&ours->entries[count + 1];
	for (size_t i = 0; i < count; i++) {
		ours->entries[i] = (struct if_nameindex){.if_index = list[i].if_index, .if_name = names[i]};
		if (!ifname_to_device(list[i].if_name, names[i])) {
			memcpy(names[i], list[i].if_name, strnlen(list[i].if_name, sizeof(names[i]) - 1));
		}
	}
	real_if_freenameindex(list);
	return ours->entries;
}

void
shim_if_freenameindex(struct if_nameindex *list)
{
	struct our_list *ours = (void *)((uintptr_t)list - sizeof(*ours));

	/* A mapping begins at a page, and no page is smaller than this; what is before the C library's own there is its bookkeeping. */
	if (list != NULL && (uintptr_t)ours % 4096 == 0 && ours->mark == OUR_LIST) {
		munmap(ours, ours->bytes);
	} else {
		real_if_freenameindex(list);
	}
}

int
shim_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	char zoned[NODE_SIZE], ifname[IFNAME_SIZE];
	const char *zone = node != NULL ? strchr(node, '%') : NULL;
	size_t before;

	if (zone != NULL) {
		before = (size_t)(++zone - node);
		if (before + sizeof(ifname) <= sizeof(zoned) && ifname_of_word(zone, ifname)) {
			memcpy(zoned, node, before);
			strcpy(zoned + before, ifname);
			node = zoned;
		}
	}
	return real_getaddrinfo(node, service, hints, list);
}

int
shim_getnameinfo(const struct sockaddr *address, socklen_t size, char *host, socklen_t host_size, char *service,
    socklen_t service_size, int flags)
{
	int result = real_getnameinfo(address, size, host, host_size, service, service_size, flags);
	char device[IFNAME_SIZE], *zone;

	if (result == 0 && host != NULL && host_size > 0 && address->sa_family == AF_INET6) {
		zone = strchr(host, '%');
		if (zone != NULL && ifname_to_device(++zone, device)) {
			if ((size_t)(zone - host) + strlen(device) >= host_size) {
				return EAI_OVERFLOW;
			}
			strcpy(zone, device);
		}
	}
	return result;
}

#ifdef ENTRY_setsockopt
int
shim_setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
	char name[IFNAME_SIZE] = {0}, ifname[IFNAME_SIZE];
	int saved = errno, result = real_setsockopt(fd, level, option, value, size);

	if (result < 0 && errno == ENODEV && level == SOL_SOCKET && option == SO_BINDTODEVICE) {
		memcpy(name, value, size < sizeof(name) ? size : sizeof(name) - 1);
		if (ifname_of_device(name, ifname)) {
			result = real_setsockopt(fd, level, option, ifname, (socklen_t)strlen(ifname) + 1);
			if (result == 0) {
				errno = saved;
			}
		}
	}
	return result;
}

int
shim_getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
	int result = real_getsockopt(fd, level, option, value, size);
	char device[IFNAME_SIZE];

	/* The kernel wants room for any name, and ends it with a NUL (sock_getbindtodevice). */
	if (result == 0 && level == SOL_SOCKET && option == SO_BINDTODEVICE && *size > 0 && ifname_to_device(value, device)) {
		strcpy(value, device);
		*size = (socklen_t)strlen(device) + 1;
	}
	return result;
}
#endif
