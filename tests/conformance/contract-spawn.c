/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract-spawn.c - row "open.spawn": file actions of posix_spawn(3) that open a device: a child has it, and its parent has not.
 *
 * The child is this program again (spawn_main), which looks at what it has.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define SELF "/proc/self/exe"
#define NOBODY 65534
/* More numbers than any case here has open. */
#define NUMBERS 200
/* More objects than anybody keeps. */
#define OBJECTS 300

/* glibc, from 2.34; musl has none. */
#ifdef __GLIBC__
#define HAVE_CLOSE_FROM
#endif

extern char **environ;

typedef posix_spawn_file_actions_t actions_type;

static unsigned
count_open(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < NUMBERS; fd++) {
		count += fcntl(fd, F_GETFD) >= 0;
	}
	return count;
}

/* Whatever the suite was started with is not the cases'. */
static void
only_streams(void)
{
	for (int fd = 3; fd < NUMBERS; fd++) {
		(void)close(fd);
	}
}

/* Reading says EIO: the device, and not up. */
static bool
is_device(int fd)
{
	char byte;

	return read(fd, &byte, 1) == -1 && errno == EIO;
}

/* fd is the device, and beside it and the standard streams nothing is open. */
static void
is_alone(int fd, enum kind kind)
{
	struct stat here, path;

	EXPECT(is_device(fd) && fstat(fd, &here) == 0 && stat(path_of(kind, 0), &path) == 0 && here.st_rdev == path.st_rdev);
	EXPECT(count_open() == 4);
	EXPECT(close(fd) == 0);
	wait_gone(name_of(kind, 0));
}

/* And so is the other kind's, at the next number. */
static void
are_two(int fd, enum kind kind)
{
	EXPECT(is_device(fd) && is_device(fd + 1) && count_open() == 5);
	EXPECT(close(fd + 1) == 0);
	wait_gone(name_of(kind == TAP ? TUN : TAP, 0));
	is_alone(fd, kind);
}

/* There is no device. */
static void
is_none(int fd, enum kind kind)
{
	EXPECT_ERRNO(fcntl(fd, F_GETFD), EBADF);
	EXPECT(count_open() == 3);
	wait_gone(name_of(kind, 0));
}

static void
is_for_reading(int fd, enum kind kind)
{
	char byte;

	EXPECT((fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == (O_RDONLY | O_NONBLOCK));
	EXPECT(is_device(fd));
	if_up(name_of(kind, 0));
	EXPECT_ERRNO(write(fd, &byte, 1), EBADF);
	if_down(name_of(kind, 0));
	WAIT_UNTIL(is_device(fd), 10000);
	is_alone(fd, kind);
}

/* Its standard input is the device. */
static void
is_input(int fd, enum kind kind)
{
	EXPECT(is_device(fd) && count_open() == 3);
}

static void
is_null(int fd, enum kind kind)
{
	char byte;

	EXPECT(read(fd, &byte, 1) == 0 && count_open() == 4);
	wait_gone(name_of(kind, 0));
}

/* There is a device, and this program has no part in it. */
static void
is_without(int fd, enum kind kind)
{
	EXPECT(count_open() == 3 && if_exists(name_of(kind, 0)));
}

/* Says that it is there, and has the device until its input ends. */
static void
holds(int fd, enum kind kind)
{
	char byte = 'h';

	EXPECT(is_device(fd));
	EXPECT(write(STDOUT_FILENO, &byte, 1) == 1);
	EXPECT(read(STDIN_FILENO, &byte, 1) == 0);
}

static const struct {
	const char *role;
	void (*run)(int fd, enum kind kind);
} roles[] = {
	{"alone", is_alone},
	{"two", are_two},
	{"none", is_none},
	{"reading", is_for_reading},
	{"input", is_input},
	{"null", is_null},
	{"without", is_without},
	{"holds", holds},
};

int
spawn_main(const char *role, enum kind kind, int fd)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(roles[i].role, role) == 0) {
			roles[i].run(fd, kind);
			return 0;
		}
	}
	return 64;
}

