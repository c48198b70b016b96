/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contexts.c - a program that uses devices where that is hard: in signal handlers, threads, children of fork and vfork, before main, and
 * with bad arguments.  Knows nothing of tuntapd; each case is a process of its own, with a bound.  Prints TAP.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "early.h"

#define CASE_BOUND_S 30
#define PACKET_BYTES 40
#define TUNSIFHEAD _IOW('t', 96, int)

#define EXPECT(condition)                                                                  \
	do {                                                                               \
		if (!(condition)) {                                                        \
			printf("# %s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
			fflush(stdout);                                                    \
			_exit(1);                                                          \
		}                                                                          \
	} while (0)

static void
set_up(const char *name, bool up)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	strcpy(request.ifr_name, name);
	EXPECT(ioctl(sock, SIOCGIFFLAGS, &request) == 0);
	request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	EXPECT(ioctl(sock, SIOCSIFFLAGS, &request) == 0);
	close(sock);
}

static int
opened(const char *path, int flags)
{
	int fd = open(path, O_RDWR | flags);

	EXPECT(fd >= 0);
	return fd;
}

/* Reading is EIO: the number is a device whose interface is down, and the program's table knows it. */
static bool
is_down_device(int fd)
{
	char byte;

	return read(fd, &byte, 1) == -1 && errno == EIO;
}

static unsigned
descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	EXPECT(directory != NULL);
	while (readdir(directory) != NULL) {
		count++;
	}
	closedir(directory);
	return count;
}

/* A packet of IPv4 to nobody. */
static void
make_packet(uint8_t packet[PACKET_BYTES])
{
	memset(packet, 0, PACKET_BYTES);
	packet[0] = 0x45;
	packet[3] = PACKET_BYTES;
	packet[8] = 1;
	packet[9] = 253; /* for experiments (RFC 3692) */
}

/* Of a write that must not wait: all of it, or, on a relayed device, no room just now. */
static bool
is_written(ssize_t n)
{
	return n == 4 + PACKET_BYTES || (n == -1 && errno == EAGAIN);
}

static int handler_device;
static atomic_uint handler_runs, handler_wrong;

static void
on_signal(int number)
{
	int saved = errno, before;
	uint8_t packet[4 + PACKET_BYTES] = {0, 0, 0, 2}, buffer[100];
	struct iovec iov[3] = {{packet, 2}, {packet + 2, 3}, {packet + 5, PACKET_BYTES - 1}};
	struct stat st;
	ssize_t n;

	make_packet(packet + 4);
	errno = before = EXDEV;
	for (int i = 0; i < 2; i++) {
		n = i == 0 ? write(handler_device, packet, sizeof(packet)) : writev(handler_device, iov, 3);
		if (!is_written(n) || (n > 0 && errno != before)) {
			atomic_fetch_add(&handler_wrong, 1);
		}
		errno = before;
	}
	if (fstat(handler_device, &st) != 0 || stat("/dev/tap1", &st) != 0 || errno != before) {
		atomic_fetch_add(&handler_wrong, 1);
	}
	n = read(handler_device, buffer, sizeof(buffer));
	if (n < 0 ? errno != EAGAIN : n < 5) {
		atomic_fetch_add(&handler_wrong, 1);
	}
	atomic_fetch_add(&handler_runs, 1);
	errno = saved;
}

