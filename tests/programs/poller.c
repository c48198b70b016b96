/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poller.c - waits for packets in an event loop, and tells how often it was woken.
 *
 *	poller DEVICE
 *
 * Opens the device non-blocking, says "ready", and reads whenever epoll(7) says that it may, until it gets SIGTERM.  Then prints
 * "W woken, P packets, E errors": a device that spins a poller shows as a large W.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void
on_signal(int number)
{
	ended = 1;
}

int
main(int argc, char **argv)
{
	struct epoll_event event = {.events = EPOLLIN};
	unsigned long woken = 0, packets = 0, errors = 0;
	uint8_t packet[65536];
	sigset_t blocked, open_mask;
	int fd, epoll;

	if (argc != 2) {
		fprintf(stderr, "usage: poller DEVICE\n");
		return 64;
	}
	/* The signal comes only inside epoll_pwait, so that none is lost just before it. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &open_mask);
	sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal}, NULL);
	fd = open(argv[1], O_RDWR | O_NONBLOCK);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	epoll = epoll_create1(0);
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		perror("epoll");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (!ended) {
		if (epoll_pwait(epoll, &event, 1, -1, &open_mask) != 1) {
			continue;
		}
		woken++;
		if (read(fd, packet, sizeof(packet)) > 0) {
			packets++;
		} else if (errno != EAGAIN) {
			errors++;
		}
	}
	printf("%lu woken, %lu packets, %lu errors\n", woken, packets, errors);
	return 0;
}
