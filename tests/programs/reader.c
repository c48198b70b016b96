/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.c - reads packets from a device and prints them.
 *
 *	reader DEVICE COUNT
 *
 * Opens the device, says "ready", waits with poll(2) for each packet (a device whose interface is not up is not readable), and prints it
 * in hexadecimal, one line for each, until COUNT have come.  An error of read is a line, too: its name in the C library's words.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	uint8_t packet[65536];
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	int fd;

	if (count <= 0) {
		fprintf(stderr, "usage: reader DEVICE COUNT\n");
		return 64;
	}
	fd = open(argv[1], O_RDWR);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	for (long i = 0; i < count; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, -1) < 0) {
			perror("poll");
			return 1;
		}
		n = read(fd, packet, sizeof(packet));
		if (n < 0) {
			puts(strerror(errno));
			continue;
		}
		for (ssize_t byte = 0; byte < n; byte++) {
			printf("%02x", packet[byte]);
		}
		putchar('\n');
	}
	return 0;
}
