/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap-rules.c - what a program of macOS finds at a tap device, row by row.  Usage: tap-rules DEVICE NAME.  Knows nothing of tuntapd.
 *
 * When it says "# frames" it wants what comes to it: frames of 60, 61, 200 and 1514 bytes of EtherType 88b5, whose bytes 14 and 15 are the
 * size, big end first.  Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/filio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "interface.h"
#include "rows.h"

#define TUNSIFHEAD _IOW('t', 96, int)
#define TUNGIFHEAD _IOR('t', 97, int)
#define WAIT_MS 20000
#define FLAGS_OF_A_TAP (IFF_BROADCAST | IFF_SIMPLEX | IFF_MULTICAST)

static uint8_t frame[20000];

static int
set_mtu(int mtu)
{
	struct ifreq request = request_of();

	request.ifr_mtu = mtu;
	return ioctl(sock, SIOCSIFMTU, &request);
}

/* The address, as getifaddrs shows it. */
static bool
read_mac(uint8_t mac[6])
{
	struct ifaddrs *list, *one;
	bool found = false;

	if (getifaddrs(&list) < 0) {
		return false;
	}
	for (one = list; one != NULL; one = one->ifa_next) {
		const struct sockaddr_dl *link = (const struct sockaddr_dl *)(const void *)one->ifa_addr;

		if (strcmp(one->ifa_name, name) == 0 && link != NULL && link->sdl_family == AF_LINK && link->sdl_alen == 6) {
			memcpy(mac, LLADDR(link), 6);
			found = true;
		}
	}
	freeifaddrs(list);
	return found;
}

static int
add_address(void)
{
	struct ifaliasreq request = {0};
	struct sockaddr_in address = {.sin_len = sizeof(address), .sin_family = AF_INET};

	strcpy(request.ifra_name, name);
	address.sin_addr.s_addr = htonl(0x0a4e0001);
	memcpy(&request.ifra_addr, &address, sizeof(address));
	address.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&request.ifra_mask, &address, sizeof(address));
	return ioctl(sock, SIOCAIFADDR, &request);
}

static bool
runs_soon(void)
{
	for (unsigned tries = 0; tries < WAIT_MS; tries++) {
		if (flags_now() == (FLAGS_OF_A_TAP | IFF_UP | IFF_RUNNING)) {
			return true;
		}
		(void)poll(NULL, 0, 1);
	}
	return false;
}

/* Until a write of so many bytes has that result: the library hears of a change a moment later. */
static bool
writes_soon(int fd, size_t bytes, ssize_t result)
{
	for (unsigned tries = 0; tries < WAIT_MS; tries++) {
		if (write(fd, frame, bytes) == result) {
			return true;
		}
		(void)poll(NULL, 0, 1);
	}
	return false;
}

static bool
is_ready(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1 && (p.revents & POLLIN) != 0;
}