/* Header mode, which is the path with most on the stack, on the smallest stack that the system header names. */
static void
in_a_signal_handler_on_a_small_stack(void)
{
	static uint8_t stack[8192]; /* SIGSTKSZ before it became a question */
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};
	struct sigaction ignore = {.sa_handler = SIG_DFL};
	int on = 1;
	uint8_t packet[4 + PACKET_BYTES] = {0, 0, 0, 2}, buffer[100];
	pid_t sender;

	handler_device = opened("/dev/tun0", O_NONBLOCK);
	EXPECT(ioctl(handler_device, TUNSIFHEAD, &on) == 0);
	set_up("tun0", true);
	make_packet(packet + 4);
	EXPECT(sigaltstack(&alternate, NULL) == 0);
	EXPECT(sigaction(SIGUSR1, &action, NULL) == 0);
	sender = fork();
	EXPECT(sender >= 0);
	if (sender == 0) {
		while (kill(getppid(), SIGUSR1) == 0 && getppid() != 1) {
			sched_yield();
		}
		_exit(0);
	}
	while (atomic_load(&handler_runs) < 2000) {
		int other;

		EXPECT(is_written(write(handler_device, packet, sizeof(packet))));
		(void)!read(handler_device, buffer, sizeof(buffer));
		other = open("/dev/tap1", O_RDWR); /* a handler may find us inside the open of another device */
		EXPECT(other >= 0 || errno == EBUSY);
		if (other >= 0) {
			EXPECT(close(other) == 0);
		}
	}
	kill(sender, SIGKILL);
	EXPECT(waitpid(sender, NULL, 0) == sender);
	EXPECT(sigaction(SIGUSR1, &ignore, NULL) == 0);
	EXPECT(atomic_load(&handler_wrong) == 0);
}

static atomic_bool threads_end;

static void *
open_and_close(void *path)
{
	while (!atomic_load(&threads_end)) {
		int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);

		EXPECT(fd >= 0 || errno == EBUSY); /* a child of fork may hold a copy for a moment */
		if (fd >= 0) {
			EXPECT(is_down_device(fd));
			EXPECT(close(fd) == 0);
		}
	}
	return NULL;
}

static void
after_fork_in_a_threaded_program(void)
{
	static char first[] = "/dev/tap2", second[] = "/dev/tap3";
	pthread_t threads[2];
	int fd = opened("/dev/tap4", 0);

	EXPECT(pthread_create(&threads[0], NULL, open_and_close, first) == 0);
	EXPECT(pthread_create(&threads[1], NULL, open_and_close, second) == 0);
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		int status;

		EXPECT(child >= 0);
		if (child == 0) {
			int own = opened("/dev/tap5", O_CLOEXEC);

			EXPECT(is_down_device(fd) && is_down_device(own));
			EXPECT(close(own) == 0 && close(fd) == 0);
			EXPECT(!is_down_device(fd) && errno == EBADF);
			_exit(0);
		}
		EXPECT(waitpid(child, &status, 0) == child && status == 0);
		EXPECT(is_down_device(fd));
	}
	atomic_store(&threads_end, true);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
}

/* What programs do between vfork and exec. */
static void
vfork_and_close(int fd, int other)
{
	pid_t child = vfork();
	int status;

	if (child == 0) {
		(void)dup2(other, fd);
		(void)close(fd);
		(void)close_range(3, ~0u, 0);
		execlp("true", "true", (char *)NULL);
		_exit(127);
	}
	EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	EXPECT(is_down_device(fd));
}

static void
after_vfork(void)
{
	int fd = opened("/dev/tap0", 0), null = open("/dev/null", O_RDWR), status;
	pid_t child;

	vfork_and_close(fd, null);
	/* The same in a child of fork that has not touched its table. */
	child = fork();
	if (child == 0) {
		vfork_and_close(fd, null);
		_exit(0);
	}
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	EXPECT(is_down_device(fd));
}

static void
after_raw_system_calls(void)
{
	int fd = opened("/dev/tun1", 0), ends[2], zero = 0;
	char data[3000] = "data";
	struct stat st;

	EXPECT(is_down_device(fd));
	EXPECT(pipe(ends) == 0);
	EXPECT(syscall(SYS_dup3, ends[1], fd, 0) == fd); /* the number is a pipe now, and the shim has not seen it */
	EXPECT(write(fd, data, 0) == 0);
	EXPECT(write(fd, data, sizeof(data)) == (ssize_t)sizeof(data));
	EXPECT(write(fd, data, 5) == 5);
	EXPECT(fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode));
	EXPECT(ioctl(fd, FIONREAD, &zero) == 0 && zero == (int)sizeof(data) + 5);
	EXPECT(ioctl(fd, TUNSIFHEAD, &zero) == -1 && errno == ENOTTY);

	fd = opened("/dev/tun1", 0);
	EXPECT(syscall(SYS_dup3, ends[0], fd, 0) == fd);
	EXPECT(read(fd, data, sizeof(data)) == (ssize_t)sizeof(data));
	EXPECT(read(fd, data, sizeof(data)) == 5);
	EXPECT(syscall(SYS_close, fd) == 0);
	EXPECT(read(fd, data, 1) == -1 && errno == EBADF);
	EXPECT(ioctl(fd, FIONREAD, &zero) == -1 && errno == EBADF);
}

