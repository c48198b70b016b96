/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * path.c - the program of the path benchmarks: one test in one process, with the shim or on Linux's own device.
 *
 *	path native|shim|relay|vde|socat [tun-]p2k|[tun-]k2p|pace|[tun-]rtt|attach|tcp-out|tcp-in SIZE COUNT
 *
 * relay: the same as shim, where the device is relayed; its relay's processor time counts, too.  vde and socat: the interface tap0 is
 * another program's, BENCH_PEER_PID, whose time counts; this one speaks to it at BENCH_PEER, a switch's directory or a socket
 * (SOCK_SEQPACKET).
 *
 * p2k: writes COUNT frames; all must be counted by the interface.  k2p: reads COUNT frames, of which at most WINDOW are
 * under way, so that none is lost.  pace: the same, where they are sent at PACE a second.  rtt: a child sends a frame and waits for its
 * echo, COUNT times.  attach: opens and closes COUNT times.  tcp-out: the interface's kernel sends COUNT MiB to a stack behind the device,
 * which is in another namespace on a tap of the kernel's own; tcp-in: it receives them.  tun-: the same on a tun device, with IPv4 packets
 * of SIZE bytes between two addresses.  Prints one line of numbers; ends with a message and status 1 if a frame was lost or wrong.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
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
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WINDOW 64
#define WARM_UP 300
#define PACE 100000
#define FRAME_MAX 1514
#define ETHERTYPE 0x88b5
#define IP_PROTOCOL 253 /* RFC 3692: for experiments */
#define IP_HEADER_BYTES 20
#define OWN_ADDRESS "10.77.0.1"
#define PEER_ADDRESS "10.77.0.2"

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

static bool is_tun;
static const char *ifname = "tap0";

/* The device: a descriptor, or what libvdeplug has (libvdeplug(3)), which is there on the machine or not. */
static struct {
	int fd;
	void *vde;
	ssize_t (*vde_recv)(void *connection, void *buffer, size_t bytes, int flags);
	ssize_t (*vde_send)(void *connection, const void *buffer, size_t bytes, int flags);
} device;

static ssize_t
take(void *frame, size_t bytes)
{
	return device.vde != NULL ? device.vde_recv(device.vde, frame, bytes, 0) : read(device.fd, frame, bytes);
}

/* The next frame of ours: where the interface has an address, the kernel may have something to say by itself. */
static ssize_t
get(void *frame, size_t bytes)
{
	ssize_t n;

	do {
		n = take(frame, bytes);
	} while (is_tun && n >= IP_HEADER_BYTES && ((uint8_t *)frame)[9] != IP_PROTOCOL);
	return n;
}

static ssize_t
put(const void *frame, size_t bytes)
{
	return device.vde != NULL ? device.vde_send(device.vde, frame, bytes, 0) : write(device.fd, frame, bytes);
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
	char path[32];
	int fd;

	if (!native) {
		snprintf(path, sizeof(path), "/dev/%s", ifname);
		return open(path, O_RDWR);
	}
	fd = open("/dev/net/tun", O_RDWR);
	strcpy(request.ifr_name, ifname);
	request.ifr_flags = (is_tun ? IFF_TUN : IFF_TAP) | IFF_NO_PI;
	return fd >= 0 && ioctl(fd, TUNSETIFF, &request) < 0 ? -1 : fd;
}

static void
open_vde(const char *directory)
{
	void *library = dlopen("libvdeplug.so.2", RTLD_NOW);
	void *(*open_real)(const char *, const char *, int, void *) = NULL;

	if (library != NULL) {
		*(void **)&open_real = dlsym(library, "vde_open_real");
		*(void **)&device.vde_recv = dlsym(library, "vde_recv");
		*(void **)&device.vde_send = dlsym(library, "vde_send");
	}
	if (open_real == NULL || device.vde_recv == NULL || device.vde_send == NULL) {
		die("libvdeplug");
	}
	device.vde = open_real(directory, "path", 1, NULL);
	if (device.vde == NULL) {
		die(directory);
	}
}

