/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness-darwin.c - what is macOS' of the harness, and of the stand-in for it (tests/darwin).
 *
 * The kernel's side of an interface is a program of Linux's, whose path is in CONTRACT_KERNEL: it is told what to send, and says what has
 * come, by two pairs of datagrams.  There is no native mode.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <crt_externs.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <libproc.h>
#include <net/if_dl.h>
#include <netinet/in.h>
#include <netinet6/in6_var.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <unistd.h>

#define NUMBERS_MAX 256
/* A packet goes through some processes more here than on a Mac. */
#define RECEIVE_MS 5000

/* Those that are written for both systems. */
const struct contract_case *const contract_tables[] = {before_cases, open_cases, interface_cases, io_cases, ioctl_cases, poll_cases,
    copy_cases, close_cases, rights_cases, thread_cases, stack_cases, inherit_cases, door_cases,
    stdio_cases, client_cases, NULL};
const bool contract_news_lags = true;
const char *const contract_preload = "DYLD_INSERT_LIBRARIES";

/* Linux's tun, in place of a utun, does not tell. */
bool
contract_tells_size(enum kind kind)
{
	return kind == TAP || options.relayed;
}

/* An open takes the stand-in some tenths of a second. */
int
contract_times(int times)
{
	return times / 5;
}

/* A utun, and no tun on a feth. */
#define DIRECT_TUN (ON_TUN | DIRECT)

static const struct {
	const char *name;
	unsigned kinds;
	const char *why;
} excuses[] = {
	{"an explicit down stays down when an address comes", ON_BOTH, "news tells what is, not what was: a short down may be missed"},
	{"an interface taken away is EIO, never a read of 0", DIRECT_TUN, "nobody can take a utun away"},
	{"past the queue's bound the newest are dropped", ON_BOTH | RELAYED,
	    "a BPF device that is not read in time holds as much as is sent: tests/darwin/frames.py stops the program, and counts"},
	{"a device works on without rights, root directory, environment and free numbers", ON_BOTH,
	    "the stand-in needs free numbers itself"},
	{"freopen of another file's stream", DIRECT_TUN, "what the C library itself reads of a utun has the kernel's header"},
	{"freopen of the standard streams", DIRECT_TUN, "what the C library itself reads of a utun has the kernel's header"},
	{"another file's stream is a device's as without the library, and its number is one with it", ON_BOTH,
	    "the stand-in's streams are Linux's, and so are their errors"},
	{"no place to seek, cut or map", ON_BOTH, "there it is a socket, for which the kernel has other numbers"},
	{"a shell line with a pipe reads the MAC back", ON_BOTH, "the stand-in has no popen"},
	{"a script gets the name as argument and in its environment", ON_BOTH, "no library reaches what the system's shell starts"},
	{"it is told by the descriptor, not by the environment", ON_BOTH, "the daemon that knows the names is at no usual place"},
	{"a spawned program that gets it under another number has it", ON_BOTH, "the stand-in has no posix_spawn"},
	{"FIONREAD is 0, or at least the next packet's size", DIRECT_TUN, "Linux's tun does not tell, so the stand-in cannot"},
};

/* By the number that packets come from: that which they go to. */
static int senders[NUMBERS_MAX];
/* The address that was set first. */
static char own[INET_ADDRSTRLEN];

const char *
contract_excuse(const struct contract_case *c, enum kind kind)
{
	for (size_t i = 0; i < sizeof(excuses) / sizeof(excuses[0]); i++) {
		if (strcmp(excuses[i].name, c->name) == 0 && (excuses[i].kinds & (kind == TUN ? ON_TUN : ON_TAP)) != 0 &&
		    ((excuses[i].kinds & DIRECT) == 0 || !options.relayed) && ((excuses[i].kinds & RELAYED) == 0 || options.relayed)) {
			return excuses[i].why;
		}
	}
	return NULL;
}

/* As compiled on Linux. */
const unsigned long contract_foreign_set_header = 0x40047460, contract_foreign_get_header = 0x80047461;

int
device_open(enum kind kind, unsigned unit, int flags)
{
	char path[32]; /* not one that threads share: the loader has no variables of threads */

	snprintf(path, sizeof(path), "/dev/%s%u", kind == TAP ? "tap" : "tun", unit);
	return open(path, flags, 0600);
}

