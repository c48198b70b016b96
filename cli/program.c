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

/* On another system than this one the marks are all that can be seen: the file's, and its place. */
static enum privilege
privilege_elsewhere(const char *path, int fd, enum binary_format format)
{
	struct stat st;

	if (format == BINARY_MACHO && obstacle_is_system_path(path)) {
		return PRIVILEGE_SYSTEM;
	}
	if (fstat(fd, &st) < 0) {
		return PRIVILEGE_NONE;
	}
	return (st.st_mode & S_ISUID) != 0 ? PRIVILEGE_SET_UID : (st.st_mode & S_ISGID) != 0 ? PRIVILEGE_SET_GID : PRIVILEGE_NONE;
}

static void
judge_binary(int fd, const struct program_choice *choice, struct program_examination *e)
{
	struct binary_info own;
	const bool knows_own = preload_read_own(&own) == 0; /* if not, the loader will tell */
	struct obstacle_facts facts = {
		.path = e->file, .info = &e->info, .own = knows_own ? &own : NULL, .system = knows_own ? own.format : e->info.format,
	};
	const bool elsewhere = choice->anywhere && facts.system != e->info.format;

	if (elsewhere) {
		facts.system = e->info.format;
		facts.own = NULL;
		facts.has_loader = true;
		facts.privilege = privilege_elsewhere(e->file, fd, facts.system);
	} else {
		facts.has_loader = !e->info.dynamic || access(e->info.interpreter, X_OK) == 0;
		facts.privilege = choice->own_rights ? PRIVILEGE_NONE : preload_platform.privilege(fd);
	}
	obstacles_judge(&e->obstacles, &facts);
	if (!elsewhere && obstacles_first(&e->obstacles) == NULL &&
	    !preload_find_shim(e->file, &e->info, e->shim, &e->obstacles)) {
		e->shim[0] = '\0';
	}
}

/* One step: true with next: a script, whose interpreter is to be looked at; false: that was all. */
static bool
look_at(const struct program_choice *choice, struct program_examination *e, char next[SCRIPT_LINE_BYTES])
{
	int fd = open(e->file, O_RDONLY | O_CLOEXEC | O_NOCTTY), script = -1;

	if (fd < 0) {
		obstacle_add(&e->obstacles, "unreadable", e->file, "let this user read it", "cannot be read (%s), and so not be checked",
		    strerror(errno));
		return false;
	}
	if (binary_read(fd, choice->slice, &e->info) == 0) {
		e->has_info = true;
		judge_binary(fd, choice, e);
	} else if (errno == ENOEXEC) {
		script = read_script(fd, next);
		if (script == 0) {
			memcpy(next, SHELL, sizeof(SHELL));
		} else if (script < 0) {
			obstacle_add(&e->obstacles, "no-program", e->file, NULL, "is neither a program nor a script");
		}
	} else if (errno == EBADMSG) {
		obstacle_add(&e->obstacles, "damaged", e->file, "install it again", "is a damaged program");
	} else {
		obstacle_add(&e->obstacles, "unreadable", e->file, NULL, "cannot be read (%s)", strerror(errno));
	}
	close(fd);
	return script >= 0;
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

static void
follow(const struct program_choice *choice, struct program_examination *e)
{
	char next[SCRIPT_LINE_BYTES];

	memcpy(e->file, e->path, sizeof(e->file));
	for (unsigned depth = 0; depth < FILES_MAX; depth++) {
		if (!look_at(choice, e, next)) {
			return;
		}
		if (!is_runnable(next)) {
			obstacle_add(&e->obstacles, "interpreter", e->file, "install it, or correct the script's first line",
			    "is a script, and its interpreter %s cannot be run (%s)", next, strerror(errno));
			return;
		}
		memcpy(e->file, next, sizeof(next));
	}
	obstacle_add(&e->obstacles, "too-deep", e->path, NULL, "is one of scripts that run each other too deep");
}

void
program_examine(const char *name, const struct program_choice *choice, struct program_examination *e)
{
	e->has_info = false;
	e->file[0] = e->shim[0] = '\0';
	e->obstacles.count = 0;
	e->status = EXIT_CODE_CANNOT_RUN;
	if (search(name, e->path) < 0) {
		if (errno == ENOENT || errno == ENOTDIR) {
			e->status = EXIT_CODE_NOT_FOUND;
		}
		obstacle_add(&e->obstacles, "not-found", name, NULL, "cannot be run: %s", strerror(errno));
		snprintf(e->path, sizeof(e->path), "%s", name);
		return;
	}
	follow(choice, e);
	if (obstacles_first(&e->obstacles) == NULL) {
		e->status = EXIT_CODE_OK;
	}
}

int
program_find(const char *name, bool own_rights, struct program *program)
{
	const struct program_choice choice = {.own_rights = own_rights, .slice = BINARY_OWN_SLICE};
	struct program_examination e;
	const struct obstacle *first;

	program_examine(name, &choice, &e);
	first = obstacles_first(&e.obstacles);
	if (first != NULL) {
		warnx("%s %s%s%s", first->subject, first->reason, first->advice[0] != '\0' ? "; " : "", first->advice);
		return e.status;
	}
	memcpy(program->path, e.path, sizeof(program->path));
	memcpy(program->shim, e.shim, sizeof(program->shim));
	return EXIT_CODE_OK;
}
