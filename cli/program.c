/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.c - where a program is, and whether the shim can go into it.  See program.h.
 *
 * A check before the fact, for the sake of a clear message: the shim in a program that ignores it
 * would leave the user with "No such file or directory" from the program.  The file may change
 * between the look and the run; then that is what happens.
 *
 * Scripts.  The kernel reads "#!INTERPRETER [ARGUMENT]" from the first 256 bytes
 * (fs/binfmt_script.c; BINPRM_BUF_SIZE) and follows at most five scripts (fs/exec.c exec_binprm).
 * A file of no known format is /bin/sh's, as execvp(3) does it.  What a script's interpreter itself
 * starts (env, a shell) inherits the environment and is not looked at.
 */
#include "cli/program.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/binary.h"
#include "cli/exitcode.h"
#include "cli/preload.h"

#define SCRIPT_LINE_BYTES 256
#define FILES_MAX 6 /* five scripts and a program */
#define SHELL "/bin/sh"
#define DEFAULT_SEARCH_PATH "/bin:/usr/bin"

static bool
is_runnable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		errno = EACCES; /* execve(2) says so of a directory */
		return false;
	}
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* 0, or -1 with errno: ENOENT, or the last reason why a file of that name cannot be run. */
static int
search(const char *name, char path[PATH_MAX])
{
	const char *part = getenv("PATH");
	int error = ENOENT, n;

	if (name[0] == '\0') {
		errno = ENOENT;
		return -1;
	}
	if (strchr(name, '/') != NULL) {
		if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		return is_runnable(path) ? 0 : -1;
	}
	if (part == NULL) {
		part = DEFAULT_SEARCH_PATH;
	}
	for (;;) {
		size_t length = strcspn(part, ":");

		/* An empty part is the working directory. */
		n = snprintf(path, PATH_MAX, "%.*s/%s", length > 0 ? (int)length : 1,
		    length > 0 ? part : ".", name);
		if (n < PATH_MAX) {
			if (is_runnable(path)) {
				return 0;
			}
			if (errno != ENOENT && errno != ENOTDIR) {
				error = errno;
			}
		}
		if (part[length] == '\0') {
			break;
		}
		part += length + 1;
	}
	errno = error;
	return -1;
}

/*
 * The interpreter of a script.  1: it names one; 0: no "#!" line, text for /bin/sh; -1: neither, or
 * a damaged line.
 */
static int
read_script(int fd, char interpreter[SCRIPT_LINE_BYTES])
{
	char line[SCRIPT_LINE_BYTES + 1], *start;
	ssize_t n = pread(fd, line, SCRIPT_LINE_BYTES, 0);
	size_t length;

	if (n < 0) {
		return -1;
	}
	line[n] = '\0';
	if (n < 2 || line[0] != '#' || line[1] != '!') {
		/* As shells do: a file whose first line holds a NUL is no text. */
		const char *end = memchr(line, '\n', (size_t)n);

		return memchr(line, '\0', end != NULL ? (size_t)(end - line) : (size_t)n) != NULL
		    ? -1
		    : 0;
	}
	start = line + 2 + strspn(line + 2, " \t");
	length = strcspn(start, " \t\r\n");
	if (start[length] == '\r') {
		length++; /* for the kernel it is a part of the name */
	}
	if (length == 0 || start + length >= line + SCRIPT_LINE_BYTES) {
		return -1;
	}
	memcpy(interpreter, start, length);
	interpreter[length] = '\0';
	return 1;
}

/* Whether a program of this kind is one for this machine, as this executable is. */
static bool
is_of_our_machine(const struct binary_info *info)
{
	struct binary_info own;

	/* If that cannot be told, the loader will. */
	return preload_read_own(&own) < 0 ||
	    (own.machine == info->machine && own.bits == info->bits &&
		own.big_endian == info->big_endian);
}

static int
judge_binary(const char *path, int fd, const struct binary_info *info, bool own_rights,
    struct program *program)
{
	const char *privilege;

