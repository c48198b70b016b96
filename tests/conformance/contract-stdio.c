/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-stdio.c - row "open": a device through stdio has the contract of read and write, and packets stay whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#define SIFHEAD 0x40047460u /* TUNSIFHEAD as compiled on Linux */

static void
stream_keeps_the_contract(enum kind kind)
{
	uint8_t packet[PACKET_MIN], got[PACKET_MIN];
	FILE *f = fopen(path_of(kind, 0), "r+");
	int kernel;

	EXPECT(f != NULL && fileno(f) >= 0 && fileno_unlocked(f) == fileno(f));
	EXPECT(fgetc(f) == EOF && errno == EIO && ferror(f) && !feof(f));
	clearerr(f);
	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT(fwrite(packet, 1, sizeof(packet), f) == sizeof(packet));
	EXPECT(fflush(f) == EOF && errno == EIO);
	clearerr(f);
	EXPECT(fclose(f) == 0 || errno == EIO); /* what it could not write is its own affair */
	wait_gone(name_of(kind, 0));
	f = fopen(path_of(kind, 0), "r+");
	EXPECT(f != NULL);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	kernel = kernel_open(name_of(kind, 0));
	packet_arrive(fileno(f), kernel, kind, 7);
	EXPECT(fread(got, 1, sizeof(got), f) == sizeof(got) && packet_number(kind, got) == 7);
	EXPECT(fseek(f, 0, SEEK_SET) == -1 && errno == ESPIPE);
	EXPECT(fwrite(packet, 1, sizeof(packet), f) == sizeof(packet) && fflush(f) == 0);
	packet_has_gone(kernel, kind, 1);
	EXPECT(setvbuf(f, NULL, _IONBF, 0) == 0);
	EXPECT(fwrite(packet, 1, sizeof(packet), f) == sizeof(packet));
	packet_has_gone(kernel, kind, 1);
	EXPECT(fclose(f) == 0);
	wait_gone(name_of(kind, 0));
}

static void
stream_in_header_mode(enum kind kind)
{
	static const uint8_t ipv4[4] = {0, 0, 0, 2};
	uint8_t packet[4 + PACKET_MIN] = {0, 0, 0, 2}, got[4 + PACKET_MIN];
	FILE *f = fopen(path_of(kind, 0), "w+e");
	int kernel, on = 1;

	EXPECT(f != NULL && (fcntl(fileno(f), F_GETFD) & FD_CLOEXEC) != 0);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	kernel = kernel_open(name_of(kind, 0));
	EXPECT(ioctl(fileno(f), SIFHEAD, &on) == 0);
	packet_make(kind, packet + 4, PACKET_MIN, 5);
	EXPECT(fwrite(packet, 1, sizeof(packet), f) == sizeof(packet) && fflush(f) == 0);
	packet_has_gone(kernel, kind, 5);
	packet_arrive(fileno(f), kernel, kind, 6);
	EXPECT(fread(got, 1, sizeof(got), f) == sizeof(got) && memcmp(got, ipv4, 4) == 0 && packet_number(kind, got + 4) == 6);
	EXPECT(fclose(f) == 0);
}

static void
stream_cuts_no_packet(enum kind kind)
{
	uint8_t packet[9000], got[9000];
	FILE *f = fopen(path_of(kind, 0), "r+");
	int kernel;

	EXPECT(f != NULL);
	if_silence(name_of(kind, 0));
	if_set_mtu(name_of(kind, 0), 9000);
	if_up(name_of(kind, 0));
	kernel = kernel_open(name_of(kind, 0));
	packet_make(kind, packet, sizeof(packet), 1);
	kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	packet_arrive(fileno(f), kernel, kind, 2);
	/* In pieces, and what is longer than any C library's buffer in one. */
	EXPECT(fgetc(f) == packet[0] && fread(got, 1, 100, f) == 100 && memcmp(got, packet + 1, 100) == 0);
	EXPECT(fread(got, 1, sizeof(packet) - 101, f) == sizeof(packet) - 101 && memcmp(got, packet + 101, sizeof(packet) - 101) == 0);
	EXPECT(fread(got, PACKET_MIN, 1, f) == 1 && packet_number(kind, got) == 2);
	EXPECT(fclose(f) == 0);
}

