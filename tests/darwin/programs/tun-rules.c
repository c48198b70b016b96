/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tun-rules.c - what a program of macOS finds at a tun device, row by row.  Knows nothing of tuntapd.  Prints TAP.
 *
 *	tun-rules DEVICE
 *
 * The device is nobody else's, and not configured.  The program configures it by its name, as programs of macOS do, and then asks the
 * system behind it for answers: an echo request that is written is answered by what is read.  At the end it becomes another program,
 * which is this one with the descriptor's number and the count of rows so far, and goes on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rows.h"

#define TUNSIFHEAD _IOW('t', 96, int)
#define TUNGIFHEAD _IOR('t', 97, int)
#define WAIT_MS 20000
#define OWN "10.77.0.1"
#define OTHER "10.77.0.2"

static const char *device; /* "tun0" */

/* The system's own IPv6 (listeners, routers) may come at any time. */
static bool
is_ours(const uint8_t *packet, ssize_t bytes)
{
	return bytes < 5 || (packet[0] >> 4 != 6 && memcmp(packet, "\0\0\0\x1e", 4) != 0);
}

/* Waits for a packet.  Bytes, or -1. */
static ssize_t
read_soon(int fd, void *data, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n = -1;

	do {
		n = poll(&p, 1, WAIT_MS) == 1 ? read(fd, data, size) : -1;
	} while (!is_ours(data, n));
	return n;
}

/* Does not wait. */
static ssize_t
read_now(int fd, void *data, size_t size)
{
	ssize_t n;

	do {
		n = read(fd, data, size);
	} while (!is_ours(data, n));
	return n;
}

/* Two parts, which lie one behind the other. */
static ssize_t
readv_soon(int fd, const struct iovec in[2], const uint8_t *packet)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n = -1;

	do {
		n = poll(&p, 1, WAIT_MS) == 1 ? readv(fd, in, 2) : -1;
	} while (!is_ours(packet, n));
	return n;
}

static uint16_t
sum_of(const uint8_t *data, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes; i += 2) {
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	}
	while (sum >> 16 != 0) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

/* An echo request from the other end, of so many bytes (even, 28 or more), with a number in it. */
static void
make_echo(uint8_t *packet, size_t bytes, uint8_t number)
{
	static const uint8_t head[20] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0, 10, 77, 0, 2, 10, 77, 0, 1};
	uint16_t sum;

	for (size_t i = 0; i < bytes; i++) {
		packet[i] = (uint8_t)i;
	}
	memcpy(packet, head, sizeof(head));
	packet[2] = (uint8_t)(bytes >> 8);
	packet[3] = (uint8_t)bytes;
	sum = sum_of(packet, 20);
	packet[10] = (uint8_t)(sum >> 8);
	packet[11] = (uint8_t)sum;
	memset(packet + 20, 0, 8);
	packet[20] = 8;
	packet[27] = number;
	sum = sum_of(packet + 20, bytes - 20);
	packet[22] = (uint8_t)(sum >> 8);
	packet[23] = (uint8_t)sum;
}

static bool
is_answer(const uint8_t *packet, ssize_t bytes, ssize_t wanted, uint8_t number)
{
	if (bytes == wanted && packet[0] == 0x45 && packet[9] == 1 && packet[20] == 0 && packet[27] == number) {
		return true;
	}
	printf("# %zd bytes, not %zd: %02x\n", bytes, wanted, packet[0]);
	return false;
}

static int
ask_interface(unsigned long request, void *argument)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0), result = ioctl(sock, request, argument), saved = errno;

	close(sock);
	errno = saved;
	return result;
}

static int
flags_of(void)
{
	struct ifreq request = {0};

	strcpy(request.ifr_name, device);
	return ask_interface(SIOCGIFFLAGS, &request) == 0 ? (uint16_t)request.ifr_flags : -1;
}

static bool
set_up(bool up)
{
	struct ifreq request = {0};
	int flags = flags_of();

	strcpy(request.ifr_name, device);
	request.ifr_flags = (short)(up ? flags | IFF_UP : flags & ~IFF_UP);
	return flags >= 0 && ask_interface(SIOCSIFFLAGS, &request) == 0;
}

static bool
comes_up(void)
{
	for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms++) {
		if ((flags_of() & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING)) {
			return true;
		}
		usleep(1000);
	}
	return false;
}

