/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-clients.c - what real programs do with a device that no other section does: how they look for a free unit, detach, stop
 * a thread, and find the interface again.  tests/clients/behaviours.txt names the programs' behaviours and the case of each.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#if __has_include(<sys/syscall.h>)
#include <sys/syscall.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

extern char **environ;

/* As many as the programs with the longest scan try. */
#define SCAN_UNITS 256
#define UNITS 16

/* The first unit that opens, from first in steps of step, as long as errno allows another try. */
static int
scan(enum kind kind, int first, int step, bool stop_at_enoent, int *fd)
{
	for (int unit = first; unit >= 0 && unit < SCAN_UNITS; unit += step) {
		*fd = device_open(kind, (unsigned)unit, O_RDWR);
		if (*fd >= 0) {
			return unit;
		}
		EXPECT(errno == EBUSY || errno == ENOENT);
		if (errno == ENOENT && stop_at_enoent) {
			break;
		}
	}
	return -1;
}

static void
scanner_passes_over_busy_units(enum kind kind)
{
	int fds[UNITS + 1];

	for (int i = 0; i < UNITS; i++) {
		EXPECT(scan(kind, 0, 1, true, &fds[i]) == i);
	}
	/* All are taken: one that stops at ENOENT ends at once, one that goes on ends at its own bound. */
	EXPECT(scan(kind, 0, 1, true, &fds[UNITS]) == -1 && errno == ENOENT);
	EXPECT(scan(kind, 0, 1, false, &fds[UNITS]) == -1 && errno == ENOENT);
	close(fds[3]);
	EXPECT(scan(kind, 0, 1, true, &fds[3]) == 3);
}

static void
scanner_from_above_gets_the_highest_unit(enum kind kind)
{
	int fd, next;

	EXPECT(scan(kind, 100, -1, false, &fd) == UNITS - 1);
	EXPECT(scan(kind, 100, -1, false, &next) == UNITS - 2);
}

static void
reopened_again_and_again_it_is_the_same_unit(enum kind kind)
{
	/* A program that restarts its tunnel scans from 0, and must not wander. */
	for (int i = 0; i < contract_times(50); i++) {
		int fd;

		EXPECT(scan(kind, 0, 1, true, &fd) == 0);
		if_up(name_of(kind, 0));
		close(fd);
	}
}

static void
flags_can_be_written_back_with_running(enum kind kind)
{
	struct ifreq ifr = {0};
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	opened(kind, 0);
	strcpy(ifr.ifr_name, name_of(kind, 0));
	EXPECT(ioctl(sock, SIOCGIFFLAGS, &ifr) == 0);
	ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP | IFF_RUNNING);
	EXPECT(ioctl(sock, SIOCSIFFLAGS, &ifr) == 0);
	EXPECT((if_flags(name_of(kind, 0)) & IFF_UP) != 0);
	EXPECT(ioctl(sock, SIOCGIFFLAGS, &ifr) == 0 && ioctl(sock, SIOCSIFFLAGS, &ifr) == 0);
}

static void
link_entry_is_the_first_of_its_name(enum kind kind)
{
	/* Programs take the MAC from the first entry with the name, whatever its family. */
	const struct ifaddrs *first = NULL;
	struct ifaddrs *list;
	uint8_t mac[6], got[6];

	opened_up(kind, 0);
	if_add_address(name_of(kind, 0), "10.1.2.3");
	EXPECT(getifaddrs(&list) == 0);
	for (const struct ifaddrs *i = list; i != NULL && first == NULL; i = i->ifa_next) {
		if (strcmp(i->ifa_name, name_of(kind, 0)) == 0) {
			first = i;
		}
	}
	EXPECT(first != NULL && is_link_entry(first, if_nametoindex(name_of(kind, 0)), got));
	if_mac(name_of(kind, 0), mac);
	EXPECT(memcmp(got, mac, 6) == 0);
	freeifaddrs(list);
}

