/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn-rules.c - how a program of macOS starts others, row by row.  Usage: spawn-rules DEVICE OTHER; knows nothing of tuntapd.
 *
 * First what the system does, with literal numbers; then, DEVICE open, "ifconfig DEVICE mtu N" in every way that there is: the MTU is
 * asked for by the device's name afterwards.  OTHER is a device that is opened for a child by posix_spawn's actions; the child is this
 * program: spawn-rules child NUMBER [OTHER-NUMBER].  Prints TAP.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"

#define TUNGIFHEAD _IOR('t', 97, int)

extern char **environ;

static int sock;
static const char *self, *name, *other;

static int
mtu_now(void)
{
	struct ifreq request = {0};

	strcpy(request.ifr_name, name);
	return ioctl(sock, SIOCGIFMTU, &request) < 0 ? -1 : request.ifr_mtu;
}

/* The status of a child, or -1. */
static int
status_of(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* A shell's command, with those actions and flags: its status, or the error, negative. */
static int
shell(const char *command, const posix_spawn_file_actions_t *actions, short flags)
{
	char *argv[] = {"sh", "-c", (char *)(uintptr_t)command, NULL};
	sigset_t set = 1u << (SIGUSR1 - 1);
	posix_spawnattr_t attributes;
	pid_t pid;
	int error;

	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, flags);
	posix_spawnattr_setsigdefault(&attributes, &set);
	error = posix_spawn(&pid, "/bin/sh", actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	return error != 0 ? -error : status_of(pid);
}

static void
rows_of_actions(void)
{
	posix_spawn_file_actions_t actions;
	int ends[2];

	errno = 1234;
	row("posix_spawn of what is not there is ENOENT, and errno is left alone",
	    posix_spawn(NULL, "/nowhere", NULL, NULL, (char *[]){"nowhere", NULL}, environ) == 2 && errno == 1234);
	posix_spawn_file_actions_init(&actions);
	row("an action of number -1 is EBADF", posix_spawn_file_actions_addclose(&actions, -1) == 9);
	posix_spawn_file_actions_addopen(&actions, 7, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, 7, 8);
	posix_spawn_file_actions_addclose(&actions, 7);
	row("actions are done in order", shell("(: <&8) 2>/dev/null && ! (: <&7) 2>/dev/null", &actions, 0) == 0);
	posix_spawn_file_actions_addclose(&actions, 7);
	row("one that fails is the result", shell("exit 0", &actions, 0) == -9);
	posix_spawn_file_actions_destroy(&actions);

	(void)pipe(ends);
	(void)dup2(ends[0], 8);
	(void)dup2(ends[0], 9);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addinherit_np(&actions, 8);
	row("POSIX_SPAWN_CLOEXEC_DEFAULT leaves what the actions name",
	    shell("(: <&8) 2>&2 && ! (: <&9) 2>&2", &actions, 0x4000) == 0 && shell("(: <&9) 2>&2", &actions, 0) == 0);
	posix_spawn_file_actions_destroy(&actions);
	close(8);
	close(9);
	close(ends[0]);
	close(ends[1]);

	signal(SIGUSR1, SIG_IGN);
	row("a signal that is ignored is so in a child", shell("kill -USR1 $$; exit 3", NULL, 0) == 3 << 8);
	row("but for POSIX_SPAWN_SETSIGDEF; the status has its number, 30", (shell("kill -USR1 $$; exit 3", NULL, 0x4) & 0x7f) == 30);
	signal(SIGUSR1, SIG_DFL);
}

static void
rows_of_shells(void)
{
	char text[64] = "";
	FILE *stream;
	pid_t pid;

	row("there is a shell", system(NULL) != 0);
	row("system gives its status", system("exit 3") == 3 << 8 && (system("kill -USR1 $$") & 0x7f) == 30);
	stream = popen("echo one; exit 4", "r");
	row("popen reads what a command says", fgets(text, sizeof(text), stream) != NULL && strcmp(text, "one\n") == 0);
	row("pclose gives its status", pclose(stream) == 4 << 8);
	stream = popen("read -r word; test \"$word\" = two", "w");
	fputs("two\n", stream);
	row("popen writes what it is to read", pclose(stream) == 0);
	pid = vfork();
	if (pid == 0) {
		_exit(5);
	}
	row("vfork has a child", status_of(pid) == 5 << 8);
	memset_pattern16(text, "0123456789abcdef", 20);
	row("a pattern is cut where there is no room", memcmp(text, "0123456789abcdef0123", 20) == 0);
}

static void
rows_of_addresses(void)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = 0x4}, *list;
	const uint8_t *bytes;
	char host[64], service[16];
	bool holds;

	row("a name that is no number is EAI_NONAME, 8", getaddrinfo("name.invalid", NULL, NULL, &list) == 8);
	holds = getaddrinfo("fd00::1", "7000", &hints, &list) == 0;
	bytes = holds ? (const uint8_t *)list->ai_addr : NULL;
	row("an address is of family 30, in 28 bytes", holds && bytes[0] == 28 && bytes[1] == 30 && list->ai_addrlen == 28);
	row("and can be read back", holds && getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host), service, sizeof(service),
	    0x2 | 0x8) == 0 && strcmp(host, "fd00::1") == 0 && strcmp(service, "7000") == 0);
	if (holds) {
		freeaddrinfo(list);
	}
}

/* A datagram over lo0, and where it says that it came to. */
static void
rows_of_destinations(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;
	uint8_t control[64], byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};

	row("IP_RECVDSTADDR is option 7", setsockopt(fd, 0, 7, &on, sizeof(on)) == 0);
	(void)bind(fd, (struct sockaddr *)&address, sizeof(address));
	(void)getsockname(fd, (struct sockaddr *)&address, &bytes);
	(void)sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address));
	row("and tells an address in 16 bytes of control data", recvmsg(fd, &message, 0) == 1 && message.msg_controllen == 16 &&
	    memcmp(control, (uint8_t[16]){16, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 127, 0, 0, 1}, 16) == 0);
	close(fd);
}