/* SYS_close and SYS_dup2 (XNU bsd/kern/syscalls.master), which are no functions that dyld could replace. */
static int
raw_call(int number, int one, int other)
{
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wdeprecated-declarations"
	return syscall(number, one, other);
#pragma clang diagnostic pop
}

int
raw_close(int fd)
{
	return raw_call(6, fd, 0);
}

int
raw_dup2(int fd, int to)
{
	return raw_call(90, fd, to);
}

int
dup_cloexec(int fd, int to)
{
	return dup2(fd, to) == to && fcntl(to, F_SETFD, FD_CLOEXEC) == 0 ? to : -1;
}

void
forget_environment(void)
{
	char name[256];

	while (**_NSGetEnviron() != NULL) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(**_NSGetEnviron(), "="), **_NSGetEnviron());
		EXPECT(unsetenv(name) == 0);
	}
}

const char *
own_image(void)
{
	static char path[PROC_PIDPATHINFO_MAXSIZE];

	EXPECT(proc_pidpath(getpid(), path, sizeof(path)) > 0);
	return path;
}

int
queue_open(int fd, enum queue_wants wants)
{
	struct kevent change;
	int queue = kqueue();

	EV_SET(&change, fd, wants == QUEUE_ROOM ? EVFILT_WRITE : EVFILT_READ, EV_ADD | (wants == EDGES_OF_PACKETS ? EV_CLEAR : 0), 0, 0,
	    NULL);
	EXPECT(queue >= 0 && kevent(queue, &change, 1, NULL, 0, NULL) == 0);
	return queue;
}

bool
queue_tells(int queue, int fd, int timeout_ms)
{
	struct timespec time = {.tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000L};
	struct kevent event;

	if (kevent(queue, NULL, 0, &event, 1, &time) != 1) {
		return false;
	}
	EXPECT(event.ident == (uintptr_t)fd && (event.flags & (EV_EOF | EV_ERROR)) == 0);
	return true;
}

/* A utun is born RUNNING, a feth is not (XNU bsd/net/if_utun.c utun_ctl_connect, bsd/net/if_fake.c feth_clone_create). */
short
if_fresh_flags(enum kind kind, short *clear)
{
	if (kind == TAP || options.relayed) {
		*clear = IFF_RUNNING | IFF_POINTOPOINT;
		return (short)(IFF_BROADCAST | IFF_SIMPLEX | IFF_MULTICAST);
	}
	*clear = IFF_BROADCAST | IFF_SIMPLEX;
	return (short)(IFF_POINTOPOINT | IFF_RUNNING | IFF_MULTICAST);
}

static bool
is_tap(const char *name)
{
	return strncmp(name, "tap", 3) == 0;
}

bool
is_link_entry(const struct ifaddrs *entry, unsigned index, uint8_t mac[6])
{
	const struct sockaddr_dl *link = (const struct sockaddr_dl *)(const void *)entry->ifa_addr;

	if (link == NULL || link->sdl_family != AF_LINK || link->sdl_alen != 6 || link->sdl_index != index) {
		return false;
	}
	memcpy(mac, LLADDR(link), 6);
	return true;
}

void
if_mac(const char *name, uint8_t mac[6])
{
	unsigned index = if_nametoindex(name);
	struct ifaddrs *list;
	bool found = false;

	EXPECT(getifaddrs(&list) == 0);
	for (const struct ifaddrs *a = list; a != NULL; a = a->ifa_next) {
		found |= is_link_entry(a, index, mac);
	}
	freeifaddrs(list);
	EXPECT(found);
}

/* The length is the hardware address' own. */
int
if_set_mac(const char *name, const uint8_t mac[6])
{
	struct ifreq request = {.ifr_addr = {.sa_len = 6, .sa_family = AF_LINK}};

	memcpy(request.ifr_addr.sa_data, mac, 6);
	return ask_interface(SIOCSIFLLADDR, &request, name);
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
	fill(&request.ifra_mask, is_tap(name) || options.relayed ? "255.0.0.0" : "255.255.255.255");
	EXPECT(ask_interface(SIOCAIFADDR, (struct ifreq *)(void *)&request, name) == 0);
}

void
if_add_address(const char *name, const char *address)
{
	strlcpy(own, address, sizeof(own));
	add_address(name, address, NULL);
}

