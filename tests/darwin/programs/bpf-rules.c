/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf-rules.c - what a program of macOS finds at BPF devices and driver's sockets on a feth pair, row by row: darwin.md 2, 3 and 4, with
 * the numbers and bytes that are written there, and no header's.  It knows nothing of tuntapd.  Run as root, in a network of its own.
 * Prints TAP.  Usage: bpf-rules [KERNEL]: the kernel's major number, for what differs (20 to 24; else 24).
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "rows.h"

#define NEAR "feth10007"
#define FAR "feth20007"
#define WAIT_MS 20000
#define BUFFER 65536

static int sock, kernel = 24;
static uint8_t buffer[BUFFER], frame[20000];

static int
ask(int fd, unsigned long request, const char *name, int32_t value)
{
	uint8_t about[32] = {0};

	strcpy((char *)about, name);
	memcpy(about + 16, &value, sizeof(value));
	return ioctl(fd, request, about);
}

static int
set_up(const char *name, bool up)
{
	return ask(sock, 0x80206910ul, name, up);
}

static int
set_mtu(const char *name, int mtu)
{
	return ask(sock, 0x80206934ul, name, mtu);
}

static void
make_pair(void)
{
	uint8_t peer[160] = {0}, whole[40] = NEAR;
	uint64_t numbers[3] = {1, sizeof(peer), (uint64_t)(uintptr_t)peer};
	int wide = 16370;

	strcpy((char *)peer + 32, FAR);
	memcpy(whole + 16, numbers, sizeof(numbers));
	if (sysctlbyname("net.link.fake.max_mtu", NULL, NULL, &wide, sizeof(wide)) < 0 || ask(sock, 0xc0206978ul, NEAR, 0) < 0 ||
	    ask(sock, 0xc0206978ul, FAR, 0) < 0 || ioctl(sock, 0x8028697bul, whole) < 0) {
		perror("the pair");
		exit(1);
	}
}

/* The first device that is free: the numbers are tried in turn. */
static int
open_device(void)
{
	char path[32];
	int fd, number = 0;

	do {
		snprintf(path, sizeof(path), "/dev/bpf%d", number++);
		fd = open(path, O_RDWR);
	} while (fd < 0 && errno == EBUSY);
	return fd;
}

static int
number(int fd, unsigned long request, uint32_t value)
{
	return ioctl(fd, request, &value) < 0 ? -1 : (int)value;
}

static bool
polls_as(int fd, int timeout_ms, short revents)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, timeout_ms) == 1 && p.revents == revents;
}

static bool
is_ready(int fd, int timeout_ms)
{
	return polls_as(fd, timeout_ms, POLLIN);
}

/* As select(2) says. */
static bool
is_selected(int fd, int timeout_ms)
{
	struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	fd_set reads;

	FD_ZERO(&reads);
	FD_SET(fd, &reads);
	return select(fd + 1, &reads, NULL, NULL, &timeout) == 1 && FD_ISSET(fd, &reads);
}

/* Counted: so many have come. */
static bool
has_come(int fd, uint32_t frames)
{
	uint32_t counts[2] = {0};

	for (unsigned tries = 0; tries < WAIT_MS && ioctl(fd, 0x4008426ful, counts) == 0 && counts[0] < frames; tries++) {
		(void)poll(NULL, 0, 1);
	}
	return counts[0] == frames && counts[1] == 0;
}

