/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan.c - opens every unit that it can, as programs do that look for a free device.
 *
 *	scan tun|tap
 *
 * Tries unit after unit until one is ENOENT, prints each with the descriptor's number or the reason why not, and then how many it
 * opened.  Any other errno means "try the next".  Holds all of them until its end of input.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	char path[32], byte;
	unsigned count = 0;

	if (argc != 2 || (strcmp(argv[1], "tun") != 0 && strcmp(argv[1], "tap") != 0)) {
		fprintf(stderr, "usage: scan tun|tap\n");
		return 64;
	}
	for (unsigned unit = 0;; unit++) {
		int fd;

		snprintf(path, sizeof(path), "/dev/%s%u", argv[1], unit);
		fd = open(path, O_RDWR);
		if (fd >= 0) {
			printf("%s: %d\n", path, fd);
			count++;
			continue;
		}
		printf("%s: %s\n", path, strerror(errno));
		if (errno == ENOENT) {
			break;
		}
	}
	printf("%u opened\n", count);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0) {
	}
	return count > 0 ? 0 : 1;
}
