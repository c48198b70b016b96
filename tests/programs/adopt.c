/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * adopt.c - takes a device that it did not open: the descriptor whose number is in TUNTAPD_FD.  Linked statically.
 *
 * Says the number, how many descriptors it has, and the device number of the file; then, for each line of input, "read" or "write BYTES",
 * what that call returned, or its error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 1024

int
main(void)
{
	static unsigned char packet[70000];
	const char *number = getenv("TUNTAPD_FD");
	char line[64];
	struct stat st;
	int fd = number != NULL ? atoi(number) : -1, open_count = 0;

	for (int i = 0; i < DESCRIPTORS_MAX; i++) {
		open_count += fcntl(i, F_GETFD) >= 0;
	}
	if (fstat(fd, &st) < 0) {
		perror("TUNTAPD_FD");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("adopted %d of %d, node %u:%u\n", fd, open_count, major(st.st_rdev), minor(st.st_rdev));
	while (fgets(line, sizeof(line), stdin) != NULL) {
		ssize_t n;

		if (strncmp(line, "write ", 6) == 0) {
			memset(packet, 0xff, 12);
			packet[12] = 0x88;
			packet[13] = 0xb5;
			n = write(fd, packet, (size_t)atoi(line + 6));
		} else {
			n = read(fd, packet, sizeof(packet));
		}
		if (n < 0) {
			printf("errno %d\n", errno);
		} else {
			printf("%zd\n", n);
		}
	}
	return 0;
}
