/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-linux.c - row "dialect.linux": /dev/net/tun and TUNSETIFF, where the device is the kernel's own in every respect, whoever
 * made it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static int
node(int flags)
{
	int fd = open("/dev/net/tun", O_RDWR | flags);

	EXPECT(fd >= 0);
	return fd;
}

static int
set_interface(int fd, const char *name, enum kind kind, unsigned flags, char got[IFNAMSIZ])
{
	struct ifreq request = {0};
	int result;

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	request.ifr_flags = (short)((kind == TAP ? IFF_TAP : IFF_TUN) | flags);
	result = ioctl(fd, TUNSETIFF, &request);
	memcpy(got, request.ifr_name, IFNAMSIZ);
	return result;
}

static void
gives_the_interface_that_is_asked_for(enum kind kind)
{
	char got[IFNAMSIZ];
	int fd = node(0);

	EXPECT(set_interface(fd, "any", kind, IFF_NO_PI, got) == 0);
	EXPECT(strcmp(got, "any") == 0 && if_exists("any"));
	EXPECT_ERRNO(set_interface(fd, "other", kind, IFF_NO_PI, got), EEXIST);
	EXPECT(close(fd) == 0);
	wait_gone("any");
}

static void
numbers_are_filled_in(enum kind kind)
{
	char got[IFNAMSIZ];

	for (unsigned number = 0; number < 3; number++) {
		char expected[IFNAMSIZ];

		snprintf(expected, sizeof(expected), "any%u", number);
		EXPECT(set_interface(node(0), "any%d", kind, IFF_NO_PI, got) == 0 && strcmp(got, expected) == 0);
		EXPECT(set_interface(node(0), "", kind, IFF_NO_PI, got) == 0 && strcmp(got, name_of(kind, number)) == 0);
	}
}

static void
what_the_kernel_refuses_is_refused(enum kind kind)
{
	char got[IFNAMSIZ];
	int fd = node(0);

	EXPECT_ERRNO(set_interface(fd, "a/b", kind, IFF_NO_PI, got), EINVAL);
	EXPECT(set_interface(fd, "any", kind, IFF_NO_PI, got) == 0);
	EXPECT_ERRNO(set_interface(node(0), "any", kind, IFF_NO_PI, got), EBUSY);
	/* Of the other kind there is none. */
	EXPECT_ERRNO(set_interface(node(0), "any", kind == TAP ? TUN : TAP, IFF_NO_PI, got), EINVAL);
}

/* None of the other dialect's ways. */
static void
reads_and_writes_as_the_kernel_does(enum kind kind)
{
	uint8_t packet[PACKET_MIN], seen[2048];
	char got[IFNAMSIZ];
	struct stat st;
	int fd = node(O_NONBLOCK), kernel, value;

	EXPECT(set_interface(fd, "any", kind, IFF_NO_PI, got) == 0);
	EXPECT(fstat(fd, &st) == 0 && major(st.st_rdev) == 10 && minor(st.st_rdev) == 200);
	EXPECT_ERRNO(read(fd, seen, sizeof(seen)), EAGAIN);
	packet_make(kind, packet, sizeof(packet), 9);
	EXPECT_ERRNO(write(fd, packet, sizeof(packet)), EIO);
	EXPECT_ERRNO(ioctl(fd, _IOW('t', 96, int), &(int){1}), EINVAL);
	EXPECT(ioctl(fd, TUNGETSNDBUF, &value) == 0 && value == 0x7fffffff);
	EXPECT(ioctl(fd, TUNGETIFF, &(struct ifreq){0}) == 0);
	if_silence("any");
	if_up("any");
	kernel = kernel_open("any");
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
	EXPECT(kernel_receive(kernel, seen, sizeof(seen)) == sizeof(packet) && packet_number(kind, seen) == 9);
	kernel_send(kernel, "any", kind, packet, sizeof(packet));
	wait_readable(fd);
	EXPECT(read(fd, seen, sizeof(seen)) == sizeof(packet) && packet_number(kind, seen) == 9);
	if_down("any");
	EXPECT_ERRNO(read(fd, seen, sizeof(seen)), EAGAIN);
}

