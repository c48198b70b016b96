/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-inet.c - the Internet: options of its sockets, addresses as text and back.  See standin.h.
 *
 * There is no name service: a name that is no number is not known (EAI_NONAME).
 *
 * Sources: netdb.h (flags; EAI_NONAME 8 and its kin are positive there; in an addrinfo the name comes before the address), netinet/in.h
 * (IP_RECVDSTADDR 7: control data of that type is the address, 4 bytes; IP_DONTFRAG 28).
 */
#include "standin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct darwin_addrinfo {
	int flags, family, type, protocol;
	uint32_t address_bytes;
	char *name;
	uint8_t *address;
	struct darwin_addrinfo *next;
};

/* Darwin's: Linux's. */
struct pair {
	int darwin, linux;
};
static const struct pair info_flags[] = {
	{0x1, AI_PASSIVE}, {0x2, AI_CANONNAME}, {0x4, AI_NUMERICHOST}, {0x100, AI_ALL}, {0x400, AI_ADDRCONFIG}, {0x800, AI_V4MAPPED},
	{0x1000, AI_NUMERICSERV}, {0, 0},
};
static const struct pair name_flags[] = {
	{0x1, NI_NOFQDN}, {0x2, NI_NUMERICHOST}, {0x4, NI_NAMEREQD}, {0x8, NI_NUMERICSERV}, {0x10, NI_DGRAM}, {0, 0},
};
static const struct pair errors[] = {
	{2, EAI_AGAIN}, {3, EAI_BADFLAGS}, {4, EAI_FAIL}, {5, EAI_FAMILY}, {6, EAI_MEMORY}, {8, EAI_NONAME}, {9, EAI_SERVICE},
	{10, EAI_SOCKTYPE}, {11, EAI_SYSTEM}, {14, EAI_OVERFLOW}, {0, 0},
};

static int
linux_flags(const struct pair *known, int flags)
{
	int result = 0;

	for (; known->darwin != 0; known++) {
		result |= (flags & known->darwin) != 0 ? known->linux : 0;
		flags &= ~known->darwin;
	}
	if (flags != 0) {
		standin_refuse("flags %#x of a name", (unsigned)flags);
	}
	return result;
}

static int
darwin_result(int result)
{
	if (result == 0) {
		return 0;
	}
	for (const struct pair *error = errors; error->darwin != 0; error++) {
		if (error->linux == result) {
			return error->darwin;
		}
	}
	standin_refuse("getaddrinfo: Linux's error %d", result);
}

/* sys/socket.h: AF_UNSPEC 0, AF_INET 2, AF_INET6 30. */
static int
linux_family(int family)
{
	if (family != 0 && family != 2 && family != 30) {
		standin_refuse("getaddrinfo: family %d", family);
	}
	return family == 30 ? AF_INET6 : family;
}

static void
darwin_freeaddrinfo(struct darwin_addrinfo *list)
{
	while (list != NULL) {
		struct darwin_addrinfo *next = list->next;

		free(list->name);
		free(list->address);
		free(list);
		list = next;
	}
}

static struct darwin_addrinfo *
give_info(const struct addrinfo *in)
{
	struct darwin_addrinfo *out = calloc(1, sizeof(*out));

	out->flags = 0; /* what was asked: of no use to anybody */
	out->family = in->ai_family == AF_INET6 ? 30 : in->ai_family;
	out->type = in->ai_socktype;
	out->protocol = in->ai_protocol;
	out->address_bytes = 128;
	out->address = calloc(1, 128);
	standin_darwin_address((const struct sockaddr_storage *)(const void *)in->ai_addr, in->ai_addrlen, out->address,
	    &out->address_bytes);
	out->name = in->ai_canonname != NULL ? strdup(in->ai_canonname) : NULL;
	return out;
}

static int
darwin_getaddrinfo(const char *node, const char *service, const struct darwin_addrinfo *hints, struct darwin_addrinfo **list)
{
	struct addrinfo in = {.ai_flags = AI_NUMERICHOST}, *found;
	struct darwin_addrinfo **last = list;
	int result;

	if (hints != NULL) {
		in.ai_flags |= linux_flags(info_flags, hints->flags);
		in.ai_family = linux_family(hints->family);
		in.ai_socktype = hints->type;
		in.ai_protocol = hints->protocol;
	}
	result = getaddrinfo(node, service, &in, &found);
	if (result != 0) {
		return darwin_result(result);
	}
	*list = NULL;
	for (const struct addrinfo *one = found; one != NULL; one = one->ai_next) {
		*last = give_info(one);
		last = &(*last)->next;
	}
	freeaddrinfo(found);
	return 0;
}

static const char *
darwin_gai_strerror(int error)
{
	for (const struct pair *known = errors; known->darwin != 0; known++) {
		if (known->darwin == error) {
			return gai_strerror(known->linux);
		}
	}
	return "Unknown error";
}

static int
darwin_getnameinfo(const void *address, uint32_t bytes, char *host, uint32_t host_bytes, char *service, uint32_t service_bytes, int flags)
{
	struct sockaddr_storage in;
	socklen_t length = standin_linux_address(address, bytes, &in);

	return darwin_result(getnameinfo((const struct sockaddr *)&in, length, host, host_bytes, service, service_bytes,
	    linux_flags(name_flags, flags)));
}

/* -1 with ENOPROTOOPT: it is none of the Internet's. */
int
standin_inet_setsockopt(int fd, int level, int option, const void *value, uint32_t bytes)
{
	int on;

	if (level != IPPROTO_IP || bytes != sizeof(on)) {
		errno = ENOPROTOOPT;
		return -1;
	}
	memcpy(&on, value, sizeof(on));
	switch (option) {
	case 7: /* IP_RECVDSTADDR */
		return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	case 28: /* IP_DONTFRAG */
		on = on != 0 ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
		return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &on, sizeof(on));
	default:
		errno = ENOPROTOOPT;
		return -1;
	}
}

const struct standin_symbol standin_inet_symbols[] = {
	OTHER(freeaddrinfo), OTHER(gai_strerror), OTHER(getaddrinfo), OTHER(getnameinfo), SAME(inet_addr), SAME(inet_aton), SAME(inet_ntoa),
	{"_in6addr_any", (void *)(uintptr_t)&in6addr_any},
	{NULL, NULL},
};
