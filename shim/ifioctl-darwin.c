/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ifioctl-darwin.c - interface ioctls of macOS by a device's name.  See ifioctl.h.
 *
 * Theory of operation.  As on Linux the program's own call comes first, and only one that is refused because nobody has the name (ENXIO) is
 * made once more, by the interface's name, on a copy.  A request's number tells how long its argument is, and in all of group 'i' that have
 * a name it stands first, sixteen bytes; so no list of requests is needed.  What has another shape is left to the kernel: the list of
 * interfaces, and the cloner's.
 *
 * Sources: XNU bsd/sys/sockio.h, bsd/sys/ioccom.h (13 bits of length), bsd/net/if.c ifioctl (ifunit_ref fails: ENXIO); and the
 * request of BPF that attaches to an interface.
 */
#include "ifioctl.h"

#include <errno.h>
#include <net/bpf.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioccom.h>
#include <sys/sockio.h>

#include "ifname.h"
#include "real.h"

#define NAME_BYTES IFNAMSIZ
_Static_assert(IFNAMSIZ == IFNAME_SIZE, "a name of ours is a name of the kernel's");

/* The longest argument with a name: SIOCGIFSTATUS, 817 bytes. */
#define BYTES_MAX 1024

static bool
has_name(uint32_t request)
{
	switch (request) {
	case (uint32_t)BIOCSETIF:
	case (uint32_t)BIOCGETIF:
		return true;
	case (uint32_t)SIOCGIFCONF:
		return false;
	case (uint32_t)SIOCIFCREATE:
	case (uint32_t)SIOCIFCREATE2:
		return false; /* the name is one that nobody has yet */
	default:
		return IOCGROUP(request) == 'i' && IOCPARM_LEN(request) >= NAME_BYTES && IOCPARM_LEN(request) <= BYTES_MAX;
	}
}

/* A name as the kernel reads it: what fills its field is cut. */
static void
read_name(const char *from, char name[NAME_BYTES])
{
	memcpy(name, from, NAME_BYTES);
	name[NAME_BYTES - 1] = '\0';
}

/* The name is a device's: the same request by its interface's.  False: it is not, and errno is kept. */
static bool
again(int fd, uint32_t request, char *argument, int *result)
{
	char copy[BYTES_MAX], before[BYTES_MAX], name[NAME_BYTES], ifname[NAME_BYTES] = {0};
	size_t bytes = IOCPARM_LEN(request);

	read_name(argument, name);
	if (!ifname_of_device(name, ifname)) {
		return false;
	}
	memcpy(before, argument, bytes);
	memcpy(copy, before, bytes);
	memcpy(copy, ifname, sizeof(ifname));
	*result = real_ioctl(fd, request, copy);
	/* The program's structure may be in memory that is only read. */
	if (memcmp(copy + NAME_BYTES, before + NAME_BYTES, bytes - NAME_BYTES) != 0) {
		memcpy(argument + NAME_BYTES, copy + NAME_BYTES, bytes - NAME_BYTES);
	}
	return true;
}

/* SIOCGIFCONF's list: each entry's length is that of its address, and no less than an ifreq's. */
static void
put_back_all(const struct ifconf *list)
{
	const char *end = list->ifc_buf + list->ifc_len;
	char name[NAME_BYTES], device[NAME_BYTES] = {0};

	for (char *at = list->ifc_buf; end - at >= (ptrdiff_t)sizeof(struct ifreq);) {
		const struct ifreq *entry = (const struct ifreq *)(void *)at;
		size_t bytes = NAME_BYTES + entry->ifr_addr.sa_len;

		read_name(at, name);
		if (ifname_to_device(name, device)) {
			memset(at, 0, NAME_BYTES);
			memcpy(at, device, strlen(device));
		}
		at += bytes > sizeof(*entry) ? bytes : sizeof(*entry);
	}
}

bool
ifioctl(int fd, uint32_t request, void *argument, int *result)
{
	int saved = errno;
	char name[NAME_BYTES], device[NAME_BYTES] = {0};

	if (request != (uint32_t)SIOCGIFCONF && !has_name(request)) {
		return false;
	}
	*result = real_ioctl(fd, request, argument);
	if (*result == 0) {
		if (request == (uint32_t)SIOCGIFCONF) {
			put_back_all(argument);
		} else if (request == (uint32_t)BIOCGETIF) {
			read_name(argument, name);
			if (ifname_to_device(name, device)) {
				memcpy(argument, device, sizeof(device));
			}
		}
	} else if (errno == ENXIO && request != (uint32_t)SIOCGIFCONF && again(fd, request, argument, result) && *result == 0) {
		errno = saved;
	}
	return true;
}