/* posix_spawn(3) of this program; its result. */
static int
spawn_program(const char *program, const char *role, enum kind kind, int fd, const actions_type *actions, pid_t *child)
{
	char number[16];
	char *argv[] = {(char *)"contract", (char *)"--image", (char *)(uintptr_t)role, (char *)(kind == TAP ? "tap" : "tun"), number,
	    NULL};

	snprintf(number, sizeof(number), "%d", fd);
	fflush(stdout);
	return posix_spawn(child, program, actions, NULL, argv, environ);
}

static void
ends_well(pid_t child)
{
	int status;

	EXPECT(waitpid(child, &status, 0) == child && status == 0);
}

/* The child finds what it should; and here nothing is left of it. */
static void
spawned(const char *role, enum kind kind, int fd, const actions_type *actions)
{
	unsigned before = count_open();
	pid_t child;

	EXPECT(spawn_program(SELF, role, kind, fd, actions, &child) == 0);
	EXPECT(count_open() == before);
	ends_well(child);
	wait_gone(name_of(kind, 0));
}

/* posix_spawn(3) says so, and there is no child. */
static void
refused(int error, enum kind kind, int fd, const actions_type *actions)
{
	unsigned before = count_open();
	pid_t child;

	EXPECT(spawn_program(SELF, "alone", kind, fd, actions, &child) == error);
	EXPECT(count_open() == before);
	EXPECT_ERRNO(waitpid(-1, NULL, 0), ECHILD);
}

static void
init(actions_type *actions)
{
	EXPECT(posix_spawn_file_actions_init(actions) == 0);
}

static void
destroy(actions_type *actions)
{
	EXPECT(posix_spawn_file_actions_destroy(actions) == 0);
}

static void
add_open(actions_type *actions, int fd, const char *path, int flags)
{
	EXPECT(posix_spawn_file_actions_addopen(actions, fd, path, flags, 0600) == 0);
}

static void
add_device(actions_type *actions, int fd, enum kind kind)
{
	add_open(actions, fd, path_of(kind, 0), O_RDWR | (options.nonblock ? O_NONBLOCK : 0));
}

static void
add_close(actions_type *actions, int fd)
{
	EXPECT(posix_spawn_file_actions_addclose(actions, fd) == 0);
}

static void
add_dup2(actions_type *actions, int fd, int to)
{
	EXPECT(posix_spawn_file_actions_adddup2(actions, fd, to) == 0);
}

static void
child_has_the_contract(enum kind kind)
{
	actions_type actions;

	only_streams();
	init(&actions);
	EXPECT(posix_spawn_file_actions_addopen(&actions, -1, path_of(kind, 0), O_RDWR, 0) == EBADF);
	add_device(&actions, 70, kind);
	EXPECT(!if_exists(name_of(kind, 0)) && count_open() == 3);
	spawned("contract", kind, 70, &actions);
	destroy(&actions);
}

static void
so_has_that_of_spawnp(enum kind kind)
{
	char *argv[] = {(char *)"contract", (char *)"--image", (char *)"alone", (char *)(kind == TAP ? "tap" : "tun"), (char *)"3", NULL};
	actions_type actions;
	pid_t child;

	only_streams();
	init(&actions);
	add_device(&actions, 3, kind);
	fflush(stdout);
	EXPECT(posix_spawnp(&child, SELF, &actions, NULL, argv, environ) == 0);
	ends_well(child);
	destroy(&actions);
}

/* A shell in the middle of a list of other actions: what most programs spawn. */
static void
as_standard_input(enum kind kind)
{
	actions_type actions;

	only_streams();
	init(&actions);
	add_device(&actions, 0, kind);
	spawned("input", kind, 0, &actions);
	destroy(&actions);
}

static void
flags_are_the_child_s(enum kind kind)
{
	actions_type actions;

	only_streams();
	init(&actions);
	add_open(&actions, 9, path_of(kind, 0), O_RDONLY | O_NONBLOCK | O_CREAT | O_TRUNC);
	spawned("reading", kind, 9, &actions);
	destroy(&actions);
}

/* A child that has the device until it is let go. */
struct holder {
	pid_t pid;
	int hold, said;
};