static void
open_socat(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	device.fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (device.fd < 0 || connect(device.fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		die(path);
	}
}

static void
must_run(const char *command)
{
	if (system(command) != 0) {
		die(command);
	}
}

static void
bring_up(void)
{
	struct ifreq request = {0};
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", ifname);
	f = fopen(path, "w");
	if (f != NULL) {
		fputs("1", f);
		fclose(f);
	}
	strcpy(request.ifr_name, ifname);
	if (ioctl(sock, SIOCGIFFLAGS, &request) < 0) {
		die(ifname);
	}
	request.ifr_flags |= IFF_UP;
	if (ioctl(sock, SIOCSIFFLAGS, &request) < 0) {
		die(ifname);
	}
	close(sock);
	if (is_tun) {
		must_run("ip address add " OWN_ADDRESS " peer " PEER_ADDRESS " dev tun0");
	}
}

/* The kernel's side, which sends into the interface, and receives what the program wrote. */
static int
packet_socket(bool receive)
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname)};
	int one = 1, sock = socket(AF_PACKET, SOCK_RAW, 0);

	address.sll_protocol = htons(receive ? ETHERTYPE : 0);
	if (sock < 0 || setsockopt(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
		die("packet socket");
	}
	return sock;
}

static int
ip_socket(void)
{
	struct sockaddr_in peer = {.sin_family = AF_INET};
	int sock = socket(AF_INET, SOCK_RAW, IP_PROTOCOL);

	peer.sin_addr.s_addr = inet_addr(PEER_ADDRESS);
	if (sock < 0 || connect(sock, (struct sockaddr *)&peer, sizeof(peer)) < 0) {
		die("raw socket");
	}
	return sock;
}

static int
kernel_socket(bool receive)
{
	return is_tun ? ip_socket() : packet_socket(receive);
}

/* A raw socket puts the header before what it sends, and leaves it before what it receives. */
static bool
kernel_sends(int sock, const uint8_t *frame, size_t size)
{
	size_t header = is_tun ? IP_HEADER_BYTES : 0;

	return send(sock, frame + header, size - header, 0) == (ssize_t)(size - header);
}

/* From the program's side. */
static void
make_packet(uint8_t *packet, size_t size)
{
	in_addr_t from = inet_addr(PEER_ADDRESS), to = inet_addr(OWN_ADDRESS);
	uint32_t sum = 0;

	memset(packet, 0x5a, size);
	memset(packet, 0, IP_HEADER_BYTES);
	packet[0] = 0x45;
	packet[2] = (uint8_t)(size >> 8);
	packet[3] = (uint8_t)size;
	packet[8] = 64;
	packet[9] = IP_PROTOCOL;
	memcpy(packet + 12, &from, 4);
	memcpy(packet + 16, &to, 4);
	for (unsigned i = 0; i < IP_HEADER_BYTES; i += 2) {
		sum += (uint32_t)packet[i] << 8 | packet[i + 1];
	}
	sum = ~((sum & 0xffff) + (sum >> 16));
	packet[10] = (uint8_t)(sum >> 8);
	packet[11] = (uint8_t)sum;
}

static void
make_frame(uint8_t *frame, size_t size)
{
	if (is_tun) {
		make_packet(frame, size);
		return;
	}
	memset(frame, 0x5a, size);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\0\0\0\0\x01", 6);
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
}

/* Back to where it came from. */
static void
turn_round(uint8_t *frame)
{
	uint8_t from[4];

	if (is_tun) {
		memcpy(from, frame + 12, 4);
		memcpy(frame + 12, frame + 16, 4);
		memcpy(frame + 16, from, 4);
	}
}

