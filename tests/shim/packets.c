/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packets.c - packets COUNT device|native: a tap, up; then COUNT turns of every packet call, after a line on standard input.
 * packets COUNT header: the same of a tun in header mode.  packets COUNT inherited: reads twice of each descriptor from 20 to 19 + COUNT.
 * packets COUNT connections: makes, uses and closes that many.  packets COUNT copies: the same of copies of descriptor 20.
 *
 * For counting system calls: everything outside the turns is the same for every COUNT.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
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
#define TUN_NAME "tun0"
#define TUNSIFHEAD _IOW('t', 96, int)
#define FRAME_BYTES 60
#define HEADER_BYTES 4
#define INHERITED_FIRST 20

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

static void
bring_up(int sock, const char *name)
{
	struct ifreq request = {0};

	strcpy(request.ifr_name, name);
	check("SIOCGIFFLAGS", ioctl(sock, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP;
	check("SIOCSIFFLAGS", ioctl(sock, SIOCSIFFLAGS, &request));
}

/* Lets the watcher look, and waits for its word. */
static void
is_up(void)
{
	char word;

	puts("up");
	fflush(stdout);
	check("standard input", read(STDIN_FILENO, &word, 1));
}

static int
turns_with_header(int count)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	char packet[HEADER_BYTES + FRAME_BYTES] = {0, 0, 0, 2, 0x45}, buffer[2000];
	int tun = (int)check("open", open("/dev/" TUN_NAME, O_RDWR)), on = 1;
	int sock = (int)check("socket", socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	check("TUNSIFHEAD", ioctl(tun, TUNSIFHEAD, &on));
	bring_up(sock, TUN_NAME);
	address.sll_ifindex = (int)if_nametoindex(TUN_NAME);
	is_up();
	for (int i = count; i > 0; i--) {
		check("sendto", sendto(sock, packet + HEADER_BYTES, FRAME_BYTES, 0, (struct sockaddr *)&address, sizeof(address)));
		check("read", read(tun, buffer, sizeof(buffer)));
		check("write", write(tun, packet, sizeof(packet)));
	}
	return EXIT_SUCCESS;
}

static int
use_inherited(int count)
{
	char byte;

	for (int fd = INHERITED_FIRST; fd < INHERITED_FIRST + count; fd++) {
		check("read", read(fd, &byte, 1));
		check("read", read(fd, &byte, 1));
	}
	return EXIT_SUCCESS;
}

static int
turns_of_connections(int count)
{
	for (int i = count; i > 0; i--) {
		int ends[2];
		char byte = 0;

		check("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
		check("write", write(ends[0], &byte, 1));
		check("read", read(ends[1], &byte, 1));
		check("close", close(ends[0]));
		check("close", close(ends[1]));
	}
	return EXIT_SUCCESS;
}

static int
turns_of_copies(int count)
{
	for (int i = count; i > 0; i--) {
		int fd = (int)check("dup", dup(INHERITED_FIRST));
		char byte;

		check("read", read(fd, &byte, 1));
		check("close", close(fd));
	}
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET};
	char frame[FRAME_BYTES] = {0}, other[1] = {0};
	struct iovec iov[2] = {{frame, 20}, {frame + 20, FRAME_BYTES - 20}};
	int tap, sock, pipe_ends[2];

	if (argc != 3) {
		return EXIT_FAILURE;
	}
	if (strcmp(argv[2], "header") == 0) {
		return turns_with_header(atoi(argv[1]));
	}
	if (strcmp(argv[2], "inherited") == 0) {
		return use_inherited(atoi(argv[1]));
	}
	if (strcmp(argv[2], "connections") == 0) {
		return turns_of_connections(atoi(argv[1]));
	}
	if (strcmp(argv[2], "copies") == 0) {
		return turns_of_copies(atoi(argv[1]));
	}
	tap = open_tap(argv[2]);
	sock = (int)check("socket", socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	bring_up(sock, NAME);
	address.sll_ifindex = (int)if_nametoindex(NAME);
	check("pipe", pipe(pipe_ends));
	memset(frame, 0xff, 12);
	frame[12] = (char)0x88;
	frame[13] = (char)0xb5;
	is_up();
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