static int
start_holder(struct holder *h, enum kind kind, int fd, const actions_type *device)
{
	int hold[2], said[2], error, saved_in = fcntl(0, F_DUPFD_CLOEXEC, 100), saved_out = fcntl(1, F_DUPFD_CLOEXEC, 100);
	char byte;

	/* Its streams by inheritance, so that the actions are those of the caller alone. */
	fflush(stdout);
	EXPECT(pipe2(hold, O_CLOEXEC) == 0 && pipe2(said, O_CLOEXEC) == 0);
	EXPECT(dup2(hold[0], 0) == 0 && dup2(said[1], 1) == 1);
	error = spawn_program(SELF, "holds", kind, fd, device, &h->pid);
	EXPECT(dup2(saved_in, 0) == 0 && dup2(saved_out, 1) == 1);
	EXPECT(close(saved_in) == 0 && close(saved_out) == 0 && close(hold[0]) == 0 && close(said[1]) == 0);
	if (error != 0) {
		EXPECT(close(hold[1]) == 0 && close(said[0]) == 0);
		return error;
	}
	EXPECT(read(said[0], &byte, 1) == 1 && byte == 'h');
	EXPECT(close(said[0]) == 0);
	h->hold = hold[1];
	return 0;
}

static void
end_holder(struct holder *h)
{
	EXPECT(close(h->hold) == 0);
	ends_well(h->pid);
}

static void
each_spawn_opens_it_anew(enum kind kind)
{
	actions_type actions;
	struct holder holder, other;

	only_streams();
	init(&actions);
	add_device(&actions, 5, kind);
	EXPECT(start_holder(&holder, kind, 5, &actions) == 0);
	EXPECT(if_exists(name_of(kind, 0)));
	/* In use, for this process too: it has no part in it. */
	EXPECT(start_holder(&other, kind, 5, &actions) == EBUSY);
	EXPECT_ERRNO(open(path_of(kind, 0), O_RDWR), EBUSY);
	end_holder(&holder);
	/* Gone with the child; and again, at once. */
	for (int i = 0; i < 3; i++) {
		EXPECT(start_holder(&holder, kind, 5, &actions) == 0);
		end_holder(&holder);
	}
	spawned("alone", kind, 5, &actions);
	destroy(&actions);
}

static void
its_error_is_that_of_the_open(enum kind kind)
{
	actions_type actions;
	pid_t child;

	only_streams();
	init(&actions);
	add_open(&actions, 5, path_of(kind, 16), O_RDWR);
	refused(ENOENT, kind, 5, &actions);
	destroy(&actions);
	init(&actions);
	add_open(&actions, 5, path_of(kind, 0), O_RDWR | O_CREAT | O_EXCL);
	refused(EEXIST, kind, 5, &actions);
	destroy(&actions);
	init(&actions);
	add_open(&actions, 5, path_of(kind, 0), O_RDWR | O_DIRECTORY);
	refused(ENOTDIR, kind, 5, &actions);
	destroy(&actions);
	/* The first of two is closed again. */
	init(&actions);
	add_device(&actions, 5, kind);
	add_open(&actions, 6, path_of(kind, 16), O_RDWR);
	refused(ENOENT, kind, 5, &actions);
	EXPECT(close(opened(kind, 0)) == 0);
	destroy(&actions);
	/* An action, or a program, that fails once the device is open. */
	init(&actions);
	add_device(&actions, 5, kind);
	EXPECT(spawn_program("/nothing/there", "alone", kind, 5, &actions, &child) == ENOENT);
	EXPECT_ERRNO(waitpid(-1, NULL, 0), ECHILD);
	EXPECT(close(opened(kind, 0)) == 0);
	destroy(&actions);
	init(&actions);
	add_dup2(&actions, 3, 6); /* which is not open */
	add_device(&actions, 5, kind);
	refused(EBADF, kind, 5, &actions);
	EXPECT(close(opened(kind, 0)) == 0);
	destroy(&actions);
	EXPECT(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
	init(&actions);
	add_device(&actions, 5, kind);
	refused(EACCES, kind, 5, &actions);
	destroy(&actions);
}

static void
actions_keep_their_order(enum kind kind)
{
	actions_type actions;
	int null;

	only_streams();
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	EXPECT(null == 3);
	init(&actions);
	add_dup2(&actions, null, 5);
	add_device(&actions, 5, kind); /* over another file */
	add_dup2(&actions, 5, 6);
	add_close(&actions, 5);
	spawned("alone", kind, 6, &actions);
	/* The same object with more. */
	add_dup2(&actions, 6, 5);
	add_close(&actions, 6);
	spawned("alone", kind, 5, &actions);
	add_close(&actions, 5);
	spawned("none", kind, 5, &actions);
	destroy(&actions);
	init(&actions);
	add_device(&actions, 5, kind);
	add_dup2(&actions, null, 5);
	spawned("null", kind, 5, &actions);
	destroy(&actions);
}

/* Whatever numbers the actions speak of, none of them is one that the library uses on the way; and there are more than a few. */
static void
no_action_is_in_the_way(enum kind kind)
{
	actions_type actions;
	int null;

	only_streams();
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	init(&actions);
	for (int fd = 4; fd < 40; fd++) {
		add_dup2(&actions, null, fd);
	}
	for (int fd = 4; fd < 40; fd += 2) {
		add_close(&actions, fd);
	}
	add_device(&actions, 4, kind);
	for (int fd = 5; fd < 40; fd += 2) {
		add_close(&actions, fd);
	}
	spawned("alone", kind, 4, &actions);
	destroy(&actions);
	/* All that there can be are closed, one by one. */
	EXPECT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 64, .rlim_max = 64}) == 0);
	EXPECT(dup2(null, 63) == 63);
	init(&actions);
	for (int fd = 3; fd < 64; fd++) {
		add_close(&actions, fd);
	}
	add_device(&actions, 3, kind);
	spawned("alone", kind, 3, &actions);
	for (int fd = 4; fd < 64; fd++) {
		add_close(&actions, fd);
	}
	spawned("alone", kind, 3, &actions);
	destroy(&actions);
}

