/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness-linux.c - what is Linux's of the harness: its own devices, configuring interfaces, packet sockets.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

const struct contract_case *const contract_tables[] = {before_cases, open_cases, interface_cases, io_cases, ioctl_cases,
    poll_cases, linux_call_cases, copy_cases, close_cases, rights_cases, thread_cases, stack_cases, linux_cases, inherit_cases, door_cases,
    stdio_cases, node_cases, client_cases, name_cases, filter_cases, without_cases, spawn_cases,
    NULL};
const bool contract_news_lags = false;
const char *const contract_preload = "LD_PRELOAD";

bool
contract_tells_size(enum kind kind)
{
	return true;
}

int
contract_times(int times)
{
	return times;
}

const char *
contract_excuse(const struct contract_case *c, enum kind kind)
{
	return NULL;
}

/* As compiled on the BSDs and on macOS. */
const unsigned long contract_foreign_set_header = 0x80047460, contract_foreign_get_header = 0x40047461;

int
raw_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

int
raw_dup2(int fd, int to)
{
	return (int)syscall(SYS_dup3, fd, to, 0);
}

int
dup_cloexec(int fd, int to)
{
	return dup3(fd, to, O_CLOEXEC);
}

void
forget_environment(void)
{
	EXPECT(clearenv() == 0);
}

const char *
own_image(void)
{
	return "/proc/self/exe";
}

static uint32_t
epoll_events(enum queue_wants wants)
{
	return wants == QUEUE_ROOM ? EPOLLOUT : wants == PACKETS ? EPOLLIN : EPOLLIN | EPOLLET;
}

