/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * path.c - the program of the path benchmarks: one test in one process, with the shim or on Linux's own device.
 *
 *	path native|shim|relay p2k|k2p|rtt|attach SIZE COUNT
 *
 * relay: the same as shim, where the device is relayed; its relay's processor time counts, too.
 *
 * p2k: writes COUNT frames; all must be counted by the interface.  k2p: reads COUNT frames, of which at most WINDOW are
 * under way, so that none is lost.  rtt: a child sends a frame and waits for its echo, COUNT times.  attach: opens and closes COUNT
 * times.  Prints one line of numbers; ends with a message and status 1 if a frame was lost or wrong.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WINDOW 64
#define WARM_UP 300
#define FRAME_MAX 1514
#define NAME "tap0"
#define ETHERTYPE 0x88b5

/* What the reader tells the sender. */
struct shared {
	_Atomic uint64_t received;
	_Atomic bool ready;
};

static void
die(const char *what)
{
	fprintf(stderr, "path: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double
seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int
open_device(bool native)
{
	struct ifreq request = {0};
	int fd;

	if (!native) {
		return open("/dev/" NAME, O_RDWR);
	}
	fd = open("/dev/net/tun", O_RDWR);
	strcpy(request.ifr_name, NAME);
	request.ifr_flags = IFF_TAP | IFF_NO_PI;
	return fd >= 0 && ioctl(fd, TUNSETIFF, &request) < 0 ? -1 : fd;
}

static void
bring_up(void)
{
	struct ifreq request = {0};
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	FILE *f = fopen("/proc/sys/net/ipv6/conf/" NAME "/disable_ipv6", "w");

	if (f != NULL) {
		fputs("1", f);
		fclose(f);
	}
	strcpy(request.ifr_name, NAME);
	if (ioctl(sock, SIOCGIFFLAGS, &request) < 0) {
		die(NAME);
	}
	request.ifr_flags |= IFF_UP;
	if (ioctl(sock, SIOCSIFFLAGS, &request) < 0) {
		die(NAME);
	}
	close(sock);
}

static int
packet_socket(bool receive)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(NAME)};
	int one = 1, sock = socket(AF_PACKET, SOCK_RAW, 0);

	address.sll_protocol = htons(receive ? ETHERTYPE : 0);
	if (sock < 0 || setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
		die("packet socket");
	}
	return sock;
}

static void
make_frame(uint8_t *frame, size_t size)
{
	memset(frame, 0x5a, size);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\0\0\0\0\x01", 6);
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
}

/* Packets that the interface has received: what the program wrote. */
static unsigned long long
interface_received(void)
{
	unsigned long long bytes, packets = 0;
	char line[512];
	FILE *f = fopen("/proc/net/dev", "r");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *colon = strstr(line, NAME ":");

		if (colon != NULL && sscanf(colon + strlen(NAME) + 1, "%llu %llu", &bytes, &packets) == 2) {
			break;
		}
	}
	if (f != NULL) {
		fclose(f);
	}
	return packets;
}

/* The relay of a channel: the child of whoever made its socket pair, by that role.  0: none. */
static pid_t
find_relay(int fd)
{
	struct ucred maker;
	socklen_t length = sizeof(maker);
	struct dirent *entry;
	pid_t found = 0;
	DIR *dir;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &maker, &length) < 0 || (dir = opendir("/proc")) == NULL) {
		return 0;
	}
	while ((entry = readdir(dir)) != NULL) {
		char path[300], text[300] = "";
		int parent = 0;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%.200s/stat", entry->d_name);
		f = fopen(path, "r");
		if (f != NULL) {
			if (fscanf(f, "%*d %*s %*c %d", &parent) == 1 && parent == maker.pid) {
				fclose(f);
				snprintf(path, sizeof(path), "/proc/%.200s/cmdline", entry->d_name);
				f = fopen(path, "r");
				if (f != NULL && fread(text, 1, sizeof(text) - 1, f) > 8 &&
				    strcmp(text + strlen(text) + 1, "--role=relay") == 0) {
					found = atoi(entry->d_name);
				}
			}
			if (f != NULL) {
				fclose(f);
			}
		}
	}
	closedir(dir);
	return found;
}

