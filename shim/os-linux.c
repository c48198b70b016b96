/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * os-linux.c - what the shim asks Linux.  See os.h.
 *
 * Sources: drivers/net/tun.c.  TUNGETSNDBUF and TUNGETIFF answer only on tun descriptors; EBADFD says that none is attached, or no more.
 * tun_chr_poll reports POLLOUT only for an interface that is up (measured, 6.18: nothing while down).  A tun file honours RWF_NOWAIT.
 * madvise(2) MADV_WIPEONFORK: zeroed for a child with a memory of its own, that is, not for vfork.
 */
#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "cancel.h"
#include "protocol/channelname.h"
#include "protocol/devname.h"
#include "protocol/page.h"
#include "protocol/paths.h"
#include "real.h"

/* More than any queue toward a program holds: txqueuelen is 1000 for a tap, 500 for a tun (tun_net_init). */
#define DRAIN_MAX 2048

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x8 /* linux/fs.h */
#endif

/* The name of the other end, if it is a relay's. */
static bool
read_peer(int fd, struct channelname *name)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address);

	return getpeername(fd, (struct sockaddr *)&address, &length) == 0 && length > offsetof(struct sockaddr_un, sun_path) &&
	    length <= sizeof(address) && address.sun_family == AF_UNIX &&
	    channelname_parse(address.sun_path, length - offsetof(struct sockaddr_un, sun_path), name);
}

/*
 * A name proves nothing: whoever connects to a server of the program's may have taken one like it.  A channel's own end has no name, while
 * that of a connection that was accepted has its listener's; and it keeps packets apart.
 */
static bool
is_an_end_of_a_pair(int fd)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address), size = sizeof(int);
	int type;

	return getsockname(fd, (struct sockaddr *)&address, &length) == 0 && length == offsetof(struct sockaddr_un, sun_path) &&
	    real_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

enum os_answer
os_ask_device(int fd, struct device_id id)
{
	struct ifreq request = {0};
	enum os_answer answer = OS_OTHER;
	struct channelname name;
	struct device_id fixed;
	int saved = errno;

	if (real_ioctl(fd, TUNGETIFF, &request) == 0) {
		int type = request.ifr_flags & (IFF_TUN | IFF_TAP);

		if (type == (id.kind == DEVICE_TAP ? IFF_TAP : IFF_TUN)) {
			answer = OS_DEVICE;
		}
	} else if (errno == EBADFD) {
		answer = OS_GONE;
	} else if (read_peer(fd, &name) && name.kind == id.kind &&
	    (!device_place_id(name.place, &fixed) || device_id_equal(fixed, id))) {
		answer = OS_DEVICE; /* whether its relay is gone shows when it is used */
	}
	errno = saved;
	return answer;
}

bool
os_ask_up(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int saved = errno;
	bool up = poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;

	errno = saved;
	return up;
}

/* Of the interface that request names, by a socket of its namespace. */
static int
ask_flags_and_mtu(int sock, struct ifreq *request, bool *up, uint32_t *mtu)
{
	if (real_ioctl(sock, SIOCGIFFLAGS, request) < 0) {
		return -1;
	}
	*up = (request->ifr_flags & IFF_UP) != 0;
	if (real_ioctl(sock, SIOCGIFMTU, request) < 0) {
		return -1;
	}
	*mtu = (uint32_t)request->ifr_mtu;
	return 0;
}

int
os_ask_interface(int fd, bool *up, uint32_t *mtu)
{
	struct ifreq request = {0};
	struct channelname name;
	int saved = errno, result = -1, sock = -1, before = cancel_hold();

	if (read_peer(fd, &name)) {
		request.ifr_ifindex = (int)name.ifindex;
		if (real_ioctl(fd, SIOCGIFNAME, &request) == 0) {
			result = ask_flags_and_mtu(fd, &request, up, mtu);
		}
		goto out;
	}
	if (real_ioctl(fd, TUNGETIFF, &request) < 0) {
		goto out;
	}
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock >= 0) {
		result = ask_flags_and_mtu(sock, &request, up, mtu);
	}
out:
	if (sock >= 0) {
		real_close(sock);
	}
	cancel_release(before);
	errno = saved;
	return result;
}

/* preadv2(2), which musl has no wrapper for: at the file's own position, which is passed in two halves. */
static long
read_nowait(int fd, const struct iovec *iov)
{
	return syscall(SYS_preadv2, fd, iov, 1L, -1L, -1L, RWF_NOWAIT);
}

void
os_drain(int fd)
{
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = sizeof(byte)};
	int saved = errno;

	/* Each short read takes one whole packet; none waits, whatever the descriptor's mode. */
	for (unsigned i = 0; i < DRAIN_MAX && read_nowait(fd, &iov) > 0; i++) {
	}
	errno = saved;
}

