/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pair-told.c - says which pair it was told of (TUNTAPD_PAIR_A, TUNTAPD_PAIR_B): usage: pair-told STATUS, and ends with that; or pair-told
 * wait, and waits to be ended; or pair-told stop, and stops itself first.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	const char *a = getenv("TUNTAPD_PAIR_A"), *b = getenv("TUNTAPD_PAIR_B");

	if (argc != 2) {
		return 64;
	}
	printf("%d %s %s\n", (int)getpid(), a != NULL ? a : "-", b != NULL ? b : "-");
	fflush(stdout);
	if (strcmp(argv[1], "stop") == 0) {
		(void)kill(getpid(), SIGSTOP);
		printf("goes on\n");
		fflush(stdout);
	}
	while (argv[1][0] > '9') {
		pause();
	}
	return atoi(argv[1]);
}
