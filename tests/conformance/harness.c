/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness.c - runs the cases; see harness.h.
 *
 *	contract [--native | --relayed] [--nonblock] [--kernel-names] [--kind tun|tap] [--only TEXT|ROW] [--list | --rows]
 *
 * Prints TAP.  Runs as root, in a network namespace of its own.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* No case of this suite takes that long; a case that hangs is a case that failed. */
#define CASE_S 60

struct contract_options options;

void
expect(bool holds, const char *text, const char *file, int line)
{
	if (!holds) {
		int saved = errno;

		printf("# %s:%d: not so: %s (errno %d, %s)\n", file, line, text, saved, strerror(saved));
		fflush(stdout);
		_exit(1);
	}
}

void
expect_errno(long result, int error, const char *text, const char *file, int line)
{
	int got = errno;

	if (result != -1 || got != error) {
		printf("# %s:%d: %s: returned %ld", file, line, text, result);
		if (result == -1) {
			printf(" with errno %d (%s)", got, strerror(got));
		}
		printf(", wanted errno %d (%s)\n", error, strerror(error));
		fflush(stdout);
		_exit(1);
	}
}

int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

const char *
name_of(enum kind kind, unsigned unit)
{
	static _Thread_local char names[4][16];
	static _Thread_local unsigned next;
	char *name = names[next++ % 4];

	snprintf(name, sizeof(names[0]), "%s%u", kind == TAP ? "tap" : "tun", unit);
	return name;
}

const char *
path_of(enum kind kind, unsigned unit)
{
	static _Thread_local char path[32];

	snprintf(path, sizeof(path), "/dev/%s", name_of(kind, unit));
	return path;
}

bool
native_mode(void)
{
	return options.native;
}

int
opened(enum kind kind, unsigned unit)
{
	int fd = device_open(kind, unit, O_RDWR | (options.nonblock ? O_NONBLOCK : 0));

	EXPECT(fd >= 0);
	return fd;
}

int
opened_up(enum kind kind, unsigned unit)
{
	int fd = opened(kind, unit);

	if_silence(name_of(kind, unit));
	if_up(name_of(kind, unit));
	return fd;
}

int
ask_interface(unsigned long request, struct ifreq *ifr, const char *name)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0), result, saved;

	EXPECT(sock >= 0);
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
	result = ioctl(sock, request, ifr);
	saved = errno;
	close(sock);
	errno = saved;
	return result;
}

bool
if_exists(const char *name)
{
	return if_nametoindex(name) != 0;
}

void
wait_gone(const char *name)
{
	WAIT_UNTIL(!if_exists(name), 2500);
}

short
if_flags(const char *name)
{
	struct ifreq ifr = {0};

	EXPECT(ask_interface(SIOCGIFFLAGS, &ifr, name) == 0);
	return ifr.ifr_flags;
}

void
if_set_flags(const char *name, short set, short clear)
{
	struct ifreq ifr = {0};

	ifr.ifr_flags = (short)((if_flags(name) & ~clear) | set);
	EXPECT(ask_interface(SIOCSIFFLAGS, &ifr, name) == 0);
}

void
if_up(const char *name)
{
	if_set_flags(name, IFF_UP, 0);
}

void
if_down(const char *name)
{
	if_set_flags(name, 0, IFF_UP);
}

int
if_mtu(const char *name)
{
	struct ifreq ifr = {0};

	EXPECT(ask_interface(SIOCGIFMTU, &ifr, name) == 0);
	return ifr.ifr_mtu;
}

void
if_set_mtu(const char *name, int mtu)
{
	struct ifreq ifr = {.ifr_mtu = mtu};

	EXPECT(ask_interface(SIOCSIFMTU, &ifr, name) == 0);
}

void
packet_make(enum kind kind, uint8_t *packet, size_t bytes, uint32_t number)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes; i++) {
		packet[i] = (uint8_t)(i + number);
	}
	if (kind == TAP) {
		memset(packet, 0xff, 6);
		memcpy(packet + 6, "\x02\x00\x00\x00\x00\x01", 6);
		packet[12] = 0x88;
		packet[13] = 0xb5;
		memcpy(packet + 14, &number, 4);
		return;
	}
	/* Protocol 253 (RFC 3692, for experiments) between documentation addresses (RFC 5737). */
	memcpy(packet, "\x45\x00\x00\x00\x00\x00\x00\x00\x40\xfd\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02", 20);
	packet[2] = (uint8_t)(bytes >> 8);
	packet[3] = (uint8_t)bytes;
	for (unsigned i = 0; i < 20; i += 2) {
		sum += (uint32_t)packet[i] << 8 | packet[i + 1];
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	packet[10] = (uint8_t)(sum >> 8);
	packet[11] = (uint8_t)sum;
	memcpy(packet + 20, &number, 4);
}

uint32_t
packet_number(enum kind kind, const uint8_t *packet)
{
	uint32_t number;

	memcpy(&number, packet + (kind == TAP ? 14 : 20), 4);
	return number;
}

static bool
polled(int fd, short events, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, timeout_ms) == 1 && (p.revents & events) != 0;
}

bool
is_readable(int fd)
{
	return polled(fd, POLLIN, 0);
}

bool
is_writable(int fd)
{
	return polled(fd, POLLOUT, 0);
}