#ifdef HAVE_CLOSE_FROM
static void
all_others_are_closed_before_or_after(enum kind kind)
{
	enum kind other = kind == TAP ? TUN : TAP;
	actions_type actions;
	int many[20];

	only_streams();
	for (unsigned i = 0; i < 20; i++) {
		many[i] = open("/dev/null", O_RDONLY);
		EXPECT(many[i] >= 3);
	}
	init(&actions);
	EXPECT(posix_spawn_file_actions_addclosefrom_np(&actions, 3) == 0);
	add_device(&actions, 3, kind);
	spawned("alone", kind, 3, &actions);
	destroy(&actions);
	init(&actions);
	add_device(&actions, 3, kind);
	EXPECT(posix_spawn_file_actions_addclosefrom_np(&actions, 4) == 0);
	spawned("alone", kind, 3, &actions);
	EXPECT(posix_spawn_file_actions_addclosefrom_np(&actions, 3) == 0);
	spawned("none", kind, 3, &actions);
	destroy(&actions);
	/* Twice, with another device on the way that is the first's neighbour, and numbers in between. */
	for (unsigned i = 10; i < 20; i++) {
		EXPECT(close(many[i]) == 0);
	}
	if (!options.relayed) {
		init(&actions);
		EXPECT(posix_spawn_file_actions_addclosefrom_np(&actions, 7) == 0);
		add_close(&actions, 9);
		EXPECT(posix_spawn_file_actions_addclosefrom_np(&actions, 3) == 0);
		add_device(&actions, 5, other);
		add_device(&actions, 4, kind);
		spawned("two", kind, 4, &actions);
		only_streams();
		spawned("two", kind, 4, &actions);
		destroy(&actions);
	}
}
#endif

static void
close_on_exec_is_kept(enum kind kind)
{
	const char *path = path_of(kind, 0);
	actions_type actions;

	only_streams();
	init(&actions);
	add_open(&actions, 5, path, O_RDWR | O_CLOEXEC);
	spawned("none", kind, 5, &actions);
	add_dup2(&actions, 5, 6); /* but not by a copy */
	spawned("alone", kind, 6, &actions);
	destroy(&actions);
	init(&actions);
	add_open(&actions, 5, path, O_RDWR | O_CLOEXEC);
	add_dup2(&actions, 5, 5); /* which is what posix_spawn makes of it */
	spawned("alone", kind, 5, &actions);
	destroy(&actions);
	init(&actions);
	add_open(&actions, 5, path, O_RDWR | O_CLOEXEC);
	add_open(&actions, 5, "/dev/null", O_RDONLY);
	spawned("null", kind, 5, &actions);
	destroy(&actions);
}

