/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-stack.c - row "configuring", as far as packets prove it: the kernel's own stack is the other end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define ETHERNET 14

static const uint8_t kernel_ip[4] = {10, 1, 2, 3}, program_ip[4] = {10, 1, 2, 4};
static const uint8_t program_mac[6] = {0x02, 0, 0, 0, 0, 0x42};

/* The Internet checksum (RFC 1071) over those bytes, after what was summed before. */
static uint16_t
checksum(const uint8_t *data, size_t bytes, uint32_t sum)
{
	for (size_t i = 0; i + 1 < bytes; i += 2) {
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	}
	if (bytes % 2 != 0) {
		sum += (uint32_t)data[bytes - 1] << 8;
	}
	while (sum > 0xffff) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static void
put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void
address_both_ends(enum kind kind)
{
	if_add_address(name_of(kind, 0), "10.1.2.3");
	if (kind == TUN) {
		if_add_peer(name_of(kind, 0), "10.1.2.4");
	}
}

/* Puts the link header in front, if the kind has one; returns its size. */
static size_t
put_link(enum kind kind, uint8_t *packet, uint16_t type)
{
	if (kind == TUN) {
		return 0;
	}
	if_mac(name_of(kind, 0), packet);
	memcpy(packet + 6, program_mac, 6);
	put16(packet + 12, type);
	return ETHERNET;
}

/* An IPv4 packet from the program to the kernel's address; returns the size of all. */
static size_t
put_ip(enum kind kind, uint8_t *packet, uint8_t protocol, const void *payload, size_t bytes)
{
	size_t link = put_link(kind, packet, 0x0800);
	uint8_t *ip = packet + link;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)(20 + bytes));
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, program_ip, 4);
	memcpy(ip + 16, kernel_ip, 4);
	put16(ip + 10, checksum(ip, 20, 0));
	memcpy(ip + 20, payload, bytes);
	return link + 20 + bytes;
}

/* Reads until a packet of the kernel comes whose bytes at that place are these: what else it may say is not of interest. */
static ssize_t
read_with(int fd, uint8_t *packet, size_t room, size_t at, const void *wanted, size_t bytes)
{
	for (int i = 0; i < 100; i++) {
		ssize_t n;

		wait_readable(fd);
		n = read(fd, packet, room);
		if (n >= (ssize_t)(at + bytes) && memcmp(packet + at, wanted, bytes) == 0) {
			return n;
		}
	}
	EXPECT(!"the packet that was waited for");
	return -1;
}

/* On a tap: the kernel asks for the program's address, and is answered. */
static void
answer_arp(enum kind kind, int fd)
{
	uint8_t frame[2048];

	if (kind == TUN) {
		return;
	}
	read_with(fd, frame, sizeof(frame), 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10);
	EXPECT(memcmp(frame + 38, program_ip, 4) == 0);
	memcpy(frame, frame + 6, 6);
	memcpy(frame + 6, program_mac, 6);
	frame[21] = 2;
	memcpy(frame + 32, frame + 22, 10);
	memcpy(frame + 22, program_mac, 6);
	memcpy(frame + 28, program_ip, 4);
	EXPECT(write(fd, frame, 42) == 42);
}

