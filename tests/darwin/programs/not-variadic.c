/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * not-variadic.c - calls fcntl(2) as if it were not variadic, which works on x86_64 and not on arm64: asks for a copy of its output, from
 * number 50 on, and says which one it got.
 */
#include <stdio.h>

extern int fcntl(int fd, int command, long argument);

int
main(void)
{
	printf("%d\n", fcntl(1, 0 /* F_DUPFD */, 50));
	return 0;
}
