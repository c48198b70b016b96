/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets.c - packets COUNT device|native: a tap, up; then COUNT turns of every packet call, after a line on standard input.
 *
 * For counting system calls: everything outside the turns is the same for every COUNT.
 */
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define NAME "tap0"
#define FRAME_BYTES 60

static long
check(const char *what, long result)
{
	if (result < 0) {
		perror(what);
		exit(EXIT_FAILURE);
	}
	return result;
}

static int
open_tap(const char *how)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd;

	if (strcmp(how, "device") == 0) {
		return (int)check("open", open("/dev/" NAME, O_RDWR));
	}
	fd = (int)check("open", open("/dev/net/tun", O_RDWR));
	strcpy(request.ifr_name, NAME);
	check("TUNSETIFF", ioctl(fd, TUNSETIFF, &request));
	return fd;
}

int
main(int argc, char **argv)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET};
	struct ifreq request = {0};
	char frame[FRAME_BYTES] = {0}, other[1] = {0};
	struct iovec iov[2] = {{frame, 20}, {frame + 20, FRAME_BYTES - 20}};
	int tap, sock, pipe_ends[2];

	if (argc != 3) {
		return EXIT_FAILURE;
	}
	tap = open_tap(argv[2]);
	sock = (int)check("socket", socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	strcpy(request.ifr_name, NAME);
	check("SIOCGIFFLAGS", ioctl(sock, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP;
	check("SIOCSIFFLAGS", ioctl(sock, SIOCSIFFLAGS, &request));
	address.sll_ifindex = (int)if_nametoindex(NAME);
	check("pipe", pipe(pipe_ends));
	memset(frame, 0xff, 12);
	frame[12] = (char)0x88;
	frame[13] = (char)0xb5;
	puts("up");
	fflush(stdout);
	check("standard input", read(STDIN_FILENO, other, 1));
	for (int i = atoi(argv[1]); i > 0; i--) {
		char buffer[2000];
		struct iovec in[2] = {{buffer, 20}, {buffer + 20, sizeof(buffer) - 20}};

		check("sendto", sendto(sock, frame, FRAME_BYTES, 0, (struct sockaddr *)&address, sizeof(address)));
		check("read", read(tap, buffer, sizeof(buffer)));
		check("sendto", sendto(sock, frame, FRAME_BYTES, 0, (struct sockaddr *)&address, sizeof(address)));
		check("readv", readv(tap, in, 2));
		check("write", write(tap, frame, FRAME_BYTES));
		check("writev", writev(tap, iov, 2));
		check("sendto", sendto(sock, frame, FRAME_BYTES, 0, (struct sockaddr *)&address, sizeof(address)));
		check("pread", pread(tap, buffer, sizeof(buffer), 0));
		check("pwrite", pwrite(tap, frame, FRAME_BYTES, 0));
		check("write", write(pipe_ends[1], other, 1));
		check("read", read(pipe_ends[0], other, 1));
	}
	return EXIT_SUCCESS;
}