static void
kernel_answers_arp(enum kind kind)
{
	uint8_t frame[2048], mac[6];
	int fd = opened_up(kind, 0);

	address_both_ends(kind);
	if_mac(name_of(kind, 0), mac);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, program_mac, 6);
	memcpy(frame + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10);
	memcpy(frame + 22, program_mac, 6);
	memcpy(frame + 28, program_ip, 4);
	memset(frame + 32, 0, 6);
	memcpy(frame + 38, kernel_ip, 4);
	EXPECT(write(fd, frame, 42) == 42);
	EXPECT(read_with(fd, frame, sizeof(frame), 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02", 10) == 42);
	EXPECT(memcmp(frame, program_mac, 6) == 0 && memcmp(frame + 22, mac, 6) == 0 && memcmp(frame + 28, kernel_ip, 4) == 0);
}

static void
kernel_answers_ping(enum kind kind)
{
	uint8_t packet[2048], echo[64] = {8, 0}, answer[2048];
	int fd = opened_up(kind, 0);
	size_t bytes, link = kind == TAP ? ETHERNET : 0;

	address_both_ends(kind);
	for (size_t i = 8; i < sizeof(echo); i++) {
		echo[i] = (uint8_t)i;
	}
	put16(echo + 2, checksum(echo, sizeof(echo), 0));
	bytes = put_ip(kind, packet, IPPROTO_ICMP, echo, sizeof(echo));
	EXPECT(write(fd, packet, bytes) == (ssize_t)bytes);
	answer_arp(kind, fd);
	EXPECT(read_with(fd, answer, sizeof(answer), link + 12, "\x0a\x01\x02\x03\x0a\x01\x02\x04\x00\x00", 10) == (ssize_t)bytes);
	EXPECT(memcmp(answer + link + 28, echo + 8, sizeof(echo) - 8) == 0);
}

static void
udp_goes_both_ways(enum kind kind)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(7777)}, from = {0};
	uint8_t packet[2048], udp[8 + 5] = {0x1e, 0x62, 0x1e, 0x61, 0, 13, 0, 0, 'h', 'e', 'l', 'l', 'o'};
	char text[100];
	int fd = opened_up(kind, 0), sock = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t length = sizeof(from);
	size_t bytes, link = kind == TAP ? ETHERNET : 0;

	address_both_ends(kind);
	memcpy(&here.sin_addr, kernel_ip, 4);
	EXPECT(sock >= 0 && bind(sock, (struct sockaddr *)&here, sizeof(here)) == 0);
	bytes = put_ip(kind, packet, IPPROTO_UDP, udp, sizeof(udp));
	EXPECT(write(fd, packet, bytes) == (ssize_t)bytes);
	wait_readable(sock);
	EXPECT(recvfrom(sock, text, sizeof(text), 0, (struct sockaddr *)&from, &length) == 5 && memcmp(text, "hello", 5) == 0);
	EXPECT(from.sin_port == htons(7778) && memcmp(&from.sin_addr, program_ip, 4) == 0);
	EXPECT(sendto(sock, "world!", 6, 0, (struct sockaddr *)&from, sizeof(from)) == 6);
	answer_arp(kind, fd);
	EXPECT(read_with(fd, packet, sizeof(packet), link + 20, "\x1e\x61\x1e\x62", 4) == (ssize_t)(link + 20 + 8 + 6));
	EXPECT(memcmp(packet + link + 28, "world!", 6) == 0);
}

/* Sends the packet, and looks at what comes within a moment: whether the answer is there. */
static bool
is_answered_over_ipv6(int fd, const uint8_t *packet, size_t bytes, uint8_t *answer, size_t room)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	EXPECT(write(fd, packet, bytes) == (ssize_t)bytes);
	while (poll(&p, 1, 100) == 1) {
		if (read(fd, answer, room) == (ssize_t)bytes && answer[40] == 129) {
			return true;
		}
	}
	return false;
}

static void
kernel_answers_ping_over_ipv6(enum kind kind)
{
	static const uint8_t kernel_ip6[16] = {0xfd, [15] = 1}, program_ip6[16] = {0xfd, [15] = 2};
	uint8_t packet[40 + 16] = {0x60, 0, 0, 0, 0, 16, IPPROTO_ICMPV6, 64}, answer[2048];
	int fd = opened(kind, 0);
	uint32_t sum;
	char command[160];

	snprintf(command, sizeof(command), "ip -6 address add fd00::1/64 dev %s && ip link set %s up", name_of(kind, 0),
	    name_of(kind, 0));
	EXPECT(system(command) == 0);
	memcpy(packet + 8, program_ip6, 16);
	memcpy(packet + 24, kernel_ip6, 16);
	packet[40] = 128;
	memcpy(packet + 48, "contract", 8);
	/* The pseudo header (RFC 8200): both addresses, length, protocol. */
	sum = (uint16_t)~checksum(packet + 8, 32, 16 + IPPROTO_ICMPV6);
	put16(packet + 42, checksum(packet + 40, 16, sum));
	/* The kernel takes up to a second after "up" until an IPv6 address is in use. */
	WAIT_UNTIL(is_answered_over_ipv6(fd, packet, sizeof(packet), answer, sizeof(answer)), 10000);
	EXPECT(memcmp(answer + 8, kernel_ip6, 16) == 0 && memcmp(answer + 24, program_ip6, 16) == 0);
	EXPECT(memcmp(answer + 48, "contract", 8) == 0);
}

const struct contract_case stack_cases[] = {
	{"configuring.stack", "the kernel answers ARP that the program writes", ON_TAP | NATIVE, kernel_answers_arp},
	{"configuring.stack", "the kernel answers a ping that the program writes", ON_BOTH | NATIVE, kernel_answers_ping},
	{"configuring.stack", "UDP goes both ways between program and a socket", ON_BOTH | NATIVE, udp_goes_both_ways},
	{"configuring.stack", "the kernel answers a ping over IPv6", ON_TUN | NATIVE, kernel_answers_ping_over_ipv6},
	{0},
};
