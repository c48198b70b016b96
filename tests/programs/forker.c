/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forker.c - a program that opens a device and becomes a background process, as tunnel daemons do.
 *
 *	forker DEVICE
 *
 * The first process opens the device, forks and ends.  The second, in a session of its own, prints its process number and holds the
 * only descriptor until it is killed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	pid_t pid;

	if (argc != 2) {
		fprintf(stderr, "usage: forker DEVICE\n");
		return 64;
	}
	if (open(argv[1], O_RDWR) < 0) {
		perror(argv[1]);
		return 1;
	}
	pid = fork();
	if (pid < 0) {
		perror("fork");
		return 1;
	}
	if (pid > 0) {
		return 0;
	}
	if (setsid() < 0 || chdir("/") < 0) {
		perror("forker");
		return 1;
	}
	printf("%ld\n", (long)getpid());
	fflush(stdout);
	/* Nobody is left who would want to hear of it. */
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	for (;;) {
		pause();
	}
}