static bool
set_mtu(int mtu)
{
	struct ifreq request = {.ifr_mtu = mtu};

	strcpy(request.ifr_name, device);
	return ask_interface(SIOCSIFMTU, &request) == 0;
}

static void
fill(struct sockaddr *address, const char *text)
{
	struct sockaddr_in in = {.sin_len = sizeof(in), .sin_family = AF_INET};

	inet_pton(AF_INET, text, &in.sin_addr);
	memcpy(address, &in, sizeof(in));
}

static bool
add_address(void)
{
	struct ifaliasreq request = {0};

	strcpy(request.ifra_name, device);
	fill(&request.ifra_addr, OWN);
	fill(&request.ifra_broadaddr, OTHER);
	fill(&request.ifra_mask, "255.255.255.255");
	return ask_interface(SIOCAIFADDR, &request) == 0;
}

/* Whether the list of interfaces has the device, by its name, with its address. */
static bool
is_listed(void)
{
	struct ifaddrs *list;
	bool found = false;

	if (getifaddrs(&list) != 0) {
		return false;
	}
	for (const struct ifaddrs *one = list; one != NULL; one = one->ifa_next) {
		char text[INET_ADDRSTRLEN] = "";

		if (strcmp(one->ifa_name, device) == 0 && one->ifa_addr != NULL && one->ifa_addr->sa_family == AF_INET) {
			struct sockaddr_in in;

			memcpy(&in, one->ifa_addr, sizeof(in));
			inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
			found |= strcmp(text, OWN) == 0;
		}
	}
	freeifaddrs(list);
	return found;
}

static void
check_path(const char *path, struct stat *by_path)
{
	row("its path is a character device", stat(path, by_path) == 0 && S_ISCHR(by_path->st_mode));
	row("it may be opened", access(path, R_OK | W_OK) == 0);
	row("past the count there is none", fails(open("/dev/tun99", O_RDWR), ENOENT));
}

