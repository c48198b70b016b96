/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-rights.c - who may open, and what a program that holds a device may give up and keep it working.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define NOBODY 65534

static void
become_nobody(void)
{
	EXPECT(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
}

/* What somebody sees who may not open it. */
static void
is_refused(enum kind kind)
{
	struct stat st;

	EXPECT_ERRNO(open(path_of(kind, 0), O_RDWR), EACCES);
	EXPECT_ERRNO(open(path_of(kind, 0), O_RDONLY), EACCES);
	EXPECT_ERRNO(open(path_of(kind, 0), O_WRONLY | O_CREAT, 0600), EACCES);
	EXPECT_ERRNO(open(path_of(kind, 16), O_RDWR), ENOENT);
	EXPECT(stat(path_of(kind, 0), &st) == 0 && st.st_uid == 0 && (st.st_mode & 07777) == 0660);
	EXPECT(access(path_of(kind, 0), F_OK) == 0);
	EXPECT_ERRNO(access(path_of(kind, 0), R_OK), EACCES);
	EXPECT_ERRNO(access(path_of(kind, 0), W_OK), EACCES);
	EXPECT_ERRNO(faccessat(AT_FDCWD, path_of(kind, 0), R_OK | W_OK, AT_EACCESS), EACCES);
}

static void
others_are_refused(enum kind kind)
{
	become_nobody();
	is_refused(kind);
}

static void
others_are_refused_while_it_is_busy(enum kind kind)
{
	int status;
	pid_t pid;

	opened(kind, 0);
	pid = fork();
	if (pid == 0) {
		become_nobody();
		is_refused(kind);
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
}

static void
access_asks_for_the_real_user(enum kind kind)
{
	/* A program that was started by somebody else, and is root only in effect. */
	EXPECT(setgroups(0, NULL) == 0 && setregid(NOBODY, (gid_t)-1) == 0 && setreuid(NOBODY, (uid_t)-1) == 0);
	EXPECT_ERRNO(access(path_of(kind, 0), R_OK | W_OK), EACCES);
	EXPECT(faccessat(AT_FDCWD, path_of(kind, 0), R_OK | W_OK, AT_EACCESS) == 0);
	opened(kind, 0);
}

static void
nobody_may_execute_it(enum kind kind)
{
	EXPECT_ERRNO(access(path_of(kind, 0), X_OK), EACCES);
}

/*
 * A process with all rights that does as it is told: 'u' brings the interface up, 'd' down, 'p' sends a packet to the program.
 * Returns after it is done.
 */
struct operator
{
	int orders, answers;
};

static struct operator
start_operator(enum kind kind)
{
	int orders[2], answers[2], kernel;
	uint8_t packet[PACKET_MIN];
	char order;

	EXPECT(pipe(orders) == 0 && pipe(answers) == 0);
	if (fork() != 0) {
		close(orders[0]);
		close(answers[1]);
		return (struct operator){.orders = orders[1], .answers = answers[0]};
	}
	close(orders[1]);
	if_silence(name_of(kind, 0));
	packet_make(kind, packet, sizeof(packet), 0x5a5a);
	while (read(orders[0], &order, 1) == 1) {
		if (order == 'p') {
			kernel = kernel_open(name_of(kind, 0));
			kernel_send(kernel, name_of(kind, 0), kind, packet, sizeof(packet));
			close(kernel);
		} else {
			if_set_flags(name_of(kind, 0), order == 'u' ? IFF_UP : 0, order == 'u' ? 0 : IFF_UP);
		}
		EXPECT(write(answers[1], &order, 1) == 1);
	}
	_exit(0);
}

static void
order(struct operator o, char what)
{
	EXPECT(write(o.orders, &what, 1) == 1 && read(o.answers, &what, 1) == 1);
}

static bool
is_down(int fd)
{
	uint8_t packet[PACKET_MIN];

	return read(fd, packet, sizeof(packet)) == -1 && errno == EIO;
}

static void
works_without_rights(enum kind kind)
{
	struct rlimit none = {.rlim_cur = 1, .rlim_max = 1}; /* 0 would end poll(2), too */
	char root[] = "/tmp/contract.XXXXXX";
	uint8_t packet[2000];
	int fd = device_open(kind, 0, O_RDWR | O_NONBLOCK);
	struct operator o = start_operator(kind);

	EXPECT(fd >= 0 && mkdtemp(root) != NULL && chdir(root) == 0 && rmdir(root) == 0);
	forget_environment();
	EXPECT(chroot(".") == 0 && setrlimit(RLIMIT_NOFILE, &none) == 0);
	become_nobody();
	EXPECT_ERRNO(dup(fd), EMFILE);
	for (int i = 0; i < 3; i++) {
		EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EIO);
		packet_make(kind, packet, sizeof(packet), 1);
		EXPECT_ERRNO(write(fd, packet, PACKET_MIN), EIO);
		EXPECT_ERRNO(write(fd, packet, 2000), EIO);
		EXPECT_ERRNO(write(fd, packet, 0), EIO);
		order(o, 'u');
		EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EAGAIN);
		packet_make(kind, packet, sizeof(packet), 1);
		EXPECT(write(fd, packet, PACKET_MIN) == PACKET_MIN);
		EXPECT_ERRNO(write(fd, packet, 2000), EMSGSIZE);
		EXPECT_ERRNO(write(fd, packet, 0), EINVAL);
		order(o, 'p');
		wait_readable(fd);
		EXPECT(read(fd, packet, sizeof(packet)) == PACKET_MIN && packet_number(kind, packet) == 0x5a5a);
		order(o, 'd');
		WAIT_UNTIL(is_down(fd), 10000);
	}
	EXPECT(close(fd) == 0);
}

