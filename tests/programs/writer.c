/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * writer.c - writes packets to a device.
 *
 *	writer DEVICE
 *
 * Opens the device and says "ready"; then each line of its input is one packet in hexadecimal (an empty line, one of no bytes), and each
 * line of its output what write(2) returned, or the error in the C library's words.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The bytes of a line; -1: it is none of hexadecimal digits. */
static ssize_t
parse(const char *line, uint8_t *packet, size_t room)
{
	size_t bytes = 0;
	unsigned value;
	int length;

	while (*line != '\n' && *line != '\0') {
		if (bytes == room || sscanf(line, "%2x%n", &value, &length) != 1 || length != 2) {
			return -1;
		}
		packet[bytes++] = (uint8_t)value;
		line += 2;
	}
	return (ssize_t)bytes;
}

int
main(int argc, char **argv)
{
	static char line[131080];
	static uint8_t packet[65536];
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: writer DEVICE\n");
		return 64;
	}
	fd = open(argv[1], O_RDWR);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		ssize_t bytes = parse(line, packet, sizeof(packet)), n;

		if (bytes < 0) {
			fprintf(stderr, "writer: not hexadecimal: %s", line);
			return 65;
		}
		n = write(fd, packet, (size_t)bytes);
		if (n < 0) {
			puts(strerror(errno));
		} else {
			printf("%zd\n", n);
		}
	}
	return 0;
}
