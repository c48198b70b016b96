/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets.c - the least that a program does with a tun device: packets.c DEVICE COUNT, cc -o packets packets.c
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	unsigned char packet[65536];
	const char *number = getenv("TUNTAPD_FD"); /* tuntapd fd: it is open already */
	int left = argc > 2 ? atoi(argv[2]) : 1;
	int fd = number != NULL ? atoi(number) : open(argc > 1 ? argv[1] : "/dev/tun0", O_RDWR);

	if (fd < 0) {
		perror("open"); /* ENOENT: no daemon, EACCES: not for this user, EBUSY: somebody has it */
		return 1;
	}
	puts("open");
	fflush(stdout);
	while (left > 0) {
		ssize_t n = read(fd, packet, sizeof(packet)); /* one packet, whole */

		if (n < 0 && errno == EIO) {
			usleep(100000); /* the interface is not up: wait until somebody brings it up */
		} else if (n < 0 && errno != EINTR) {
			perror("read");
			return 1;
		} else if (n >= 20 && packet[0] >> 4 == 4) {
			printf("%zd bytes to %u.%u.%u.%u\n", n, packet[16], packet[17], packet[18], packet[19]);
			fflush(stdout);
			left--;
		}
	}
	return 0;
}