void
if_add_address6(const char *name, const char *address)
{
	struct in6_aliasreq request = {
		.ifra_addr = {.sin6_len = sizeof(struct sockaddr_in6), .sin6_family = AF_INET6},
		.ifra_prefixmask = {.sin6_len = sizeof(struct sockaddr_in6), .sin6_family = AF_INET6},
		.ifra_lifetime = {.ia6t_vltime = UINT32_MAX, .ia6t_pltime = UINT32_MAX},
	};
	int sock = socket(AF_INET6, SOCK_DGRAM, 0);

	strlcpy(request.ifra_name, name, sizeof(request.ifra_name));
	EXPECT(sock >= 0 && inet_pton(AF_INET6, address, &request.ifra_addr.sin6_addr) == 1);
	memset(&request.ifra_prefixmask.sin6_addr, 0xff, 8);
	EXPECT(ioctl(sock, SIOCAIFADDR_IN6, &request) == 0);
	close(sock);
}

/* The other end is part of an address; where Ethernet is behind the device it is one of the subnet. */
void
if_add_peer(const char *name, const char *address)
{
	struct ifreq request = {0};

	if (options.relayed) {
		return;
	}
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

/* Becomes the kernel's side, with those descriptors as 0 and 1 and no copy of a device, which would live as long as that. */
static void
be_kernel_side(int in, int out, const char *name, const char *what)
{
	char index[16];

	snprintf(index, sizeof(index), "%u", if_nametoindex(name));
	dup2(in, 0);
	dup2(out, 1);
	dup2(open("/dev/null", O_WRONLY), 2);
	for (int fd = 3; fd < NUMBERS_MAX; fd++) {
		close(fd);
	}
	execl(getenv("CONTRACT_KERNEL"), "kernel-side", index, what, (char *)NULL);
	_exit(127);
}

/* By the kernel's name, which the program is not told: the kernel has cloners of its own interfaces' names alone. */
bool
if_destroy(const char *name)
{
	char own_name[IFNAMSIZ] = "";
	int ends[2];
	ssize_t n;

	EXPECT(pipe(ends) == 0);
	if (fork() == 0) {
		be_kernel_side(ends[0], ends[1], name, "name");
	}
	n = read(ends[0], own_name, sizeof(own_name) - 1);
	EXPECT(n > 0 && close(ends[0]) == 0 && close(ends[1]) == 0);
	return ask_interface(SIOCIFDESTROY, &(struct ifreq){0}, own_name) == 0;
}

int
kernel_open(const char *name)
{
	int packets[2], orders[2], bytes = 4 * 1024 * 1024;
	char ready;

	EXPECT(socketpair(AF_UNIX, SOCK_DGRAM, 0, packets) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, orders) == 0);
	for (int i = 0; i < 2; i++) {
		EXPECT(setsockopt(packets[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0);
		EXPECT(setsockopt(packets[i], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0);
		EXPECT(setsockopt(orders[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0);
		EXPECT(setsockopt(orders[i], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0);
	}
	if (fork() == 0) {
		be_kernel_side(packets[1], orders[1], name, is_tap(name) ? "frames" : "packets");
	}
	close(packets[1]);
	close(orders[1]);
	EXPECT(packets[0] < NUMBERS_MAX && recv(orders[0], &ready, 1, 0) == 1);
	senders[packets[0]] = orders[0];
	return packets[0];
}

static bool
is_sent(int kernel, const void *packet, size_t bytes)
{
	char done;

	EXPECT(send(senders[kernel], packet, bytes, 0) == (ssize_t)bytes && recv(senders[kernel], &done, 1, 0) == 1);
	return done == 1;
}

void
kernel_send(int kernel, const char *name, enum kind kind, const void *packet, size_t bytes)
{
	(void)name;
	(void)kind;
	EXPECT(is_sent(kernel, packet, bytes));
}

void
kernel_offer(int kernel, const char *name, enum kind kind, const void *packet, size_t bytes)
{
	(void)name;
	(void)kind;
	(void)is_sent(kernel, packet, bytes);
}

long
kernel_receive(int kernel, void *packet, size_t room)
{
	struct pollfd p = {.fd = kernel, .events = POLLIN};

	return poll(&p, 1, RECEIVE_MS) == 1 ? recv(kernel, packet, room, MSG_DONTWAIT) : -1;
}

/* The cases that need them are not written for macOS. */
int
spawn_main(const char *role, enum kind kind, int fd)
{
	fprintf(stderr, "no image %s of %s at %d\n", role, name_of(kind, 0), fd);
	return 64;
}

int
contract_without_library(enum kind kind)
{
	fprintf(stderr, "nothing without a library for %s\n", name_of(kind, 0));
	return 64;
}
