/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hold.c - opens a device and holds it until it is killed.
 *
 *	hold DEVICE
 *
 * Prints the descriptor's number when the device is open; exits with 1 and the reason if it cannot be opened.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: hold DEVICE\n");
		return 64;
	}
	fd = open(argv[1], O_RDWR);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	printf("%d\n", fd);
	fflush(stdout);
	for (;;) {
		pause();
	}
}
