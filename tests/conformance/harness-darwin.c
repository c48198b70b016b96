/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness-darwin.c - what is macOS' of the harness, and of the stand-in for it (tests/darwin).
 *
 * The kernel's side of an interface is a program of Linux's, whose path is in CONTRACT_KERNEL: it is told what to send, and says what has
 * come, by two pairs of datagrams.  There is no native mode.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NUMBERS_MAX 256

/* Those that are written for both systems. */
const struct contract_case *const contract_tables[] = {before_cases, interface_cases, io_cases, ioctl_cases, stack_cases, NULL};
const bool contract_news_lags = true;

static const struct {
	const char *name, *why;
} excuses[] = {
	{"a real node of that name is opened instead", "it makes one of Linux's"},
	{"a fresh interface has its kind's flags and is not up", "a utun has other flags: tun-rules.c"},
	{"the first IPv6 address brings a device up", "IPv6 addresses are set by another request there"},
	{"an explicit down stays down when an address comes", "news tells what is, not what was: a short down may be missed"},
	{"an interface taken away is EIO, never a read of 0", "nobody can take a utun away"},
	{"FIONREAD is 0, or at least the next packet's size", "Linux's tun does not tell, so the stand-in cannot"},
	{"another platform's values are ENOTTY and touch nothing", "they are this platform's"},
};

/* By the number that packets come from: that which they go to. */
static int senders[NUMBERS_MAX];
/* The address that was set first. */
static char own[INET_ADDRSTRLEN];

const char *
contract_excuse(const struct contract_case *c)
{
	for (size_t i = 0; i < sizeof(excuses) / sizeof(excuses[0]); i++) {
		if (strcmp(excuses[i].name, c->name) == 0) {
			return excuses[i].why;
		}
	}
	return NULL;
}

int
device_open(enum kind kind, unsigned unit, int flags)
{
	return open(path_of(kind, unit), flags, 0600);
}

void
if_mac(const char *name, uint8_t mac[6])
{
	(void)name;
	(void)mac;
	EXPECT(!"a MAC address is asked for"); /* of taps */
}

int
if_set_mac(const char *name, const uint8_t mac[6])
{
	(void)name;
	(void)mac;
	errno = EOPNOTSUPP;
	return -1;
}

static void
fill(struct sockaddr *address, const char *text)
{
	struct sockaddr_in in = {.sin_len = sizeof(in), .sin_family = AF_INET};

	EXPECT(inet_pton(AF_INET, text, &in.sin_addr) == 1);
	memcpy(address, &in, sizeof(in));
}

static void
add_address(const char *name, const char *address, const char *other)
{
	struct ifaliasreq request = {0};

	strlcpy(request.ifra_name, name, sizeof(request.ifra_name));
	fill(&request.ifra_addr, address);
	if (other != NULL) {
		fill(&request.ifra_broadaddr, other);
	}
	fill(&request.ifra_mask, "255.255.255.255");
	EXPECT(ask_interface(SIOCAIFADDR, (struct ifreq *)(void *)&request, name) == 0);
}

void
if_add_address(const char *name, const char *address)
{
	strlcpy(own, address, sizeof(own));
	add_address(name, address, NULL);
}

/* The other end is part of an address. */
void
if_add_peer(const char *name, const char *address)
{
	struct ifreq request = {0};

	fill(&request.ifr_addr, own);
	EXPECT(ask_interface(SIOCDIFADDR, &request, name) == 0);
	add_address(name, own, address);
}

void
if_silence(const char *name)
{
	/* The stand-in's interfaces say nothing by themselves, but for their first packet, which nobody but the daemon may see. */
	(void)name;
}

int
kernel_open(const char *name)
{
	int packets[2], orders[2], bytes = 4 * 1024 * 1024;
	char index[16], ready;

	snprintf(index, sizeof(index), "%u", if_nametoindex(name));
	EXPECT(socketpair(AF_UNIX, SOCK_DGRAM, 0, packets) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, orders) == 0);
	for (int i = 0; i < 2; i++) {
		EXPECT(setsockopt(packets[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0);
		EXPECT(setsockopt(packets[i], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0);
		EXPECT(setsockopt(orders[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0);
		EXPECT(setsockopt(orders[i], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0);
	}
	if (fork() == 0) {
		/* No copy of the device: the interface would live as long as this. */
		dup2(packets[1], 0);
		dup2(orders[1], 1);
		for (int fd = 3; fd < NUMBERS_MAX; fd++) {
			close(fd);
		}
		execl(getenv("CONTRACT_KERNEL"), "kernel-side", index, (char *)NULL);
		_exit(127);
	}
	close(packets[1]);
	close(orders[1]);
	EXPECT(packets[0] < NUMBERS_MAX && recv(orders[0], &ready, 1, 0) == 1);
	senders[packets[0]] = orders[0];
	return packets[0];
}

void
kernel_send(int kernel, const char *name, enum kind kind, const void *packet, size_t bytes)
{
	char done;

	(void)name;
	(void)kind;
	EXPECT(send(senders[kernel], packet, bytes, 0) == (ssize_t)bytes);
	EXPECT(recv(senders[kernel], &done, 1, 0) == 1 && done == 1);
}

long
kernel_receive(int kernel, void *packet, size_t room)
{
	struct pollfd p = {.fd = kernel, .events = POLLIN};

	return poll(&p, 1, 1000) == 1 ? recv(kernel, packet, room, MSG_DONTWAIT) : -1;
}

/* The cases that need them are not written for macOS. */
int
image_main(const char *role, const char *kind, const char *fd)
{
	fprintf(stderr, "no image %s of %s at %s\n", role, kind, fd);
	return 64;
}

int
contract_without_library(enum kind kind)
{
	fprintf(stderr, "nothing without a library for %s\n", name_of(kind, 0));
	return 64;
}