static void
paths_are_the_child_s(enum kind kind)
{
	const char *name = name_of(kind, 0);
	actions_type actions;
	int dev;

	only_streams();
	dev = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	EXPECT(chdir("/tmp") == 0);
	init(&actions);
	add_open(&actions, 5, name, O_RDWR);
	refused(ENOENT, kind, 5, &actions);
	destroy(&actions);
	init(&actions);
	EXPECT(posix_spawn_file_actions_addchdir_np(&actions, "/") == 0);
	EXPECT(posix_spawn_file_actions_addchdir_np(&actions, "dev") == 0);
	add_open(&actions, 5, name, O_RDWR);
	spawned("alone", kind, 5, &actions);
	destroy(&actions);
	init(&actions);
	EXPECT(posix_spawn_file_actions_addfchdir_np(&actions, dev) == 0);
	add_open(&actions, 5, name, O_RDWR);
	spawned("alone", kind, 5, &actions);
	/* Away from there again. */
	EXPECT(posix_spawn_file_actions_addchdir_np(&actions, "/tmp") == 0);
	add_open(&actions, 6, name, O_RDWR);
	refused(ENOENT, kind, 5, &actions);
	destroy(&actions);
	/* A directory that the child itself opens, and copies. */
	init(&actions);
	add_open(&actions, 8, "/dev", O_RDONLY | O_DIRECTORY);
	add_dup2(&actions, 8, 7);
	add_close(&actions, 8);
	EXPECT(posix_spawn_file_actions_addfchdir_np(&actions, 7) == 0);
	add_close(&actions, 7);
	add_open(&actions, 5, name, O_RDWR);
	spawned("alone", kind, 5, &actions);
	destroy(&actions);
	EXPECT(chdir("/dev") == 0);
	init(&actions);
	add_open(&actions, 5, "../dev/net/../tap0", O_RDWR);
	spawned("alone", TAP, 5, &actions);
	destroy(&actions);
}

static void
a_real_node_is_the_child_s(enum kind kind)
{
	actions_type actions;
	char path[32];

	only_streams();
	snprintf(path, sizeof(path), "/dev/%s", name_of(kind, 9));
	init(&actions);
	add_open(&actions, 5, path, O_RDWR);
	/* What there is counts when the child is made. */
	EXPECT(mknod(path, S_IFCHR | 0600, (dev_t)(1 << 8 | 3)) == 0);
	spawned("null", kind, 5, &actions);
	EXPECT(unlink(path) == 0);
	destroy(&actions);
}

static void
objects_are_many_or_used_again(enum kind kind)
{
	static actions_type many[OBJECTS];
	actions_type actions;
	unsigned room = 0;
	int error = 0;

	only_streams();
	/* Initialised again and again, and never destroyed. */
	for (unsigned i = 0; i < 10 * OBJECTS; i++) {
		init(&actions);
	}
	for (unsigned i = 0; i < OBJECTS; i++) {
		init(&many[i]);
		destroy(&many[i]);
	}
	init(&many[OBJECTS - 1]);
	add_device(&many[OBJECTS - 1], 5, kind);
	spawned("alone", kind, 5, &many[OBJECTS - 1]);
	destroy(&many[OBJECTS - 1]);
	add_device(&actions, 5, kind);
	spawned("alone", kind, 5, &actions);
	for (; room < OBJECTS; room++) {
		init(&many[room]);
		add_open(&many[room], 4, "/dev/null", O_RDONLY);
		error = posix_spawn_file_actions_addopen(&many[room], 5, path_of(kind, 0), O_RDWR, 0);
		if (error != 0) {
			break;
		}
	}
	EXPECT(room >= 100 && room < OBJECTS && error == ENOMEM);
	/* All else can be done with it, as ever. */
	add_dup2(&many[room], 4, 5);
	add_close(&many[room], 4);
	spawned("null", kind, 5, &many[room]);
	destroy(&many[room]);
	destroy(&many[0]);
	init(&many[0]);
	add_device(&many[0], 5, kind);
	spawned("alone", kind, 5, &many[0]);
	spawned("alone", kind, 5, &actions);
	for (unsigned i = 0; i < room; i++) {
		destroy(&many[i]);
	}
	destroy(&actions);
}

