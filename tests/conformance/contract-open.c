/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-open.c - row "open": exclusive, by the flags, from the default state.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static void
makes_the_interface(enum kind kind)
{
	EXPECT(!if_exists(name_of(kind, 3)));
	opened(kind, 3);
	EXPECT(if_exists(name_of(kind, 3)));
	EXPECT(!if_exists(name_of(kind, 2)));
}

static void
second_open_is_ebusy(enum kind kind)
{
	int fd = opened(kind, 0);

	EXPECT_ERRNO(device_open(kind, 0, O_RDWR), EBUSY);
	EXPECT_ERRNO(device_open(kind, 0, O_RDWR | O_NONBLOCK), EBUSY);
	EXPECT(close(fd) == 0);
	opened(kind, 0);
}

static void
second_open_in_another_process_is_ebusy(enum kind kind)
{
	int status;

	opened(kind, 0);
	if (fork() == 0) {
		_exit(device_open(kind, 0, O_RDWR) == -1 && errno == EBUSY ? 0 : 1);
	}
	EXPECT(wait(&status) > 0 && status == 0);
}

static void
creat_and_trunc_open_the_device(enum kind kind)
{
	struct stat st;
	int fd = open(path_of(kind, 0), O_RDWR | O_CREAT | O_TRUNC, 0600);

	EXPECT(fd >= 0 && if_exists(name_of(kind, 0)));
	EXPECT(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
	EXPECT(close(fd) == 0);
	fd = creat(path_of(kind, 0), 0600);
	EXPECT(fd >= 0 && if_exists(name_of(kind, 0)));
	EXPECT(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
}

static void
excl_with_creat_is_eexist(enum kind kind)
{
	EXPECT_ERRNO(open(path_of(kind, 0), O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	EXPECT(!if_exists(name_of(kind, 0)));
}

static void
wrong_direction_is_ebadf(enum kind kind)
{
	uint8_t packet[PACKET_MIN];
	int fd = device_open(kind, 0, O_RDONLY);

	packet_make(kind, packet, sizeof(packet), 1);
	EXPECT(fd >= 0);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	EXPECT_ERRNO(write(fd, packet, sizeof(packet)), EBADF);
	EXPECT(close(fd) == 0);
	fd = device_open(kind, 0, O_WRONLY);
	EXPECT(fd >= 0);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EBADF);
	EXPECT(write(fd, packet, sizeof(packet)) == sizeof(packet));
}

static void
nonblock_and_cloexec_are_honoured(enum kind kind)
{
	int fd = device_open(kind, 0, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	EXPECT(fd >= 0);
	EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	EXPECT((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	EXPECT((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	EXPECT(close(fd) == 0);
	fd = device_open(kind, 0, O_RDWR);
	EXPECT(fd >= 0);
	EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
	EXPECT((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0);
}

static void
lowest_free_number(enum kind kind)
{
	int first = dup(0), second = dup(0), third = dup(0), fd;

	EXPECT(first >= 0 && second > first && third > second);
	EXPECT(close(first) == 0 && close(third) == 0);
	fd = device_open(kind, 0, O_RDWR);
	EXPECT(fd == first);
	fd = device_open(kind, 1, O_RDWR);
	EXPECT(fd == third);
	/* And nothing else was left open. */
	EXPECT(dup(0) == third + 1);
}

static void
default_state_again_at_each_open(enum kind kind)
{
	const char *name = name_of(kind, 0);
	int fd = opened_up(kind, 0), on = 1, off = -1;
	uint8_t before[6], after[6];
	struct stat st;

	if_set_mtu(name, 1300);
	if_add_address(name, "10.1.2.3");
	if (kind == TUN) {
		EXPECT(ioctl(fd, TUNSIFHEAD_VALUE, &on) == 0);
	} else {
		if_mac(name, before);
	}
	EXPECT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	EXPECT(close(fd) == 0);
	fd = device_open(kind, 0, O_RDWR);
	EXPECT(fd >= 0 && fstat(fd, &st) == 0);
	EXPECT(if_mtu(name) == 1500);
	EXPECT((if_flags(name) & IFF_UP) == 0);
	EXPECT((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
	if (kind == TUN) {
		EXPECT(ioctl(fd, TUNGIFHEAD_VALUE, &off) == 0 && off == 0);
	} else {
		if_mac(name, after);
		EXPECT(memcmp(before, after, 6) != 0);
	}
}

static void
table_full_is_emfile_and_leaves_nothing(enum kind kind)
{
	struct rlimit limit;
	int fds[64], count = 0;

	EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = 32;
	EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	while (count < 64 && (fds[count] = dup(0)) >= 0) {
		count++;
	}
	EXPECT(count > 4 && errno == EMFILE);
	/* At each number of free places an open either succeeds or says EMFILE, and then leaves neither interface nor descriptor. */
	for (int free_places = 0; free_places < 5; free_places++) {
		int fd;

		if (free_places > 0) {
			EXPECT(close(fds[--count]) == 0);
		}
		fd = device_open(kind, 0, O_RDWR);
		if (fd < 0) {
			EXPECT(errno == EMFILE);
			for (int i = 0; i < free_places; i++) {
				EXPECT((fds[count + i] = dup(0)) >= 0);
			}
			EXPECT_ERRNO(dup(0), EMFILE);
			/* To look needs a place. */
			EXPECT(close(fds[count + free_places - 1]) == 0);
			wait_gone(name_of(kind, 0));
			for (int i = 0; i < free_places - 1; i++) {
				EXPECT(close(fds[count + i]) == 0);
			}
			if (free_places == 0) {
				EXPECT((fds[count - 1] = dup(0)) >= 0);
			}
		} else {
			EXPECT(free_places > 0);
			EXPECT(close(fd) == 0);
		}
	}
	EXPECT(device_open(kind, 0, O_RDWR) >= 0);
}

static void
fopen_works(enum kind kind)
{
	struct stat st;
	FILE *f = fopen(path_of(kind, 0), "r+");

	EXPECT(f != NULL && if_exists(name_of(kind, 0)));
	EXPECT(fstat(fileno(f), &st) == 0 && S_ISCHR(st.st_mode));
	EXPECT(fopen(path_of(kind, 0), "r+") == NULL && errno == EBUSY);
	EXPECT(fclose(f) == 0);
	EXPECT(fopen(path_of(kind, 16), "r+") == NULL && errno == ENOENT);
	f = fopen("/dev/null", "r+");
	EXPECT(f != NULL);
	f = freopen(path_of(kind, 0), "w", f);
	EXPECT(f != NULL && if_exists(name_of(kind, 0)));
	EXPECT((fcntl(fileno(f), F_GETFL) & O_ACCMODE) != O_RDONLY);
	EXPECT(fclose(f) == 0);
	wait_gone(name_of(kind, 0));
}

static void
stdio_moves_packets(enum kind kind)
{
	uint8_t packet[PACKET_MIN], seen[2048];
	FILE *f = fopen(path_of(kind, 0), "r+");
	int kernel;

	EXPECT(f != NULL);
	if_silence(name_of(kind, 0));
	if_up(name_of(kind, 0));
	kernel = kernel_open(name_of(kind, 0));
	packet_make(kind, packet, sizeof(packet), 77);
	EXPECT(fwrite(packet, 1, sizeof(packet), f) == sizeof(packet) && fflush(f) == 0);
	EXPECT(kernel_receive(kernel, seen, sizeof(seen)) == sizeof(packet) && memcmp(packet, seen, sizeof(packet)) == 0);
}

static void
all_units_at_once(enum kind kind)
{
	int fds[16];

	for (unsigned unit = 0; unit < 16; unit++) {
		fds[unit] = opened(kind, unit);
		EXPECT(opened(kind == TUN ? TAP : TUN, unit) >= 0);
	}
	for (unsigned unit = 0; unit < 16; unit++) {
		EXPECT(if_exists(name_of(kind, unit)));
		EXPECT_ERRNO(device_open(kind, unit, O_RDWR), EBUSY);
	}
	for (unsigned unit = 0; unit < 16; unit++) {
		EXPECT(close(fds[unit]) == 0);
	}
}

const struct contract_case open_cases[] = {
	{"open.interface", "open makes the interface, and only that one", ON_BOTH | NATIVE, makes_the_interface},
	{"open.exclusive", "a second open is EBUSY until the first is closed", ON_BOTH | NATIVE, second_open_is_ebusy},
	{"open.exclusive", "a second open in another process is EBUSY", ON_BOTH | NATIVE, second_open_in_another_process_is_ebusy},
	{"open.creat", "O_CREAT and O_TRUNC open the device and make no file", ON_BOTH, creat_and_trunc_open_the_device},
	{"open.excl", "O_EXCL with O_CREAT is EEXIST", ON_BOTH, excl_with_creat_is_eexist},
	{"open.direction", "the wrong direction is EBADF", ON_BOTH | NATIVE, wrong_direction_is_ebadf},
	{"open.flags", "O_NONBLOCK and O_CLOEXEC are honoured", ON_BOTH | NATIVE, nonblock_and_cloexec_are_honoured},
	{"close.lowest", "open gives the lowest free number and leaves no other", ON_BOTH, lowest_free_number},
	{"open.default", "each open starts in the default state", ON_BOTH, default_state_again_at_each_open},
	{"open.emfile", "a full table is EMFILE and leaves nothing", ON_BOTH, table_full_is_emfile_and_leaves_nothing},
	{"open.stdio", "fopen and freopen open the device", ON_BOTH, fopen_works},
	{"open.stdio", "a stdio stream writes packets", ON_BOTH, stdio_moves_packets},
	{"open.many", "sixteen devices of each kind at once", ON_BOTH, all_units_at_once},
	{0},
};