bool
is_written(int fd, const void *packet, size_t bytes)
{
	ssize_t n = write(fd, packet, bytes);

	while (n < 0 && errno == EAGAIN && options.relayed) {
		(void)polled(fd, POLLOUT, 10000); /* or until a signal */
		n = write(fd, packet, bytes);
	}
	return n == (ssize_t)bytes;
}

void
wait_readable(int fd)
{
	EXPECT(polled(fd, POLLIN, 10000));
}

void
packet_arrive(int fd, int kernel, enum kind kind, uint32_t number)
{
	uint8_t packet[PACKET_MIN];

	packet_make(kind, packet, sizeof(packet), number);
	kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	wait_readable(fd);
}

void
packet_has_gone(int kernel, enum kind kind, uint32_t number)
{
	uint8_t got[2000];

	EXPECT(kernel_receive(kernel, got, sizeof(got)) == PACKET_MIN && packet_number(kind, got) == number);
}

void
after_all_news(enum kind kind)
{
	opened(kind, 15);
	if_silence(name_of(kind, 15));
	if_add_address(name_of(kind, 15), "10.9.9.9");
	WAIT_UNTIL((if_flags(name_of(kind, 15)) & IFF_UP) != 0, 10000);
}

/* Runs a case in a process of its own.  True: it passed. */
static bool
run_case(const struct contract_case *c, enum kind kind)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		return false;
	}
	if (pid == 0) {
		/* Whatever the case starts goes with it. */
		setpgid(0, 0);
		alarm(CASE_S);
		c->run(kind);
		fflush(stdout);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0) {
	}
	(void)kill(-pid, SIGKILL);
	if (WIFSIGNALED(status)) {
		printf("# ended by signal %d%s\n", WTERMSIG(status), WTERMSIG(status) == SIGALRM ? ": it hung" : "");
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A case must leave no interface behind, whatever it did. */
static bool
is_clean(enum kind kind)
{
	int64_t end = now_ms() + 10000;

	for (unsigned unit = 0; unit < 16; unit++) {
		while (if_exists(name_of(kind, unit))) {
			if (now_ms() > end) {
				printf("# interface %s is left\n", name_of(kind, unit));
				return false;
			}
			nap();
		}
	}
	return true;
}

int
main(int argc, char **argv)
{
	unsigned kinds = ON_BOTH, number = 0, failed = 0;
	const char *only = NULL;
	bool list = false, rows = false;

	if (argc == 5 && strcmp(argv[1], "--image") == 0) {
		return image_main(argv[2], argv[3], argv[4]);
	}
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--native") == 0) {
			options.native = true;
		} else if (strcmp(argv[i], "--relayed") == 0) {
			options.relayed = true;
		} else if (strcmp(argv[i], "--nonblock") == 0) {
			options.nonblock = true;
		} else if (strcmp(argv[i], "--kernel-names") == 0) {
			options.kernel_names = true;
		} else if (strcmp(argv[i], "--list") == 0) {
			list = true;
		} else if (strcmp(argv[i], "--rows") == 0) {
			rows = true;
		} else if (strcmp(argv[i], "--without") == 0 && i + 1 < argc) { /* no user's */
			return contract_without_library(strcmp(argv[++i], "tap") == 0 ? TAP : TUN);
		} else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
			only = argv[++i];
		} else if (strcmp(argv[i], "--kind") == 0 && i + 1 < argc) {
			kinds = strcmp(argv[++i], "tap") == 0 ? ON_TAP : ON_TUN;
		} else {
			fprintf(stderr, "usage: contract [--native | --relayed] [--nonblock] [--kernel-names] [--kind tun|tap] "
			    "[--only TEXT|ROW] [--list | --rows]\n");
			return 64;
		}
	}
	for (size_t t = 0; contract_tables[t] != NULL; t++) {
		for (const struct contract_case *c = contract_tables[t]; c->name != NULL; c++) {
			if ((only != NULL && strstr(c->name, only) == NULL && strcmp(c->row, only) != 0) ||
			    (options.native && (c->where & NATIVE) == 0) ||
			    (c->where & (list || rows ? 0 : options.relayed ? DIRECT : RELAYED)) != 0) {
				continue;
			}
			if (list || rows) {
				printf("%s\t%s\t%s%s%s%s%s\n", c->row, c->name, (c->where & ON_TUN) != 0 ? "tun " : "",
				    (c->where & ON_TAP) != 0 ? "tap" : "", (c->where & NATIVE) != 0 ? " native" : "",
				    (c->where & DIRECT) != 0 ? " direct-only" : "", (c->where & RELAYED) != 0 ? " relayed-only" : "");
				continue;
			}
			for (enum kind kind = TUN; kind <= TAP; kind++) {
				bool passed;

				if ((c->where & kinds & (kind == TUN ? ON_TUN : ON_TAP)) == 0) {
					continue;
				}
				if (contract_excuse(c, kind) != NULL) {
					printf("ok %u %s: %s # SKIP %s\n", ++number, kind == TUN ? "tun" : "tap", c->name,
					    contract_excuse(c, kind));
					continue;
				}
				passed = run_case(c, kind);
				passed = is_clean(kind) && passed;
				failed += !passed;
				printf("%sok %u %s: %s\n", passed ? "" : "not ", ++number, kind == TUN ? "tun" : "tap", c->name);
			}
		}
	}
	if (!list && !rows) {
		printf("1..%u\n", number);
	}
	return failed == 0 && (number > 0 || list || rows) ? 0 : 1;
}
