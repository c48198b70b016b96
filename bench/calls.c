/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calls.c - what the shim adds to a single call, in one process.
 *
 * Run with the shim preloaded.  The plain names reach the shim; the C library's own functions are taken from its handle, past the shim.
 * Blocks of calls of both alternate, and each pair gives a difference of CPU time per call: what one process can see and two
 * cannot.  Beside it, an A/A line: the C library against itself, which is the noise of the method.
 *
 *	calls PAIRS
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CALLS 1000 /* in a block */

typedef ssize_t (*read_fn)(int, void *, size_t);
typedef ssize_t (*write_fn)(int, const void *, size_t);

struct functions {
	read_fn read;
	write_fn write;
};

struct test {
	const char *name;
	void (*block)(const struct functions *f, int fd, int fd2, size_t size);
	size_t size;
};

static uint8_t buffer[2048];

static double
cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void
check(int good, const char *what)
{
	if (!good) {
		fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static void
read_block(const struct functions *f, int fd, int fd2, size_t size)
{
	for (unsigned i = 0; i < CALLS; i++) {
		check(f->read(fd, buffer, size) == (ssize_t)size, "read");
	}
}

static void
empty_read_block(const struct functions *f, int fd, int fd2, size_t size)
{
	for (unsigned i = 0; i < CALLS; i++) {
		check(f->read(fd, buffer, size) == -1 && errno == EAGAIN, "empty read");
	}
}

static void
write_block(const struct functions *f, int fd, int fd2, size_t size)
{
	for (unsigned i = 0; i < CALLS; i++) {
		check(f->write(fd, buffer, size) == (ssize_t)size, "write");
	}
}

static void
pipe_block(const struct functions *f, int fd, int fd2, size_t size)
{
	for (unsigned i = 0; i < CALLS; i++) {
		check(f->write(fd2, buffer, size) == (ssize_t)size && f->read(fd, buffer, size) == (ssize_t)size, "pipe");
	}
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
compare(const char *label, const struct test *t, const struct functions *a, const struct functions *b, int fd, int fd2,
    unsigned pairs)
{
	double *difference = calloc(pairs, sizeof(double)), *ratio = calloc(pairs, sizeof(double));

	t->block(a, fd, fd2, t->size);
	t->block(b, fd, fd2, t->size);
	for (unsigned i = 0; i < pairs; i++) {
		double first, second, began = cpu_ns();

		/* Each goes first every other time. */
		t->block(i % 2 == 0 ? a : b, fd, fd2, t->size);
		first = cpu_ns() - began;
		began = cpu_ns();
		t->block(i % 2 == 0 ? b : a, fd, fd2, t->size);
		second = cpu_ns() - began;
		difference[i] = (i % 2 == 0 ? first - second : second - first) / CALLS;
		ratio[i] = i % 2 == 0 ? first / second : second / first;
	}
	qsort(difference, pairs, sizeof(double), by_value);
	qsort(ratio, pairs, sizeof(double), by_value);
	printf("%s\t%s\t%.2f\t%.2f\t%.2f\t%.4f\t%.4f\t%.4f\n", t->name, label, difference[pairs / 2], difference[pairs / 10],
	    difference[pairs * 9 / 10], ratio[pairs / 2], ratio[pairs / 10], ratio[pairs * 9 / 10]);
	free(difference);
	free(ratio);
}

static void
run(const struct test *t, int fd, int fd2, unsigned pairs, const struct functions *ours, const struct functions *libc)
{
	compare("shim", t, ours, libc, fd, fd2, pairs);
	compare("A/A", t, libc, libc, fd, fd2, pairs);
}

int
main(int argc, char **argv)
{
	static const struct test zero = {"read of /dev/zero, 1 byte", read_block, 1};
	static const struct test piped = {"pipe write and read, 1 byte", pipe_block, 1};
	static const struct test empty = {"device: empty non-blocking read", empty_read_block, 1514};
	static const struct test writes[] = {{"device: write of 64 bytes", write_block, 64},
	    {"device: write of 512 bytes", write_block, 512}, {"device: write of 1514 bytes", write_block, 1514}};
	struct functions ours = {read, write}, libc = {NULL, NULL};
	unsigned pairs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 301;
	void *handle = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	struct ifreq request = {0};
	int pipes[2], device, null_zero, sock;

	check(handle != NULL && pairs > 9, "libc.so.6");
	libc.read = (read_fn)(uintptr_t)dlsym(handle, "read");
	libc.write = (write_fn)(uintptr_t)dlsym(handle, "write");
	if ((uintptr_t)libc.read == (uintptr_t)ours.read) {
		fprintf(stderr, "calls: the shim is not preloaded\n");
		return 1;
	}
	device = open("/dev/tap0", O_RDWR | O_NONBLOCK);
	check(device >= 0, "/dev/tap0");
	FILE *f = fopen("/proc/sys/net/ipv6/conf/tap0/disable_ipv6", "w");
	if (f != NULL) {
		fputs("1", f);
		fclose(f);
	}
	sock = socket(AF_INET, SOCK_DGRAM, 0);
	strcpy(request.ifr_name, "tap0");
	request.ifr_flags = IFF_UP;
	check(ioctl(sock, SIOCSIFFLAGS, &request) == 0, "up");
	null_zero = open("/dev/zero", O_RDONLY);
	check(null_zero >= 0 && pipe(pipes) == 0, "descriptors");
	memset(buffer, 0xff, sizeof(buffer));
	buffer[12] = 0x88;
	buffer[13] = 0xb5;
	/* Until the page says up: the plain path is what is measured. */
	while (read(device, buffer + 100, 100) != -1 || errno != EAGAIN) {
	}
	usleep(200000);
	run(&zero, null_zero, -1, pairs, &ours, &libc);
	run(&piped, pipes[0], pipes[1], pairs, &ours, &libc);
	run(&empty, device, -1, pairs, &ours, &libc);
	for (unsigned i = 0; i < 3; i++) {
		run(&writes[i], device, -1, pairs, &ours, &libc);
	}
	return 0;
}
