/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kext-rules.c - what a program of macOS finds at a device that is a kernel extension's node, row by row.  Knows nothing of tuntapd.
 *
 *	kext-rules DEVICE NAME [cuts]	prints TAP; "cuts": of an extension that cuts what is too long, and does not know FIONREAD
 *	kext-rules as UID DEVICE	says what that user finds: "mode MODE, owner UID, access ERRNO, open ERRNO"
 *	kext-rules ways DEVICE NAME	opens it by each door: "open ERRNO, fopen ERRNO, freopen ERRNO, posix_spawn ERRNO"
 *	kext-rules inherited NUMBER NAME	what the first form starts: uses the descriptor
 *	kext-rules has NUMBER NAME	what the other form starts: whether the descriptor is the device
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/filio.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interface.h"
#include "rows.h"

#define TUNSIFHEAD _IOW('t', 96, int)
#define TUNGIFHEAD _IOR('t', 97, int)
#define WAIT_MS 20000
#define STEP_MS 5
#define CHILD_FD 9

extern char **environ;

static uint8_t packet[4000];

static bool
is_tap(void)
{
	return name[1] == 'a';
}

/* A packet, or frame, of that many bytes which nobody answers. */
static size_t
make(size_t bytes)
{
	memset(packet, 0, sizeof(packet));
	if (is_tap()) {
		memcpy(packet, "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\2\x88\xb7", 14);
	} else {
		packet[0] = 0x45;
		packet[3] = (uint8_t)bytes;
		packet[9] = 253;
		memcpy(packet + 12, "\x0a\x4d\0\2\x0a\x4d\0\1", 8);
	}
	return bytes;
}

static bool
selects(int fd)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &(struct timeval){0}) == 1;
}

/* Whether the interface goes: who has just handed the descriptor over may close his own copy a moment later. */
static bool
is_gone(void)
{
	for (int waited_ms = 0; waited_ms < WAIT_MS && if_nametoindex(name) != 0; waited_ms += STEP_MS) {
		(void)poll(NULL, 0, STEP_MS);
	}
	return if_nametoindex(name) == 0;
}

static void
node_rows(int fd, const char *device)
{
	struct stat by_path, by_number;

	row("the descriptor is the lowest number", fd == sock + 1);
	row("it is a character device", fstat(fd, &by_number) == 0 && S_ISCHR(by_number.st_mode));
	row("and so is the path, of the same number", stat(device, &by_path) == 0 && S_ISCHR(by_path.st_mode) &&
	    by_path.st_rdev == by_number.st_rdev && lstat(device, &by_path) == 0 && by_path.st_rdev == by_number.st_rdev);
	row("of the mode that the policy says", (by_path.st_mode & 0777) == 0640 && by_path.st_uid == 0);
	row("a second open is EBUSY", fails(open(device, O_RDWR), EBUSY));
	row("by O_CREAT, too", fails(open(device, O_RDWR | O_CREAT, 0600), EBUSY));
	row("O_EXCL: EEXIST", fails(open(device, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST));
	row("the interface is called as the device", if_nametoindex(name) != 0);
	row("its flags are the contract's", flags_now() == (IFF_RUNNING | IFF_SIMPLEX | IFF_MULTICAST |
	    (is_tap() ? IFF_BROADCAST : IFF_POINTOPOINT)));
}

static void
down_rows(int fd, bool cuts)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	row("down: read is EIO", fails(read(fd, packet, sizeof(packet)), EIO));
	row("write is EIO", fails(write(fd, packet, make(60)), EIO));
	row("an empty read is nothing, or the extension's EIO", cuts ? fails(read(fd, packet, 0), EIO) : read(fd, packet, 0) == 0);
	row("select says nothing", !selects(fd));
	row("poll says POLLNVAL", poll(&p, 1, 0) == 1 && p.revents == POLLNVAL);
}