static void
before_main(void)
{
	struct stat st;

	EXPECT(early_device >= 0);
	EXPECT(early_errno == EIO);
	EXPECT(is_down_device(early_device));
	EXPECT(fstat(early_device, &st) == 0 && S_ISCHR(st.st_mode));
}

static void
errno_is_untouched_on_success(void)
{
	char data[PACKET_BYTES];
	uint8_t packet[PACKET_BYTES];
	struct stat st;
	struct statx sx;
	int fd, copy, on = 1;
	FILE *stream;

	make_packet(packet);
	errno = EXDEV;
	EXPECT((fd = open("/dev/tun2", O_RDWR | O_NONBLOCK)) >= 0 && errno == EXDEV);
	EXPECT(stat("/dev/tun2", &st) == 0 && errno == EXDEV);
	EXPECT(lstat("/dev/tun2", &st) == 0 && errno == EXDEV);
	EXPECT(fstatat(AT_FDCWD, "/dev/tun2", &st, 0) == 0 && errno == EXDEV);
	EXPECT(fstat(fd, &st) == 0 && errno == EXDEV);
	EXPECT(statx(AT_FDCWD, "/dev/tun2", 0, STATX_BASIC_STATS, &sx) == 0 && errno == EXDEV);
	EXPECT(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) == 0 && errno == EXDEV);
	EXPECT(access("/dev/tun2", R_OK | W_OK) == 0 && errno == EXDEV);
	EXPECT(faccessat(AT_FDCWD, "/dev/tun2", R_OK, AT_EACCESS) == 0 && errno == EXDEV);
	EXPECT(euidaccess("/dev/tun2", R_OK) == 0 && errno == EXDEV);
	EXPECT(read(fd, data, 0) == 0 && errno == EXDEV);
	EXPECT(ioctl(fd, FIONREAD, &on) == 0 && errno == EXDEV);
	EXPECT(ioctl(fd, TUNSIFHEAD, &on) == 0 && errno == EXDEV);
	set_up("tun2", true);
	errno = EXDEV;
	EXPECT(write(fd, packet, sizeof(packet)) == (ssize_t)sizeof(packet) && errno == EXDEV);
	EXPECT((copy = dup(fd)) >= 0 && errno == EXDEV);
	EXPECT(close(copy) == 0 && errno == EXDEV);
	EXPECT(close(fd) == 0 && errno == EXDEV);
	EXPECT((fd = openat(AT_FDCWD, "/dev/tun3", O_RDWR | O_CREAT, 0600)) >= 0 && errno == EXDEV);
	EXPECT(close(fd) == 0 && errno == EXDEV);
	EXPECT((stream = fopen("/dev/tun3", "r+")) != NULL && errno == EXDEV);
	fclose(stream);
}

static void
writing_from_a_bad_pointer_is_efault(const char *path, const char *ifname, const char *bad)
{
	int fd = opened(path, O_NONBLOCK);

	EXPECT(write(fd, bad, PACKET_BYTES) == -1 && errno == EIO); /* before any other error */
	set_up(ifname, true);
	EXPECT(write(fd, bad, PACKET_BYTES) == -1 && errno == EFAULT);
}

