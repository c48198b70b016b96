/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tun-rules.c - what a program of macOS finds at a tun device that is up, row by row.  Knows nothing of tuntapd.  Prints TAP.
 *
 * The kernel sends IPv6 of its own on a new interface; so there is something to read.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define TUNSIFHEAD _IOW('t', 96, int)
#define TUNGIFHEAD _IOR('t', 97, int)
#define WAIT_MS 20000

static int rows, failures;

static void
row(const char *text, bool holds)
{
	printf("%sok %d - %s\n", holds ? "" : "not ", ++rows, text);
	fflush(stdout);
	failures += !holds;
}

static bool
fails(long result, int error)
{
	if (result == -1 && errno == error) {
		return true;
	}
	printf("# result %ld, errno %d, not %d\n", result, errno, error);
	return false;
}

/* Waits for a packet.  Bytes, or -1. */
static ssize_t
read_soon(int fd, void *data, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, WAIT_MS) == 1 ? read(fd, data, size) : -1;
}

int
main(void)
{
	static uint8_t packet[2000];
	struct stat by_path, by_number;
	struct iovec parts[3] = {{packet, 1}, {packet + 1, 39}, {packet + 40, 1500}};
	struct pollfd p = {.events = POLLIN};
	int fd, mode = 7, copy;
	ssize_t n;

	row("its path is a character device", stat("/dev/tun3", &by_path) == 0 && S_ISCHR(by_path.st_mode));
	row("it may be opened", access("/dev/tun3", R_OK | W_OK) == 0);
	row("past the count there is none", fails(open("/dev/tun99", O_RDWR), ENOENT));
	fd = open("/dev/tun3", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	row("it opens", fd >= 0);
	if (fd < 0) {
		return 1;
	}
	row("its number is the lowest free one", fd == 3);
	row("its number is the same device", fstat(fd, &by_number) == 0 && S_ISCHR(by_number.st_mode) &&
	    by_number.st_rdev == by_path.st_rdev);
	row("it is close-on-exec, as it was asked for", fcntl(fd, F_GETFD) == FD_CLOEXEC);
	row("it is non-blocking, as it was asked for", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);

	n = read_soon(fd, packet, sizeof(packet));
	row("a packet comes without a header", n >= 40 && packet[0] >> 4 == 6);
	memset(packet, 0x45, sizeof(packet));
	row("a packet that is too long is refused", fails(write(fd, packet, 1501), EMSGSIZE));
	row("one of the MTU's size is not", write(fd, packet, 1500) == 1500);
	packet[0] = 0x55;
	row("one of no known version is refused", fails(write(fd, packet, 60), EINVAL));
	row("and so is one of no bytes", fails(write(fd, packet, 0), EINVAL));
	row("a request that the driver does not know is ENOTTY", fails(ioctl(fd, _IOR('t', 99, int), &mode), ENOTTY));

	row("header mode is off", ioctl(fd, TUNGIFHEAD, &mode) == 0 && mode == 0);
	mode = 1;
	row("it can be switched on", ioctl(fd, TUNSIFHEAD, &mode) == 0 && ioctl(fd, TUNGIFHEAD, &mode) == 0 && mode == 1);
	n = read_soon(fd, packet, sizeof(packet));
	row("IPv6 is then family 30", n >= 44 && memcmp(packet, "\0\0\0\x1e\x60", 5) == 0);
	memcpy(packet, "\0\0\0\x0a\x60", 5);
	row("10, Linux's, is not taken for it", fails(write(fd, packet, 60), EAFNOSUPPORT));
	memcpy(packet, "\0\0\0\x02\x60", 5);
	row("family and version have to agree", fails(write(fd, packet, 60), EINVAL));
	memcpy(packet, "\0\0\0\x1e\x60", 5);
	row("what agrees is taken", write(fd, packet, 60) == 60);
	mode = 0;
	row("it can be switched off", ioctl(fd, TUNSIFHEAD, &mode) == 0 && ioctl(fd, TUNGIFHEAD, &mode) == 0 && mode == 0);

	copy = dup(fd);
	row("a copy is the device", copy >= 0 && fstat(copy, &by_number) == 0 && S_ISCHR(by_number.st_mode));
	row("the original may be closed", close(fd) == 0);
	p.fd = copy;
	if (poll(&p, 1, WAIT_MS) == 1) {
		n = readv(copy, parts, 3);
		row("a packet is read into parts", n >= 40 && packet[0] >> 4 == 6 && packet[6] != 0);
	} else {
		row("a packet is read into parts", false);
	}
	row("and closed", close(copy) == 0);
	row("then the number is nothing", fails(read(copy, packet, sizeof(packet)), EBADF));
	printf("1..%d\n", rows);
	return failures != 0;
}
