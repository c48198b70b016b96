/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket-rules.c - what a program of macOS finds at the utun control and at pairs of datagrams, row by row: darwin.md 1 and 6, with their
 * own numbers and bytes.  It proves the stand-in, and not us.  As root, in a network of its own.  Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rows.h"

/* struct sockaddr_ctl as bytes: 32 long, PF_SYSTEM, AF_SYS_CONTROL, control, unit. */
static int
connect_unit(int fd, uint8_t length, uint32_t control, uint32_t unit)
{
	uint8_t address[32] = {length, 32, 2, 0};

	memcpy(address + 4, &control, 4);
	memcpy(address + 8, &unit, 4);
	return connect(fd, (struct sockaddr *)(void *)address, sizeof(address));
}

static int
ask_control(int fd, const char *name, uint32_t *control)
{
	char info[100] = {0};
	int result;

	strcpy(info + 4, name);
	result = ioctl(fd, 0xc0644e03ul, info); /* CTLIOCGINFO */
	memcpy(control, info, 4);
	return result;
}

static bool
has_name(int fd, const char *wanted)
{
	char name[16] = "";
	socklen_t length = sizeof(name);

	return getsockopt(fd, 2, 2, name, &length) == 0 && strcmp(name, wanted) == 0 && length == strlen(wanted) + 1;
}

static void
check_utun(void)
{
	char name[16];
	socklen_t length = sizeof(name);
	struct ifreq request = {.ifr_name = "utun7"};
	uint32_t control = 0, pending = 0;
	int fd = socket(32, SOCK_DGRAM, 2), other = socket(32, SOCK_DGRAM, 2), sock = socket(AF_INET, SOCK_DGRAM, 0);

	row("an unknown control is ENOENT", fails(ask_control(fd, "com.apple.net.nothing", &control), ENOENT));
	row("utun's has a number", ask_control(fd, "com.apple.net.utun_control", &control) == 0 && control != 0);
	row("before it is connected it has no name", fails(getsockopt(fd, 2, 2, name, &length), EINVAL));
	row("a wrong length is EINVAL", fails(connect_unit(fd, 16, control, 8), EINVAL));
	row("seteuid", seteuid(65534) == 0);
	row("only root connects", fails(connect_unit(fd, 32, control, 8), EPERM));
	row("seteuid back", seteuid(0) == 0);
	row("unit 8 is utun7", connect_unit(fd, 32, control, 8) == 0 && has_name(fd, "utun7"));
	row("which is taken then", fails(connect_unit(other, 32, control, 8), EBUSY));
	row("unit 0 is the lowest that is free", connect_unit(other, 32, control, 0) == 0 && has_name(other, "utun0"));
	length = 3;
	row("a short buffer for the name is EMSGSIZE", fails(getsockopt(fd, 2, 2, name, &length), EMSGSIZE));
	row("it is UP, RUNNING, POINTOPOINT, MULTICAST, and not SIMPLEX", ioctl(sock, 0xc0206911ul, &request) == 0 &&
	    (uint16_t)request.ifr_flags == 0x8051);
	row("its MTU is 1500", ioctl(sock, 0xc0206933ul, &request) == 0 && request.ifr_mtu == 1500);
	request.ifr_mtu = 71;
	row("71 is too small for one", fails(ioctl(sock, 0x80206934ul, &request), EINVAL));
	row("nobody destroys it", fails(ioctl(sock, 0x80206979ul, &request), EINVAL));
	length = sizeof(pending);
	row("one packet may wait", getsockopt(fd, 2, 16, &pending, &length) == 0 && pending == 1);
	pending = 0;
	row("none is EINVAL", fails(setsockopt(fd, 2, 16, &pending, sizeof(pending)), EINVAL));
	pending = 1000;
	row("a thousand are set, and read", setsockopt(fd, 2, 16, &pending, sizeof(pending)) == 0 && (pending = 0, length = 4, 1) &&
	    getsockopt(fd, 2, 16, &pending, &length) == 0 && pending == 1000);
	row("a packet of the system's waits, with 00 00 00 02 before it", recv(fd, name, sizeof(name), 0) == sizeof(name) &&
	    memcmp(name, "\0\0\0\x02\x45", 5) == 0);
	row("of a short read the rest is gone", fails(recv(fd, name, sizeof(name), MSG_DONTWAIT), EAGAIN) && EAGAIN == 35);
	row("Linux's family for IPv6 is taken and dropped", write(fd, "\0\0\0\x0a\x60", 5) == 5);
	row("the last close takes the interface away", close(fd) == 0 && if_nametoindex("utun7") == 0 && errno == ENXIO);
	request = (struct ifreq){.ifr_name = "utun7"};
	row("an unknown name is ENXIO", fails(ioctl(sock, 0xc0206911ul, &request), ENXIO));
	close(other);
	close(sock);
}

