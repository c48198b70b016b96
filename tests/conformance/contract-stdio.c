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


static void
stream_keeps_the_contract(enum kind kind)
{
	uint8_t packet[PACKET_MIN], got[PACKET_MIN];
	FILE *f = fopen(path_of(kind, 0), "r+");
	int kernel;

	EXPECT(f != NULL && fileno(f) >= 0);
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
	EXPECT(ioctl(fileno(f), TUNSIFHEAD_VALUE, &on) == 0);
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
	struct stat st, null;

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
	EXPECT(fstat(number, &st) == 0 && stat("/dev/null", &null) == 0 && st.st_rdev == null.st_rdev);
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

/* Up, and the kernel's side of it. */
static int
brought_up(enum kind kind, int mtu)
{
	if_silence(name_of(kind, 0));
	if_set_mtu(name_of(kind, 0), mtu);
	if_up(name_of(kind, 0));
	return kernel_open(name_of(kind, 0));
}

/* A device's stream that the C library made: its packets are whole both ways, however they are asked for. */
static void
carries_whole_packets(FILE *f, enum kind kind)
{
	uint8_t packet[9000], got[9000];
	int kernel = brought_up(kind, sizeof(packet));

	packet_make(kind, packet, sizeof(packet), 1);
	memset(packet + PACKET_MIN, '\n', sizeof(packet) - PACKET_MIN); /* what some buffers end at */
	kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
	packet_arrive(fileno(f), kernel, kind, 2);
	EXPECT(fgetc(f) == packet[0] && fread(got, 1, 100, f) == 100 && memcmp(got, packet + 1, 100) == 0);
	EXPECT(fread(got, 1, sizeof(packet) - 101, f) == sizeof(packet) - 101 && memcmp(got, packet + 101, sizeof(packet) - 101) == 0);
	EXPECT(fread(got, PACKET_MIN, 1, f) == 1 && packet_number(kind, got) == 2);
	EXPECT(fwrite(packet, 1, 5000, f) == 5000 && fwrite(packet + 5000, 1, 4000, f) == 4000 && fflush(f) == 0);
	EXPECT(kernel_receive(kernel, got, sizeof(got)) == sizeof(packet) && memcmp(got, packet, sizeof(packet)) == 0);
	EXPECT(close(kernel) == 0);
}

static void
freopen_makes_a_file_s_stream_a_device_s(enum kind kind)
{
	char used[100];
	FILE *f = fopen("/dev/zero", "r+");
	int number, other;

	EXPECT(f != NULL && setvbuf(f, used, _IOLBF, sizeof(used)) == 0 && fgetc(f) == 0);
	number = fileno(f);
	EXPECT(freopen(path_of(kind, 0), "r+", f) == f && fileno(f) == number && fcntl(number, F_GETFD) == 0);
	EXPECT_ERRNO(read(number, used, 1), EIO);
	carries_whole_packets(f, kind);
	EXPECT(dup(number) == number + 1 && close(number + 1) == 0); /* nothing is open beside it */
	/* To the same device, which is closed before; and to a file. */
	EXPECT(freopen(path_of(kind, 0), "w+e", f) == f && fileno(f) == number && fcntl(number, F_GETFD) == FD_CLOEXEC);
	EXPECT((if_flags(name_of(kind, 0)) & IFF_UP) == 0);
	carries_whole_packets(f, kind);
	EXPECT(freopen("/dev/zero", "r", f) == f && fgetc(f) == 0);
	wait_gone(name_of(kind, 0));
	EXPECT(freopen(path_of(kind, 0), "r+", f) == f);
	carries_whole_packets(f, kind);
	EXPECT(fclose(f) == 0);
	wait_gone(name_of(kind, 0));
	/* What makes it fail closes the stream, too. */
	f = fopen("/dev/zero", "r");
	EXPECT(f != NULL && freopen(path_of(kind, 16), "r+", f) == NULL && errno == ENOENT);
	EXPECT_ERRNO(fcntl(number, F_GETFD), EBADF);
	other = opened(kind, 0);
	EXPECT(other == number);
	f = fopen("/dev/zero", "r");
	EXPECT(f != NULL && freopen(path_of(kind, 0), "r+", f) == NULL && errno == EBUSY);
	EXPECT_ERRNO(fcntl(number + 1, F_GETFD), EBADF);
	EXPECT(close(other) == 0);
	f = fopen("/dev/zero", "r");
	EXPECT(f != NULL && freopen(path_of(kind, 0), "r+", f) == f);
	EXPECT(freopen(NULL, "w", f) == NULL && errno == EBADF); /* it cannot be opened anew */
	EXPECT_ERRNO(fcntl(number, F_GETFD), EBADF);
	wait_gone(name_of(kind, 0));
}

static void
freopen_to_the_same_device(enum kind kind)
{
	FILE *f = fopen(path_of(kind, 0), "r+");
	uint8_t packet[PACKET_MIN];
	int number, kernel;

	EXPECT(f != NULL);
	number = fileno(f);
	kernel = brought_up(kind, 1500);
	packet_make(kind, packet, sizeof(packet), 4);
	EXPECT(fwrite(packet, 1, sizeof(packet), f) == sizeof(packet)); /* not flushed: that is freopen's to do */
	EXPECT(freopen(path_of(kind, 0), "r+", f) == f && fileno(f) == number);
	/* The first answer may be that the interface has gone, too. */
	WAIT_UNTIL(kernel_receive(kernel, packet, sizeof(packet)) == PACKET_MIN && packet_number(kind, packet) == 4, 10000);
	EXPECT((if_flags(name_of(kind, 0)) & IFF_UP) == 0);
	EXPECT(fgetc(f) == EOF && errno == EIO);
	EXPECT(fclose(f) == 0);
}

/* Where the C library has its own ways: buffers of lines, and none. */
static void
freopen_of_the_standard_streams(enum kind kind)
{
	FILE *streams[] = {stdin, stdout, stderr};

	for (int i = 0; i < 3; i++) {
		EXPECT(freopen(path_of(kind, 0), "r+", streams[i]) == streams[i] && fileno(streams[i]) == i);
		carries_whole_packets(streams[i], kind);
		EXPECT(freopen("/dev/null", "r+", streams[i]) == streams[i] && fileno(streams[i]) == i);
		wait_gone(name_of(kind, 0));
	}
}

/* And nothing more: what it does by itself does not pass the library. */
static void
a_file_s_stream_is_as_without_the_library(enum kind kind)
{
	uint8_t packet[PACKET_MIN], got[4 + PACKET_MIN];
	FILE *f = fopen("/dev/null", "r+");
	int kernel, on = 1;

	EXPECT(f != NULL && freopen(path_of(kind, 0), "r+", f) == f);
	EXPECT(fcntl(fileno(f), F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	EXPECT_ERRNO(read(fileno(f), got, sizeof(got)), EIO);
	EXPECT(fgetc(f) == EOF && errno == EAGAIN);
	clearerr(f);
	kernel = brought_up(kind, 1500);
	packet_make(kind, packet, sizeof(packet), 3);
	if (kind == TUN) {
		EXPECT(ioctl(fileno(f), TUNSIFHEAD_VALUE, &on) == 0);
		packet_arrive(fileno(f), kernel, kind, 3);
		EXPECT(fread(got, 1, sizeof(packet), f) == sizeof(packet) && packet_number(kind, got) == 3);
		EXPECT(fwrite(packet, 1, sizeof(packet), f) == sizeof(packet) && fflush(f) == 0);
		packet_has_gone(kernel, kind, 3);
	}
	EXPECT(fclose(f) == 0);
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
	{"open.stdio", "freopen of another file's stream", ON_BOTH, freopen_makes_a_file_s_stream_a_device_s},
	{"open.stdio", "freopen to the same device", ON_BOTH, freopen_to_the_same_device},
	{"open.stdio", "freopen of the standard streams", ON_BOTH, freopen_of_the_standard_streams},
	{"open.stdio", "another file's stream is a device's as without the library, and its number is one with it", ON_BOTH,
	    a_file_s_stream_is_as_without_the_library},
	{"open.stdio", "freopen of a device's stream, to a file and back", ON_BOTH, freopen_changes_what_a_stream_is_of},
	{"open.stdio", "a hundred streams at once", ON_BOTH, many_streams},
	{0},
};
