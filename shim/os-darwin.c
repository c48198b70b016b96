/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * os-darwin.c - what the shim asks macOS.  See os.h.
 *
 * A device is a socket here: a kernel control of utun, or an end of a datagram pair; the node of a kernel extension needs nothing of the
 * library's, and is no device to it.  Interface ioctls are answered on any socket, so on
 * the device's own.  The sysctl gives what is known of an interface by its index, without a name and without allocation, as the C library's
 * own functions by index do not.
 *
 * Sources: XNU bsd/net/if_utun.c, bsd/kern/sys_socket.c soioctl (group 'i' goes to ifioctl), bsd/net/rtsock.c sysctl_iflist,
 * bsd/kern/uipc_usrreq.c uipc_send, bsd/kern/uipc_socket2.c sowriteable (from macOS 13 on the room of the receiver counts).
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/if_utun.h>
#include <net/route.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/kern_control.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/sys_domain.h>
#include <sys/sysctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/channelname.h"
#include "protocol/page.h"
#include "real.h"

/* More packets than a channel holds: twice its room, or a utun's, by the least that one costs in the kernel. */
#define DRAIN_MAX 4096
/* For a full receiver, where poll(2) cannot tell that it is (up to macOS 12). */
#define WAIT_MS 1
/* One interface's record, without addresses of other families than its own: some 150 bytes. */
#define RECORD_BYTES 1024

/* The name of the other end, if it is a relay's: the last part of a path. */
static bool
read_peer(int fd, struct channelname *name)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address);
	const char *slash;
	size_t bytes;

	if (getpeername(fd, (struct sockaddr *)&address, &length) < 0 || address.sun_family != AF_UNIX) {
		return false;
	}
	bytes = strnlen(address.sun_path, sizeof(address.sun_path));
	slash = bytes < sizeof(address.sun_path) ? strrchr(address.sun_path, '/') : NULL;
	return slash != NULL && channelname_parse_file(slash + 1, bytes - (size_t)(slash + 1 - address.sun_path), name);
}

/* The name of the interface that is a utun's; false: it is none.  A level that other sockets do not know is their error. */
static bool
read_utun(int fd, char ifname[IFNAMSIZ])
{
	socklen_t length = IFNAMSIZ;

	memset(ifname, 0, IFNAMSIZ);
	return getsockopt(fd, SYSPROTO_CONTROL, UTUN_OPT_IFNAME, ifname, &length) == 0 && strncmp(ifname, "utun", 4) == 0;
}

enum os_answer
os_ask_device(int fd, struct device_id id)
{
	char ifname[IFNAMSIZ];
	enum os_answer answer = OS_OTHER;
	struct channelname name;
	struct device_id fixed;
	int saved = errno;

	if (id.kind == DEVICE_TUN && read_utun(fd, ifname)) {
		answer = OS_DEVICE;
	} else if (read_peer(fd, &name) && name.kind == id.kind &&
	    (!device_place_id(name.place, &fixed) || device_id_equal(fixed, id))) {
		answer = OS_DEVICE; /* whether its relay is gone shows when it is used */
	}
	errno = saved;
	return answer;
}

/* What the kernel says of the interface with that index: its record, or NULL. */
static const struct if_msghdr *
read_record(uint32_t ifindex, char record[RECORD_BYTES])
{
	int mib[] = {CTL_NET, PF_ROUTE, 0, AF_LINK, NET_RT_IFLIST, (int)ifindex};
	const struct if_msghdr *m = (const struct if_msghdr *)(void *)record;
	size_t bytes = RECORD_BYTES;

	if (ifindex == 0 || sysctl(mib, 6, record, &bytes, NULL, 0) < 0 || bytes < sizeof(*m) || m->ifm_type != RTM_IFINFO ||
	    m->ifm_msglen < sizeof(*m) || m->ifm_msglen > bytes || m->ifm_index != ifindex) {
		return NULL;
	}
	return m;
}

int
os_ask_interface(int fd, bool *up, uint32_t *mtu)
{
	_Alignas(struct if_msghdr) char record[RECORD_BYTES];
	const struct if_msghdr *m;
	struct ifreq request = {0};
	struct channelname name;
	int saved = errno, result = -1;

	if (read_utun(fd, request.ifr_name)) {
		if (real_ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
			*up = (request.ifr_flags & IFF_UP) != 0;
			if (real_ioctl(fd, SIOCGIFMTU, &request) == 0) {
				*mtu = (uint32_t)request.ifr_mtu;
				result = 0;
			}
		}
	} else if (read_peer(fd, &name) && (m = read_record(name.ifindex, record)) != NULL) {
		*up = (m->ifm_flags & IFF_UP) != 0;
		*mtu = m->ifm_data.ifi_mtu;
		result = 0;
	}
	errno = saved;
	return result;
}

bool
os_ask_up(int fd)
{
	uint32_t mtu;
	bool up;

	return os_ask_interface(fd, &up, &mtu) == 0 && up;
}

