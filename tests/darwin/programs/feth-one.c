/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feth-one.c - makes or destroys a fake Ethernet interface, as ifconfig would: usage: feth-one create|destroy NAME.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sockio.h>

int
main(int argc, char **argv)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = {0};

	if (argc != 3 || sock < 0 || strlen(argv[2]) >= sizeof(request.ifr_name)) {
		return 64;
	}
	strcpy(request.ifr_name, argv[2]);
	if (ioctl(sock, strcmp(argv[1], "create") == 0 ? SIOCIFCREATE : SIOCIFDESTROY, &request) < 0) {
		perror(argv[2]);
		return 1;
	}
	return 0;
}