static void
check_number(int fd, const char *path, const struct stat *by_path)
{
	struct stat by_number;

	row("its number is the lowest free one", fd == 3);
	row("its number is the same device", fstat(fd, &by_number) == 0 && S_ISCHR(by_number.st_mode) &&
	    by_number.st_rdev == by_path->st_rdev);
	row("it is close-on-exec, as it was asked for", fcntl(fd, F_GETFD) == FD_CLOEXEC);
	row("it is non-blocking, as it was asked for", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	row("it is open once", fails(open(path, O_RDWR), EBUSY));
	row("it has no place to go to", fails(lseek(fd, 0, SEEK_CUR), ESPIPE));
	row("it is no terminal", isatty(fd) == 0);
}

static void
check_down(int fd)
{
	uint8_t packet[2000];

	make_echo(packet, 60, 1);
	row("it is not up when it is new", (flags_of() & (IFF_UP | IFF_POINTOPOINT | IFF_MULTICAST)) == (IFF_POINTOPOINT | IFF_MULTICAST));
	row("its interface has an index by its name", if_nametoindex(device) != 0);
	row("reading is EIO while it is down", fails(read(fd, packet, sizeof(packet)), EIO));
	row("writing is EIO", fails(write(fd, packet, 60), EIO));
	row("and before any other error", fails(write(fd, packet, 1501), EIO) && fails(write(fd, packet, 0), EIO));
	row("an address is set by its name", add_address());
	row("it is in the list of interfaces by its name", is_listed());
	row("the first address brings it up", comes_up());
}

static void
check_packets(int fd)
{
	uint8_t packet[4000], out[4000];
	struct iovec parts[3] = {{out, 1}, {out + 1, 39}, {out + 40, 20}}, in[2] = {{packet, 21}, {packet + 21, 1500}};
	int mode;

	row("nothing waits in it that is older", fails(read_now(fd, packet, sizeof(packet)), EAGAIN));
	make_echo(out, 60, 2);
	row("a packet is taken without a header", write(fd, out, 60) == 60);
	row("and what is read has none", is_answer(packet, read_soon(fd, packet, sizeof(packet)), 60, 2));
	make_echo(out, 60, 3);
	row("a packet in parts is one", writev(fd, parts, 3) == 60);
	row("a short read gets the beginning", read_soon(fd, packet, 28) == 28 && packet[27] == 3);
	row("the rest is gone", fails(read_now(fd, packet, sizeof(packet)), EAGAIN));
	make_echo(out, 100, 4);
	row("a packet is read into parts", write(fd, out, 100) == 100 && is_answer(packet, readv_soon(fd, in, packet), 100, 4));
	make_echo(out, 60, 5);
	row("a packet and one more are two", write(fd, out, 60) == 60 && (make_echo(out, 80, 6), write(fd, out, 80)) == 80);
	row("the first one first", is_answer(packet, read_soon(fd, packet, sizeof(packet)), 60, 5) &&
	    is_answer(packet, read_soon(fd, packet, sizeof(packet)), 80, 6));
	make_echo(out, 1500, 7);
	row("one of the MTU's size passes", write(fd, out, 1500) == 1500 &&
	    is_answer(packet, read_soon(fd, packet, sizeof(packet)), 1500, 7));
	row("one that is longer is refused", fails(write(fd, out, 1501), EMSGSIZE));
	row("reading nothing is 0, and takes nothing", read(fd, packet, 0) == 0);
	out[0] = 0x55;
	row("one of no known version is refused", fails(write(fd, out, 60), EINVAL));
	row("and so is one of no bytes", fails(write(fd, out, 0), EINVAL));
	row("a request that the driver does not know is ENOTTY", fails(ioctl(fd, _IOR('t', 99, int), &mode), ENOTTY));
	row("so is one of a terminal", fails(ioctl(fd, TIOCGWINSZ, packet), ENOTTY));
}

static void
check_header(int fd)
{
	uint8_t packet[4000], out[4000];
	int mode = 7;

	row("header mode is off", ioctl(fd, TUNGIFHEAD, &mode) == 0 && mode == 0);
	mode = 1;
	row("it can be switched on", ioctl(fd, TUNSIFHEAD, &mode) == 0 && ioctl(fd, TUNGIFHEAD, &mode) == 0 && mode == 1);
	make_echo(out + 4, 60, 8);
	memcpy(out, "\0\0\0\x02", 4);
	row("a packet is then taken with its family", write(fd, out, 64) == 64);
	row("and read with it", read_soon(fd, packet, sizeof(packet)) == 64 && memcmp(packet, "\0\0\0\x02", 4) == 0 &&
	    is_answer(packet + 4, 60, 60, 8));
	make_echo(out + 4, 1500, 9);
	row("the MTU is without it", write(fd, out, 1504) == 1504 && read_soon(fd, packet, sizeof(packet)) == 1504);
	memcpy(out, "\0\0\0\x0a\x60", 5);
	row("10, Linux's for IPv6, is not taken", fails(write(fd, out, 64), EAFNOSUPPORT));
	memcpy(out, "\0\0\0\x02\x60", 5);
	row("family and version have to agree", fails(write(fd, out, 64), EINVAL));
	memcpy(out, "\0\0\0\x1e\x60", 5);
	row("IPv6 is 30", write(fd, out, 64) == 64);
	row("three bytes are too few for a header", fails(write(fd, out, 3), EINVAL));
	mode = 0;
	row("it can be switched off", ioctl(fd, TUNSIFHEAD, &mode) == 0 && ioctl(fd, TUNGIFHEAD, &mode) == 0 && mode == 0);
}

/* Events in a kqueue: what is there to read, and that it can be written. */
static void
check_kqueue(int fd)
{
	struct kevent change, event;
	const struct timespec at_once = {0}, soon = {.tv_sec = WAIT_MS / 1000};
	uint8_t packet[4000], out[60];
	int queue = kqueue();

	EV_SET(&change, fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
	row("a kqueue says nothing while there is nothing", queue >= 0 && (kevent(queue, &change, 1, &event, 1, &at_once) == 0 ||
	    read_now(fd, packet, sizeof(packet)) == -1));
	make_echo(out, 60, 10);
	row("it says that a packet has come", write(fd, out, 60) == 60 && kevent(queue, NULL, 0, &event, 1, &soon) == 1 &&
	    event.filter == EVFILT_READ && event.ident == (uintptr_t)fd && (event.flags & EV_EOF) == 0);
	row("which is there", is_answer(packet, read_soon(fd, packet, sizeof(packet)), 60, 10));
	EV_SET(&change, fd, EVFILT_WRITE, EV_ADD, 0, 0, NULL);
	row("and that there is room", kevent(queue, &change, 1, &event, 1, &soon) == 1 && event.filter == EVFILT_WRITE);
	close(queue);
}

/* News of an interface may take a moment: what is written meanwhile is taken, and what it is answered with is read here. */
static bool
comes_to_fail(int fd, const void *data, size_t size, int error)
{
	uint8_t packet[4000];

	for (int waited_ms = 0; write(fd, data, size) >= 0; waited_ms++) {
		if (waited_ms == WAIT_MS) {
			return false;
		}
		usleep(1000);
	}
	if (!fails(-1, error)) {
		return false;
	}
	while (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 100) == 1 && read(fd, packet, sizeof(packet)) > 0) {
	}
	return true;
}

static void
check_changes(int fd)
{
	uint8_t packet[4000], out[4000];

	make_echo(out, 1000, 11);
	row("the MTU is set by its name", set_mtu(900) && comes_to_fail(fd, out, 1000, EMSGSIZE));
	make_echo(out, 2000, 12);
	row("and up again, to which no refusal may lag", set_mtu(2000) && write(fd, out, 2000) == 2000 &&
	    is_answer(packet, read_soon(fd, packet, sizeof(packet)), 2000, 12));
	make_echo(out, 60, 13);
	row("down, writing is EIO again", set_up(false) && comes_to_fail(fd, out, 60, EIO));
	row("and so is reading", fails(read(fd, packet, sizeof(packet)), EIO));
	make_echo(out, 60, 14);
	row("up, neither is, at once", set_up(true) && write(fd, out, 60) == 60 &&
	    is_answer(packet, read_soon(fd, packet, sizeof(packet)), 60, 14));
}

static void
check_copy(int fd)
{
	uint8_t packet[4000], out[60];
	struct stat st;
	int copy = dup(fd), moved;

	row("a copy is the device", copy >= 0 && fstat(copy, &st) == 0 && S_ISCHR(st.st_mode));
	row("the original may be closed", close(fd) == 0);
	make_echo(out, 60, 15);
	row("the copy works on", write(copy, out, 60) == 60 && is_answer(packet, read_soon(copy, packet, sizeof(packet)), 60, 15));
	moved = fcntl(copy, F_DUPFD, 100);
	make_echo(out, 60, 16);
	row("so does one at a high number", moved >= 100 && close(copy) == 0 && write(moved, out, 60) == 60 &&
	    is_answer(packet, read_soon(moved, packet, sizeof(packet)), 60, 16));
	row("the last is closed", close(moved) == 0);
	row("then the number is nothing", fails(read(moved, packet, sizeof(packet)), EBADF));
}

/* What the next program, which did not open the device, finds at the descriptor. */
static void
check_inherited(int fd, const char *path)
{
	uint8_t packet[4000], out[60];
	struct stat st;
	int mode = 7;

	row("the next program has the device", fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
	row("and its interface by its name", comes_up());
	make_echo(out, 60, 20);
	row("its packets have no header", write(fd, out, 60) == 60 && is_answer(packet, read_soon(fd, packet, sizeof(packet)), 60, 20));
	row("its errors are the device's", fails(write(fd, out, 0), EINVAL) && ioctl(fd, TUNGIFHEAD, &mode) == 0 && mode == 0);
	row("it is open to nobody else", fails(open(path, O_RDWR), EBUSY));
}

int
main(int argc, char **argv)
{
	struct stat by_path;
	const char *path;
	char number[16], count[16];
	int fd;

	if (argc < 2) {
		fprintf(stderr, "usage: tun-rules DEVICE\n");
		return 64;
	}
	path = argv[1];
	device = strrchr(path, '/') + 1;
	if (argc == 4) {
		rows = atoi(argv[3]);
		check_inherited(atoi(argv[2]), path);
		printf("1..%d\n", rows);
		return failures != 0;
	}
	check_path(path, &by_path);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	row("it opens", fd >= 0);
	if (fd < 0) {
		return 1;
	}
	check_number(fd, path, &by_path);
	check_down(fd);
	check_packets(fd);
	check_header(fd);
	check_kqueue(fd);
	check_changes(fd);
	check_copy(fd);
	fd = open(path, O_RDWR);
	row("it opens again at once", fd == 3 && (flags_of() & IFF_UP) == 0 && add_address());
	if (failures == 0) {
		snprintf(number, sizeof(number), "%d", fd);
		snprintf(count, sizeof(count), "%d", rows);
		execl(argv[0], argv[0], path, number, count, (char *)NULL);
		row("it becomes another program", false);
	}
	return 1;
}
