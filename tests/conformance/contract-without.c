/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-without.c - a device in a program without the library, as `tuntapd fd` starts it: the kernel's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* TUNSIFHEAD as it is compiled on Linux: _IOW('t', 96, int). */
#define SET_HEADER_MODE _IOW('t', 96, int)

static void
look(int fd, enum kind kind, const char *name)
{
	static uint8_t packet[4096];
	size_t too_long;
	struct stat st;
	int on = 1;

	EXPECT(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 10 && minor(st.st_rdev) == 200);
	EXPECT(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
	/* Down: nothing to read, and no EIO. */
	EXPECT((if_flags(name) & IFF_UP) == 0);
	EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EAGAIN);
	EXPECT(ioctl(fd, SET_HEADER_MODE, &on) == -1);
	if_silence(name);
	if_up(name);
	/* Longer than MTU, link header and tag. */
	too_long = (size_t)if_mtu(name) + 100;
	packet_make(kind, packet, too_long, 1);
	EXPECT(write(fd, packet, too_long) == (ssize_t)too_long);
	/* No header, then: a packet begins with itself. */
	EXPECT(write(fd, packet, PACKET_MIN) == PACKET_MIN);
}

int
contract_without_library(enum kind kind)
{
	const char *number = getenv("TUNTAPD_FD"), *interface = getenv("TUNTAPD_IFNAME");

	/* The interface's own name, whatever the device's: nobody maps it here. */
	EXPECT(number != NULL && interface != NULL && if_exists(interface));
	EXPECT(getenv("LD_PRELOAD") == NULL);
	look(atoi(number), kind, interface);
	return 0;
}

static void
the_kernels_own_device(enum kind kind)
{
	const char *tuntapd = getenv("CONTRACT_TUNTAPD");
	char self[PATH_MAX];
	ssize_t n;
	int status;
	pid_t pid;

	if (native_mode()) {
		look(opened(kind, 0), kind, name_of(kind, 0));
		return;
	}
	EXPECT(tuntapd != NULL);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	EXPECT(n > 0);
	self[n] = '\0';
	pid = fork();
	if (pid == 0) {
		EXPECT(unsetenv("LD_PRELOAD") == 0);
		execl(tuntapd, tuntapd, "fd", "-q", name_of(kind, 0), "--", self, "--without", kind == TAP ? "tap" : "tun", (char *)NULL);
		_exit(127);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

const struct contract_case without_cases[] = {
	{"without.shim", "without the library a program has the kernel's own device", ON_BOTH | DIRECT | NATIVE, the_kernels_own_device},
	{NULL, NULL, 0, NULL},
};
