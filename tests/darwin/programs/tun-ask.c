/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tun-ask.c - a host behind a tun that pings: usage: tun-ask DEVICE.  Knows nothing of tuntapd.
 *
 * Opens the device and says "ready".  For each line of its input, "FROM TO", two addresses of one family, it sends an echo request until it
 * is answered, and says "answer"; or "nothing", after a while.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRIES 20
#define WAIT_MS 50
#define ECHO_BYTES 16

struct addresses {
	size_t bytes; /* of one: 4 or 16 */
	uint8_t from[16], to[16];
};

static uint32_t
add_up(uint32_t sum, const uint8_t *data, size_t bytes)
{
	for (size_t i = 0; i + 1 < bytes; i += 2) {
		sum += (uint32_t)(data[i] << 8 | data[i + 1]);
	}
	return sum;
}

/* RFC 1071 */
static void
put_sum(uint8_t *at, uint32_t sum)
{
	while (sum > 0xffff) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

/* RFC 791 and 792, RFC 8200 and 4443.  Its length. */
static size_t
make_request(const struct addresses *a, uint8_t packet[64])
{
	bool is_4 = a->bytes == 4;
	uint8_t *echo = packet + (is_4 ? 20 : 40);

	memset(packet, 0, 64);
	if (is_4) {
		memcpy(packet, (const uint8_t[]){0x45, 0, 0, 20 + ECHO_BYTES, 0, 0, 0, 0, 64, 1}, 10);
		memcpy(packet + 12, a->from, 4);
		memcpy(packet + 16, a->to, 4);
		put_sum(packet + 10, add_up(0, packet, 20));
	} else {
		memcpy(packet, (const uint8_t[]){0x60, 0, 0, 0, 0, ECHO_BYTES, 58, 64}, 8);
		memcpy(packet + 8, a->from, 16);
		memcpy(packet + 24, a->to, 16);
	}
	memcpy(echo, (const uint8_t[]){is_4 ? 8 : 128, 0, 0, 0, 0x77, 0x77, 0, 1}, 8);
	put_sum(echo + 2, add_up(is_4 ? 0 : add_up(ECHO_BYTES + 58, packet + 8, 32), echo, ECHO_BYTES));
	return (size_t)(echo - packet) + ECHO_BYTES;
}

/* Whether a packet is the answer, to the asker's own address. */
static bool
is_answer(const struct addresses *a, const uint8_t *packet, ssize_t bytes)
{
	if (a->bytes == 4) {
		return bytes >= 20 + ECHO_BYTES && packet[0] == 0x45 && memcmp(packet + 12, a->to, 4) == 0 &&
		    memcmp(packet + 16, a->from, 4) == 0 && packet[20] == 0;
	}
	return bytes >= 40 + ECHO_BYTES && packet[0] >> 4 == 6 && memcmp(packet + 8, a->to, 16) == 0 &&
	    memcmp(packet + 24, a->from, 16) == 0 && packet[40] == 129;
}

static bool
ask(int fd, const struct addresses *a)
{
	uint8_t packet[2048];

	for (unsigned i = 0; i < TRIES; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		size_t bytes = make_request(a, packet);

		if (write(fd, packet, bytes) != (ssize_t)bytes) {
			return false;
		}
		while (poll(&p, 1, WAIT_MS) == 1) {
			if (is_answer(a, packet, read(fd, packet, sizeof(packet)))) {
				return true;
			}
		}
	}
	return false;
}

int
main(int argc, char **argv)
{
	char line[200], from[100], to[100];
	int fd;

	if (argc != 2) {
		return 64;
	}
	fd = open(argv[1], O_RDWR);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL && sscanf(line, "%99s %99s", from, to) == 2) {
		struct addresses a = {.bytes = strchr(from, ':') == NULL ? 4 : 16};
		int family = a.bytes == 4 ? AF_INET : AF_INET6;

		if (inet_pton(family, from, a.from) != 1 || inet_pton(family, to, a.to) != 1) {
			return 64;
		}
		puts(ask(fd, &a) ? "answer" : "nothing");
		fflush(stdout);
	}
	return 0;
}
