/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel-side.c - the kernel's side of an interface, for a program on the stand-in that cannot reach it.
 *
 * Usage: kernel-side INDEX frames|packets|name
 *
 * Of a tap they are frames, of a tun packets without a link header.  "name": all that it says is what the kernel calls the interface.
 *
 * What is received on the packet socket goes to descriptor 0, a datagram each.  What comes as a datagram on descriptor 1 is sent, and
 * answered by a byte, 1 if it went; the first such byte says that all is ready.
 */
#include <arpa/inet.h>
#include <err.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#define PACKET_MAX 65600

int
main(int argc, char **argv)
{
	static uint8_t packet[PACKET_MAX];
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	bool frames = argc == 3 && strcmp(argv[2], "frames") == 0;
	int one = 1, bytes = 4 * 1024 * 1024, sock = socket(AF_PACKET, (frames ? SOCK_RAW : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	struct pollfd fds[2] = {{.fd = sock, .events = POLLIN}, {.fd = 1, .events = POLLIN}};
	uint8_t went = 1;

	if (argc != 3) {
		errx(64, "usage: kernel-side INDEX frames|packets|name");
	}
	address.sll_ifindex = atoi(argv[1]);
	if (strcmp(argv[2], "name") == 0) {
		char name[IF_NAMESIZE];

		return if_indextoname((unsigned)address.sll_ifindex, name) == NULL || write(1, name, strlen(name)) < 0;
	}
	if (sock < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 ||
	    bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 || send(1, &went, 1, 0) != 1) {
		err(1, "interface %s", argv[1]);
	}
	while (poll(fds, 2, -1) > 0) {
		ssize_t n;

		if ((fds[0].revents & POLLIN) != 0 && (n = recv(sock, packet, sizeof(packet), 0)) > 0 &&
		    send(0, packet, (size_t)n, 0) < 0) {
			return 0;
		}
		if ((fds[1].revents & POLLIN) != 0 && (n = recv(1, packet, sizeof(packet), 0)) > 0) {
			struct sockaddr_ll to = address;

			if (!frames) {
				to.sll_protocol = htons(packet[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP);
				/* For a tun that Ethernet is behind, whoever is there; nobody else looks at it. */
				to.sll_halen = ETH_ALEN;
				memset(to.sll_addr, 0xff, ETH_ALEN);
			}
			went = sendto(sock, packet, (size_t)n, 0, (struct sockaddr *)&to, sizeof(to)) == n;
			if (send(1, &went, 1, 0) != 1) {
				return 0;
			}
		}
	}
	return 0;
}