static void
shell_line_reads_the_mac_back(enum kind kind)
{
	/* By popen, with a pipe in the line, as some read it right after the open. */
	uint8_t mac[6], set[6] = {2, 0, 0, 0, 0, 7};
	unsigned got[6];
	char line[160];
	FILE *output;

	opened(kind, 0);
	snprintf(line, sizeof(line), "ip link set %s address 02:00:00:00:00:07", name_of(kind, 0));
	EXPECT(system(line) == 0);
	snprintf(line, sizeof(line), "ip -o link show %s | sed 's/.*ether //'", name_of(kind, 0));
	output = popen(line, "r");
	EXPECT(output != NULL && fscanf(output, "%x:%x:%x:%x:%x:%x", &got[0], &got[1], &got[2], &got[3], &got[4], &got[5]) == 6);
	EXPECT(pclose(output) == 0);
	if_mac(name_of(kind, 0), mac);
	for (int i = 0; i < 6; i++) {
		EXPECT(mac[i] == set[i] && got[i] == set[i]);
	}
}

static void
script_gets_the_name_as_argument_and_in_its_environment(enum kind kind)
{
	/* An absolute path, as a program that distrusts PATH calls its script. */
	const char *arguments[] = {"/bin/sh", "-c", "test \"$1\" = \"$INTERFACE\" && exec ip link set \"$1\" up", "up", NULL, NULL};
	char variable[32];
	const char *environment[] = {variable, "PATH=/usr/sbin:/sbin:/usr/bin:/bin", NULL};
	int status;
	pid_t pid;

	opened(kind, 0);
	arguments[4] = name_of(kind, 0);
	snprintf(variable, sizeof(variable), "INTERFACE=%s", name_of(kind, 0));
	setenv("INTERFACE", name_of(kind, 0), 1);
	pid = fork();
	if (pid == 0) {
		/* Where the kernel's name is another, a script knows the device's only with the library. */
		execve(arguments[0], (char *const *)(uintptr_t)arguments,
		    options.kernel_names ? environ : (char *const *)(uintptr_t)environment);
		_exit(127);
	}
	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	EXPECT((if_flags(name_of(kind, 0)) & IFF_UP) != 0);
}

static void
detached_program_keeps_its_device(enum kind kind)
{
	/* As daemon(3): the parent ends, the child has no terminal, no directory and no standard files. */
	uint8_t packet[PACKET_MIN], got[200];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0)), status, told[2];
	char ended = 0;
	pid_t pid;

	EXPECT(pipe(told) == 0);
	packet_make(kind, packet, sizeof(packet), 1);
	pid = fork();
	if (pid == 0) {
		if (daemon(0, 0) < 0) {
			_exit(1);
		}
		/* In the grandchild; the parent waits for packets, not for it. */
		for (int i = 0; i < 3; i++) {
			EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
			wait_readable(fd);
			EXPECT(read(fd, got, sizeof(got)) == sizeof(packet));
		}
		(void)!write(told[1], "e", 1);
		_exit(0);
	}
	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	close(fd);
	for (int i = 0; i < 3; i++) {
		EXPECT(kernel_receive(kernel, got, sizeof(got)) == sizeof(packet) && memcmp(got, packet, sizeof(packet)) == 0);
		kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	}
	EXPECT(read(told[0], &ended, 1) == 1);
	wait_gone(name_of(kind, 0));
}

static void
closing_from_a_number_upward_before_the_open(enum kind kind)
{
	/* OpenSSH's server and OpenVPN close what they inherited; nothing of the library's may have been there. */
	uint8_t packet[PACKET_MIN];
	int fd;

#ifdef __GLIBC__
	EXPECT(close_range(3, ~0u, 0) == 0);
#elif defined SYS_close_range
	EXPECT(syscall(SYS_close_range, 3, ~0u, 0) == 0);
#else
	for (int number = getdtablesize() - 1; number >= 3; number--) {
		close(number);
	}
#endif
	fd = opened_up(kind, 0);
	EXPECT(fd == 3);
	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
}