static pid_t relay;

/* Of this process, and of its relay. */
static double
cpu_seconds(void)
{
	double own = seconds(CLOCK_PROCESS_CPUTIME_ID);
	clockid_t clock;

	return relay > 0 && clock_getcpuclockid(relay, &clock) == 0 ? own + seconds(clock) : own;
}

/* When the interface has counted that many: they may still be under way.  Within seconds, or never. */
static double
wait_received(unsigned long long packets, double now)
{
	double end = now + 10;

	while (interface_received() < packets && seconds(CLOCK_MONOTONIC) < end) {
		now = seconds(CLOCK_MONOTONIC);
	}
	return now;
}

static void
program_to_kernel(int fd, size_t size, unsigned count)
{
	uint8_t frame[FRAME_MAX];
	double wall, cpu;

	make_frame(frame, size);
	for (unsigned i = 0; i < WARM_UP; i++) {
		if (write(fd, frame, size) != (ssize_t)size) {
			die("write");
		}
	}
	(void)wait_received(WARM_UP, seconds(CLOCK_MONOTONIC));
	wall = seconds(CLOCK_MONOTONIC);
	cpu = cpu_seconds();
	for (unsigned i = 0; i < count; i++) {
		if (write(fd, frame, size) != (ssize_t)size) {
			die("write");
		}
	}
	if (relay == 0) {
		cpu = cpu_seconds() - cpu;
		wall = seconds(CLOCK_MONOTONIC) - wall;
	} else {
		double own = seconds(CLOCK_PROCESS_CPUTIME_ID);

		wall = wait_received(count + WARM_UP, seconds(CLOCK_MONOTONIC)) - wall;
		cpu = cpu_seconds() - (seconds(CLOCK_PROCESS_CPUTIME_ID) - own) - cpu; /* waiting is no work */
	}
	if (interface_received() != count + WARM_UP) {
		fprintf(stderr, "path: p2k: %llu of %u frames arrived\n", interface_received(), count + WARM_UP);
		exit(1);
	}
	printf("rate %.1f cpu_ns %.2f\n", count / wall, cpu * 1e9 / count);
}

static void
send_with_window(struct shared *shared, size_t size, unsigned count)
{
	uint8_t frame[FRAME_MAX];
	int sock = packet_socket(false);

	make_frame(frame, size);
	while (!atomic_load(&shared->ready)) {
	}
	for (uint64_t sent = 0; sent < count; sent++) {
		while (sent - atomic_load_explicit(&shared->received, memory_order_relaxed) >= WINDOW) {
			/* The reader has the other processor, or this one: let it. */
			usleep(0);
		}
		if (send(sock, frame, size, 0) != (ssize_t)size) {
			die("send");
		}
	}
	_exit(0);
}