int
queue_open(int fd, enum queue_wants wants)
{
	struct epoll_event event = {.events = epoll_events(wants), .data.fd = fd};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	EXPECT(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
	return epoll;
}

bool
queue_tells(int queue, int fd, int timeout_ms)
{
	struct epoll_event event;

	if (epoll_wait(queue, &event, 1, timeout_ms) != 1) {
		return false;
	}
	EXPECT(event.data.fd == fd && (event.events == EPOLLIN || event.events == EPOLLOUT));
	return true;
}

int
device_open(enum kind kind, unsigned unit, int flags)
{
	struct ifreq request;
	int fd;

	if (!options.native) {
		return open(path_of(kind, unit), flags, 0600);
	}
	fd = open("/dev/net/tun", flags & ~(O_CREAT | O_EXCL | O_TRUNC));
	memset(&request, 0, sizeof(request));
	strcpy(request.ifr_name, name_of(kind, unit));
	request.ifr_flags = (short)((kind == TAP ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_TUN_EXCL);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

bool
is_link_entry(const struct ifaddrs *entry, unsigned index, uint8_t mac[6])
{
	const struct sockaddr_ll *link = (const struct sockaddr_ll *)(const void *)entry->ifa_addr;

	if (link == NULL || link->sll_family != AF_PACKET || link->sll_halen != 6 || link->sll_ifindex != (int)index) {
		return false;
	}
	memcpy(mac, link->sll_addr, 6);
	return true;
}

short
if_fresh_flags(enum kind kind, short *clear)
{
	short arp = kind == TUN ? IFF_NOARP : 0;

	/* What is behind a relayed tun is Ethernet, and its flags are that link's. */
	if (kind == TAP || options.relayed) {
		*clear = (short)(IFF_POINTOPOINT | (IFF_NOARP & ~arp));
		return (short)(IFF_MULTICAST | IFF_BROADCAST | arp);
	}
	*clear = IFF_BROADCAST;
	return (short)(IFF_MULTICAST | IFF_POINTOPOINT | arp);
}

void
if_mac(const char *name, uint8_t mac[6])
{
	struct ifreq ifr = {0};

	EXPECT(ask_interface(SIOCGIFHWADDR, &ifr, name) == 0);
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
}

int
if_set_mac(const char *name, const uint8_t mac[6])
{
	struct ifreq ifr = {0};

	ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	return ask_interface(SIOCSIFHWADDR, &ifr, name);
}

static void
set_address(unsigned long request, const char *name, const char *address)
{
	struct ifreq ifr = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)&ifr.ifr_addr;

	in->sin_family = AF_INET;
	EXPECT(inet_pton(AF_INET, address, &in->sin_addr) == 1);
	EXPECT(ask_interface(request, &ifr, name) == 0);
}

void
if_add_address(const char *name, const char *address)
{
	set_address(SIOCSIFADDR, name, address);
}

/* struct in6_ifreq of linux/ipv6.h, which cannot be included beside netinet/in.h. */
struct address6_request {
	struct in6_addr ifr6_addr;
	uint32_t ifr6_prefixlen;
	int ifr6_ifindex;
};

void
if_add_address6(const char *name, const char *address)
{
	struct address6_request request = {.ifr6_prefixlen = 64, .ifr6_ifindex = (int)if_nametoindex(name)};
	int sock = socket(AF_INET6, SOCK_DGRAM, 0);

	EXPECT(sock >= 0 && inet_pton(AF_INET6, address, &request.ifr6_addr) == 1);
	EXPECT(ioctl(sock, SIOCSIFADDR, &request) == 0);
	close(sock);
}

void
if_add_peer(const char *name, const char *address)
{
	set_address(SIOCSIFDSTADDR, name, address);
}

void
if_silence(const char *name)
{
	DIR *all = opendir("/proc/sys/net/ipv6/conf");
	struct dirent *entry;
	char path[sizeof(entry->d_name) + 80];
	FILE *f;

	/* Its directory has the kernel's name, which need not be the one that the C library is told. */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	while (all != NULL && access(path, F_OK) < 0 && (entry = readdir(all)) != NULL) {
		if (if_nametoindex(entry->d_name) == if_nametoindex(name)) {
			snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", entry->d_name);
		}
	}
	if (all != NULL) {
		closedir(all);
	}
	f = fopen(path, "w");
	if (f != NULL) { /* a kernel without IPv6 is silent anyway */
		fputs("1", f);
		fclose(f);
	}
}

bool
if_destroy(const char *name)
{
	char command[64];

	snprintf(command, sizeof(command), "ip link delete %s", name);
	return system(command) == 0;
}

static void
fill_link_address(struct sockaddr_ll *address, const char *name, uint16_t protocol)
{
	memset(address, 0, sizeof(*address));
	address->sll_family = AF_PACKET;
	address->sll_protocol = htons(protocol);
	address->sll_ifindex = (int)if_nametoindex(name);
	EXPECT(address->sll_ifindex != 0);
}

int
kernel_open(const char *name)
{
	struct sockaddr_ll address;
	int one = 1, bytes = 4 * 1024 * 1024;
	/* Without a link header where there is none, or none that the program knows of: a tun uses no ARP, whatever is behind it. */
	int sock = socket(AF_PACKET, ((if_flags(name) & IFF_NOARP) != 0 ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC, 0);

	EXPECT(sock >= 0);
	EXPECT(setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) == 0);
	EXPECT(setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) == 0);
	fill_link_address(&address, name, ETH_P_ALL);
	EXPECT(bind(sock, (struct sockaddr *)&address, sizeof(address)) == 0);
	return sock;
}

static bool
is_sent(int kernel, const char *name, enum kind kind, const void *packet, size_t bytes)
{
	struct sockaddr_ll address;

	fill_link_address(&address, name, kind == TAP ? 0x88b5 : ETH_P_IP);
	if (kind == TUN && *(const uint8_t *)packet >> 4 == 6) {
		address.sll_protocol = htons(ETH_P_IPV6);
	}
	return sendto(kernel, packet, bytes, 0, (struct sockaddr *)&address, sizeof(address)) == (ssize_t)bytes;
}

void
kernel_send(int kernel, const char *name, enum kind kind, const void *packet, size_t bytes)
{
	EXPECT(is_sent(kernel, name, kind, packet, bytes));
}

void
kernel_offer(int kernel, const char *name, enum kind kind, const void *packet, size_t bytes)
{
	(void)is_sent(kernel, name, kind, packet, bytes);
}

long
kernel_receive(int kernel, void *packet, size_t room)
{
	struct pollfd p = {.fd = kernel, .events = POLLIN};

	return poll(&p, 1, 1000) == 1 ? recv(kernel, packet, room, MSG_DONTWAIT) : -1;
}