static void
opens_without_an_environment(enum kind kind)
{
	forget_environment();
	for (int i = 0; i < 3; i++) {
		EXPECT(close(opened(kind, 0)) == 0);
	}
}

/*
 * What a library's constructor does before main.  The case runs this very program again, with the path in the environment.
 */
#define CONSTRUCTOR_PATH "CONTRACT_CONSTRUCTOR_PATH"

__attribute__((constructor)) static void
before_main(void)
{
	const char *path = getenv(CONSTRUCTOR_PATH);
	uint8_t packet[PACKET_MIN] = {0};
	int fd;

	if (path == NULL) {
		return;
	}
	fd = open(path, O_RDWR);
	EXPECT(fd >= 0);
	EXPECT_ERRNO(read(fd, packet, sizeof(packet)), EIO);
	EXPECT_ERRNO(write(fd, packet, sizeof(packet)), EIO);
	EXPECT_ERRNO(open(path, O_RDWR), EBUSY);
	_exit(42);
}

static void
opens_before_main(enum kind kind)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setenv(CONSTRUCTOR_PATH, path_of(kind, 0), 1);
		execl(own_image(), "contract", "--list", (char *)NULL);
		_exit(127);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 42);
}

const struct contract_case rights_cases[] = {
	{"open.policy", "who is not allowed gets EACCES from open and access, and sees it by stat", ON_BOTH, others_are_refused},
	{"open.policy", "so it is while the unit is busy", ON_BOTH, others_are_refused_while_it_is_busy},
	{"before.exist", "access answers for the real user, faccessat for the effective one if asked", ON_BOTH,
	    access_asks_for_the_real_user},
	{"before.exist", "nobody may execute it", ON_BOTH, nobody_may_execute_it},
	{"open.rights", "a device works on without rights, root directory, environment and free numbers", ON_BOTH,
	    works_without_rights},
	{"open.rights", "a device opens after the environment was cleared", ON_BOTH, opens_without_an_environment},
	{"open.rights", "a device opens before main", ON_BOTH, opens_before_main},
	{0},
};
