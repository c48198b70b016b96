/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tun-echo.c - every host there is, behind a tun: answers ping.
 *
 *	tun-echo DEVICE [header]
 *
 * Opens the device, says "ready", configures nothing, and answers each ICMP echo request (RFC 792), whatever its IPv4 address, until
 * it gets SIGTERM or SIGINT.  Then prints "P packets, E echo".  With "header" it asks for the address family in front of each packet
 * (TUNSIFHEAD), and leaves packets alone that do not say AF_INET.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#define TUNSIFHEAD _IOW('t', 96, int)
#define IP_BYTES 20
#define ICMP_BYTES 8

static volatile sig_atomic_t ended;

static void
on_signal(int number)
{
	ended = 1;
}

/* Turns an echo request into the answer. */
static bool
answer_echo(uint8_t *ip, size_t bytes)
{
	uint8_t *icmp = ip + IP_BYTES, address[4];
	uint32_t sum;

	if (bytes < IP_BYTES + ICMP_BYTES || ip[0] != 0x45 || ip[9] != IPPROTO_ICMP || icmp[0] != 8) {
		return false;
	}
	memcpy(address, ip + 16, 4);
	memcpy(ip + 16, ip + 12, 4);
	memcpy(ip + 12, address, 4);
	icmp[0] = 0;
	/* The type went from 8 to 0, so the checksum's first byte grows by 8 (RFC 1624); IP's own does not change. */
	sum = (uint32_t)((icmp[2] << 8 | icmp[3]) + 0x0800);
	sum = (sum & 0xffff) + (sum >> 16);
	icmp[2] = (uint8_t)(sum >> 8);
	icmp[3] = (uint8_t)sum;
	return true;
}

int
main(int argc, char **argv)
{
	unsigned long packets = 0, echoes = 0;
	uint8_t packet[65536];
	sigset_t blocked, open_mask;
	size_t header = argc == 3 && strcmp(argv[2], "header") == 0 ? 4 : 0;
	int fd, on = 1;

	if (argc != 2 && header == 0) {
		fprintf(stderr, "usage: tun-echo DEVICE [header]\n");
		return 64;
	}
	/* The signals come only inside pselect, so that none is lost just before it. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, &open_mask);
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	sigaction(SIGINT, &(struct sigaction){.sa_handler = on_signal}, NULL);
	fd = open(argv[1], O_RDWR | O_NONBLOCK);
	if (fd < 0 || (header != 0 && ioctl(fd, TUNSIFHEAD, &on) < 0)) {
		perror(argv[1]);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!ended) {
		fd_set set;
		ssize_t n;

		FD_ZERO(&set);
		FD_SET(fd, &set);
		if (pselect(fd + 1, &set, NULL, NULL, NULL, &open_mask) != 1) {
			continue;
		}
		n = read(fd, packet, sizeof(packet));
		if (n < (ssize_t)header) {
			continue; /* not up, or another was faster; select waits for better times */
		}
		packets++;
		if (header != 0 && memcmp(packet, "\0\0\0\x02", 4) != 0) {
			continue;
		}
		if (answer_echo(packet + header, (size_t)n - header) && write(fd, packet, (size_t)n) == n) {
			echoes++;
		}
	}
	printf("%lu packets, %lu echo\n", packets, echoes);
	return 0;
}