static void
kernel_to_program(int fd, size_t size, unsigned count, struct shared *shared)
{
	uint8_t frame[FRAME_MAX + 1];
	double wall = 0, cpu = 0;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		send_with_window(shared, size, count + WARM_UP);
	}
	atomic_store(&shared->ready, true);
	for (unsigned i = 0; i < count + WARM_UP; i++) {
		if (i == WARM_UP) {
			wall = seconds(CLOCK_MONOTONIC);
			cpu = cpu_seconds();
		}
		if (read(fd, frame, sizeof(frame)) != (ssize_t)size) {
			die("read");
		}
		atomic_fetch_add_explicit(&shared->received, 1, memory_order_relaxed);
	}
	cpu = cpu_seconds() - cpu;
	wall = seconds(CLOCK_MONOTONIC) - wall;
	waitpid(pid, NULL, 0);
	printf("rate %.1f cpu_ns %.2f\n", count / wall, cpu * 1e9 / count);
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
send_and_wait(size_t size, unsigned count)
{
	double *times = calloc(count, sizeof(double));
	uint8_t frame[FRAME_MAX], echo[FRAME_MAX];
	int sock = packet_socket(true);
	struct pollfd p = {.fd = sock, .events = POLLIN};

	make_frame(frame, size);
	for (unsigned i = 0; i < count + WARM_UP; i++) {
		double began = seconds(CLOCK_MONOTONIC);

		if (send(sock, frame, size, 0) != (ssize_t)size || poll(&p, 1, 5000) != 1 ||
		    recv(sock, echo, sizeof(echo), 0) != (ssize_t)size) {
			die("echo");
		}
		if (i >= WARM_UP) {
			times[i - WARM_UP] = (seconds(CLOCK_MONOTONIC) - began) * 1e6;
		}
	}
	qsort(times, count, sizeof(double), by_value);
	printf("median_us %.3f p99_us %.3f\n", times[count / 2], times[count * 99 / 100]);
	fflush(stdout);
	_exit(0);
}

/*
 * All on one processor: then a round trip is the switches and the calls between, and not how deep the other processor happened to sleep.
 */
static void
stay_on_one_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0 || (relay > 0 && sched_setaffinity(relay, sizeof(set), &set) < 0)) {
		die("sched_setaffinity");
	}
}

static void
round_trip(int fd, size_t size, unsigned count)
{
	uint8_t frame[FRAME_MAX + 1];
	int status;
	pid_t pid;

	stay_on_one_processor();
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		send_and_wait(size, count);
	}
	for (unsigned i = 0; i < count + WARM_UP; i++) {
		ssize_t n = read(fd, frame, sizeof(frame));

		if (n != (ssize_t)size || write(fd, frame, size) != n) {
			die("echo");
		}
	}
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		die("echo");
	}
}

static void
attach(bool native, unsigned count)
{
	double *times = calloc(count, sizeof(double));

	for (unsigned i = 0; i < count; i++) {
		double began = seconds(CLOCK_MONOTONIC);
		int fd = open_device(native);

		times[i] = (seconds(CLOCK_MONOTONIC) - began) * 1e6;
		if (fd < 0) {
			die("open");
		}
		close(fd);
	}
	qsort(times, count, sizeof(double), by_value);
	printf("median_us %.3f p99_us %.3f\n", times[count / 2], times[count * 99 / 100]);
}

int
main(int argc, char **argv)
{
	struct shared *shared;
	unsigned count;
	size_t size;
	bool native;
	int fd;

	if (argc != 5) {
		fprintf(stderr, "usage: path native|shim|relay p2k|k2p|rtt|attach SIZE COUNT\n");
		return 64;
	}
	native = strcmp(argv[1], "native") == 0;
	size = strtoul(argv[3], NULL, 10);
	count = (unsigned)strtoul(argv[4], NULL, 10);
	if (size < 60 || size > FRAME_MAX || count == 0) {
		fprintf(stderr, "path: SIZE from 60 to %d, COUNT from 1\n", FRAME_MAX);
		return 64;
	}
	if (strcmp(argv[2], "attach") == 0) {
		attach(native, count);
		return 0;
	}
	fd = open_device(native);
	if (fd < 0) {
		die("open");
	}
	bring_up();
	if (strcmp(argv[1], "relay") == 0) {
		relay = find_relay(fd);
		if (relay == 0) {
			die("no relay");
		}
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (strcmp(argv[2], "p2k") == 0) {
		program_to_kernel(fd, size, count);
	} else if (strcmp(argv[2], "k2p") == 0) {
		kernel_to_program(fd, size, count, shared);
	} else {
		round_trip(fd, size, count);
	}
	return 0;
}
