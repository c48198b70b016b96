/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * actions.c - file actions of posix_spawn(3) that open a device.  See actions.h.
 *
 * Theory of operation.  The C library does the actions in a child of its own inner making, by its own inner calls.  So a device is opened
 * here, in the parent, just before, and the child is told to copy that number: close-on-exec, closed again when posix_spawn has
 * returned, so that the child has the only copy.  Between the spawns nothing is open, and each has a device, and an error, of its own.
 *
 * For that the actions must be known in their order, also those that were added before the first device: the C library's object tells
 * nobody.  So each action is written down here as it is added, beside being added; the object stays the C library's, whole, and as
 * long as no action opens a device it is what is used.  Otherwise the actions are added anew, to an object for this one call:
 *
 *   - the open of a device becomes a copy of its number here.  That is one that no action makes or uses, so none hits it by accident, and
 *     where one closes it, as those do that close all there may be, nothing is done;
 *   - where everything from a number on is closed, the numbers that are still to be copied move down first, to the lowest ones from
 *     there on that no action makes or uses; what is between them is closed one by one, and the rest from behind them;
 *   - a device that was opened with O_CLOEXEC is closed at the end, unless its number is another file by then: what the kernel would do
 *     at exec.  Copies that later actions made of it stay.
 *
 * A relative path means what it does where the child's own directory is by then; the actions tell.
 *
 * Limits.  Devices are opened before the other actions are done, with the parent's ids, whatever POSIX_SPAWN_RESETIDS says.  What is
 * written down is found by the object's address in a static table, taken and left without a lock, of OBJECTS_MAX objects at a time: for
 * one that has no place there, or of which something could not be written down, adding a device's path is ENOMEM.  An object that is
 * initialised again is a new one; a copy of the object's bytes, which POSIX does not allow, opens no device.
 *
 * These functions allocate, as those of the C library do, and no signal handler may call them.
 */
#include "actions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "devpath.h"
#include "fdtable.h"
#include "open.h"
#include "protocol/sys.h"
#include "real.h"
#include "state.h"

#ifndef O_PATH
#define O_PATH 0
#endif

/* A program has few at a time: they are made for one spawn, or kept for the same one. */
#define OBJECTS_MAX 128

/* The first room for actions of an object; it doubles. */
#define ACTIONS_FIRST 8

enum what { CLOSE, CLOSE_FROM, COPY, OPEN, INHERIT, DIRECTORY_PATH, DIRECTORY_NUMBER, TERMINAL };

struct action {
	enum what what;
	int fd; /* the number that is made, closed, or used */
	int from; /* COPY: of which */
	int flags; /* OPEN */
	mode_t mode;
	char *path; /* OPEN, DIRECTORY_PATH: its own copy */
};

static struct row {
	_Atomic(const posix_spawn_file_actions_t *) object; /* NULL: free */
	/* Of whoever may change the object. */
	struct action *actions;
	unsigned count, room;
	bool may_open; /* a device: else the object is used as it is */
} rows[OBJECTS_MAX];

/* Rows that are taken: while there are none nobody looks further. */
static _Atomic unsigned rows_taken;

static struct row *
find(const posix_spawn_file_actions_t *object)
{
	if (object == NULL || atomic_load(&rows_taken) == 0) {
		return NULL;
	}
	for (unsigned i = 0; i < OBJECTS_MAX; i++) {
		if (atomic_load(&rows[i].object) == object) {
			return &rows[i];
		}
	}
	return NULL;
}

/* Forgets what is written down, and the object. */
static void
leave(struct row *row)
{
	if (row == NULL) {
		return;
	}
	for (unsigned i = 0; i < row->count; i++) {
		free(row->actions[i].path);
	}
	free(row->actions);
	row->actions = NULL;
	row->count = row->room = 0;
	row->may_open = false;
	atomic_fetch_sub(&rows_taken, 1);
	atomic_store(&row->object, NULL);
}

static void
take(const posix_spawn_file_actions_t *object)
{
	for (unsigned i = 0; i < OBJECTS_MAX; i++) {
		const posix_spawn_file_actions_t *none = NULL;

		if (atomic_compare_exchange_strong(&rows[i].object, &none, object)) {
			atomic_fetch_add(&rows_taken, 1);
			return;
		}
	}
}

static bool
make_room(struct row *row)
{
	unsigned room = row->room == 0 ? ACTIONS_FIRST : row->room * 2;
	struct action *actions;

	if (row->count < row->room) {
		return true;
	}
	actions = realloc(row->actions, room * sizeof(actions[0]));
	if (actions == NULL) {
		return false;
	}
	row->actions = actions;
	row->room = room;
	return true;
}