static void
bad_pointers_are_efault(void)
{
	/* Volatile: the compiler must not see that they are bad. */
	char *volatile address = (char *)(uintptr_t)1;
	char *bad = address;
	struct stat st;

	EXPECT(open(bad, O_RDONLY) == -1 && errno == EFAULT);
	EXPECT(openat(AT_FDCWD, bad, O_RDONLY) == -1 && errno == EFAULT);
	EXPECT(stat(bad, &st) == -1 && errno == EFAULT);
	EXPECT(lstat(bad, &st) == -1 && errno == EFAULT);
	EXPECT(access(bad, R_OK) == -1 && errno == EFAULT);
	address = NULL;
	EXPECT(open(address, O_RDONLY) == -1 && errno == EFAULT);
	EXPECT(glob("/dev/nul[l]", 0, NULL, (glob_t *)(void *)address) == -1 && errno == EINVAL); /* the C library says it */
	writing_from_a_bad_pointer_is_efault("/dev/tap4", "tap4", bad);
	/* A relayed tun's packets the library looks at itself, and a bad pointer is a fault there (shim/channel.c). */
	if (getenv("CONTRACT_CONFIG") == NULL) {
		writing_from_a_bad_pointer_is_efault("/dev/tun4", "tun4", bad);
	}
}

static void
refusals_leave_no_descriptor(void)
{
	static const char *const paths[] = {"/dev/tap6", "/dev/tap16", "/dev/tap300", "/dev/tun", "/nonexistent/tap0"};
	int held = opened("/dev/tap6", 0);
	unsigned before = descriptors();

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		EXPECT(open(paths[i], O_RDWR) == -1 && errno == (i == 0 ? EBUSY : ENOENT));
		EXPECT(open(paths[i], O_RDONLY | O_DIRECTORY) == -1 && errno == (i == 0 ? ENOTDIR : ENOENT));
		EXPECT(fopen(paths[i], "r+") == NULL && errno == (i == 0 ? EBUSY : ENOENT));
	}
	EXPECT(fopen("/dev/tap7", "q") == NULL && errno == EINVAL);
	EXPECT(open("/dev/tap7", O_RDWR | O_CREAT | O_EXCL, 0600) == -1 && errno == EEXIST);
	EXPECT(descriptors() == before);
	close(held);
	for (int i = 0; i < 20; i++) {
		int fd = open("/dev/tap6", O_RDWR);

		EXPECT(fd == held);
		close(fd);
	}
	EXPECT(descriptors() == before - 1);
}

static atomic_bool cancelled_started;
static _Atomic int cancelled_opened;

/* Opens are cancelled, if at all, before anything is done; closing is not. */
static void *
opens_until_cancelled(void *path)
{
	int state, fd;

	atomic_store(&cancelled_started, true);
	for (;;) {
		fd = open(path, O_RDWR);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
		EXPECT(fd >= 0 && close(fd) == 0);
		atomic_fetch_add(&cancelled_opened, 1);
		pthread_setcancelstate(state, &state);
	}
	return NULL;
}

static void
a_cancelled_thread_leaves_no_descriptor(void)
{
	static char path[] = "/dev/tap8";
	unsigned before = descriptors();

	for (int i = 0; i < 50; i++) {
		struct timespec a_little = {.tv_nsec = 37000 * (i % 20)};
		pthread_t thread;

		atomic_store(&cancelled_started, false);
		EXPECT(pthread_create(&thread, NULL, opens_until_cancelled, path) == 0);
		while (!atomic_load(&cancelled_started)) {
			sched_yield();
		}
		nanosleep(&a_little, NULL); /* another place in the open each time */
		EXPECT(pthread_cancel(thread) == 0 && pthread_join(thread, NULL) == 0);
		EXPECT(descriptors() == before);
	}
}

/* Of a thread that is to end at its next cancellation point: these are none. */
static void *
asks_while_cancelled(void *device)
{
	struct ifreq request = {.ifr_name = "tap9"};
	int *fd = device, sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct stat st;

	EXPECT(pthread_cancel(pthread_self()) == 0);
	EXPECT(fstat(*fd, &st) == 0 && S_ISCHR(st.st_mode));
	EXPECT(stat("/dev/tap9", &st) == 0 && access("/dev/tap9", R_OK) == 0);
	EXPECT(ioctl(sock, SIOCGIFFLAGS, &request) == -1 && errno == ENODEV);
	*fd = -1;
	return NULL;
}

