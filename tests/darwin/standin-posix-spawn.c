/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-posix-spawn.c - posix_spawn(2), its file actions and its attributes.  See standin.h.
 *
 * An object of actions or attributes is a pointer to what its functions allocate.  The actions are done in order in the child, and each
 * that fails makes the whole fail: the error is the result, and errno is left alone.  With POSIX_SPAWN_CLOEXEC_DEFAULT only the numbers
 * that actions make or name are the program's that is started.
 *
 * Sources: XNU bsd/kern/kern_exec.c exec_handle_file_actions; bsd/sys/spawn.h; libsyscall wrappers/spawn/posix_spawn.c.
 */
#include "standin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ACTIONS_MAX 64
#define SETPGROUP 0x2
#define SETSIGDEF 0x4
#define SETSIGMASK 0x8
#define SETSID 0x400
#define CLOEXEC_DEFAULT 0x4000

struct action {
	enum { OPEN, CLOSE, COPY, INHERIT, DIRECTORY_PATH, DIRECTORY_NUMBER } what;
	int fd, to, flags, mode; /* COPY: fd becomes to, too */
	char *path;
};

struct actions {
	unsigned count;
	struct action list[ACTIONS_MAX];
};

struct attributes {
	short flags;
	int group;
	uint32_t defaults, mask;
};

static int
darwin_posix_spawn_file_actions_init(struct actions **actions)
{
	*actions = calloc(1, sizeof(**actions));
	return 0;
}

static int
darwin_posix_spawn_file_actions_destroy(struct actions **actions)
{
	if (*actions == NULL) {
		return EINVAL;
	}
	for (unsigned i = 0; i < (*actions)->count; i++) {
		free((*actions)->list[i].path);
	}
	free(*actions);
	*actions = NULL;
	return 0;
}

static int
add(struct actions **actions, struct action action)
{
	if (*actions == NULL) {
		standin_refuse("an action for no object");
	}
	if (action.fd < 0 || action.fd >= 10240 || action.to < 0 || action.to >= 10240) { /* OPEN_MAX */
		return 9;                                                           /* EBADF */
	}
	if ((*actions)->count == ACTIONS_MAX) {
		standin_refuse("too many actions of posix_spawn");
	}
	(*actions)->list[(*actions)->count++] = action;
	return 0;
}

static int
darwin_posix_spawn_file_actions_addopen(struct actions **actions, int fd, const char *path, int flags, uint16_t mode)
{
	return add(actions, (struct action){.what = OPEN, .fd = fd, .flags = flags, .mode = mode, .path = strdup(path)});
}

static int
darwin_posix_spawn_file_actions_addclose(struct actions **actions, int fd)
{
	return add(actions, (struct action){.what = CLOSE, .fd = fd});
}

static int
darwin_posix_spawn_file_actions_adddup2(struct actions **actions, int fd, int to)
{
	return add(actions, (struct action){.what = COPY, .fd = fd, .to = to});
}

static int
darwin_posix_spawn_file_actions_addinherit_np(struct actions **actions, int fd)
{
	return add(actions, (struct action){.what = INHERIT, .fd = fd});
}

static int
darwin_posix_spawn_file_actions_addchdir_np(struct actions **actions, const char *path)
{
	return add(actions, (struct action){.what = DIRECTORY_PATH, .path = strdup(path)});
}

static int
darwin_posix_spawn_file_actions_addfchdir_np(struct actions **actions, int fd)
{
	return add(actions, (struct action){.what = DIRECTORY_NUMBER, .fd = fd});
}

static int
darwin_posix_spawnattr_init(struct attributes **attributes)
{
	*attributes = calloc(1, sizeof(**attributes));
	return 0;
}

static int
darwin_posix_spawnattr_destroy(struct attributes **attributes)
{
	free(*attributes);
	*attributes = NULL;
	return 0;
}

static int
darwin_posix_spawnattr_setflags(struct attributes **attributes, short flags)
{
	if ((flags & ~(SETPGROUP | SETSIGDEF | SETSIGMASK | SETSID | CLOEXEC_DEFAULT)) != 0) {
		standin_refuse("posix_spawn: flags %#x", (unsigned)flags);
	}
	(*attributes)->flags = flags;
	return 0;
}

static int
darwin_posix_spawnattr_setpgroup(struct attributes **attributes, int group)
{
	(*attributes)->group = group;
	return 0;
}

static int
darwin_posix_spawnattr_setsigdefault(struct attributes **attributes, const uint32_t *set)
{
	(*attributes)->defaults = *set;
	return 0;
}

static int
darwin_posix_spawnattr_setsigmask(struct attributes **attributes, const uint32_t *set)
{
	(*attributes)->mask = *set;
	return 0;
}

/* A number is, or is not, for the program that is started.  0, or -1 with errno. */
static int
set_inherited(int fd, bool inherited)
{
	int flags = fcntl(fd, F_GETFD);

	return flags < 0 ? -1 : fcntl(fd, F_SETFD, inherited ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC);
}

static int
do_open(const struct action *action)
{
	int fd = standin_open(action->path, action->flags, action->mode);

	if (fd < 0 || fd == action->fd) {
		return fd;
	}
	if (dup2(fd, action->fd) < 0) {
		return -1;
	}
	return close(fd);
}