static void
an_address_brings_nothing_up(enum kind kind)
{
	char got[IFNAMSIZ];

	EXPECT(set_interface(node(0), "any", kind, IFF_NO_PI, got) == 0);
	if_add_address("any", "10.99.0.1");
	/* The daemon hears of both in order: by the time that it has made this one, it has heard of the address. */
	EXPECT(set_interface(node(0), "more", kind, IFF_NO_PI, got) == 0);
	EXPECT((if_flags("any") & IFF_UP) == 0);
}

static void
asked_before_it_is_a_device(enum kind kind)
{
	unsigned features = 0;
	int fd = node(0);

	EXPECT(ioctl(fd, TUNGETFEATURES, &features) == 0);
	EXPECT((features & (IFF_TUN | IFF_TAP | IFF_NO_PI)) == (IFF_TUN | IFF_TAP | IFF_NO_PI));
	EXPECT_ERRNO(ioctl(fd, TUNGETIFF, &(struct ifreq){0}), EBADFD);
	EXPECT_ERRNO(ioctl(fd, TUNSETPERSIST, 1), EBADFD);
	EXPECT_ERRNO(read(fd, &features, sizeof(features)), EBADFD);
}

static void
queues_are_joined(enum kind kind)
{
	char got[IFNAMSIZ];
	int first = node(0);

	EXPECT(set_interface(first, "any", kind, IFF_NO_PI | IFF_MULTI_QUEUE, got) == 0);
	EXPECT(set_interface(node(0), "any", kind, IFF_NO_PI | IFF_MULTI_QUEUE, got) == 0);
	EXPECT_ERRNO(set_interface(node(0), "any", kind, IFF_NO_PI, got), EINVAL);
	EXPECT(close(first) == 0);
	EXPECT(if_exists("any"));
}

static void
persists_and_is_taken_away(enum kind kind)
{
	char got[IFNAMSIZ];
	int fd = node(0);

	EXPECT(set_interface(fd, "any", kind, IFF_NO_PI, got) == 0);
	EXPECT(ioctl(fd, TUNSETPERSIST, 0) == 0);
	EXPECT(ioctl(fd, TUNSETOWNER, 0) == 0);
	EXPECT(ioctl(fd, TUNSETPERSIST, 1) == 0);
	EXPECT(close(fd) == 0);
	EXPECT(if_exists("any"));
	fd = node(0);
	EXPECT(set_interface(fd, "any", kind, IFF_NO_PI, got) == 0);
	EXPECT(ioctl(fd, TUNSETPERSIST, 0) == 0);
	EXPECT(close(fd) == 0);
	wait_gone("any");
}

const struct contract_case linux_cases[] = {
	{"dialect.linux", "TUNSETIFF makes the interface that is asked for", ON_BOTH | NATIVE, gives_the_interface_that_is_asked_for},
	{"dialect.linux", "%d and an empty name take the lowest free number", ON_BOTH | NATIVE, numbers_are_filled_in},
	{"dialect.linux", "what the kernel refuses is refused with its errno", ON_BOTH | NATIVE, what_the_kernel_refuses_is_refused},
	{"dialect.linux", "the device reads and writes as the kernel's own", ON_BOTH | NATIVE, reads_and_writes_as_the_kernel_does},
	{"dialect.linux", "an address brings nothing up", ON_BOTH | NATIVE, an_address_brings_nothing_up},
	{"dialect.linux", "requests before TUNSETIFF are the kernel's", ON_TAP | NATIVE, asked_before_it_is_a_device},
	{"dialect.linux", "queues of one device are joined", ON_BOTH | NATIVE, queues_are_joined},
	{"dialect.linux", "a persistent interface stays and can be taken away", ON_BOTH | NATIVE, persists_and_is_taken_away},
	{0},
};