static void
ioctl_rows(int fd, bool cuts)
{
	int on = 1, off = 0, value = -1;

	row("FIONREAD is the extension's", cuts ? fails(ioctl(fd, FIONREAD, &value), ENOTTY) :
	    ioctl(fd, FIONREAD, &value) == 0 && value == 0);
	row("FIOASYNC off", ioctl(fd, FIOASYNC, &off) == 0 && fails(ioctl(fd, FIOASYNC, &on), ENOTTY));
	row("others are ENOTTY", fails(ioctl(fd, TIOCGWINSZ, packet), ENOTTY));
	if (is_tap()) {
		row("no header mode on a tap", fails(ioctl(fd, TUNSIFHEAD, &on), ENOTTY) && fails(ioctl(fd, TUNGIFHEAD, &value), ENOTTY));
		return;
	}
	row("header mode on", ioctl(fd, TUNSIFHEAD, &on) == 0 && ioctl(fd, TUNGIFHEAD, &value) == 0 && value == 1);
	memmove(packet + 4, packet, make(60));
	memcpy(packet, "\0\0\0\2", 4);
	row("a packet behind its family", write(fd, packet, 64) == 64);
	packet[3] = 1;
	row("of none: EAFNOSUPPORT", fails(write(fd, packet, 64), EAFNOSUPPORT));
	packet[3] = 30;
	row("of another: EINVAL", fails(write(fd, packet, 64), EINVAL));
	row("and off", ioctl(fd, TUNSIFHEAD, &off) == 0 && ioctl(fd, TUNGIFHEAD, &value) == 0 && value == 0);
}

static void
up_rows(int fd, bool cuts)
{
	struct iovec parts[2] = {{packet, 10}, {packet + 10, 50}};
	size_t too_long = 1500 + (is_tap() ? 15 : 1);

	row("it is brought up by the device's name", set_up(true) == 0 && (flags_now() & IFF_UP) != 0);
	row("non-blocking", fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
	row("read: EAGAIN", fails(read(fd, packet, sizeof(packet)), EAGAIN));
	row("a packet is written", write(fd, packet, make(60)) == 60);
	(void)make(60);
	row("in parts, too", writev(fd, parts, 2) == 60);
	row("what is too short is EINVAL", is_tap() ? fails(write(fd, packet, 13), EINVAL) : fails(write(fd, packet + 1, 20), EINVAL));
	row("what is too long is the extension's to judge", cuts ? write(fd, packet, make(too_long)) == (ssize_t)too_long :
	    fails(write(fd, packet, make(too_long)), EMSGSIZE));
	row("poll says POLLNVAL all the same", poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1) == 1);
	ioctl_rows(fd, cuts);
	row("down again: EIO", set_up(false) == 0 && fails(read(fd, packet, sizeof(packet)), EIO) &&
	    fails(write(fd, packet, make(60)), EIO));
	row("and up", set_up(true) == 0 && write(fd, packet, make(60)) == 60);
}

/* The next program has the device by its number alone. */
static void
exec_rows(int fd, char *program, char *short_name)
{
	char number[16];
	int status = -1;
	pid_t child;

	snprintf(number, sizeof(number), "%d", fd);
	child = fork();
	if (child == 0) {
		execv(program, (char *[]){program, "inherited", number, short_name, NULL});
		_exit(127);
	}
	row("a device that came by exec works", waitpid(child, &status, 0) == child && status == 0);
}

static int
inherited(int fd)
{
	struct stat st;
	int value = -1;

	return !(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && write(fd, packet, make(60)) == 60 &&
	    fails(read(fd, packet, sizeof(packet)), EAGAIN) &&
	    (is_tap() ? fails(ioctl(fd, TUNGIFHEAD, &value), ENOTTY) : ioctl(fd, TUNGIFHEAD, &value) == 0));
}

static void
on_alarm(int number)
{
}

/* Whether a read waits until a signal comes, which may be early: so there are more. */
static bool
is_waited_for(int fd)
{
	struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
	bool waited;

	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
	(void)setitimer(ITIMER_REAL, &often, NULL);
	waited = fails(read(fd, packet, sizeof(packet)), EINTR);
	(void)setitimer(ITIMER_REAL, &never, NULL);
	return waited;
}