static void
check_datagrams(void)
{
	static char data[1024 * 1024];
	int ends[2], bytes, pid, sent = 0;
	socklen_t length = sizeof(bytes);
	struct kevent change, event;
	const struct timespec at_once = {0};
	int queue = kqueue();

	row("there is no SOCK_SEQPACKET", fails(socketpair(AF_UNIX, 5, 0, ends), EPROTONOSUPPORT));
	row("a pair", socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
	row("2048 bytes can be sent, and 4096 wait", getsockopt(ends[0], 0xffff, 0x1001, &bytes, &length) == 0 && bytes == 2048 &&
	    getsockopt(ends[0], 0xffff, 0x1002, &bytes, &length) == 0 && bytes == 4096);
	row("one byte more is EMSGSIZE, 40", send(ends[0], data, 2048, 0) == 2048 && fails(send(ends[0], data, 2049, 0), 40));
	row("SO_NREAD is the next one's size", getsockopt(ends[1], 0xffff, 0x1020, &bytes, &length) == 0 && bytes == 2048);
	row("a short read takes all of it", recv(ends[1], data, 10, 0) == 10 && fails(recv(ends[1], data, 10, MSG_DONTWAIT), EAGAIN));
	bytes = 262144;
	row("larger buffers are set, and read", setsockopt(ends[0], 0xffff, 0x1001, &bytes, 4) == 0 && (bytes = 0, 1) &&
	    getsockopt(ends[0], 0xffff, 0x1001, &bytes, &length) == 0 && bytes == 262144);
	while (sent < 10000 && send(ends[0], data, 1514, 0) == 1514) {
		sent++;
	}
	row("a full receiver is ENOBUFS, 55, to one that may wait", sent > 10 && sent < 10000 && errno == 55);
	while (sent > 0 && recv(ends[1], data, sizeof(data), MSG_DONTWAIT) == 1514) {
		sent--;
	}
	row("none of those that were taken is lost", sent == 0);
	length = sizeof(pid);
	row("who is at the other end", getsockopt(ends[1], 0, 2, &pid, &length) == 0 && pid == getpid());
	EV_SET(&change, ends[1], EVFILT_READ, EV_ADD, 0, 0, NULL);
	row("a kqueue waits", kevent(queue, &change, 1, &event, 1, &at_once) == 0);
	row("the other end closes, after one more", send(ends[0], "x", 1, 0) == 1 && close(ends[0]) == 0);
	row("which comes first", recv(ends[1], data, 10, 0) == 1);
	row("a kqueue that waited hears nothing", kevent(queue, NULL, 0, &event, 1, &at_once) == 0);
	row("one that asks anew does, and not of an end", kevent(queue, &change, 1, &event, 1, &at_once) == 1 &&
	    (event.flags & EV_EOF) == 0);
	row("so does a poll", poll(&(struct pollfd){.fd = ends[1], .events = POLLIN}, 1, 0) == 1);
	row("nobody is there: ENOTCONN, 57", fails(getsockopt(ends[1], 0, 2, &pid, &length), 57));
	row("a read is ECONNRESET, 54", fails(recv(ends[1], data, 10, MSG_DONTWAIT), 54));
	row("once", fails(recv(ends[1], data, 10, MSG_DONTWAIT), EAGAIN));
	row("and a write is EDESTADDRREQ, 39", fails(send(ends[1], data, 10, 0), 39));
	row("a poll has no more to say", poll(&(struct pollfd){.fd = ends[1], .events = POLLIN}, 1, 0) == 0);
	close(ends[1]);
	close(queue);
}

int
main(void)
{
	check_utun();
	check_datagrams();
	printf("1..%d\n", rows);
	return failures != 0;
}
