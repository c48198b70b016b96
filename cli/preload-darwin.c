/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload-darwin.c - the shim's file, and DYLD_INSERT_LIBRARIES.  See preload.h.
 *
 * Trust.  As on Linux (preload-linux.c): what is loaded runs with the program's rights, so its file
 * and every directory above must be root's or this user's alone.  The place is derived from this
 * executable's own, as the kernel tells it, never from the environment.
 *
 * An inserted library that cannot be loaded ends the program: so it is set for one program at a
 * time, and only after the program's file has been looked at (binary-macho.c).
 *
 * Sources: dyld(1); dyld common/DyldProcessConfig.cpp (variables are pruned from the environment of
 * restricted programs); XNU sys/stat.h SF_RESTRICTED.
 */
#include "cli/preload.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/trust.h"

#define SHIM_NAME "libtuntapd-shim.dylib"
#define VARIABLE "DYLD_INSERT_LIBRARIES"

/* The path of this executable's file.  0, or -1 with errno. */
static int
own_path(char path[PROC_PIDPATHINFO_MAXSIZE])
{
	if (proc_pidpath(getpid(), path, PROC_PIDPATHINFO_MAXSIZE) <= 0) {
		errno = ENOENT;
		return -1;
	}
	return 0;
}

int
preload_read_own(struct binary_info *info)
{
	char path[PROC_PIDPATHINFO_MAXSIZE];
	int fd, result, saved;

	if (own_path(path) < 0) {
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return -1;
	}
	result = binary_read(fd, info);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

const char *
preload_privileged(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return NULL;
	}
	if ((st.st_flags & SF_RESTRICTED) != 0) {
		return "belongs to the system (System Integrity Protection)";
	}
	if ((st.st_mode & S_ISUID) != 0) {
		return "is set-user-ID";
	}
	return (st.st_mode & S_ISGID) != 0 ? "is set-group-ID" : NULL;
}

/* Directory of the shim's file, seen from this executable.  0, or -1 with errno. */
static int
shim_dir(char dir[PATH_MAX])
{
	char own[PROC_PIDPATHINFO_MAXSIZE], *slash;
	int n;

	if (own_path(own) < 0) {
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
		n = snprintf(
		    dir, PATH_MAX, "%.*s/shim", (int)(slash - own), own); /* a build tree */
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

int
preload_find_shim(const char *program, const struct binary_info *info, char path[PATH_MAX])
{
	char dir[PATH_MAX], wanted[PATH_MAX + sizeof(SHIM_NAME) + 1], bad[PATH_MAX];

	if (shim_dir(dir) < 0) {
		warn("finding the shim's directory");
		return EXIT_CODE_CANNOT_RUN;
	}
	snprintf(wanted, sizeof(wanted), "%s/%s", dir, SHIM_NAME);
	if (realpath(wanted, path) == NULL) {
		warn("%s: no shim: install tuntapd with it", wanted);
		return EXIT_CODE_CANNOT_RUN;
	}
	if (trust_check(path, NULL, bad) < 0) {
		if (errno == EPERM) {
			warnx("%s belongs to somebody else or can be written by others: the shim "
			      "there is not loaded; make it root's or yours and writable by the "
			      "owner alone ('chmod go-w %s')",
			    bad, bad);
		} else {
			warn("%s", bad);
		}
		return EXIT_CODE_CANNOT_RUN;
	}
	if (strchr(path, ':') != NULL) {
		warnx("%s: a shim cannot be loaded from a path with a colon: move tuntapd "
		      "elsewhere",
		    path);
		return EXIT_CODE_CANNOT_RUN;
	}
	return EXIT_CODE_OK;
}

/* Whether an entry is a shim of ours, of whichever build: two of them cannot share a program. */
static bool
is_shim(const char *entry, size_t length)
{
	const size_t name = strlen(SHIM_NAME);

	return length >= name && strncmp(entry + length - name, SHIM_NAME, name) == 0 &&
	    (length == name || entry[length - name - 1] == '/');
}

int
preload_set_environment(const char *shim)
{
	const char *old = getenv(VARIABLE);
	size_t room = strlen(shim) + (old != NULL ? strlen(old) + 1 : 0) + 1, used;
	char *value = malloc(room);
	int result;

	if (value == NULL) {
		return -1;
	}
	used = (size_t)snprintf(value, room, "%s", shim);
	while (old != NULL && *old != '\0') {
		size_t length = strcspn(old, ":");

		if (length > 0 && !is_shim(old, length)) {
			used +=
			    (size_t)snprintf(value + used, room - used, ":%.*s", (int)length, old);
		}
		old += length;
		old += strspn(old, ":");
	}
	result = setenv(VARIABLE, value, 1);
	free(value);
	return result;
}