static void
close_rows(int fd, const char *device)
{
	int copy = dup(fd);

	row("a copy is the same device", copy >= 0 && write(copy, packet, make(60)) == 60);
	row("and keeps it", close(fd) == 0 && if_nametoindex(name) != 0 && fails(open(device, O_RDWR), EBUSY) &&
	    write(copy, packet, make(60)) == 60);
	row("with the last the interface goes", close(copy) == 0 && is_gone());
	fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	row("it opens again at once, down", fd >= 0 && (flags_now() & IFF_UP) == 0);
	row("with its flags", (fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE)) == (O_NONBLOCK | O_RDONLY) &&
	    (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	row("which a read goes by", set_up(true) == 0 && fails(read(fd, packet, sizeof(packet)), EAGAIN));
	row("for reading alone", set_up(true) == 0 && fails(write(fd, packet, make(60)), EBADF));
	row("and closes", close(fd) == 0 && is_gone());
	fd = open(device, O_RDWR);
	row("without the flag it waits, whatever the open before wanted", set_up(true) == 0 && is_waited_for(fd));
	row("and closes again", close(fd) == 0 && is_gone());
}

static int
as_user(uid_t uid, const char *device)
{
	struct stat st = {0};
	int denied, opened;

	if ((uid != 0 && (setgroups(0, NULL) < 0 || setgid((gid_t)uid) < 0 || setuid(uid) < 0)) || stat(device, &st) < 0) {
		perror(device);
		return 1;
	}
	denied = access(device, R_OK | W_OK) == 0 ? 0 : errno;
	opened = open(device, O_RDWR) >= 0 ? 0 : errno;
	printf("mode %o, owner %u, access %d, open %d\n", st.st_mode & 0777u, (unsigned)st.st_uid, denied, opened);
	return 0;
}

static bool
has(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && if_nametoindex(name) != 0;
}

/* What opening it for a child said; a child that then had not the device: ENODEV. */
static int
spawned(char *program, const char *device)
{
	char number[16], *argv[] = {program, "has", number, name, NULL};
	posix_spawn_file_actions_t actions;
	int status, error;
	pid_t child;

	snprintf(number, sizeof(number), "%d", CHILD_FD);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, CHILD_FD, device, O_RDWR, 0);
	error = posix_spawn(&child, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error == 0 && (waitpid(child, &status, 0) != child || status != 0)) {
		error = ENODEV;
	}
	return error;
}

/* What opening it said; a descriptor that then was not the device's: ENODEV. */
static int
opened(int fd)
{
	if (fd < 0) {
		return errno;
	}
	return has(fd) && close(fd) == 0 && is_gone() ? 0 : ENODEV;
}

static int
opened_stream(FILE *stream)
{
	if (stream == NULL) {
		return errno;
	}
	return has(fileno(stream)) && fclose(stream) == 0 && is_gone() ? 0 : ENODEV;
}

/* Each is closed before the next. */
static int
by_each_way(char *program, const char *device)
{
	FILE *other = fopen("/dev/null", "r+");

	if (other == NULL) {
		return 1;
	}
	printf("open %d, ", opened(open(device, O_RDWR)));
	printf("fopen %d, ", opened_stream(fopen(device, "r+")));
	printf("freopen %d, ", opened_stream(freopen(device, "r+", other)));
	printf("posix_spawn %d\n", spawned(program, device));
	return 0;
}

int
main(int argc, char **argv)
{
	bool cuts = argc == 4 && strcmp(argv[3], "cuts") == 0;
	int fd;

	if (argc == 4 && strcmp(argv[1], "as") == 0) {
		return as_user((uid_t)strtoul(argv[2], NULL, 10), argv[3]);
	}
	if (argc == 4 && strcmp(argv[1], "inherited") == 0) {
		name = argv[3];
		return inherited(atoi(argv[2]));
	}
	if (argc == 4 && strcmp(argv[1], "has") == 0) {
		name = argv[3];
		return !has(atoi(argv[2]));
	}
	if (argc == 4 && strcmp(argv[1], "ways") == 0) {
		name = argv[3];
		return by_each_way(argv[0], argv[2]);
	}
	if (argc != 3 && !cuts) {
		return 64;
	}
	name = argv[2];
	sock = socket(AF_INET, SOCK_DGRAM, 0);
	fd = open(argv[1], O_RDWR);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	node_rows(fd, argv[1]);
	down_rows(fd, cuts);
	up_rows(fd, cuts);
	exec_rows(fd, argv[0], argv[2]);
	close_rows(fd, argv[1]);
	printf("1..%d\n", rows);
	return failures > 0;
}
