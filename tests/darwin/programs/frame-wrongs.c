/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame-wrongs.c - makes one call at a feth, a BPF device or a driver's socket that is wrong on macOS, and that the stand-in has to refuse
 * aloud: usage: frame-wrongs NAME.  Ends with 0 if nothing refused it.  Run as root, in a network of its own.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <unistd.h>

#define NAME "feth10007"

static uint8_t about[64], address[64], buffer[4096];
static int sock;

static int
ask(int fd, unsigned long request)
{
	memcpy(about, NAME, sizeof(NAME));
	return ioctl(fd, request, about);
}

static int
open_attached(void)
{
	int fd = open("/dev/bpf0", O_RDWR);

	return ask(fd, 0x8020426cul) == 0 ? fd : -1;
}

static int
open_driver(void)
{
	memcpy(address, "\x12\x1b" NAME, 2 + sizeof(NAME));
	return socket(27, SOCK_RAW, 0);
}

static void
mac_of_a_sockaddr(void)
{
	about[16] = 16; /* Linux has no length, BSD's sockaddr 16 */
	about[17] = 18;
	(void)ask(sock, 0x8020693cul);
}

static void
mac_of_linux_family(void)
{
	about[16] = 6;
	about[17] = 1; /* ARPHRD_ETHER */
	(void)ask(sock, 0x8020693cul);
}

static void
request_of_linux_size(void)
{
	(void)ask(sock, 0xc0286978ul); /* an ifreq of 40 bytes */
}

static void
setting_of_eight_bytes(void)
{
	int64_t wide = 16370;

	(void)sysctlbyname("net.link.fake.max_mtu", NULL, NULL, &wide, sizeof(wide));
}

static void
driver_setting(void)
{
	int on = 1;

	(void)sysctlbyname("net.link.fake.hwcsum", NULL, NULL, &on, sizeof(on));
}

static void
own_peer(void)
{
	uint8_t peer[160] = {0}, whole[40] = NAME;
	uint64_t numbers[3] = {1, sizeof(peer), (uint64_t)(uintptr_t)peer};

	memcpy(peer + 32, NAME, sizeof(NAME));
	memcpy(whole + 16, numbers, sizeof(numbers));
	(void)ioctl(sock, 0x8028697bul, whole);
}

static void
bpf_created(void)
{
	(void)open("/dev/bpf0", O_RDWR | O_CREAT, 0600);
}

static void
bpf_read_without_immediate(void)
{
	(void)read(open_attached(), buffer, sizeof(buffer));
}

static void
bpf_request(void)
{
	(void)ask(open_attached(), 0x8004428bul); /* BIOCSDIRECTION, which is private */
}

static void
bpf_short_frame(void)
{
	(void)write(open_attached(), buffer, 13);
}

static void
driver_datagrams(void)
{
	(void)socket(27, SOCK_DGRAM, 0);
}

static void
driver_length(void)
{
	int fd = open_driver();

	address[0] = 0; /* as Linux would have it */
	(void)bind(fd, (struct sockaddr *)address, 18);
}

static void
driver_bytes(void)
{
	(void)bind(open_driver(), (struct sockaddr *)address, 20);
}

static void
driver_family(void)
{
	int fd = open_driver();

	address[1] = 17; /* AF_PACKET */
	(void)bind(fd, (struct sockaddr *)address, 18);
}

static void
driver_elsewhere(void)
{
	int fd = open_driver();

	(void)bind(fd, (struct sockaddr *)address, 18);
	address[2 + 4] = '2';
	(void)connect(fd, (struct sockaddr *)address, 18);
}

static void
driver_room_of_eight_bytes(void)
{
	int64_t room = 65536;

	(void)setsockopt(open_driver(), 0xffff, 0x1001, &room, sizeof(room));
}

static const struct {
	const char *name;
	void (*make)(void);
} wrongs[] = {
	{"mac-of-a-sockaddr", mac_of_a_sockaddr}, {"mac-of-linux-family", mac_of_linux_family},
	{"request-of-linux-size", request_of_linux_size}, {"setting-of-eight-bytes", setting_of_eight_bytes},
	{"driver-setting", driver_setting}, {"own-peer", own_peer}, {"bpf-created", bpf_created},
	{"bpf-read-without-immediate", bpf_read_without_immediate}, {"bpf-request", bpf_request}, {"bpf-short-frame", bpf_short_frame},
	{"driver-datagrams", driver_datagrams}, {"driver-length", driver_length}, {"driver-bytes", driver_bytes},
	{"driver-family", driver_family}, {"driver-elsewhere", driver_elsewhere},
	{"driver-room-of-eight-bytes", driver_room_of_eight_bytes},
};

int
main(int argc, char **argv)
{
	sock = socket(2 /* AF_INET */, 2 /* SOCK_DGRAM */, 0);
	if (sock < 0 || ask(sock, 0xc0206978ul) < 0) {
		perror(NAME);
		return 1;
	}
	memset(about, 0, sizeof(about));
	for (unsigned i = 0; argc == 2 && i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		if (strcmp(argv[1], wrongs[i].name) == 0) {
			wrongs[i].make();
			return 0;
		}
	}
	return 64;
}
