/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lwip-host.c - a host made of lwIP and its Unix port: 10.66.0.2 behind the device /dev/tap0, whose path the port fixes.
 *
 *	lwip-host PEER
 *
 * Pings PEER until three answers came, and says so; meanwhile and afterwards returns what TCP brings to port 7777.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lwip/api.h"
#include "lwip/icmp.h"
#include "lwip/inet_chksum.h"
#include "lwip/netif.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"
#include "netif/tapif.h"

static struct netif netif;

static void
up(void *ready)
{
	ip4_addr_t address, mask, gateway;

	IP4_ADDR(&address, 10, 66, 0, 2);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&gateway, 10, 66, 0, 1);
	netif_add(&netif, &address, &mask, &gateway, NULL, tapif_init, tcpip_input);
	netif_set_default(&netif);
	netif_set_up(&netif);
	sys_sem_signal(ready);
}

/* Whether one echo request was answered. */
static int
pinged(struct netconn *raw, ip_addr_t *peer, u16_t number)
{
	struct icmp_echo_hdr echo = {.type = ICMP_ECHO, .id = lwip_htons(66), .seqno = lwip_htons(number)}, answer;
	struct netbuf *buffer = netbuf_new();
	int good = 0;

	echo.chksum = inet_chksum(&echo, sizeof(echo));
	netbuf_ref(buffer, &echo, sizeof(echo));
	netconn_sendto(raw, buffer, peer, 0);
	netbuf_delete(buffer);
	/* Other ICMP comes here, too. */
	while (!good && netconn_recv(raw, &buffer) == ERR_OK) {
		netbuf_copy_partial(buffer, &answer, sizeof(answer), IP_HLEN);
		good = answer.type == ICMP_ER && answer.id == echo.id && answer.seqno == echo.seqno;
		netbuf_delete(buffer);
	}
	return good;
}

static void
pinger(void *argument)
{
	struct netconn *raw = netconn_new_with_proto_and_callback(NETCONN_RAW, IP_PROTO_ICMP, NULL);
	unsigned answers = 0;
	ip_addr_t peer;

	ipaddr_aton(argument, &peer);
	netconn_set_recvtimeout(raw, 500);
	for (u16_t i = 0; answers < 3; i++) {
		answers += (unsigned)pinged(raw, &peer, i);
	}
	netconn_delete(raw);
	printf("3 answers of %s\n", (char *)argument);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct netconn *listener, *stream;
	struct netbuf *buffer;
	sys_sem_t ready;

	if (argc != 2) {
		return 2;
	}
	sys_sem_new(&ready, 0);
	tcpip_init(up, &ready);
	sys_sem_wait(&ready);
	sys_thread_new("pinger", pinger, argv[1], 0, 0);
	listener = netconn_new(NETCONN_TCP);
	netconn_bind(listener, NULL, 7777);
	netconn_listen(listener);
	printf("ready\n");
	fflush(stdout);
	while (netconn_accept(listener, &stream) == ERR_OK) {
		while (netconn_recv(stream, &buffer) == ERR_OK) {
			do {
				void *data;
				u16_t bytes;

				netbuf_data(buffer, &data, &bytes);
				netconn_write(stream, data, bytes, NETCONN_COPY);
			} while (netbuf_next(buffer) >= 0);
			netbuf_delete(buffer);
		}
		netconn_close(stream);
		netconn_delete(stream);
	}
	return 1;
}
