/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-kext.c - a loaded kernel extension for tun and tap: ours (kext/), or tuntaposx's, on Linux's tun devices.  See standin.h.
 *
 * What is loaded is what has nodes: a file /dev/tapN or /dev/tunN that is a character device 10:200, which a test makes and takes away in
 * a /dev of its own.  Opening one is opening Linux's driver and giving it the interface of that name, exclusively; so the last close of all
 * copies takes the interface away, and what a descriptor is, any process can ask the kernel.  The number that such a node shows is one
 * of Darwin's: major 34 or 35, minor the unit; and its interface has the same index each time.  The header mode is kept in the tun's
 * send-buffer limit.
 *
 * TUNTAPD_STANDIN_KEXT=tuntaposx: theirs, where it differs: what is too long is cut and sent, FIONREAD is ENOTTY, reading nothing from
 * what is down is EIO, what was queued before a "down" is still there after the next "up", and whether a read waits is not the file's but
 * the device's, kept beside the header mode: each open finds it as if a program before had wanted it not to.
 *
 * Both cannot be asked with poll(2): POLLNVAL.
 *
 * What differs from Darwin all the same: the first address does not bring the interface up, as ours does; how much the next packet has is
 * not known; no SIOCGIFSTATUS; a close does not wait; and an extension lets who may open its node have the interface, but Linux root alone.
 *
 * Sources: kext/cdev.c, kext/device.c, kext/tap.c, kext/tun.c; darwin.md 10 (tuntaposx's tuntap.cc, tap.cc, tun.cc).
 */
#include "standin-kext.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "standin.h"

#define PACKET_MAX 65536
#define QUEUE_MAX 4096
#define MAJOR_TUN 34
#define MAJOR_TAP 35
#define UNITS 16
/* What the send-buffer limit is less than the driver's own, bit by bit. */
#define WITH_HEADER 1
#define WAITING 2
/* An interface's index is this, the unit, and for taps UNITS. */
#define INDEX_FIRST 1000
#define DARWIN_MULTICAST 0x8000
#define DARWIN_SIMPLEX 0x800

static bool
is_tuntaposx(void)
{
	const char *which = getenv("TUNTAPD_STANDIN_KEXT");

	return which != NULL && strcmp(which, "tuntaposx") == 0;
}

bool
standin_is_kexts(const char *ifname)
{
	return (strncmp(ifname, "tun", 3) == 0 || strncmp(ifname, "tap", 3) == 0) && isdigit((unsigned char)ifname[3]) &&
	    strspn(ifname + 3, "0123456789") == strlen(ifname + 3) && atoi(ifname + 3) < UNITS;
}

static bool
is_tap(const char *ifname)
{
	return ifname[1] == 'a';
}

uint16_t
standin_kext_flags(const char *ifname, int linux_flags)
{
	return (uint16_t)((linux_flags & IFF_UP) | IFF_RUNNING | DARWIN_MULTICAST | DARWIN_SIMPLEX |
	    (is_tap(ifname) ? IFF_BROADCAST : IFF_POINTOPOINT));
}

/* The name of the interface of a descriptor; "": it has none. */
static void
name_of(int fd, char ifname[IFNAMSIZ])
{
	struct ifreq request = {0};
	int saved = errno;

	if (ioctl(fd, TUNGETIFF, &request) < 0) {
		request.ifr_name[0] = '\0';
	}
	memcpy(ifname, request.ifr_name, IFNAMSIZ);
	errno = saved;
}

bool
standin_is_kext(int fd)
{
	char ifname[IFNAMSIZ];

	name_of(fd, ifname);
	return standin_is_kexts(ifname);
}

static bool
is_node(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(10, 200);
}

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

void
standin_kext_number(const char *path, int fd, struct stat *st)
{
	char ifname[IFNAMSIZ] = "";

	if (!is_node(st)) {
		return;
	}
	if (path != NULL) {
		snprintf(ifname, sizeof(ifname), "%s", last_part(path));
	} else {
		name_of(fd, ifname);
	}
	if (standin_is_kexts(ifname)) {
		st->st_rdev = (dev_t)(is_tap(ifname) ? MAJOR_TAP : MAJOR_TUN) << 24 | (dev_t)atoi(ifname + 3);
	}
}

static int
ask(unsigned long what, const char *ifname, struct ifreq *request)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), result;

	memset(request, 0, sizeof(*request));
	memcpy(request->ifr_name, ifname, strnlen(ifname, IFNAMSIZ - 1));
	result = ioctl(sock, what, request);
	close(sock);
	if (result < 0) {
		standin_refuse("%s: %s", ifname, strerror(errno));
	}
	return result;
}