/* Which POSIX does not allow, and which is no device's then. */
static void
a_copy_of_an_object_does_no_harm(enum kind kind)
{
	actions_type actions, copy;

	only_streams();
	init(&actions);
	add_device(&actions, 5, kind);
	memcpy(&copy, &actions, sizeof(copy));
	refused(ENOENT, kind, 5, &copy);
	spawned("alone", kind, 5, &actions);
	destroy(&actions);
}

static void
in_a_child_of_fork(enum kind kind)
{
	actions_type actions;
	pid_t child;

	only_streams();
	init(&actions);
	add_device(&actions, 5, kind);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		spawned("alone", kind, 5, &actions);
		destroy(&actions);
		fflush(stdout);
		_exit(0);
	}
	ends_well(child);
	spawned("alone", kind, 5, &actions);
	destroy(&actions);
}

static void
nothing_is_open_in_between(enum kind kind)
{
	actions_type actions;

	only_streams();
	init(&actions);
	add_device(&actions, 5, kind);
	EXPECT(count_open() == 3);
	only_streams();
	spawned("alone", kind, 5, &actions);
	destroy(&actions);
	EXPECT(count_open() == 3);
}

static void
a_full_table_is_emfile(enum kind kind)
{
	struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
	int last = -1, fd;
	actions_type actions;

	only_streams();
	EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	init(&actions);
	add_device(&actions, 5, kind);
	while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
		last = fd;
	}
	EXPECT(errno == EMFILE && last == 63);
	refused(EMFILE, kind, 5, &actions);
	/* What there is room for is used to the last number: four of them are needed on the way. */
	for (int freed = 0; freed < 3; freed++) {
		EXPECT(close(last--) == 0);
		refused(EMFILE, kind, 5, &actions);
	}
	for (; last > 40; last--) {
		EXPECT(close(last) == 0);
	}
	spawned("alone", kind, 5, &actions);
	/* A number that another action makes is not used, even if it is the last that is free. */
	for (fd = 41; fd < 64; fd++) {
		add_dup2(&actions, 40, fd);
	}
	refused(EMFILE, kind, 5, &actions);
	destroy(&actions);
}

struct spawner {
	const char *role;
	const actions_type *actions;
	pthread_barrier_t *start;
	enum kind kind;
	int error;
	pid_t child;
};

static void *
run_spawner(void *argument)
{
	struct spawner *s = argument;

	pthread_barrier_wait(s->start);
	s->error = spawn_program(SELF, s->role, s->kind, 30, s->actions, &s->child);
	return NULL;
}

/* The one child is at an open that waits, and has its device; another child starts. */
static void
children_at_the_same_time(enum kind kind)
{
	char fifo[64];
	actions_type actions;
	pthread_barrier_t start;
	struct spawner s = {.role = "alone", .actions = &actions, .start = &start, .kind = kind};
	pthread_t thread;
	pid_t other;
	int end;

	only_streams();
	snprintf(fifo, sizeof(fifo), "/tmp/contract-spawn-%d", (int)getpid());
	EXPECT(pthread_barrier_init(&start, NULL, 2) == 0);
	EXPECT((unlink(fifo) == 0 || errno == ENOENT) && mkfifo(fifo, 0600) == 0);
	init(&actions);
	add_device(&actions, 30, kind);
	add_open(&actions, 31, fifo, O_RDONLY);
	add_close(&actions, 31);
	EXPECT(pthread_create(&thread, NULL, run_spawner, &s) == 0);
	pthread_barrier_wait(&start);
	WAIT_UNTIL(waitpid(-1, NULL, WNOHANG) == 0, 10000);
	/* musl spawns and forks one at a time; vfork is the kernel's alone. */
	other = vfork();
	if (other == 0) {
		execl(SELF, "contract", "--image", "without", kind == TAP ? "tap" : "tun", "30", (char *)NULL);
		_exit(127);
	}
	ends_well(other);
	end = open(fifo, O_WRONLY | O_CLOEXEC);
	EXPECT(end >= 0 && unlink(fifo) == 0 && close(end) == 0);
	EXPECT(pthread_join(thread, NULL) == 0 && s.error == 0);
	ends_well(s.child);
	destroy(&actions);
}

