/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload.c - the shim's file, and the loader's variable: what is the same on every platform.  See preload.h.
 *
 * Trust.  What is preloaded runs with the program's rights, so the file, its directory and every directory above must belong to
 * root or to this user and be writable by nobody else (a sticky directory above, as /tmp, is fine: others cannot rename what is
 * ours there).  The place is derived from this executable's own, as the kernel tells it, never from the environment or the
 * working directory.
 */
#include "cli/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/text.h"
#include "cli/trust.h"

/* The longest name of a shim's file, with a slash and NUL. */
#define NAME_BYTES_MAX 40

static int
read_file(const char *path, int slice, struct binary_info *info)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), result, saved;

	if (fd < 0) {
		return -1;
	}
	result = binary_read(fd, slice, info);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

int
preload_read_own(struct binary_info *info)
{
	char path[PATH_MAX];

	return preload_platform.own_path(path, sizeof(path)) < 0 ? -1 : read_file(path, BINARY_OWN_SLICE, info);
}

/* Directory of the shims' files, seen from this executable.  0, or -1 with errno. */
static int
shim_dir(char dir[PATH_MAX])
{
	char own[PATH_MAX], *slash;
	int n;

	if (preload_platform.own_path(own, sizeof(own)) < 0) {
		return -1;
	}
	slash = strrchr(own, '/');
	if (slash == NULL) {
		errno = ENOENT;
		return -1;
	}
	*slash = '\0';
	slash = strrchr(own, '/');
	if (slash != NULL && strcmp(slash, "/cli") == 0) {
		n = snprintf(dir, PATH_MAX, "%.*s/shim", (int)(slash - own), own); /* a build tree */
	} else if (SHIM_DIR[0] == '/') {
		n = snprintf(dir, PATH_MAX, "%s", SHIM_DIR);
	} else {
		n = snprintf(dir, PATH_MAX, "%s/%s", own, SHIM_DIR);
	}
	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

/* Whether one of the shim's architectures is the program's; one that cannot be read is left to the loader. */
static bool
has_architecture(const char *shim, const struct binary_info *info)
{
	struct binary_info own;

	for (int slice = 0; slice < BINARY_SLICES_MAX; slice++) {
		if (read_file(shim, slice, &own) < 0) {
			return slice == 0;
		}
		if (own.machine == info->machine && own.bits == info->bits && own.submachine == info->submachine) {
			return true;
		}
	}
	return false;
}

static const char *
libc_name(const struct binary_info *info)
{
	return info->libc == BINARY_LIBC_MUSL ? "musl" : info->libc == BINARY_LIBC_GLIBC ? "glibc" : "macOS";
}

bool
preload_find_shim(const char *program, const struct binary_info *info, char path[PATH_MAX], struct obstacles *obstacles)
{
	char dir[PATH_MAX], wanted[PATH_MAX + NAME_BYTES_MAX], bad[PATH_MAX];
	struct obstacle *added;

	if (shim_dir(dir) < 0) {
		obstacle_add(obstacles, "shim-missing", "the shim's directory", NULL, "cannot be found: %s", strerror(errno));
		return false;
	}
	snprintf(wanted, sizeof(wanted), "%s/%s", dir, preload_platform.name_for(info));
	if (realpath(wanted, path) == NULL) {
		obstacle_add(obstacles, "shim-missing", wanted, "build or install tuntapd with that shim",
		    "cannot be found (%s), the shim for %s, the C library of %.200s", strerror(errno), libc_name(info), program);
		return false;
	}
	if (trust_check(path, preload_platform.is_root_too, bad) < 0) {
		char word[OBSTACLE_COMMAND_SIZE] = "";

		if (errno != EPERM) {
			obstacle_add(obstacles, "shim-untrusted", bad, NULL, "cannot be looked at: %s", strerror(errno));
			return false;
		}
		added = obstacle_add(obstacles, "shim-untrusted", bad, "make it root's or yours and writable by the owner alone",
		    "belongs to somebody else or can be written by others: the shim there is not loaded");
		text_append_quoted(word, sizeof(word), bad);
		obstacle_command(added, "chmod go-w %s", word);
		return false;
	}
	if (strpbrk(path, preload_platform.separators) != NULL) {
		obstacle_add(obstacles, "shim-place", path, "move tuntapd elsewhere", "is a path with %s, from which no shim can be loaded",
		    preload_platform.bad_places);
		return false;
	}
	if (!has_architecture(path, info)) {
		obstacle_add(obstacles, "machine", path, "use a tuntapd that is built for it, or another build of the program",
		    "is not built for %s, as %.200s is", binary_machine_name(info), program);
		return false;
	}
	return true;
}

/* Whether an entry is a shim of ours, of whichever build. */
static bool
is_shim(const char *entry, size_t length)
{
	const char *name = entry;

	for (size_t i = 0; i < length; i++) {
		if (entry[i] == '/') {
			name = entry + i + 1;
		}
	}
	length -= (size_t)(name - entry);
	for (const char *const *known = preload_platform.names; *known != NULL; known++) {
		if (length == strlen(*known) && strncmp(name, *known, length) == 0) {
			return true;
		}
	}
	return false;
}

int
preload_set_environment(const char *shim)
{
	const char *separators = preload_platform.separators, *old = getenv(preload_platform.variable);
	size_t room = strlen(shim) + (old != NULL ? strlen(old) + 1 : 0) + 1, used;
	char *value = malloc(room);
	int result;

	if (value == NULL) {
		return -1;
	}
	used = (size_t)snprintf(value, room, "%s", shim);
	while (old != NULL && *old != '\0') {
		size_t length = strcspn(old, separators);

		if (length > 0 && !is_shim(old, length)) {
			used += (size_t)snprintf(value + used, room - used, ":%.*s", (int)length, old);
		}
		old += length;
		old += strspn(old, separators);
	}
	result = setenv(preload_platform.variable, value, 1);
	free(value);
	return result;
}