/* Ways of starting "ifconfig NAME mtu TEXT"; those of exec are in a child already. */
static int
by_system(char *const argv[])
{
	char command[128];

	snprintf(command, sizeof(command), "ifconfig %s mtu %s", name, argv[3]);
	return system(command);
}

static int
by_popen(char *const argv[])
{
	char command[128];
	FILE *stream;

	snprintf(command, sizeof(command), "PATH=$PATH:/sbin ifconfig '%s' mtu %s | cat", name, argv[3]);
	stream = popen(command, "r");
	return stream != NULL ? pclose(stream) : -1;
}

static int
by_spawn(char *const argv[])
{
	pid_t pid;

	return posix_spawn(&pid, "/sbin/ifconfig", NULL, NULL, argv, environ) == 0 ? status_of(pid) : -1;
}

static int
by_spawnp(char *const argv[])
{
	pid_t pid;

	return posix_spawnp(&pid, "ifconfig", NULL, NULL, argv, NULL) == 0 ? status_of(pid) : -1;
}

static int
by_vfork(char *const argv[])
{
	pid_t pid = vfork();

	if (pid == 0) {
		execve("/sbin/ifconfig", argv, environ);
		_exit(127);
	}
	return status_of(pid);
}

static int
by_execve(char *const argv[])
{
	return execve("/sbin/ifconfig", argv, environ);
}

static int
by_execv(char *const argv[])
{
	return execv("/sbin/ifconfig", argv);
}

static int
by_execvp(char *const argv[])
{
	return execvp("ifconfig", argv);
}

static int
by_execl(char *const argv[])
{
	return execl("/sbin/ifconfig", argv[0], argv[1], argv[2], argv[3], (char *)NULL);
}

static int
by_execlp(char *const argv[])
{
	return execlp("ifconfig", argv[0], argv[1], argv[2], argv[3], (char *)NULL);
}

static int
by_execle(char *const argv[])
{
	return execle("/sbin/ifconfig", argv[0], argv[1], argv[2], argv[3], (char *)NULL, environ);
}

static const struct way {
	const char *text;
	int (*start)(char *const argv[]);
	bool replaces; /* the process that it is called in */
} ways[] = {
	{"system", by_system, false}, {"popen", by_popen, false}, {"posix_spawn", by_spawn, false}, {"posix_spawnp", by_spawnp, false},
	{"vfork and execve", by_vfork, false}, {"execve", by_execve, true}, {"execv", by_execv, true}, {"execvp", by_execvp, true},
	{"execl", by_execl, true}, {"execlp", by_execlp, true}, {"execle", by_execle, true},
};

static void
rows_of_names(void)
{
	char text[64], mtu[8], *argv[] = {"ifconfig", (char *)(uintptr_t)name, "mtu", mtu, NULL};

	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		int status;
		pid_t pid;

		snprintf(mtu, sizeof(mtu), "%u", 1300 + i);
		if (ways[i].replaces) {
			pid = fork();
			if (pid == 0) {
				_exit(ways[i].start(argv));
			}
			status = status_of(pid);
		} else {
			status = ways[i].start(argv);
		}
		snprintf(text, sizeof(text), "ifconfig %s is understood when it is started by %s", name, ways[i].text);
		row(text, status == 0 && mtu_now() == (int)(1300 + i));
	}
}

/* The child's number is a device: as it says itself; and whether another is open, too. */
static void
rows_of_devices(void)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char path[64], *argv[] = {(char *)(uintptr_t)self, "child", "9", NULL, NULL};
	pid_t pid;
	int fd, inherited = dup(sock);

	snprintf(path, sizeof(path), "/dev/%s", other);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 7, path, O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&actions, 7, 9);
	posix_spawn_file_actions_addclose(&actions, 7);
	row("an action opens a device for a child", posix_spawn(&pid, self, &actions, NULL, argv, environ) == 0 && status_of(pid) == 0);
	posix_spawn_file_actions_addinherit_np(&actions, inherited);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_CLOEXEC_DEFAULT);
	argv[3] = (char[]){(char)('0' + inherited), '\0'};
	row("and another number is inherited beside it", inherited < 9 &&
	    posix_spawn(&pid, self, &actions, &attributes, argv, environ) == 0 && status_of(pid) == 0);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close(inherited);
	fd = open(path, O_RDWR);
	row("which is closed with it", fd >= 0);
	close(fd);
}

static int
child(int fd, int other_fd)
{
	struct stat st;
	int head = -1;

	if (fcntl(other_fd, F_GETFD) < 0) {
		return 3;
	}
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode)) {
		return 1;
	}
	return ioctl(fd, TUNGIFHEAD, &head) == 0 && head == 0 ? 0 : 2;
}

int
main(int argc, char **argv)
{
	char path[64];

	if (argc >= 3 && strcmp(argv[1], "child") == 0) {
		return child(atoi(argv[2]), atoi(argv[argc - 1]));
	}
	if (argc != 3) {
		return 64;
	}
	self = argv[0];
	name = argv[1];
	other = argv[2];
	sock = socket(AF_INET, SOCK_DGRAM, 0);
	rows_of_actions();
	rows_of_shells();
	rows_of_addresses();
	rows_of_destinations();
	snprintf(path, sizeof(path), "/dev/%s", name);
	row("the device opens", open(path, O_RDWR) >= 0);
	rows_of_names();
	rows_of_devices();
	printf("1..%d\n", rows);
	return failures != 0;
}