static int
opening(const char *path)
{
	struct stat by_path, by_number;
	int fd;

	row("its path is a character device", stat(path, &by_path) == 0 && S_ISCHR(by_path.st_mode));
	row("it may be opened", access(path, R_OK | W_OK) == 0);
	row("past the count there is none", fails(open("/dev/tap99", O_RDWR), ENOENT));
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	row("it opens", fd >= 0);
	row("once", fails(open(path, O_RDWR), EBUSY));
	row("its number is the same device", fstat(fd, &by_number) == 0 && S_ISCHR(by_number.st_mode) &&
	    by_number.st_rdev == by_path.st_rdev);
	row("it is close-on-exec and non-blocking, as it was asked for", fcntl(fd, F_GETFD) == FD_CLOEXEC &&
	    (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	return fd;
}

static void
being_down(int fd)
{
	uint8_t mac[6] = {1};
	int mode = 1;

	row("BROADCAST, SIMPLEX, MULTICAST; not UP, and so not RUNNING", flags_now() == FLAGS_OF_A_TAP);
	row("its address is a local one, and none of a group", read_mac(mac) && (mac[0] & 3) == 2);
	row("and not the driver's own", memcmp(mac, "feth", 4) != 0);
	row("it has an index", if_nametoindex(name) != 0);
	row("a read is EIO", fails(read(fd, frame, sizeof(frame)), EIO));
	row("of 0 bytes it is 0", read(fd, frame, 0) == 0);
	row("a write is EIO, before anything else", fails(write(fd, frame, 60), EIO) && fails(write(fd, frame, 0), EIO) &&
	    fails(write(fd, frame, sizeof(frame)), EIO));
	row("it is not readable", !is_ready(fd, 0));
	row("a tap has no header mode", fails(ioctl(fd, TUNSIFHEAD, &mode), ENOTTY) && fails(ioctl(fd, TUNGIFHEAD, &mode), ENOTTY));
	row("nor what the driver does not know", fails(ioctl(fd, _IOR('t', 99, int), &mode), ENOTTY));
}

static void
writing(int fd)
{
	row("it can be brought up by its name", set_up(true) == 0);
	row("then it is UP and RUNNING", flags_now() == (FLAGS_OF_A_TAP | IFF_UP | IFF_RUNNING));
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\x00\x00\x00\x00\x01\x88\xb5", 8);
	row("a frame goes out", writes_soon(fd, 60, 60));
	row("the least is 14 bytes", write(fd, frame, 14) == 14 && fails(write(fd, frame, 13), EINVAL) &&
	    fails(write(fd, frame, 0), EINVAL));
	row("the most is the MTU and 14", write(fd, frame, 1514) == 1514 && fails(write(fd, frame, 1515), EMSGSIZE));
	memcpy(frame + 12, "\x81\x00\x00\x05\x88\xb5", 6);
	row("and 4 for a tag", write(fd, frame, 1518) == 1518 && fails(write(fd, frame, 1519), EMSGSIZE));
	memcpy(frame + 12, "\x88\xb5", 2);
	row("a larger MTU, by its name", set_mtu(9000) == 0 && writes_soon(fd, 9014, 9014) && fails(write(fd, frame, 9015), EMSGSIZE));
	row("the largest of the kind, 16370", set_mtu(16370) == 0 && writes_soon(fd, 16384, 16384) &&
	    fails(write(fd, frame, 16385), EMSGSIZE));
	row("past it is none", fails(set_mtu(16371), EINVAL));
	row("and back", set_mtu(1500) == 0 && writes_soon(fd, 1515, -1) && errno == EMSGSIZE);
}

static bool
is_frame(ssize_t n, ssize_t bytes)
{
	return n == bytes && memcmp(frame + 12, "\x88\xb5", 2) == 0 && (frame[14] << 8 | frame[15]) == bytes;
}

static void
reading(int fd)
{
	struct iovec parts[3] = {{frame, 6}, {frame + 6, 20}, {frame + 26, sizeof(frame) - 26}};
	int waiting = -1, on = 0;

	row("nothing has come", fails(read(fd, frame, sizeof(frame)), EAGAIN) && ioctl(fd, FIONREAD, &waiting) == 0 && waiting == 0);
	printf("# frames\n");
	fflush(stdout);
	row("something comes", is_ready(fd, WAIT_MS));
	row("60 bytes, which it says before", ioctl(fd, FIONREAD, &waiting) == 0 && waiting == 60 &&
	    is_frame(read(fd, frame, sizeof(frame)), 60));
	row("61 in parts", is_ready(fd, WAIT_MS) && is_frame(readv(fd, parts, 3), 61));
	row("of 200 the first 40", is_ready(fd, WAIT_MS) && read(fd, frame, 40) == 40 && frame[15] == 200);
	row("FIONBIO and O_NONBLOCK agree", ioctl(fd, FIONBIO, &on) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
	row("the rest of it is gone; the next is 1514, which a reader waits for", is_frame(read(fd, frame, sizeof(frame)), 1514));
}

static void
changing(int fd)
{
	struct ifreq request = request_of();
	uint8_t mac[6];
	bool down = false;

	request.ifr_addr.sa_len = 6;
	request.ifr_addr.sa_family = AF_LINK;
	memcpy(request.ifr_addr.sa_data, "\x02\x11\x22\x33\x44\x55", 6);
	row("the address can be another", ioctl(sock, SIOCSIFLLADDR, &request) == 0 && read_mac(mac) &&
	    memcmp(mac, "\x02\x11\x22\x33\x44\x55", 6) == 0);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	row("it can be taken down", set_up(false) == 0 && flags_now() == FLAGS_OF_A_TAP);
	for (unsigned tries = 0; tries < WAIT_MS && !down; tries++) {
		down = read(fd, frame, sizeof(frame)) == -1 && errno == EIO;
		(void)poll(NULL, 0, down ? 0 : 1);
	}
	row("a read is EIO then", down);
	row("and a write", writes_soon(fd, 60, -1) && errno == EIO);
	row("it is not readable", !is_ready(fd, 0));
	row("and up", set_up(true) == 0 && writes_soon(fd, 60, 60));
}

static void
closing(int fd, const char *path)
{
	struct stat by_number;
	int copy = dup(fd);

	row("a copy is the device", copy >= 0 && fstat(copy, &by_number) == 0 && S_ISCHR(by_number.st_mode));
	row("which the original's end does not end", close(fd) == 0 && write(copy, frame, 60) == 60 && fails(open(path, O_RDWR), EBUSY));
	row("the last one's does", close(copy) == 0 && fails(write(copy, frame, 60), EBADF));
	fd = open(path, O_RDWR);
	row("then it opens again, at once", fd >= 0);
	row("as it was", flags_now() == FLAGS_OF_A_TAP && fails(write(fd, frame, 60), EIO));
	row("the first address brings it up, and running", add_address() == 0 && runs_soon());
	close(fd);
}

int
main(int argc, char **argv)
{
	int fd;

	if (argc != 3) {
		return 64;
	}
	name = argv[2];
	sock = socket(AF_INET, SOCK_DGRAM, 0);
	fd = opening(argv[1]);
	if (sock < 0 || fd < 0) {
		perror(argv[1]);
		return 1;
	}
	being_down(fd);
	writing(fd);
	reading(fd);
	changing(fd);
	closing(fd, argv[1]);
	printf("1..%d\n", rows);
	return failures != 0;
}