/* Writes an action down that is going to be added.  Its object's row, or NULL: the object is not known, or not any more. */
static struct row *
note(const posix_spawn_file_actions_t *object, struct action action)
{
	struct row *row = find(object);
	char *path = NULL;
	int saved = errno;

	if (row == NULL) {
		return NULL;
	}
	if (!make_room(row) || (action.path != NULL && (path = strdup(action.path)) == NULL)) {
		leave(row);
		errno = saved;
		return NULL;
	}
	action.path = path;
	row->actions[row->count++] = action;
	return row;
}

/* The C library has added it, or returned an error: then it is not there. */
static int
added(struct row *row, int error)
{
	if (row != NULL && error != 0) {
		free(row->actions[--row->count].path);
	}
	return error;
}

int
shim_posix_spawn_file_actions_init(posix_spawn_file_actions_t *object)
{
	int error = real_posix_spawn_file_actions_init(object);

	if (error == 0 && state_enabled()) {
		leave(find(object));
		take(object);
	}
	return error;
}

int
shim_posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *object)
{
	leave(find(object));
	return real_posix_spawn_file_actions_destroy(object);
}

int
shim_posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *object, int fd, const char *path, int flags, mode_t mode)
{
	/* The path is the program's own; note() copies it. */
	struct action action = {.what = OPEN, .fd = fd, .flags = flags, .mode = mode, .path = (char *)(uintptr_t)path};
	struct row *row = note(object, action);
	struct device_id id;
	int error;

	if (row == NULL && devpath_is_ours(AT_FDCWD, path, &id)) {
		return ENOMEM;
	}
	error = added(row, real_posix_spawn_file_actions_addopen(object, fd, path, flags, mode));
	if (error == 0 && row != NULL && open_may_be_ours(path)) {
		row->may_open = true;
	}
	return error;
}

int
shim_posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *object, int fd)
{
	struct row *row = note(object, (struct action){.what = CLOSE, .fd = fd});

	return added(row, real_posix_spawn_file_actions_addclose(object, fd));
}

int
shim_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *object, int fd, int to)
{
	struct row *row = note(object, (struct action){.what = COPY, .fd = to, .from = fd});

	return added(row, real_posix_spawn_file_actions_adddup2(object, fd, to));
}

int
shim_posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *object, const char *path)
{
	struct row *row = note(object, (struct action){.what = DIRECTORY_PATH, .fd = -1, .path = (char *)(uintptr_t)path});

	return added(row, real_posix_spawn_file_actions_addchdir_np(object, path));
}

int
shim_posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *object, int fd)
{
	struct row *row = note(object, (struct action){.what = DIRECTORY_NUMBER, .fd = fd});

	return added(row, real_posix_spawn_file_actions_addfchdir_np(object, fd));
}

#ifdef ENTRY_posix_spawn_file_actions_addinherit_np
int
shim_posix_spawn_file_actions_addinherit_np(posix_spawn_file_actions_t *object, int fd)
{
	struct row *row = note(object, (struct action){.what = INHERIT, .fd = fd});

	return added(row, real_posix_spawn_file_actions_addinherit_np(object, fd));
}
#endif

#ifdef ENTRY_posix_spawn_file_actions_addclosefrom_np
int
shim_posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *object, int from)
{
	struct row *row = note(object, (struct action){.what = CLOSE_FROM, .fd = from});

	return added(row, real_posix_spawn_file_actions_addclosefrom_np(object, from));
}
#endif

#ifdef ENTRY_posix_spawn_file_actions_addtcsetpgrp_np
int
shim_posix_spawn_file_actions_addtcsetpgrp_np(posix_spawn_file_actions_t *object, int fd)
{
	struct row *row = note(object, (struct action){.what = TERMINAL, .fd = fd});

	return added(row, real_posix_spawn_file_actions_addtcsetpgrp_np(object, fd));
}
#endif

/* Where the child is when the actions before at are done: a descriptor of the caller's, AT_FDCWD, or -1: it will be nowhere. */
static int directory_before(const struct row *row, unsigned at);

/* That directory, from where the child is then. */
static int
open_directory(const struct row *row, unsigned at, const char *path)
{
	int dir = path[0] == '/' ? AT_FDCWD : directory_before(row, at), fd;

	if (dir == -1) {
		return -1;
	}
	fd = real_openat(dir, path, O_RDONLY | O_PATH | O_DIRECTORY | O_CLOEXEC, NULL);
	if (dir != AT_FDCWD) {
		sys_close(dir);
	}
	return fd;
}