static uint32_t
word(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void
fill(size_t bytes, uint8_t what)
{
	memset(frame, what, sizeof(frame));
	memcpy(frame, "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5", 14);
	frame[bytes - 1] = 0xee;
}

static void
opening(void)
{
	int first, second;

	row("there is no /dev/bpf, nor /dev/bpf256", fails(open("/dev/bpf", O_RDWR), ENOENT) && fails(open("/dev/bpf256", O_RDWR), ENOENT));
	first = open("/dev/bpf1", O_RDWR);
	row("/dev/bpf1 opens", first >= 0);
	row("once", fails(open("/dev/bpf1", O_RDWR), EBUSY));
	second = open("/dev/bpf2", O_RDWR);
	row("then the next", second >= 0);
	close(first);
	row("one that was closed opens again", (first = open("/dev/bpf1", O_RDWR)) >= 0);
	close(first);
	close(second);
	row("who is not root opens none", seteuid(65534) == 0 && fails(open("/dev/bpf1", O_RDWR), EACCES) && seteuid(0) == 0);
}

/* A device at an interface, as a reader wants it. */
static int
attach(const char *name, uint32_t sees_sent)
{
	int fd = open_device();

	if (fd < 0 || number(fd, 0xc0044266ul, BUFFER) != BUFFER || ask(fd, 0x8020426cul, name, 0) < 0 || number(fd, 0x80044270ul, 1) < 0 ||
	    number(fd, 0x80044275ul, 1) < 0 || number(fd, 0x80044277ul, sees_sent) < 0) {
		perror("a BPF device");
		exit(1);
	}
	return fd;
}

static void
setting(void)
{
	static const uint8_t version[4] = {1, 0, 1, 0};
	uint32_t most = kernel <= 21 ? 512 * 1024 : 32 * 1024 * 1024, links[4] = {0};
	int fd = open_device();
	uint8_t bytes[12] = {0};
	uint64_t at = (uint64_t)(uintptr_t)links;

	row("version 1.1", ioctl(fd, 0x40044271ul, bytes) == 0 && memcmp(bytes, version, 4) == 0);
	row("4096 bytes of buffer", number(fd, 0x40044266ul, 0) == 4096);
	row("too many are made fewer without a word", number(fd, 0xc0044266ul, 64 * 1024 * 1024) == (int)most &&
	    number(fd, 0x40044266ul, 0) == (int)most);
	row("65536 are 65536", number(fd, 0xc0044266ul, BUFFER) == BUFFER);
	row("without an interface: ready by select, nothing to watch by poll, and ENXIO", is_selected(fd, 0) && polls_as(fd, 0, POLLNVAL) &&
	    fails(read(fd, buffer, BUFFER), ENXIO) &&
	    fails(write(fd, frame, 60), ENXIO));
	row("no such interface", fails(ask(fd, 0x8020426cul, "feth3", 0), ENXIO));
	row("one that is down will do", ask(fd, 0x8020426cul, FAR, 0) == 0);
	row("then the buffer stays as it is", fails(number(fd, 0xc0044266ul, 4096), EINVAL));
	row("Ethernet is 1", number(fd, 0x4004426aul, 0) == 1);
	memcpy(bytes + 4, &at, 8);
	bytes[0] = 4;
	row("and the only one", ioctl(fd, 0xc00c4279ul, bytes) == 0 && word(bytes) == 1 && links[0] == 1);
	row("sent frames are seen, at first", number(fd, 0x40044276ul, 7) == 1);
	close(fd);
}

static void
reading(void)
{
	int near, far = attach(FAR, 0), both = attach(FAR, 1);

	row("both ends up", set_up(NEAR, true) == 0 && set_up(FAR, true) == 0);
	near = attach(NEAR, 0);
	fcntl(far, F_SETFL, O_NONBLOCK);
	fcntl(both, F_SETFL, O_NONBLOCK);
	row("nothing there", !is_ready(far, 0) && fails(read(far, buffer, BUFFER), EAGAIN));
	row("any other size than the buffer's is refused", fails(read(far, buffer, BUFFER - 1), EINVAL) &&
	    fails(read(far, buffer, BUFFER + 1), EINVAL));
	fill(61, 0x11);
	row("a frame of 61 bytes", write(near, frame, 61) == 61);
	fill(64, 0x22);
	row("and one of 64", write(near, frame, 64) == 64);
	row("they can be read at the other end", has_come(far, 2) && has_come(both, 2) && is_ready(far, 0));
	/* 18 + 61 bytes; the next at a multiple of 4. */
	row("both at once, of 162 bytes", read(far, buffer, BUFFER) == 80 + 18 + 64);
	row("the header has 18 bytes, and says so", buffer[16] == 18 && buffer[17] == 0);
	row("61 of 61 were caught", word(buffer + 8) == 61 && word(buffer + 12) == 61);
	row("the frame comes after it", memcmp(buffer + 18, "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5\x11", 15) == 0 &&
	    buffer[18 + 60] == 0xee);
	row("the next one 80 bytes on", buffer[80 + 16] == 18 && word(buffer + 80 + 8) == 64 && buffer[80 + 18 + 14] == 0x22);
	row("then nothing", fails(read(far, buffer, BUFFER), EAGAIN));
	row("who sees what is sent has seen what came, too", read(both, buffer, BUFFER) == 162);
	fill(70, 0x33);
	row("a frame the other way", write(far, frame, 70) == 70 && is_ready(near, WAIT_MS) && read(near, buffer, BUFFER) == 18 + 70);
	row("is shown where it was sent", is_ready(both, WAIT_MS) && read(both, buffer, BUFFER) == 18 + 70);
	row("but not to who does not want it", !is_ready(far, 0));
	row("the tag of a frame is part of it", memcpy(frame + 12, "\x81\x00\x00\x05\x88\xb5", 6) && write(near, frame, 74) == 74 &&
	    is_ready(far, WAIT_MS) && read(far, buffer, BUFFER) == 18 + 74 && memcmp(buffer + 18 + 12, "\x81\x00\x00\x05\x88\xb5", 6) == 0);
	row("counted: three, none lost", has_come(far, 3));
	row("what waits can be forgotten", write(near, frame, 60) == 60 && is_ready(far, WAIT_MS) && ioctl(far, 0x20004268ul) == 0 &&
	    !is_ready(far, 0));
	close(near);
	close(far);
	close(both);
}

/* The longer header: by the kernel its length, and the byte that has the direction. */
static void
directions(void)
{
	int near = attach(NEAR, 0), far = open_device(), header = kernel >= 24 ? 66 : 62, at = kernel <= 21 ? 18 : 19, came;
	uint32_t room = BUFFER;

	row("a longer header can be had", ioctl(far, 0xc0044266ul, &room) == 0 && number(far, 0x8004427cul, 1) == 1 &&
	    number(far, 0x80044270ul, 1) == 1 && ask(far, 0x8020426cul, FAR, 0) == 0);
	fill(61, 0x77);
	row("of what comes", write(near, frame, 61) == 61 && is_selected(far, WAIT_MS) && read(far, buffer, BUFFER) == header + 61);
	row("it says its length", buffer[16] == header && word(buffer + 8) == 61 && word(buffer + 12) == 61 && buffer[header + 14] == 0x77);
	came = buffer[18] << 8 | buffer[19];
	close(near);
	near = attach(FAR, 0);
	row("of what is sent", write(near, frame, 61) == 61 && is_selected(far, WAIT_MS) && read(far, buffer, BUFFER) == header + 61);
	row("and the direction", came == 0 && (buffer[at] & 1) == 1 && buffer[at == 18 ? 19 : 18] == 0);
	close(near);
	close(far);
}

static bool
arrives(int far, ssize_t bytes)
{
	return is_ready(far, WAIT_MS) && read(far, buffer, BUFFER) == 18 + bytes;
}

static void
writing(void)
{
	int near = attach(NEAR, 0), far = attach(FAR, 0);
	/* Up to macOS 13 a frame has 2048 bytes at the most; later the MTU and 18, header included. */
	int most = kernel <= 22 ? 2048 : 1518, error = kernel <= 22 ? EIO : EMSGSIZE;

	fill(1514, 0x44);
	row("a full frame", write(near, frame, 1514) == 1514 && arrives(far, 1514));
	memcpy(frame + 12, "\x81\x00\x00\x05", 4);
	row("with a tag, too", write(near, frame, 1518) == 1518 && arrives(far, 1518));
	if (kernel <= 22) {
		row("one of 2049 bytes is not taken, whatever the MTU", set_mtu(NEAR, 9000) == 0 && set_mtu(FAR, 9000) == 0 &&
		    fails(write(near, frame, (size_t)most + 1), error));
	} else {
		row("one of the MTU and 19 is not taken", fails(write(near, frame, (size_t)most + 1), error));
		row("a larger MTU lets it through", set_mtu(NEAR, 9000) == 0 && set_mtu(FAR, 9000) == 0 &&
		    write(near, frame, 9018) == 9018 && arrives(far, 9018) && fails(write(near, frame, 9019), error));
	}
	row("and the MTU back", set_mtu(NEAR, 1500) == 0 && set_mtu(FAR, 1500) == 0);
	fill(60, 0x55);
	row("without the complete header the address is the interface's", ioctl(near, 0x80044275ul, &(uint32_t){0}) == 0 &&
	    write(near, frame, 60) == 60 && arrives(far, 60) && memcmp(buffer + 18 + 6, "\x66\x65\x74\x68\x27\x17", 6) == 0);
	row("down: ENETDOWN", set_up(NEAR, false) == 0 && fails(write(near, frame, 60), ENETDOWN));
	row("a reader is not told", !is_ready(near, 0) && fcntl(near, F_SETFL, O_NONBLOCK) == 0 &&
	    fails(read(near, buffer, BUFFER), EAGAIN));
	row("and up again", set_up(NEAR, true) == 0 && write(far, frame, 60) == 60 && arrives(near, 60));
	close(near);
	close(far);
}

static void
driver(void)
{
	uint8_t address[18] = {18, 27}, other[18] = {18, 27};
	int fd, far = attach(FAR, 0), room = 1024 * 1024;

	strcpy((char *)address + 2, NEAR);
	strcpy((char *)other + 2, "feth3");
	row("only root has driver's sockets", seteuid(65534) == 0 && fails(socket(27, SOCK_RAW, 0), EPERM) && seteuid(0) == 0);
	fd = socket(27, SOCK_RAW, 0);
	row("there is one", fd >= 0);
	row("not to be bound to what is not there", fails(bind(fd, (struct sockaddr *)other, 18), EADDRNOTAVAIL));
	row("but to an interface", bind(fd, (struct sockaddr *)address, 18) == 0);
	row("once", fails(bind(fd, (struct sockaddr *)address, 18), EINVAL));
	fill(9014, 0x66);
	row("before it is connected it has nowhere to send", fails(write(fd, frame, 60), EDESTADDRREQ));
	row("then it has", connect(fd, (struct sockaddr *)address, 18) == 0 && write(fd, frame, 60) == 60 && arrives(far, 60));
	row("8192 bytes are its room", set_mtu(NEAR, 16370) == 0 && set_mtu(FAR, 16370) == 0 && fails(write(fd, frame, 8193), EMSGSIZE));
	row("more can be had", setsockopt(fd, 0xffff, 0x1001, &room, 4) == 0 && write(fd, frame, 9014) == 9014 && arrives(far, 9014));
	row("a frame of any size then, where BPF has a limit", write(fd, frame, 16384) == 16384 && arrives(far, 16384));
	row("down: ENETDOWN", set_up(NEAR, false) == 0 && fails(write(fd, frame, 60), ENETDOWN) && set_up(NEAR, true) == 0);
	close(fd);
	close(far);
}

static void
leaving(void)
{
	int far = attach(FAR, 0);

	row("the other end may go", ask(sock, 0x80206979ul, NEAR, 0) == 0);
	row("and nobody is told", !is_ready(far, 0));
	row("what is sent without a peer is gone, without a word", write(far, frame, 60) == 60);
	row("this end may go", ask(sock, 0x80206979ul, FAR, 0) == 0);
	row("select tells, and a read is ENXIO", is_selected(far, WAIT_MS) && fails(read(far, buffer, BUFFER), ENXIO));
	row("for good", is_selected(far, 0) && polls_as(far, 0, POLLNVAL) && fails(read(far, buffer, BUFFER), ENXIO) &&
	    fails(write(far, frame, 60), ENXIO));
	close(far);
}

int
main(int argc, char **argv)
{
	kernel = argc > 1 ? atoi(argv[1]) : kernel;
	sock = socket(2 /* AF_INET */, 2 /* SOCK_DGRAM */, 0);
	if (sock < 0) {
		perror("socket");
		return 1;
	}
	make_pair();
	opening();
	setting();
	reading();
	directions();
	writing();
	driver();
	leaving();
	printf("1..%d\n", rows);
	return failures != 0;
}