void
os_drain(int fd)
{
	char byte;
	int saved = errno;

	/* Each short read takes one whole packet. */
	for (unsigned i = 0; i < DRAIN_MAX && recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0; i++) {
	}
	errno = saved;
}

bool
os_read_channel(int fd, struct os_channel *channel)
{
	struct channelname name;
	socklen_t length = sizeof(int32_t);
	int32_t mark;

	memset(channel, 0, sizeof(*channel));
	if (read_peer(fd, &name)) {
		channel->relayed = true;
		channel->place = name.place;
		channel->kind = name.kind;
		channel->open_number = name.open_number;
		channel->ifindex = name.ifindex;
		return true;
	}
	/* By its name, which no other interface has while this one is open; its index would cost an allocation. */
	channel->kind = DEVICE_TUN;
	return read_utun(fd, channel->ifname) &&
	    getsockopt(fd, SYSPROTO_CONTROL, UTUN_OPT_MAX_PENDING_PACKETS, &mark, &length) == 0 &&
	    page_place_of_mark(mark, &channel->place);
}

bool
os_is_device_node(const struct stat *st)
{
	return false; /* devices are sockets here */
}

bool
os_has_nodes(void)
{
	return true; /* kernel extensions' */
}

enum channel_type
os_channel_type(int fd)
{
	char ifname[IFNAMSIZ];
	int saved = errno;
	bool framed = read_utun(fd, ifname);

	errno = saved;
	return framed ? CHANNEL_FRAMED : CHANNEL_RELAYED;
}

int
os_next_bytes(int fd)
{
	int bytes = 0, saved = errno;
	socklen_t length = sizeof(bytes);

	if (getsockopt(fd, SOL_SOCKET, SO_NREAD, &bytes, &length) < 0) {
		bytes = 0;
	}
	errno = saved;
	return bytes;
}

bool
os_wait_for_room(int fd, int flags)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	if (errno != ENOBUFS) {
		return false;
	}
	if ((flags & MSG_DONTWAIT) != 0 || (real_fcntl(fd, F_GETFL, NULL) & O_NONBLOCK) != 0) {
		errno = EAGAIN;
		return false;
	}
	/* Where it can tell poll returns when there is room; else at once, and then a moment is all there is to wait for. */
	if (poll(&p, 1, -1) < 0) {
		return false; /* a signal: EINTR, as of any write that waits */
	}
	(void)poll(NULL, 0, WAIT_MS);
	return true;
}

int
os_open_node(int flags)
{
	return -1;
}

const char *
os_getenv(const char *name)
{
	return issetugid() != 0 ? NULL : getenv(name);
}

size_t
os_ifaddrs_room(const char *name)
{
	return strlen(name); /* the names are packed (Libinfo getifaddrs.c) */
}

void *
os_fork_page(void)
{
	return NULL; /* there is no inheritance that zeroes (minherit(2)) */
}

uint64_t
os_own_netns(void)
{
	return 0;
}

/* Nobody names an interface here; the drivers' are of the links and of others, and a page tells which is whose. */
bool
os_is_link_name(const char *ifname)
{
	size_t stem = strcspn(ifname, "0123456789"), digits = strspn(ifname + stem, "0123456789");

	if (stem != 4 || (strncmp(ifname, "utun", 4) != 0 && strncmp(ifname, "feth", 4) != 0)) {
		return false;
	}
	return digits > 0 && ifname[stem + digits] == '\0';
}

bool
os_interface_name(uint32_t ifindex, char name[16])
{
	_Alignas(struct if_msghdr) char record[RECORD_BYTES];
	int saved = errno;
	const struct if_msghdr *m = read_record(ifindex, record);
	const struct sockaddr_dl *link;
	bool found = false;

	if (m != NULL && (m->ifm_addrs & RTA_IFP) != 0 && m->ifm_msglen >= sizeof(*m) + offsetof(struct sockaddr_dl, sdl_data) + 1) {
		link = (const struct sockaddr_dl *)(const void *)(m + 1);
		found = link->sdl_family == AF_LINK && link->sdl_nlen < 16 &&
		    m->ifm_msglen >= sizeof(*m) + offsetof(struct sockaddr_dl, sdl_data) + link->sdl_nlen;
		if (found) {
			memset(name, 0, 16);
			memcpy(name, link->sdl_data, link->sdl_nlen);
		}
	}
	errno = saved;
	return found;
}

bool
os_interface_exists(const char *name)
{
	struct ifreq request = {0};
	int saved = errno, sock = socket(AF_UNIX, SOCK_DGRAM, 0);
	bool exists = true;

	if (sock >= 0) {
		strcpy(request.ifr_name, name);
		exists = real_ioctl(sock, SIOCGIFFLAGS, &request) == 0 || errno != ENXIO;
		real_close(sock);
	}
	errno = saved;
	return exists;
}