/* The directory that a number is in the child when the actions before at are done. */
static int
directory_of_number(const struct row *row, unsigned at, int fd)
{
	while (at-- > 0) {
		const struct action *a = &row->actions[at];

		if (a->what == OPEN && a->fd == fd) {
			return open_directory(row, at, a->path);
		}
		if (a->what == COPY && a->fd == fd) {
			fd = a->from;
		} else if ((a->what == CLOSE && a->fd == fd) || (a->what == CLOSE_FROM && a->fd <= fd)) {
			return -1;
		}
	}
	return real_fcntl(fd, F_DUPFD_CLOEXEC, NULL);
}

static int
directory_before(const struct row *row, unsigned at)
{
	while (at-- > 0) {
		const struct action *a = &row->actions[at];

		if (a->what == DIRECTORY_PATH) {
			return open_directory(row, at, a->path);
		}
		if (a->what == DIRECTORY_NUMBER) {
			return directory_of_number(row, at, a->fd);
		}
	}
	return AT_FDCWD;
}

/* Whether an action makes a number, or uses it.  One that is closed only may be a channel's until then: see add_close(). */
static bool
is_spoken_of(const struct row *row, int fd)
{
	for (unsigned i = 0; i < row->count; i++) {
		const struct action *a = &row->actions[i];

		if (a->what != CLOSE && a->what != CLOSE_FROM && (a->fd == fd || (a->what == COPY && a->from == fd))) {
			return true;
		}
	}
	return false;
}

static void
close_channel(int fd)
{
	fdtable_set(fd, FDTABLE_OTHER);
	sys_close(fd);
}

/* A channel goes to a number that no action speaks of: that, or -1 with errno, and it is closed. */
static int
move_away(const struct row *row, int fd)
{
	while (is_spoken_of(row, fd)) {
		int higher = real_fcntl(fd, F_DUPFD_CLOEXEC, (void *)(uintptr_t)((unsigned)fd + 1));

		close_channel(fd);
		if (higher < 0) {
			errno = errno == EINVAL ? EMFILE : errno; /* past what this process may have */
			return -1;
		}
		fd = higher;
	}
	return fd;
}

/* The device that an action opens; OPEN_NOT_OURS, or -1 with errno. */
static int
open_channel(const struct row *row, unsigned at)
{
	const struct action *a = &row->actions[at];
	int dir = AT_FDCWD, fd;

	if (a->what != OPEN || !open_may_be_ours(a->path)) {
		return OPEN_NOT_OURS;
	}
	if (a->path[0] != '/') {
		dir = directory_before(row, at);
		if (dir == -1) {
			return OPEN_NOT_OURS; /* the child will say why */
		}
	}
	fd = open_if_ours(dir, a->path, a->flags | O_CLOEXEC);
	if (dir != AT_FDCWD) {
		sys_close(dir);
	}
	return fd >= 0 ? move_away(row, fd) : fd;
}

/* A number is closed, unless it is a later action's channel: then nothing else is there. */
static int
add_close(posix_spawn_file_actions_t *own, const struct row *row, const int *places, unsigned at)
{
	for (unsigned i = at + 1; i < row->count; i++) {
		if (places[i] == row->actions[at].fd) {
			return 0;
		}
	}
	return real_posix_spawn_file_actions_addclose(own, row->actions[at].fd);
}

/*
 * All from a number on is closed, but for the channels of later actions (places: where they are in the child).  The lowest goes first, so
 * that none of them is in another's way: it moves down or stays.
 */
static int
add_close_from(posix_spawn_file_actions_t *own, const struct row *row, int *places, unsigned at)
{
#ifdef ENTRY_posix_spawn_file_actions_addclosefrom_np
	int next = row->actions[at].fd, error = 0;

	while (error == 0) {
		int *lowest = NULL;

		for (unsigned i = at + 1; i < row->count; i++) {
			if (places[i] >= next && (lowest == NULL || places[i] < *lowest)) {
				lowest = &places[i];
			}
		}
		if (lowest == NULL) {
			return real_posix_spawn_file_actions_addclosefrom_np(own, next);
		}
		for (; error == 0 && is_spoken_of(row, next); next++) {
			error = real_posix_spawn_file_actions_addclose(own, next);
		}
		if (error == 0 && *lowest != next) {
			error = real_posix_spawn_file_actions_adddup2(own, *lowest, next);
		}
		*lowest = next++;
	}
	return error;
#else
	return ENOSYS; /* nobody could add it */
#endif
}

