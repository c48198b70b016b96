/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feth.c - pairs of fake Ethernet interfaces of macOS.  See feth.h.
 *
 * The largest MTU is a setting of the machine (net.link.fake.max_mtu), which an interface takes over when it is made; so it is raised for
 * that moment, and put back.
 *
 * The kernel detaches an interface after the call that destroys it has returned: its name is busy until then.  Who makes one after the
 * other takes numbers in turn.
 *
 * Sources: XNU bsd/net/if_fake.c (feth_ioctl, feth_set_drvspec, feth_get_drvspec), bsd/net/if_fake_var.h, which is private: its layout is
 * repeated here.
 */
#include "feth.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "netif-ioctl.h"
#include "protocol/sys.h"

#define FAR_AFTER_NEAR 10000
/* The largest MTU that an interface of this kind takes (if_fake.c FETH_MAX_MTU_MAX). */
#define LARGEST_MTU 16370
#define MAX_MTU_SETTING "net.link.fake.max_mtu"

const struct feth_range feth_of_links = {.first = 10000, .count = 1024};
const struct feth_range feth_of_pairs = {.first = 12000, .count = 1024};

/* if_fake_var.h */
#define IF_FAKE_S_CMD_SET_PEER 1
#define IF_FAKE_G_CMD_GET_PEER 1
struct if_fake_request {
	uint64_t reserved[4]; /* 0 */
	union {
		char peer_name[IFNAMSIZ];
		uint8_t all[128];
	} u;
};

static_assert(sizeof(struct if_fake_request) == 160 && sizeof(struct ifdrv) == 40, "the kernel's layouts (LP64)");
static_assert(SIOCSDRVSPEC == 0x8028697bul && SIOCGDRVSPEC == 0xc028697bul && SIOCIFCREATE == 0xc0206978ul, "the kernel's numbers (LP64)");

int
feth_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd >= 0 && sys_set_cloexec(fd) < 0) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

void
feth_names(const struct feth_range *range, uint64_t number, char near[IFNAMSIZ], char far[IFNAMSIZ])
{
	snprintf(near, IFNAMSIZ, "feth%u", range->first + (unsigned)(number % range->count));
	(void)feth_far_name(range, near, far);
}

bool
feth_far_name(const struct feth_range *range, const char *near, char far[IFNAMSIZ])
{
	char *end;
	unsigned long number;

	if (strncmp(near, "feth", 4) != 0) {
		return false;
	}
	number = strtoul(near + 4, &end, 10);
	if (*end != '\0' || number < range->first || number >= range->first + range->count) {
		return false;
	}
	snprintf(far, IFNAMSIZ, "feth%lu", number + FAR_AFTER_NEAR);
	return true;
}

static int
request_by_name(int sock, unsigned long what, const char *ifname)
{
	struct ifreq request = netif_request_of(ifname);

	return ioctl(sock, what, &request);
}

static int
create_two(int sock, const char *near, const char *far)
{
	int saved;

	if (near != NULL && request_by_name(sock, SIOCIFCREATE, near) < 0) {
		return -1;
	}
	if (request_by_name(sock, SIOCIFCREATE, far) < 0) {
		/* The far end may be a stranger's: only what was made here is taken away again. */
		saved = errno;
		if (near != NULL) {
			(void)feth_destroy(sock, near);
		}
		errno = saved;
		return -1;
	}
	return 0;
}

int
feth_create(int sock, const char *near, const char *far)
{
	int before = 0, wide = LARGEST_MTU, result, saved;
	size_t size = sizeof(before);
	/* Up to macOS 10.14 there is no such setting, and the largest is the largest. */
	bool raise = sysctlbyname(MAX_MTU_SETTING, &before, &size, NULL, 0) == 0 && before < wide &&
	    sysctlbyname(MAX_MTU_SETTING, NULL, NULL, &wide, sizeof(wide)) == 0;

	result = create_two(sock, near, far);
	saved = errno;
	if (raise) {
		(void)sysctlbyname(MAX_MTU_SETTING, NULL, NULL, &before, sizeof(before));
	}
	errno = saved;
	return result;
}

int
feth_create_free(int sock, const struct feth_range *range, uint64_t number, char near[IFNAMSIZ], char far[IFNAMSIZ],
    int (*tell)(void *argument), void *argument)
{
	for (unsigned i = 0; i < range->count; i++) {
		feth_names(range, number + i, near, far);
		if (if_nametoindex(near) != 0 || if_nametoindex(far) != 0) {
			continue;
		}
		if (tell(argument) < 0) {
			return -1;
		}
		if (feth_create(sock, near, far) == 0) {
			return 0;
		}
		near[0] = far[0] = '\0';
		if (errno != EEXIST && errno != EBUSY) {
			return -1;
		}
	}
	errno = EBUSY;
	return -1;
}

int
feth_destroy(int sock, const char *ifname)
{
	return request_by_name(sock, SIOCIFDESTROY, ifname);
}

int
feth_join(int sock, const char *near, const char *far)
{
	struct if_fake_request peer = {0};
	struct ifdrv request = {.ifd_cmd = IF_FAKE_S_CMD_SET_PEER, .ifd_len = sizeof(peer), .ifd_data = &peer};

	memcpy(request.ifd_name, near, strnlen(near, sizeof(request.ifd_name) - 1));
	memcpy(peer.u.peer_name, far, strnlen(far, sizeof(peer.u.peer_name) - 1));
	return ioctl(sock, SIOCSDRVSPEC, &request);
}

int
feth_read_peer(int sock, const char *ifname, char peer[IFNAMSIZ])
{
	struct if_fake_request answer = {0};
	struct ifdrv request = {.ifd_cmd = IF_FAKE_G_CMD_GET_PEER, .ifd_len = sizeof(answer), .ifd_data = &answer};

	memcpy(request.ifd_name, ifname, strnlen(ifname, sizeof(request.ifd_name) - 1));
	if (ioctl(sock, SIOCGDRVSPEC, &request) < 0) {
		return -1;
	}
	memcpy(peer, answer.u.peer_name, IFNAMSIZ);
	peer[IFNAMSIZ - 1] = '\0';
	return 0;
}

int
feth_set_mtu(int sock, const char *ifname, int mtu)
{
	struct ifreq request = netif_request_of(ifname);

	if (mtu == 0) {
		if (ioctl(sock, SIOCGIFDEVMTU, &request) < 0) {
			return -1;
		}
		mtu = request.ifr_devmtu.ifdm_max;
		request = netif_request_of(ifname);
	}
	request.ifr_mtu = mtu;
	return ioctl(sock, SIOCSIFMTU, &request);
}

int
feth_bring_up(int sock, const char *ifname)
{
	struct ifreq request = netif_request_of(ifname);

	request.ifr_flags = IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &request);
}