bool
os_read_channel(int fd, struct os_channel *channel)
{
	struct ifreq request = {0};
	struct channelname name;
	bool ours;
	int mark, sock, before;

	memset(channel, 0, sizeof(*channel));
	if (read_peer(fd, &name)) {
		if (!is_an_end_of_a_pair(fd)) {
			return false;
		}
		channel->relayed = true;
		channel->place = name.place;
		channel->kind = name.kind;
		channel->open_number = name.open_number;
		channel->ifindex = name.ifindex;
		return true;
	}

	if (real_ioctl(fd, TUNGETSNDBUF, &mark) < 0 || !page_place_of_mark(mark, &channel->place) ||
	    real_ioctl(fd, TUNGETIFF, &request) < 0) {
		return false;
	}
	ours = (request.ifr_flags & IFF_NO_PI) != 0;
	channel->kind = (request.ifr_flags & IFF_TAP) != 0 ? DEVICE_TAP : DEVICE_TUN;
	memcpy(channel->ifname, request.ifr_name, sizeof(channel->ifname));
	channel->ifname[sizeof(channel->ifname) - 1] = '\0';
	channel->ifindex = 0;
	before = cancel_hold();
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock >= 0) {
		if (real_ioctl(sock, SIOCGIFINDEX, &request) == 0) {
			channel->ifindex = (uint32_t)request.ifr_ifindex;
		}
		real_close(sock);
	}
	cancel_release(before);
	return ours;
}

bool
os_is_device_node(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && major(st->st_rdev) == PATHS_TUN_MAJOR && minor(st->st_rdev) == PATHS_TUN_MINOR;
}

bool
os_has_nodes(void)
{
	return false; /* macvtap's nodes are its own */
}

enum channel_type
os_channel_type(int fd)
{
	struct stat st;
	int saved = errno;
	bool is = real_fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);

	errno = saved;
	return is ? CHANNEL_RELAYED : CHANNEL_DIRECT;
}

int
os_next_bytes(int fd)
{
	struct msghdr message = {0};
	int saved = errno;
	ssize_t n = real_recvmsg(fd, &message, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

	errno = saved;
	return n > 0 ? (int)n : 0;
}

bool
os_wait_for_room(int fd, int flags)
{
	return false; /* sendmsg(2) itself waits, or says EAGAIN */
}

const char *
os_getenv(const char *name)
{
	return secure_getenv(name);
}

size_t
os_ifaddrs_room(const char *name)
{
	return IFNAMSIZ; /* an array of IFNAMSIZ + 1 for each (glibc sysdeps/unix/sysv/linux/ifaddrs.c, musl src/network/getifaddrs.c) */
}

int
os_open_node(int flags)
{
	return real_open(PATHS_TUN_NODE, (flags & (O_ACCMODE | O_NONBLOCK)) | O_CLOEXEC, NULL);
}

void *
os_fork_page(void)
{
	int saved = errno;
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED) {
		page = NULL;
	} else if (madvise(page, size, MADV_WIPEONFORK) < 0) {
		munmap(page, size);
		page = NULL;
	}
	errno = saved;
	return page;
}

uint64_t
os_own_netns(void)
{
	struct stat st;
	int saved = errno;
	/* A thread may be in another namespace than its process: slirp4netns, pasta. */
	bool known = real_stat("/proc/thread-self/ns/net", &st) == 0;

	errno = saved;
	return known ? st.st_ino : 0;
}

/* A question about an interface, on a socket of the caller's namespace.  As ioctl(2). */
static int
ask_socket(unsigned long about, struct ifreq *request)
{
	int before = cancel_hold(), saved = errno, result = -1, error = EMFILE, sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock >= 0) {
		result = real_ioctl(sock, (ioctl_request)about, request);
		error = errno;
		real_close(sock);
	}
	cancel_release(before);
	errno = result < 0 ? error : saved;
	return result;
}

bool
os_is_link_name(const char *ifname)
{
	return devname_is_links(ifname);
}

bool
os_interface_name(uint32_t ifindex, char name[16])
{
	struct ifreq request = {.ifr_ifindex = (int)ifindex};
	int saved = errno;
	bool found = ask_socket(SIOCGIFNAME, &request) == 0;

	if (found) {
		memcpy(name, request.ifr_name, sizeof(request.ifr_name));
		name[sizeof(request.ifr_name) - 1] = '\0';
	}
	errno = saved;
	return found;
}

bool
os_interface_exists(const char *name)
{
	struct ifreq request = {0};
	int saved = errno;
	bool exists;

	strcpy(request.ifr_name, name);
	exists = ask_socket(SIOCGIFINDEX, &request) == 0 || errno != ENODEV;
	errno = saved;
	return exists;
}