/* Packets that the interface has received: what the program wrote. */
static unsigned long long
interface_received(void)
{
	unsigned long long bytes, packets = 0;
	char line[512], name[IFNAMSIZ + 1];
	FILE *f = fopen("/proc/net/dev", "r");

	snprintf(name, sizeof(name), "%s:", ifname);
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *colon = strstr(line, name);

		if (colon != NULL && sscanf(colon + strlen(name), "%llu %llu", &bytes, &packets) == 2) {
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
program_to_kernel(size_t size, unsigned count)
{
	uint8_t frame[FRAME_MAX];
	double wall, cpu;

	if (is_tun) {
		(void)ip_socket(); /* or the kernel answers that nobody wants them */
	}
	make_frame(frame, size);
	for (unsigned i = 0; i < WARM_UP; i++) {
		if (put(frame, size) != (ssize_t)size) {
			die("write");
		}
	}
	(void)wait_received(WARM_UP, seconds(CLOCK_MONOTONIC));
	wall = seconds(CLOCK_MONOTONIC);
	cpu = cpu_seconds();
	for (unsigned i = 0; i < count; i++) {
		if (put(frame, size) != (ssize_t)size) {
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
send_with_window(struct shared *shared, size_t size, unsigned count, unsigned pace)
{
	uint8_t frame[FRAME_MAX];
	int sock = kernel_socket(false);
	double began;

	make_frame(frame, size);
	while (!atomic_load(&shared->ready)) {
	}
	began = seconds(CLOCK_MONOTONIC);
	for (uint64_t sent = 0; sent < count; sent++) {
		while (pace != 0 && seconds(CLOCK_MONOTONIC) < began + (double)sent / pace) {
		}
		while (sent - atomic_load_explicit(&shared->received, memory_order_relaxed) >= WINDOW) {
			/* The reader has the other processor, or this one: let it. */
			usleep(0);
		}
		if (!kernel_sends(sock, frame, size)) {
			die("send");
		}
	}
	_exit(0);
}

static void
kernel_to_program(size_t size, unsigned count, unsigned pace, struct shared *shared)
{
	uint8_t frame[FRAME_MAX + 1];
	double wall = 0, cpu = 0;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		send_with_window(shared, size, count + WARM_UP, pace);
	}
	atomic_store(&shared->ready, true);
	for (unsigned i = 0; i < count + WARM_UP; i++) {
		if (i == WARM_UP) {
			wall = seconds(CLOCK_MONOTONIC);
			cpu = cpu_seconds();
		}
		ssize_t n = get(frame, sizeof(frame));

		if (n != (ssize_t)size) {
			fprintf(stderr, "path: read: %zd bytes, not %zu\n", n, size);
			exit(1);
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
	int sock = kernel_socket(true);
	struct pollfd p = {.fd = sock, .events = POLLIN};

	make_frame(frame, size);
	for (unsigned i = 0; i < count + WARM_UP; i++) {
		double began = seconds(CLOCK_MONOTONIC);

		if (!kernel_sends(sock, frame, size) || poll(&p, 1, 5000) != 1 ||
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
round_trip(size_t size, unsigned count)
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
		ssize_t n = get(frame, sizeof(frame));

		if (n != (ssize_t)size) {
			die("echo");
		}
		turn_round(frame);
		if (put(frame, size) != n) {
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

/* A tap of the kernel's own, past any library: this is no part of what is measured. */
static int
open_plain_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/net/tun", O_RDWR | O_CLOEXEC);

	strcpy(request.ifr_name, name);
	return fd >= 0 && syscall(SYS_ioctl, fd, TUNSETIFF, &request) == 0 ? fd : -1;
}

/* One end of the stream, in the caller's namespace: listens and receives, or sends; bytes in all. */
static void
stream(const char *own, const char *other, bool sends, size_t bytes)
{
	static char data[65536];
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(7777)};
	int sock = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	double began, end = seconds(CLOCK_MONOTONIC) + 10;

	address.sin_addr.s_addr = inet_addr(sends ? other : own);
	if (!sends) {
		if (setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		    bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(sock, 1) < 0 ||
		    (sock = accept(sock, NULL, NULL)) < 0) {
			die("listen");
		}
	} else {
		while (connect(sock, (struct sockaddr *)&address, sizeof(address)) < 0) {
			if (seconds(CLOCK_MONOTONIC) > end) {
				die("connect");
			}
			usleep(1000);
			close(sock);
			sock = socket(AF_INET, SOCK_STREAM, 0);
		}
	}
	began = seconds(CLOCK_MONOTONIC);
	for (size_t done = 0; done < bytes;) {
		size_t wanted = bytes - done < sizeof(data) ? bytes - done : sizeof(data);
		ssize_t n = sends ? write(sock, data, wanted) : read(sock, data, wanted);

		if (n <= 0) {
			die("stream");
		}
		done += (size_t)n;
	}
	if (!sends) {
		printf("rate %.1f\n", (double)bytes / (seconds(CLOCK_MONOTONIC) - began));
		fflush(stdout);
		(void)!write(sock, data, 1); /* so that the sender ends after it */
	} else if (read(sock, data, 1) != 1) {
		die("end of stream");
	}
	_exit(0);
}

static int inside;

static void *
outward(void *argument)
{
	uint8_t frame[FRAME_MAX + 1];
	ssize_t n;

	while ((n = read(inside, frame, sizeof(frame))) > 0) {
		if (put(frame, (size_t)n) < 0 && errno != EIO) {
			die("write");
		}
	}
	return argument;
}

static void *
inward(void *argument)
{
	uint8_t frame[FRAME_MAX + 1];
	ssize_t n;

	while ((n = get(frame, sizeof(frame))) >= 0) {
		if (n > 0 && write(inside, frame, (size_t)n) < 0 && errno != EIO) {
			die("write");
		}
	}
	return argument;
}

static void
tcp(bool out, size_t bytes)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), left = 2, status;
	pthread_t threads[2];
	pid_t pids[2];

	must_run("ip address add " OWN_ADDRESS "/24 dev tap0");
	if (unshare(CLONE_NEWNET) < 0 || (inside = open_plain_tap("in0")) < 0) {
		die("a stack behind the device");
	}
	must_run("ip address add " PEER_ADDRESS "/24 dev in0 && ip link set in0 up");
	pids[0] = fork();
	if (pids[0] == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		stream(PEER_ADDRESS, OWN_ADDRESS, !out, bytes);
	}
	if (setns(own, CLONE_NEWNET) < 0) {
		die("setns");
	}
	pids[1] = fork();
	if (pids[1] == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		stream(OWN_ADDRESS, PEER_ADDRESS, out, bytes);
	}
	if (pthread_create(&threads[0], NULL, outward, NULL) != 0 || pthread_create(&threads[1], NULL, inward, NULL) != 0) {
		die("threads");
	}
	for (; left > 0; left--) {
		if (wait(&status) < 0 || status != 0) {
			die("stream");
		}
	}
	exit(0);
}

int
main(int argc, char **argv)
{
	const char *peer = getenv("BENCH_PEER"), *peer_pid = getenv("BENCH_PEER_PID");
	struct shared *shared;
	const char *test;
	unsigned count;
	size_t size;
	bool native;

	if (argc != 5) {
		fprintf(stderr,
		    "usage: path native|shim|relay|vde|socat [tun-]p2k|[tun-]k2p|pace|[tun-]rtt|attach|tcp-out|tcp-in SIZE COUNT\n");
		return 64;
	}
	native = strcmp(argv[1], "native") == 0;
	is_tun = strncmp(argv[2], "tun-", 4) == 0;
	ifname = is_tun ? "tun0" : ifname;
	test = argv[2] + (is_tun ? 4 : 0);
	size = strtoul(argv[3], NULL, 10);
	count = (unsigned)strtoul(argv[4], NULL, 10);
	if (size < 60 || size > FRAME_MAX || count == 0) {
		fprintf(stderr, "path: SIZE from 60 to %d, COUNT from 1\n", FRAME_MAX);
		return 64;
	}
	if (strcmp(test, "attach") == 0) {
		attach(native, count);
		return 0;
	}
	if (peer != NULL && strcmp(argv[1], "vde") == 0) {
		open_vde(peer);
	} else if (peer != NULL && strcmp(argv[1], "socat") == 0) {
		open_socat(peer);
	} else {
		device.fd = open_device(native);
	}
	if (device.fd < 0) {
		die("open");
	}
	bring_up();
	if (strcmp(argv[1], "relay") == 0) {
		relay = find_relay(device.fd);
		if (relay == 0) {
			die("no relay");
		}
	} else if (peer_pid != NULL) {
		relay = atoi(peer_pid);
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (strcmp(test, "p2k") == 0) {
		program_to_kernel(size, count);
	} else if (strcmp(test, "k2p") == 0) {
		kernel_to_program(size, count, 0, shared);
	} else if (strcmp(test, "pace") == 0) {
		kernel_to_program(size, count, PACE, shared);
	} else if (strcmp(test, "rtt") == 0) {
		round_trip(size, count);
	} else {
		tcp(strcmp(test, "tcp-out") == 0, (size_t)count << 20);
	}
	return 0;
}