	if (!info->program) {
		warnx("%s is no program (an object or core file)", path);
		return EXIT_CODE_CANNOT_RUN;
	}
	if (!is_of_our_machine(info)) {
		warnx("%s is a %u-bit program for %s, and the shim is not: use a build of it for "
		    "this machine, or a tuntapd for "
		    "that one",
		    path, info->bits, binary_machine_name(info));
		return EXIT_CODE_CANNOT_RUN;
	}
	if (!info->dynamic) {
		warnx("%s is linked statically: nothing can be loaded into it; use a dynamically "
		    "linked build of it, or 'tuntapd fd' if it takes an open descriptor",
		    path);
		return EXIT_CODE_CANNOT_RUN;
	}
	if (access(info->interpreter, X_OK) < 0) {
		warn("%s needs the loader %s: install its C library, or use a build of it for "
		    "this system",
		    path, info->interpreter);
		return EXIT_CODE_CANNOT_RUN;
	}
	if (info->libc == BINARY_LIBC_UNKNOWN) {
		warnx("%s uses a C library (loader %s) for which there is no shim: use a build of "
		    "it for glibc or musl",
		    path, info->interpreter);
		return EXIT_CODE_CANNOT_RUN;
	}
	if (info->refuses != NULL) {
		warnx("%s %s", path, info->refuses);
		return EXIT_CODE_CANNOT_RUN;
	}
	privilege = own_rights ? NULL : preload_privileged(fd);
	if (privilege != NULL) {
		warnx("%s %s, and the loader keeps the shim out of such programs: run it as root, "
		    "or run a copy of it without "
		    "that mark",
		    path, privilege);
		return EXIT_CODE_CANNOT_RUN;
	}
	return preload_find_shim(path, info, program->shim);
}

/* One step: EXIT_CODE_OK with next empty: judged; with next set: a script, look at that file. */
static int
look_at(const char *path, bool own_rights, struct program *program, char next[SCRIPT_LINE_BYTES])
{
	struct binary_info info;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), status, script;

	next[0] = '\0';
	if (fd < 0) {
		warn("%s cannot be read, and so not be checked: let this user read it", path);
		return EXIT_CODE_CANNOT_RUN;
	}
	if (binary_read(fd, &info) == 0) {
		status = judge_binary(path, fd, &info, own_rights, program);
	} else if (errno == ENOEXEC) {
		script = read_script(fd, next);
		status = script < 0 ? EXIT_CODE_CANNOT_RUN : EXIT_CODE_OK;
		if (script == 0) {
			memcpy(next, SHELL, sizeof(SHELL));
		} else if (script < 0) {
			warnx("%s is neither a program of this system nor a script", path);
		}
	} else {
		warnx(errno == EBADMSG ? "%s is a damaged program" : "%s cannot be read", path);
		status = EXIT_CODE_CANNOT_RUN;
	}
	close(fd);
	return status;
}

int
program_locate(const char *name, char path[PATH_MAX])
{
	int error;

	if (search(name, path) == 0) {
		return EXIT_CODE_OK;
	}
	error = errno;
	warn("%s", name);
	return error == ENOENT || error == ENOTDIR ? EXIT_CODE_NOT_FOUND : EXIT_CODE_CANNOT_RUN;
}

int
program_find(const char *name, bool own_rights, struct program *program)
{
	char path[PATH_MAX], next[SCRIPT_LINE_BYTES];
	int located = program_locate(name, program->path);

	if (located != EXIT_CODE_OK) {
		return located;
	}
	memcpy(path, program->path, sizeof(path));
	for (unsigned depth = 0; depth < FILES_MAX; depth++) {
		int status = look_at(path, own_rights, program, next);

		if (status != EXIT_CODE_OK || next[0] == '\0') {
			return status;
		}
		if (!is_runnable(next)) {
			warn("%s: its interpreter %s", path, next);
			return EXIT_CODE_CANNOT_RUN;
		}
		memcpy(path, next, sizeof(next));
	}
	warnx("%s: scripts that run each other too deep", name);
	return EXIT_CODE_CANNOT_RUN;
}