static void
nothing_else_becomes_a_cancellation_point(void)
{
	int fd = opened("/dev/tap8", 0), asked = fd;
	pthread_t thread;

	EXPECT(pthread_create(&thread, NULL, asks_while_cancelled, &asked) == 0);
	EXPECT(pthread_join(thread, NULL) == 0 && asked == -1);
}

/* A client can give its own end any name, and the name that tells a device is no secret. */
static void
a_stranger_with_a_device_s_name_is_a_stranger(void)
{
	static const char name[] = "\0tuntapd/1/1/513/1/1/1";
	struct sockaddr_un server = {.sun_family = AF_UNIX}, client = {.sun_family = AF_UNIX};
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + sizeof(name) - 1, any = sizeof(sa_family_t);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), sock = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	char data[100];
	struct stat st;

	memcpy(client.sun_path, name, sizeof(name) - 1);
	EXPECT(bind(listener, (struct sockaddr *)&server, any) == 0 && listen(listener, 1) == 0);
	any = sizeof(server);
	EXPECT(getsockname(listener, (struct sockaddr *)&server, &any) == 0);
	EXPECT(bind(sock, (struct sockaddr *)&client, size) == 0 && connect(sock, (struct sockaddr *)&server, any) == 0);
	fd = accept(listener, NULL, NULL);
	EXPECT(fd >= 0 && write(fd, "a", 1) == 1 && read(sock, data, sizeof(data)) == 1);
	EXPECT(fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode));
	EXPECT(write(sock, "bc", 2) == 2 && read(fd, data, 1) == 1 && read(fd, data, sizeof(data)) == 1 && data[0] == 'c');
	EXPECT(close(sock) == 0 && read(fd, data, sizeof(data)) == 0);
}

static void
a_closed_standard_error_gets_no_line(void)
{
	int ends[2];
	char byte;

	/* Somebody else's file has the number of standard error: a refusal must not be explained to it. */
	EXPECT(setenv("TUNTAPD_VERBOSE", "1", 1) == 0); /* too late: the environment is read once, at start */
	EXPECT(pipe2(ends, O_NONBLOCK) == 0);
	EXPECT(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
	EXPECT(open("/dev/tap99", O_RDWR) == -1 && errno == ENOENT);
	EXPECT(read(ends[0], &byte, 1) == -1 && errno == EAGAIN);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"a device opened by another library's constructor, before main", before_main},
	{"in a signal handler, on a small stack, in header mode", in_a_signal_handler_on_a_small_stack},
	{"after fork in a threaded program", after_fork_in_a_threaded_program},
	{"after vfork, whose child closes and copies over the device's number", after_vfork},
	{"after raw system calls that make the number another file", after_raw_system_calls},
	{"errno is untouched on success", errno_is_untouched_on_success},
	{"bad pointers are EFAULT, as the kernel says", bad_pointers_are_efault},
	{"refusals leave no descriptor, and the lowest number is given", refusals_leave_no_descriptor},
	{"a thread that is cancelled while it opens leaves no descriptor", a_cancelled_thread_leaves_no_descriptor},
	{"what is no cancellation point does not become one", nothing_else_becomes_a_cancellation_point},
	{"a connection from a client with a device's name is a connection", a_stranger_with_a_device_s_name_is_a_stranger},
	{"the environment is read once", a_closed_standard_error_gets_no_line},
};

int
main(void)
{
	bool failed = false;
	size_t count = sizeof(cases) / sizeof(cases[0]);

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < count; i++) {
		pid_t child = fork();
		int status = -1;

		if (child == 0) {
			alarm(CASE_BOUND_S);
			cases[i].run();
			exit(0);
		}
		waitpid(child, &status, 0);
		failed |= status != 0;
		printf("%sok %zu %s\n", status == 0 ? "" : "not ", i + 1, cases[i].name);
		if (status != 0 && WIFSIGNALED(status)) {
			printf("# ended by signal %d\n", WTERMSIG(status));
		}
	}
	printf("1..%zu\n", count);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