static int
do_action(const struct action *action)
{
	switch (action->what) {
	case OPEN:
		return do_open(action);
	case CLOSE:
		return close(action->fd);
	case COPY:
		return dup2(action->fd, action->to);
	case INHERIT:
		return set_inherited(action->fd, true);
	case DIRECTORY_PATH:
		return chdir(action->path);
	default:
		return fchdir(action->fd);
	}
}

/* Every number but one is closed at exec. */
static int
close_all_at_exec(int but)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (dir == NULL) {
		standin_refuse("posix_spawn: %s", strerror(errno));
	}
	while ((entry = readdir(dir)) != NULL) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != dirfd(dir) && fd != but) {
			(void)set_inherited(fd, false);
		}
	}
	return closedir(dir);
}

static int
do_actions(const struct actions *actions, short flags, int but)
{
	for (unsigned i = 0; i < actions->count; i++) {
		if (do_action(&actions->list[i]) < 0) {
			return -1;
		}
	}
	if ((flags & CLOEXEC_DEFAULT) == 0) {
		return 0;
	}
	(void)close_all_at_exec(but);
	for (unsigned i = 0; i < actions->count; i++) {
		const struct action *a = &actions->list[i];

		/* One that an action has closed again is not there. */
		if (a->what == OPEN || a->what == INHERIT || a->what == COPY) {
			(void)set_inherited(a->what == COPY ? a->to : a->fd, true);
		}
	}
	return 0;
}

static void
do_attributes(const struct attributes *attributes)
{
	if ((attributes->flags & SETSID) != 0) {
		(void)setsid();
	}
	if ((attributes->flags & SETPGROUP) != 0) {
		(void)setpgid(0, attributes->group);
	}
	for (int i = 1; (attributes->flags & SETSIGDEF) != 0 && i < 32; i++) {
		if ((attributes->defaults & 1u << (i - 1)) != 0 && standin_linux_signal(i) != 0) {
			standin_default_signal(i);
		}
	}
	if ((attributes->flags & SETSIGMASK) != 0) {
		standin_set_mask(attributes->mask);
	}
}

typedef int (*exec_function)(const char *path, char *const argv[], char *const envp[]);

/* What the child does; it says on a number, which nobody sees at exec, why it could not. */
static _Noreturn void
be_child(const struct actions *actions, const struct attributes *attributes, exec_function exec, const char *path, char *const argv[],
    char *const envp[], int told)
{
	short flags = attributes != NULL ? attributes->flags : 0;
	/* Where no action is likely to have it. */
	int far = fcntl(told, F_DUPFD_CLOEXEC, 512), error;

	close(told);
	if (attributes != NULL) {
		do_attributes(attributes);
	}
	if (actions == NULL && (flags & CLOEXEC_DEFAULT) != 0) {
		(void)close_all_at_exec(far);
	}
	if (actions == NULL || do_actions(actions, flags, far) == 0) {
		(void)exec(path, argv, envp);
	}
	error = errno;
	_exit(write(far, &error, sizeof(error)) == sizeof(error) ? 127 : 126);
}

static int
spawn(int *pid, const char *path, struct actions *const *actions, struct attributes *const *attributes, char *const argv[],
    char *const envp[], exec_function exec)
{
	int ends[2], error = 0, saved = errno;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		standin_refuse("posix_spawn: %s", strerror(errno));
	}
	child = fork();
	if (child == 0) {
		close(ends[0]);
		be_child(actions != NULL ? *actions : NULL, attributes != NULL ? *attributes : NULL, exec, path, argv,
		    envp != NULL ? envp : environ, ends[1]);
	}
	close(ends[1]);
	if (child < 0) {
		error = errno;
	} else if (read(ends[0], &error, sizeof(error)) == sizeof(error)) {
		(void)waitpid(child, NULL, 0);
	} else if (pid != NULL) {
		*pid = child;
	}
	close(ends[0]);
	errno = saved;
	return error != 0 ? standin_darwin_error(error) : 0;
}

static int
darwin_posix_spawn(int *pid, const char *path, struct actions *const *actions, struct attributes *const *attributes, char *const argv[],
    char *const envp[])
{
	return spawn(pid, path, actions, attributes, argv, envp, standin_exec);
}

static int
darwin_posix_spawnp(int *pid, const char *file, struct actions *const *actions, struct attributes *const *attributes, char *const argv[],
    char *const envp[])
{
	return spawn(pid, file, actions, attributes, argv, envp, standin_exec_found);
}

const struct standin_symbol standin_posix_spawn_symbols[] = {
	OTHER(posix_spawn), OTHER(posix_spawnp), OTHER(posix_spawn_file_actions_addchdir_np), OTHER(posix_spawn_file_actions_addclose),
	OTHER(posix_spawn_file_actions_adddup2), OTHER(posix_spawn_file_actions_addfchdir_np),
	OTHER(posix_spawn_file_actions_addinherit_np), OTHER(posix_spawn_file_actions_addopen),
	OTHER(posix_spawn_file_actions_destroy), OTHER(posix_spawn_file_actions_init), OTHER(posix_spawnattr_destroy),
	OTHER(posix_spawnattr_init), OTHER(posix_spawnattr_setflags), OTHER(posix_spawnattr_setpgroup),
	OTHER(posix_spawnattr_setsigdefault), OTHER(posix_spawnattr_setsigmask),
	{NULL, NULL},
};