static bool
is_up(const char *ifname)
{
	struct ifreq request;

	(void)ask(SIOCGIFFLAGS, ifname, &request);
	return (request.ifr_flags & IFF_UP) != 0;
}

bool
standin_kext_open(int dir, const char *path, int flags, int *fd)
{
	struct ifreq request = {0};
	struct stat st;
	int saved = errno, error;
	unsigned index;

	if (fstatat(dir, path, &st, (flags & O_NOFOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0) < 0 || !is_node(&st) ||
	    !standin_is_kexts(last_part(path))) {
		errno = saved;
		return false;
	}
	*fd = standin_fails("open/kext") ? -1 : openat(dir, path, flags);
	if (*fd < 0) {
		return true;
	}
	memcpy(request.ifr_name, last_part(path), strlen(last_part(path)));
	index = INDEX_FIRST + (is_tap(request.ifr_name) ? UNITS : 0) + (unsigned)atoi(request.ifr_name + 3);
	request.ifr_flags = (short)((is_tap(request.ifr_name) ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_TUN_EXCL);
	if (ioctl(*fd, TUNSETIFINDEX, &index) < 0 || ioctl(*fd, TUNSETIFF, &request) < 0) {
		error = errno;
		close(*fd);
		if (error != EBUSY) {
			standin_refuse("opening %s: %s", path, strerror(error));
		}
		errno = error;
		*fd = -1;
		return true;
	}
	standin_silence(request.ifr_name);
	errno = saved;
	return true;
}

static int
state_of(int fd)
{
	int limit = INT_MAX;

	(void)ioctl(fd, TUNGETSNDBUF, &limit);
	return INT_MAX - limit;
}

static int
set_state(int fd, int bit, bool on)
{
	int limit = INT_MAX - (on ? state_of(fd) | bit : state_of(fd) & ~bit);

	return ioctl(fd, TUNSETSNDBUF, &limit);
}

static bool
has_header(int fd)
{
	return (state_of(fd) & WITH_HEADER) != 0;
}

static void
set_nonblock(int fd, bool on)
{
	(void)set_state(fd, WAITING, !on);
}

static bool
has_packet(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
}

/* Ours discards what was queued for a device that is down, wherever it meets it. */
static bool
is_down(int fd, const char *ifname)
{
	char byte;

	if (is_up(ifname)) {
		return false;
	}
	for (unsigned i = 0; !is_tuntaposx() && i < QUEUE_MAX && has_packet(fd); i++) {
		(void)!read(fd, &byte, 1);
	}
	return true;
}

/* Theirs goes by its own word, ours by the file's. */
static ssize_t
read_packet(int fd, uint8_t packet[PACKET_MAX])
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (is_tuntaposx() && (state_of(fd) & WAITING) == 0 && !has_packet(fd)) {
		errno = EAGAIN;
		return -1;
	}
	if (is_tuntaposx() && poll(&p, 1, -1) < 0) {
		return -1;
	}
	return read(fd, packet, PACKET_MAX);
}

static ssize_t
receive_packet(int fd, const struct iovec *iov, int count, int flags)
{
	static _Thread_local uint8_t packet[4 + PACKET_MAX];
	size_t room = 0, header;
	char ifname[IFNAMSIZ];
	ssize_t n;

	if (flags != 0) {
		standin_refuse("a node is no socket");
	}
	for (int i = 0; i < count; i++) {
		room += iov[i].iov_len;
	}
	name_of(fd, ifname);
	if (room == 0 && !is_tuntaposx()) {
		return 0;
	}
	if (is_down(fd, ifname)) {
		errno = EIO;
		return -1;
	}
	header = has_header(fd) ? 4 : 0;
	n = room == 0 ? 0 : read_packet(fd, packet + header);
	if (n <= 0) {
		return n;
	}
	if (header != 0) {
		memcpy(packet, packet[4] >> 4 == 6 ? "\0\0\0\x1e" : "\0\0\0\x02", 4);
	}
	return (ssize_t)standin_scatter(packet, (size_t)n + header, iov, count);
}

/* In header mode: 0, or what is wrong with a packet that is not too short. */
static int
check_header(const uint8_t *packet)
{
	if (memcmp(packet, "\0\0\0", 3) != 0 || (packet[3] != 2 && packet[3] != 30)) {
		return EAFNOSUPPORT;
	}
	return packet[4] >> 4 == (packet[3] == 30 ? 6 : 4) ? 0 : EINVAL;
}

static ssize_t
send_packet(int fd, const struct iovec *iov, int count, int flags)
{
	static _Thread_local uint8_t packet[4 + PACKET_MAX];
	char ifname[IFNAMSIZ];
	struct ifreq request;
	size_t bytes, header, limit;
	int error = 0;
	bool tagged;
	ssize_t n;

	if (flags != 0) {
		standin_refuse("a node is no socket");
	}
	name_of(fd, ifname);
	if (!is_up(ifname)) {
		errno = EIO;
		return -1;
	}
	bytes = standin_gather(iov, count, packet, sizeof(packet));
	header = has_header(fd) ? 4 : 0;
	(void)ask(SIOCGIFMTU, ifname, &request);
	tagged = is_tap(ifname) && bytes >= 14 && packet[12] == 0x81 && packet[13] == 0;
	limit = header + (size_t)request.ifr_mtu + (is_tap(ifname) ? 14 : 0) + (tagged ? 4 : 0);
	if (bytes < header + (is_tap(ifname) ? 14 : 1)) {
		error = EINVAL;
	} else if (bytes > limit && is_tuntaposx()) {
		bytes = limit;
	} else if (bytes > limit) {
		error = EMSGSIZE;
	} else if (header != 0) {
		error = check_header(packet);
	} else if (!is_tap(ifname) && packet[0] >> 4 != 4 && packet[0] >> 4 != 6) {
		error = EINVAL;
	}
	if (error != 0) {
		errno = error;
		return -1;
	}
	n = write(fd, packet + header, bytes - header);
	return n < 0 ? n : (ssize_t)standin_gather(iov, count, packet, sizeof(packet));
}

static int
answer_ioctl(int fd, uint32_t request, void *argument)
{
	int *out = argument;
	char ifname[IFNAMSIZ];

	name_of(fd, ifname);
	errno = ENOTTY;
	switch (request) {
	case 0x8004667du: /* FIOASYNC */
		return *out == 0 ? 0 : -1;
	case 0x4004667fu: /* FIONREAD */
		if (is_tuntaposx()) {
			return -1;
		}
		if (is_up(ifname) && has_packet(fd)) {
			standin_refuse("FIONREAD of a node with a packet");
		}
		*out = 0;
		return 0;
	case 0x80047460u: /* TUNSIFHEAD */
		return is_tap(ifname) ? -1 : set_state(fd, WITH_HEADER, *out != 0);
	case 0x40047461u: /* TUNGIFHEAD */
		if (is_tap(ifname)) {
			return -1;
		}
		*out = has_header(fd);
		return 0;
	default:
		return -1;
	}
}

/* The kernel keeps the word by which a driver says that it can be asked to its own (XNU bsd/miscfs/specfs/spec_vnops.c). */
static short
poll_node(int fd, short events, short revents)
{
	return POLLNVAL;
}

static short
show_nothing(int fd, short events, short revents)
{
	return 0;
}

static void
look(int fd)
{
	char ifname[IFNAMSIZ];

	name_of(fd, ifname);
	(void)is_down(fd, ifname);
}

const struct standin_kind standin_kext = {
	.name = "a kernel extension's node", .receive = receive_packet, .send = send_packet, .ioctl = answer_ioctl, .poll = poll_node,
	.show = show_nothing, .nonblock = set_nonblock, .look = look,
};
