/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-interface.c - rows "the interface" and "configuring".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

static void
flags_of_a_fresh_interface(enum kind kind)
{
	short flags, clear, set = if_fresh_flags(kind, &clear);

	opened(kind, 0);
	flags = if_flags(name_of(kind, 0));
	EXPECT((flags & IFF_UP) == 0);
	EXPECT((flags & set) == set && (flags & clear) == 0);
	EXPECT(if_mtu(name_of(kind, 0)) == 1500);
}

static void
fresh_random_mac(enum kind kind)
{
	uint8_t a[6], b[6];
	int fd = opened(kind, 0);

	if_mac(name_of(kind, 0), a);
	EXPECT((a[0] & 0x03) == 0x02);
	EXPECT(close(fd) == 0);
	opened(kind, 0);
	if_mac(name_of(kind, 0), b);
	EXPECT((b[0] & 0x03) == 0x02);
	EXPECT(memcmp(a, b, 6) != 0);
}

static void
mac_is_stable_while_open(enum kind kind)
{
	uint8_t a[6], b[6];

	opened_up(kind, 0);
	if_mac(name_of(kind, 0), a);
	if_down(name_of(kind, 0));
	if_up(name_of(kind, 0));
	if_mac(name_of(kind, 0), b);
	EXPECT(memcmp(a, b, 6) == 0);
}

static void
mac_can_be_set(enum kind kind)
{
	static const uint8_t wanted[6] = {0x02, 1, 2, 3, 4, 5};
	uint8_t got[6];

	opened(kind, 0);
	EXPECT(if_set_mac(name_of(kind, 0), wanted) == 0);
	if_mac(name_of(kind, 0), got);
	EXPECT(memcmp(wanted, got, 6) == 0);
}

static void
first_address_brings_it_up(enum kind kind)
{
	opened(kind, 0);
	if_silence(name_of(kind, 0));
	if_add_address(name_of(kind, 0), "10.1.2.3");
	WAIT_UNTIL((if_flags(name_of(kind, 0)) & IFF_UP) != 0, 10000);
}

static void
first_ipv6_address_brings_it_up(enum kind kind)
{
	opened(kind, 0);
	if_add_address6(name_of(kind, 0), "fd00::1");
	WAIT_UNTIL((if_flags(name_of(kind, 0)) & IFF_UP) != 0, 10000);
}

static void
explicit_down_stays_down(enum kind kind)
{
	opened_up(kind, 0);
	if_down(name_of(kind, 0));
	if_add_address(name_of(kind, 0), "10.1.2.3");
	after_all_news(kind);
	EXPECT((if_flags(name_of(kind, 0)) & IFF_UP) == 0);
}

static void
mtu_can_be_set(enum kind kind)
{
	opened(kind, 0);
	if_set_mtu(name_of(kind, 0), 9000);
	EXPECT(if_mtu(name_of(kind, 0)) == 9000);
}

static void
traffic_of_the_stack(enum kind kind)
{
	/* A datagram to the other end of the subnet comes out of the device, after ARP on a tap. */
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = opened_up(kind, 0), sock = socket(AF_INET, SOCK_DGRAM, 0);
	uint8_t packet[2048];
	ssize_t n;

	if_add_address(name_of(kind, 0), "10.1.2.3");
	if (kind == TUN) {
		if_add_peer(name_of(kind, 0), "10.1.2.4");
	}
	inet_pton(AF_INET, "10.1.2.4", &to.sin_addr);
	EXPECT(sendto(sock, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)) == 5);
	wait_readable(fd);
	n = read(fd, packet, sizeof(packet));
	if (kind == TUN) {
		EXPECT(n == 20 + 8 + 5 && packet[0] == 0x45 && memcmp(packet + 28, "hello", 5) == 0);
	} else {
		EXPECT(n == 42 && packet[12] == 0x08 && packet[13] == 0x06); /* ARP: who has 10.1.2.4 */
		EXPECT(memcmp(packet + 38, &to.sin_addr, 4) == 0);
	}
}

/* Whether a datagram could go there; or else that there is no route. */
static bool
is_routed(const struct sockaddr_in *to)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0), result = connect(sock, (const struct sockaddr *)to, sizeof(*to)), error = errno;

	EXPECT(close(sock) == 0 && (result == 0 || error == ENETUNREACH));
	return result == 0;
}

static void
route_goes_with_the_interface(enum kind kind)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = opened_up(kind, 0);

	if_add_address(name_of(kind, 0), "10.1.2.3");
	if (kind == TUN) {
		if_add_peer(name_of(kind, 0), "10.1.2.4");
	}
	inet_pton(AF_INET, "10.1.2.4", &to.sin_addr);
	EXPECT(is_routed(&to));
	EXPECT(close(fd) == 0);
	wait_gone(name_of(kind, 0));
	/* The name goes first, where it is not the kernel's. */
	WAIT_UNTIL(!is_routed(&to), 2500);
}

static void
ioctl_on_any_socket(enum kind kind)
{
	struct ifreq ifr = {0};
	int socks[] = {socket(AF_UNIX, SOCK_STREAM, 0), socket(AF_UNIX, SOCK_DGRAM, 0), socket(AF_INET6, SOCK_DGRAM, 0)};

	opened(kind, 0);
	for (unsigned i = 0; i < 3; i++) {
		strcpy(ifr.ifr_name, name_of(kind, 0));
		EXPECT(socks[i] >= 0 && ioctl(socks[i], SIOCGIFFLAGS, &ifr) == 0);
		EXPECT(ioctl(socks[i], SIOCSIFFLAGS, &ifr) == 0); /* written back unchanged */
	}
}

static void
configured_by_a_child(enum kind kind)
{
	char command[128];

	opened(kind, 0);
	snprintf(command, sizeof(command), "ip addr add 10.1.2.3/24 dev %s && ip link set %s up", name_of(kind, 0),
	    name_of(kind, 0));
	EXPECT(system(command) == 0);
	EXPECT((if_flags(name_of(kind, 0)) & IFF_UP) != 0);
}

const struct contract_case interface_cases[] = {
	{"interface.flags", "a fresh interface has its kind's flags and is not up", ON_BOTH | NATIVE, flags_of_a_fresh_interface},
	{"interface.mac", "each open gives a fresh random MAC, local and unicast", ON_TAP | NATIVE, fresh_random_mac},
	{"interface.mac", "the MAC is stable while the device is open", ON_TAP | NATIVE, mac_is_stable_while_open},
	{"configuring.mac", "the MAC can be set", ON_TAP | NATIVE, mac_can_be_set},
	{"configuring.address", "the first IPv4 address brings a device up", ON_BOTH, first_address_brings_it_up},
	{"configuring.address", "the first IPv6 address brings a device up", ON_BOTH, first_ipv6_address_brings_it_up},
	{"configuring.down", "an explicit down stays down when an address comes", ON_BOTH, explicit_down_stays_down},
	{"configuring.mtu", "the MTU can be set", ON_BOTH | NATIVE, mtu_can_be_set},
	{"configuring.stack", "what the stack sends comes out of the device", ON_BOTH | NATIVE, traffic_of_the_stack},
	{"close.routes", "routes and addresses go with the interface", ON_BOTH | NATIVE, route_goes_with_the_interface},
	{"configuring.ioctl", "interface ioctls by name work on any socket", ON_BOTH | NATIVE, ioctl_on_any_socket},
	{"configuring.child", "a child process can configure the interface", ON_BOTH | NATIVE, configured_by_a_child},
	{0},
};