struct sleeper {
	int fd;
	bool by_select;
	atomic_bool asleep, interrupted;
};

static void
on_signal(int number)
{
	(void)number;
}

static void *
sleep_on(void *argument)
{
	struct sleeper *s = argument;
	uint8_t packet[2048];
	ssize_t result;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(s->fd, &set);
	s->asleep = true;
	result = s->by_select ? select(s->fd + 1, &set, NULL, NULL, NULL) : read(s->fd, packet, sizeof(packet));
	s->interrupted = result == -1 && errno == EINTR;
	return NULL;
}

static void
signal_stops_a_thread_while_another_writes(enum kind kind)
{
	struct sigaction action = {.sa_handler = on_signal};
	uint8_t packet[PACKET_MIN];
	int fd = opened_up(kind, 0);

	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT(fcntl(fd, F_SETFL, 0) == 0); /* it blocks, in each way of running the suite */
	EXPECT(sigaction(SIGUSR1, &action, NULL) == 0);
	for (int by_select = 0; by_select < 2; by_select++) {
		struct sleeper s = {.fd = fd, .by_select = by_select != 0};
		pthread_t thread;

		EXPECT(pthread_create(&thread, NULL, sleep_on, &s) == 0);
		WAIT_UNTIL(s.asleep, 5000);
		/* It may be just before its sleep: it is signalled until it is woken. */
		while (!s.interrupted) {
			EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
			EXPECT(pthread_kill(thread, SIGUSR1) == 0);
			nap();
		}
		EXPECT(pthread_join(thread, NULL) == 0);
	}
}

static void
buffers_of_all_usual_sizes_get_one_packet(enum kind kind)
{
	static const size_t sizes[] = {1514, 1518, 2048, 9216, 65536};
	static uint8_t buffer[65536];
	uint8_t packet[1500];
	int fd = opened_up(kind, 0), kernel = kernel_open(name_of(kind, 0));

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		/* Two wait: a long buffer must not get both. */
		for (uint32_t number = 0; number < 2; number++) {
			packet_make(kind, packet, sizeof(packet), number);
			kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
		}
		for (uint32_t number = 0; number < 2; number++) {
			wait_readable(fd);
			EXPECT(read(fd, buffer, sizes[i]) == sizeof(packet) && packet_number(kind, buffer) == number);
		}
	}
}

const struct contract_case client_cases[] = {
	{"clients.scan", "a scanner passes over busy units and ends at the count", ON_BOTH, scanner_passes_over_busy_units},
	{"clients.scan", "a scanner from above gets the highest unit", ON_BOTH, scanner_from_above_gets_the_highest_unit},
	{"clients.scan", "reopened again and again it is the same unit", ON_BOTH, reopened_again_and_again_it_is_the_same_unit},
	{"clients.flags", "flags can be written back, with RUNNING added", ON_BOTH | NATIVE, flags_can_be_written_back_with_running},
	{"clients.link", "getifaddrs has the link entry first", ON_TAP | NATIVE, link_entry_is_the_first_of_its_name},
	{"clients.shell", "a shell line with a pipe reads the MAC back", ON_TAP | NATIVE, shell_line_reads_the_mac_back},
	{"clients.shell", "a script gets the name as argument and in its environment", ON_BOTH | NATIVE,
	    script_gets_the_name_as_argument_and_in_its_environment},
	{"clients.detach", "a program that detaches keeps its device", ON_BOTH | NATIVE, detached_program_keeps_its_device},
	{"clients.detach", "a program that closed all numbers first gets its device", ON_BOTH | NATIVE,
	    closing_from_a_number_upward_before_the_open},
	{"clients.threads", "a signal stops a thread in read or select while another writes", ON_BOTH | NATIVE,
	    signal_stops_a_thread_while_another_writes},
	{"clients.buffers", "buffers from 1514 bytes to 64 KiB get one packet", ON_BOTH | NATIVE,
	    buffers_of_all_usual_sizes_get_one_packet},
	{0},
};