static void
stream_of_an_open_device(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = opened(kind, 0), kernel;
	FILE *f = fdopen(fd, "r+"), *other;

	EXPECT(f != NULL && fileno(f) == fd);
	EXPECT(fgetc(f) == EOF && errno == EIO);
	clearerr(f);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	kernel = kernel_open(name_of(kind, 0));
	packet_make(kind, packet, sizeof(packet), 2);
	EXPECT(fwrite(packet, 1, sizeof(packet), f) == sizeof(packet) && fflush(f) == 0);
	packet_has_gone(kernel, kind, 2);
	/* A second stream of a copy; closing it leaves the first. */
	other = fdopen(dup(fd), "w");
	EXPECT(other != NULL && fileno(other) != fd);
	EXPECT(fwrite(packet, 1, sizeof(packet), other) == sizeof(packet) && fclose(other) == 0);
	packet_has_gone(kernel, kind, 2);
	EXPECT(if_exists(name_of(kind, 0)) && fileno(f) == fd);
	EXPECT(fclose(f) == 0);
	EXPECT_ERRNO(fcntl(fd, F_GETFD), EBADF);
	wait_gone(name_of(kind, 0));
	fd = open(path_of(kind, 0), O_WRONLY);
	EXPECT(fd >= 0 && fdopen(fd, "r") == NULL && errno == EINVAL);
	EXPECT(fdopen(fd, "z") == NULL && errno == EINVAL);
	EXPECT(close(fd) == 0);
	/* The number is a file's now. */
	EXPECT(open("/dev/null", O_RDWR) == fd);
	f = fdopen(fd, "r+");
	EXPECT(f != NULL && fileno(f) == fd && fgetc(f) == EOF && feof(f));
}

static void
freopen_changes_what_a_stream_is_of(enum kind kind)
{
	uint8_t packet[PACKET_MIN], large[9000];
	FILE *f = fopen(path_of(kind, 0), "r+");
	int number, kernel;
	struct stat st;

	EXPECT(f != NULL && if_exists(name_of(kind, 0)));
	number = fileno(f);
	if_silence(name_of(kind, 0));
	if_set_mtu(name_of(kind, 0), sizeof(large));
	if_up(name_of(kind, 0));
	/* What has been read of a packet is gone with the device. */
	kernel = kernel_open(name_of(kind, 0));
	packet_make(kind, large, sizeof(large), 1);
	kernel_send(kernel, name_of(kind, 0), kind, large, sizeof(large));
	EXPECT(fgetc(f) == large[0] && close(kernel) == 0);
	f = freopen("/dev/null", "r+e", f);
	EXPECT(f != NULL && fileno(f) == number && (fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
	EXPECT(fstat(number, &st) == 0 && st.st_rdev == (dev_t)(1 << 8 | 3));
	wait_gone(name_of(kind, 0));
	EXPECT(fgetc(f) == EOF && feof(f) && !ferror(f));
	/* To a device again. */
	f = freopen(path_of(kind, 0), "r+", f);
	EXPECT(f != NULL && fileno(f) == number && fcntl(number, F_GETFD) == 0);
	EXPECT(fgetc(f) == EOF && errno == EIO && ferror(f));
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	kernel = kernel_open(name_of(kind, 0));
	clearerr(f);
	packet_make(kind, packet, sizeof(packet), 2);
	EXPECT(fwrite(packet, 1, sizeof(packet), f) == sizeof(packet) && fflush(f) == 0);
	packet_has_gone(kernel, kind, 2);
	EXPECT(dup(number) == number + 2); /* but for the kernel's side nothing is open beside it */
	EXPECT(close(number + 2) == 0);
	EXPECT(freopen(NULL, "w", f) == NULL && errno == EBADF); /* it cannot be opened anew */
	wait_gone(name_of(kind, 0));
	f = fopen(path_of(kind, 0), "r");
	EXPECT(f != NULL);
	EXPECT(freopen("/dev/null", "w", f) == NULL && errno == EBADF); /* it can only read */
	wait_gone(name_of(kind, 0));
	f = fopen(path_of(kind, 0), "r+");
	EXPECT(f != NULL);
	EXPECT(freopen("/nothing/there", "r", f) == NULL && errno == ENOENT);
	wait_gone(name_of(kind, 0));
}

static void
many_streams(enum kind kind)
{
	int fd = opened(kind, 0);
	FILE *streams[100];

	for (int turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < 100; i++) {
			streams[i] = fdopen(dup(fd), "r+");
			EXPECT(streams[i] != NULL && fileno(streams[i]) > fd);
		}
		for (unsigned i = 0; i < 100; i++) {
			EXPECT(fclose(streams[i]) == 0);
		}
	}
	EXPECT(dup(fd) == fd + 1);
}

const struct contract_case stdio_cases[] = {
	{"open.stdio", "a stdio stream keeps the contract", ON_BOTH, stream_keeps_the_contract},
	{"open.stdio", "a stdio stream cuts no packet", ON_BOTH, stream_cuts_no_packet},
	{"open.stdio", "header mode through a stdio stream", ON_TUN, stream_in_header_mode},
	{"open.stdio", "fdopen of a device", ON_BOTH, stream_of_an_open_device},
	{"open.stdio", "freopen of a device's stream, to a file and back", ON_BOTH, freopen_changes_what_a_stream_is_of},
	{"open.stdio", "a hundred streams at once", ON_BOTH, many_streams},
	{0},
};
