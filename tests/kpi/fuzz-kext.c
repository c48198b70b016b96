/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-kext.c - any bytes as what programs, administrators and strangers ask of an extension, in the model of the kernel.
 *
 * The input is a list of steps: one byte says what, two how much, and what follows is what is written.  After the last one everything is
 * closed and unloaded, and nothing is left.  What was accepted is exactly one packet for each accepted write.
 */
#include <string.h>

#include "kpi.h"
#include "tests/fuzz/fuzz.h"

#define PACKET_BYTES_MAX 4096
#define STEPS_MAX 64
#define FASTER 100000 /* nothing is waited for here */

unsigned long fuzz_accepted;

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t
next(struct input *in)
{
	if (in->left == 0) {
		return 0;
	}
	in->left--;
	return *in->at++;
}

static uint64_t
next_number(struct input *in, unsigned bytes)
{
	uint64_t number = 0;

	while (bytes-- > 0) {
		number = number << 8 | next(in);
	}
	return number;
}

/* size bytes, of which the first are the input's, in memory of exactly that size; the caller's. */
static uint8_t *
next_bytes(struct input *in, size_t size)
{
	uint8_t *bytes = calloc(1, size > 0 ? size : 1);
	size_t here = size < in->left ? size : in->left;

	fuzz_must(bytes != NULL, "memory");
	memcpy(bytes, in->at, here);
	in->at += here;
	in->left -= here;
	return bytes;
}

static void
write_step(struct input *in, struct kpi_file *f, const char *name)
{
	size_t size = (size_t)next_number(in, 2) % PACKET_BYTES_MAX;
	uint8_t *bytes = next_bytes(in, size);
	struct kpi_if before, after;
	long n;

	fuzz_must(kpi_if_get(name, &before) == 0, "an open device has an interface");
	n = kpi_write(f, bytes, size);
	fuzz_must(kpi_if_get(name, &after) == 0, "an open device has an interface");
	fuzz_must(n == -1 || (n == (long)size && size > 0), "a write is whole, or refused");
	fuzz_must(after.packets_in - before.packets_in == (n > 0), "one packet for one write");
	fuzz_must(n < 0 || (before.flags & KPI_UP) != 0, "nothing is taken while it is down");
	fuzz_must(n < 0 || size <= before.mtu + 18u, "nothing is taken that is too long");
	fuzz_accepted += n > 0;
	free(bytes);
}

static void
ioctl_step(struct input *in, struct kpi_file *f)
{
	static const unsigned long known[] = {KPI_FIONREAD, KPI_FIONBIO, KPI_FIOASYNC, KPI_TUNSIFHEAD, KPI_TUNGIFHEAD};
	uint8_t which = next(in);
	unsigned long command = which < 128 ? known[which % 5] : (unsigned long)next_number(in, 4);
	uint8_t *data = next_bytes(in, (command >> 16) & 0x1fff);

	(void)kpi_ioctl(f, command, data);
	(void)kpi_set_nonblock(f, true);
	free(data);
}

/* A stranger's command on the interface. */
static void
command_step(struct input *in, const char *name)
{
	static const unsigned long known[] = {0x8020690cul, 0x80206910ul, 0x80206934ul, 0x8020693cul, 0xc331693dul, 0x80206931ul,
	    0xc02c6938ul, 0xc0286938ul};
	uint8_t which = next(in);
	unsigned long command = which < 128 ? known[which % 8] : (unsigned long)next_number(in, 4);
	size_t size = (command >> 16) & 0x1fff;
	uint8_t *data = next_bytes(in, size);

	if ((command >> 8 & 0xff) == 'i' && (command & 0xff) == 56 && size > 32) {
		memset(data + 32, 0, size - 32); /* a list would be in the caller's memory, which is not here */
	}
	(void)kpi_if_ioctl(name, command, which % 7 == 6 ? NULL : data);
	free(data);
}

static void
read_step(struct input *in, struct kpi_file *f, const char *name)
{
	size_t size = (size_t)next_number(in, 2) % PACKET_BYTES_MAX, sent = 1 + (size_t)next_number(in, 2) % PACKET_BYTES_MAX;
	uint8_t *buffer = calloc(1, size > 0 ? size : 1), *packet = next_bytes(in, sent);
	long n;

	fuzz_must(buffer != NULL, "memory");
	(void)kpi_if_send(name, packet, sent);
	n = kpi_read(f, buffer, size);
	fuzz_must(n <= (long)size && (n != 0 || size == 0), "a read gives what there is room for, and never 0");
	free(buffer);
	free(packet);
}

static void
step(struct input *in, struct kpi_file *f, const char *name)
{
	switch (next(in) % 8) {
	case 0:
		ioctl_step(in, f);
		break;
	case 1:
		command_step(in, name);
		break;
	case 2:
		read_step(in, f, name);
		break;
	case 3:
		(void)kpi_if_set_up(name, next(in) % 4 != 0);
		break;
	case 4:
		(void)kpi_if_add_address(name, next(in) % 2 == 0 ? KPI_INET : KPI_INET6);
		break;
	case 5:
		(void)kpi_if_set_mtu(name, (int)next_number(in, 2));
		break;
	default:
		write_step(in, f, name);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {.at = data, .left = size};
	struct kpi_stat st;
	struct kpi_file *f;
	const char *path;

	kpi_faster(FASTER);
	fuzz_must(kpi_load() == 0, "load");
	path = kpi_stat("/dev/tap0", &st) == 0 ? "/dev/tap0" : "/dev/tun0";
	f = kpi_open(path, KPI_READ | KPI_WRITE | KPI_NONBLOCK);
	fuzz_must(f != NULL, "open");
	kpi_small_buffers(next(&in) % 2 != 0);
	for (unsigned i = 0; in.left > 0 && i < STEPS_MAX; i++) {
		step(&in, f, path + sizeof("/dev/") - 1);
	}
	kpi_close(f);
	kpi_wait_detached(); /* a close does not wait long here */
	fuzz_must(kpi_unload() == 0, "unload");
	path = kpi_leaks();
	fuzz_must(path == NULL, path);
	return 0;
}
