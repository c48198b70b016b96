/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap-echo.c - a host of one address behind a tap: answers ARP and ping.
 *
 *	tap-echo DEVICE ADDRESS
 *
 * Opens the device, says "ready", configures nothing, and answers ARP requests (RFC 826) and ICMP echo requests (RFC 792) for the
 * IPv4 address, until it gets SIGTERM or SIGINT.  Then prints "P packets, A arp, E echo": frames read, and answers of each sort.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#define ETHERNET_BYTES 14
#define ARP_BYTES 28
#define IP_BYTES 20
#define ICMP_BYTES 8

static const uint8_t our_mac[6] = {0x02, 0xec, 0x40, 0, 0, 1};
static volatile sig_atomic_t ended;

static void
on_signal(int number)
{
	ended = 1;
}

/* Turns an ARP request for the address into the answer. */
static bool
answer_arp(uint8_t *frame, size_t bytes, const uint8_t address[4])
{
	uint8_t *arp = frame + ETHERNET_BYTES;

	if (bytes < ETHERNET_BYTES + ARP_BYTES || memcmp(frame + 12, "\x08\x06", 2) != 0 ||
	    memcmp(arp, "\x00\x01\x08\x00\x06\x04\x00\x01", 8) != 0 || memcmp(arp + 24, address, 4) != 0) {
		return false;
	}
	arp[7] = 2;
	memcpy(arp + 18, arp + 8, 10); /* the sender becomes the target */
	memcpy(arp + 8, our_mac, 6);
	memcpy(arp + 14, address, 4);
	return true;
}

/* Turns an echo request to the address into the answer. */
static bool
answer_echo(uint8_t *frame, size_t bytes, const uint8_t address[4])
{
	uint8_t *ip = frame + ETHERNET_BYTES, *icmp = ip + IP_BYTES;
	uint32_t sum;

	if (bytes < ETHERNET_BYTES + IP_BYTES + ICMP_BYTES || memcmp(frame + 12, "\x08\x00", 2) != 0 || ip[0] != 0x45 ||
	    ip[9] != IPPROTO_ICMP || memcmp(ip + 16, address, 4) != 0 || icmp[0] != 8) {
		return false;
	}
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
	unsigned long packets = 0, arps = 0, echoes = 0;
	uint8_t frame[65536], address[4];
	sigset_t blocked, open_mask;
	int fd;

	if (argc != 3 || inet_pton(AF_INET, argv[2], address) != 1) {
		fprintf(stderr, "usage: tap-echo DEVICE ADDRESS\n");
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
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!ended) {
		fd_set set;
		ssize_t n;
		bool arp, echo;

		FD_ZERO(&set);
		FD_SET(fd, &set);
		if (pselect(fd + 1, &set, NULL, NULL, NULL, &open_mask) != 1) {
			continue;
		}
		n = read(fd, frame, sizeof(frame));
		if (n < 0) {
			continue; /* not up, or another was faster; select waits for better times */
		}
		packets++;
		arp = answer_arp(frame, (size_t)n, address);
		echo = !arp && answer_echo(frame, (size_t)n, address);
		if (arp || echo) {
			memcpy(frame, frame + 6, 6);
			memcpy(frame + 6, our_mac, 6);
			if (write(fd, frame, (size_t)n) == n) {
				arps += arp;
				echoes += echo;
			}
		}
	}
	printf("%lu packets, %lu arp, %lu echo\n", packets, arps, echoes);
	return 0;
}
