/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tap-bounce.c - sends back what comes to a tap: usage: tap-bounce DEVICE [all].  Knows nothing of tuntapd.
 *
 * Says "ready", and returns each frame of EtherType 88b5 to where it came from, as 88b6, until it gets SIGTERM or its device is over; then
 * says "N frames" or "N frames, errno E".  With "all": each frame from 02:00:00:00:00:02, of the EtherType that it has.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS 50

static volatile sig_atomic_t ended;

static void
on_signal(int number)
{
	ended = 1;
}

int
main(int argc, char **argv)
{
	static uint8_t frame[65600];
	unsigned long frames = 0;
	int fd, error = 0;
	bool all = argc == 3 && strcmp(argv[2], "all") == 0;

	if (argc != 2 && !all) {
		return 64;
	}
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	fd = open(argv[1], O_RDWR | O_NONBLOCK);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!ended) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, ASK_MS) != 1) {
			continue;
		}
		n = read(fd, frame, sizeof(frame));
		if (n < 0) {
			error = errno;
			if (error == EAGAIN || error == EINTR) {
				continue;
			}
			break;
		}
		if (n < 14 || (all ? memcmp(frame + 6, "\x02\x00\x00\x00\x00\x02", 6) : memcmp(frame + 12, "\x88\xb5", 2)) != 0) {
			continue;
		}
		memcpy(frame, frame + 6, 6);
		memcpy(frame + 6, "\x02\xec\x40\x00\x00\x01\x88\xb6", all ? 6 : 8);
		while (write(fd, frame, (size_t)n) < 0 && (errno == EAGAIN || errno == EINTR)) {
			p.events = POLLOUT;
			(void)poll(&p, 1, ASK_MS);
		}
		frames++;
	}
	if (error != 0 && !ended) {
		printf("%lu frames, errno %d\n", frames, error);
	} else {
		printf("%lu frames\n", frames);
	}
	return 0;
}
