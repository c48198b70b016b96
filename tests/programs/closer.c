/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * closer.c - opens and closes a device again and again, as fast as it can.
 *
 *	closer DEVICE TIMES
 *
 * Prints how many opens there were; ends with 1 and the reason at the first that fails, or that has another number than the last.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	long times = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	int first = -1;

	if (times <= 0) {
		fprintf(stderr, "usage: closer DEVICE TIMES\n");
		return 64;
	}
	for (long i = 0; i < times; i++) {
		int fd = open(argv[1], O_RDWR);

		if (fd < 0) {
			perror(argv[1]);
			return 1;
		}
		if (first < 0) {
			first = fd;
		}
		if (fd != first) {
			fprintf(stderr, "%s: number %d, and %d before\n", argv[1], fd, first);
			return 1;
		}
		if (close(fd) < 0) {
			perror("close");
			return 1;
		}
	}
	printf("%ld\n", times);
	return 0;
}