/* One action of the program's, as the C library can do it. */
static int
add_again(posix_spawn_file_actions_t *own, const struct row *row, int *places, unsigned at)
{
	const struct action *a = &row->actions[at];
	int error;

	switch (a->what) {
	case CLOSE:
		return add_close(own, row, places, at);
	case CLOSE_FROM:
		return add_close_from(own, row, places, at);
	case COPY:
		return real_posix_spawn_file_actions_adddup2(own, a->from, a->fd);
	case OPEN:
		if (places[at] < 0) {
			return real_posix_spawn_file_actions_addopen(own, a->fd, a->path, a->flags, a->mode);
		}
		error = real_posix_spawn_file_actions_adddup2(own, places[at], a->fd);
		return error != 0 ? error : real_posix_spawn_file_actions_addclose(own, places[at]);
	case INHERIT:
#ifdef ENTRY_posix_spawn_file_actions_addinherit_np
		return real_posix_spawn_file_actions_addinherit_np(own, a->fd);
#else
		return ENOSYS;
#endif
	case DIRECTORY_PATH:
		return real_posix_spawn_file_actions_addchdir_np(own, a->path);
	case DIRECTORY_NUMBER:
		return real_posix_spawn_file_actions_addfchdir_np(own, a->fd);
	case TERMINAL:
#ifdef ENTRY_posix_spawn_file_actions_addtcsetpgrp_np
		return real_posix_spawn_file_actions_addtcsetpgrp_np(own, a->fd);
#endif
	default:
		return ENOSYS;
	}
}

/* Whether no later action makes the number that an action made, closes it, or has it inherited all the same. */
static bool
is_last(const struct row *row, unsigned at)
{
	int fd = row->actions[at].fd;

	while (++at < row->count) {
		const struct action *a = &row->actions[at];

		if (a->what == CLOSE_FROM ? a->fd <= fd : a->what <= INHERIT && a->fd == fd) {
			return false;
		}
	}
	return true;
}

/* All actions, with the devices as channels, into own.  places is used up. */
static int
add_all_again(posix_spawn_file_actions_t *own, const struct row *row, int *places, const int *channels)
{
	int error = real_posix_spawn_file_actions_init(own);

	if (error != 0) {
		return error;
	}
	for (unsigned i = 0; error == 0 && i < row->count; i++) {
		error = add_again(own, row, places, i);
	}
	for (unsigned i = 0; error == 0 && i < row->count; i++) {
		if (channels[i] >= 0 && (row->actions[i].flags & O_CLOEXEC) != 0 && is_last(row, i)) {
			error = real_posix_spawn_file_actions_addclose(own, row->actions[i].fd);
		}
	}
	if (error != 0) {
		real_posix_spawn_file_actions_destroy(own);
	}
	return error;
}

static void
close_channels(struct actions_use *use)
{
	for (unsigned i = 0; i < use->count; i++) {
		if (use->channels[i] >= 0) {
			close_channel(use->channels[i]);
		}
	}
	free(use->channels);
	use->channels = NULL;
}

int
actions_begin(const posix_spawn_file_actions_t *actions, struct actions_use *use)
{
	const struct row *row = find(actions);
	int saved = errno, error = 0, *places;
	bool any = false;

	*use = (struct actions_use){.actions = actions};
	if (row == NULL || !row->may_open) {
		return 0;
	}
	use->channels = malloc(2 * row->count * sizeof(use->channels[0]));
	if (use->channels == NULL) {
		errno = saved;
		return ENOMEM;
	}
	places = use->channels + row->count;
	for (; error == 0 && use->count < row->count; use->count++) {
		int fd = open_channel(row, use->count);

		error = fd == -1 ? errno : 0;
		any |= fd >= 0;
		use->channels[use->count] = places[use->count] = fd;
	}
	if (error == 0 && any) {
		error = add_all_again(&use->own, row, places, use->channels);
	}
	if (error != 0 || !any) {
		close_channels(use);
	} else {
		use->actions = &use->own;
	}
	errno = saved;
	return error;
}

void
actions_end(struct actions_use *use)
{
	int saved = errno;

	if (use->channels != NULL) {
		close_channels(use);
		real_posix_spawn_file_actions_destroy(&use->own);
	}
	errno = saved;
}