/* One child gets it, and the other spawn is told; with nothing left of either. */
static void
two_threads_with_one_object(enum kind kind)
{
	actions_type actions;
	pthread_barrier_t start;
	int hold[2], said[2];

	only_streams();
	EXPECT(pipe2(hold, O_CLOEXEC) == 0 && pipe2(said, O_CLOEXEC) == 0 && pthread_barrier_init(&start, NULL, 2) == 0);
	init(&actions);
	add_dup2(&actions, said[1], 1);
	add_device(&actions, 30, kind);
	add_dup2(&actions, hold[0], 0);
	for (int turn = 0; turn < 20; turn++) {
		struct spawner one = {.role = "holds", .actions = &actions, .start = &start, .kind = kind, }, two = one;
		pthread_t thread;
		char byte;

		EXPECT(pthread_create(&thread, NULL, run_spawner, &one) == 0);
		run_spawner(&two);
		EXPECT(pthread_join(thread, NULL) == 0);
		EXPECT((one.error == 0 && two.error == EBUSY) || (one.error == EBUSY && two.error == 0));
		EXPECT(read(said[0], &byte, 1) == 1 && byte == 'h');
		EXPECT(close(hold[1]) == 0);
		ends_well(one.error == 0 ? one.child : two.child);
		EXPECT(close(hold[0]) == 0 && pipe2(hold, O_CLOEXEC) == 0);
		wait_gone(name_of(kind, 0));
	}
	destroy(&actions);
}

const struct contract_case spawn_cases[] = {
	{"open.spawn", "a program whose device posix_spawn opens has the whole contract", ON_BOTH, child_has_the_contract},
	{"open.spawn", "posix_spawnp opens it, too", ON_BOTH, so_has_that_of_spawnp},
	{"open.spawn", "as standard input", ON_BOTH, as_standard_input},
	{"open.spawn", "with the flags of the action", ON_BOTH, flags_are_the_child_s},
	{"open.spawn", "each spawn opens it anew; the parent has no part in it", ON_BOTH, each_spawn_opens_it_anew},
	{"open.spawn", "the error of the open is what posix_spawn returns, and there is no child", ON_BOTH, its_error_is_that_of_the_open},
	{"open.spawn", "what is added before and after is done before and after", ON_BOTH, actions_keep_their_order},
	{"open.spawn", "whatever numbers other actions speak of", ON_BOTH, no_action_is_in_the_way},
#ifdef HAVE_CLOSE_FROM
	{"open.spawn", "all numbers are closed before, or after", ON_BOTH, all_others_are_closed_before_or_after},
#endif
	{"open.spawn", "O_CLOEXEC closes it, and no copy", ON_BOTH, close_on_exec_is_kept},
	{"open.spawn", "a relative path is the child's", ON_BOTH, paths_are_the_child_s},
	{"open.spawn", "a real node of that name is opened by the child", ON_BOTH, a_real_node_is_the_child_s},
	{"open.spawn", "too many objects are ENOMEM, and an object may be used again", ON_BOTH, objects_are_many_or_used_again},
	{"open.spawn", "a copy of the object's bytes does no harm", ON_BOTH, a_copy_of_an_object_does_no_harm},
	{"open.spawn", "in a child of fork", ON_BOTH, in_a_child_of_fork},
	{"open.spawn", "nothing is open between adding and spawning", ON_BOTH, nothing_is_open_in_between},
	{"open.spawn", "a full descriptor table is EMFILE", ON_BOTH, a_full_table_is_emfile},
	{"open.spawn", "another child, of another thread, has no part in it", ON_BOTH, children_at_the_same_time},
	{"open.spawn", "two threads spawn with one object", ON_BOTH, two_threads_with_one_object},
	{0},
};
