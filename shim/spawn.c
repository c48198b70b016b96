/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn.c - names of devices in the arguments of configuration programs that the program starts.
 *
 * Theory of operation.  Programs configure their device by starting "ifconfig tap0 ...".  Where its interface has another name the child
 * must be told that one, and what it will know of us is not ours to say: on macOS the system's own programs run without the
 * library, and on Linux ip asks by netlink, which is not mapped.  So names are exchanged here, in the parent, in the words where
 * words.c or, for command lines, shell.c says that an interface is meant.  A word that has been exchanged is no device's name any more, so
 * a child that runs under the library and starts another changes nothing twice.
 *
 * Each function of the exec family has an entry of its own: in the C library they call one another by inner names.  Those that
 * take their words one by one gather them on the stack, as the C library does, and go on as those that take an array.
 *
 * Children of vfork run here.  Nothing is written but the stack, and nothing is allocated: the new array and its words are on
 * the stack, of their size, up to TEXT_BYTES_MAX; a command that needs more is started as it is.  system and popen, which allocate
 * themselves, use a mapping.
 *
 * What posix_spawn's file actions open is actions.c's.
 *
 * A child's environment is the program's own business: one that is started without LD_PRELOAD runs without the library.
 */
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "actions.h"
#include "ifname.h"
#include "real.h"
#include "shell.h"
#include "words.h"

/* Of the words of one command that change, with their NULs. */
#define TEXT_BYTES_MAX 8192

/* A way to start a program: its words are known only when it goes on. */
typedef int (*start_function)(const void *how, char *const argv[]);

/* The interface's name for bytes of text that name a device; false: they keep theirs. */
static bool
ifname_of_bytes(const char *text, size_t bytes, char ifname[IFNAME_SIZE])
{
	char name[IFNAME_SIZE];

	if (bytes >= sizeof(name)) {
		return false;
	}
	memcpy(name, text, bytes);
	name[bytes] = '\0';
	return ifname_of_word(name, ifname);
}

/* A text in which names may be exchanged, copied as far as it has been read. */
struct exchange {
	const char *from;
	size_t done; /* bytes of from */
	char *to;
	bool changed;
};

/* The next name, bytes of from at a place. */
static void
exchange_name(struct exchange *x, size_t at, size_t bytes)
{
	char ifname[IFNAME_SIZE];

	memcpy(x->to, x->from + x->done, at - x->done);
	x->to += at - x->done;
	x->done = at + bytes;
	if (ifname_of_bytes(x->from + at, bytes, ifname)) {
		memcpy(x->to, ifname, strlen(ifname));
		x->to += strlen(ifname);
		x->changed = true;
	} else {
		memcpy(x->to, x->from + at, bytes);
		x->to += bytes;
	}
}

/* The rest, with its NUL. */
static void
exchange_end(struct exchange *x)
{
	size_t rest = strlen(x->from + x->done) + 1;

	memcpy(x->to, x->from + x->done, rest);
	x->to += rest;
}

/* Room for a text in which names are exchanged. */
static size_t
room_for(const char *text, unsigned names)
{
	return strlen(text) + 1 + (size_t)names * IFNAME_SIZE;
}

/* A shell's command line into to, which has room for it.  False: it stays as it is. */
static bool
exchange_script(const char *command, const struct shell_name *names, unsigned count, char *to)
{
	struct exchange x = {.from = command, .to = to};

	for (unsigned i = 0; i < count; i++) {
		exchange_name(&x, names[i].at, names[i].bytes);
	}
	exchange_end(&x);
	return x.changed;
}

/* A command with names in it, count words, goes on with others. */
static int
start_with(const struct words_found *found, const struct shell_name *in_script, unsigned script_count, char *const argv[], unsigned count,
    size_t bytes, start_function start, const void *how)
{
	char **words = __builtin_alloca((count + 1) * sizeof(words[0])), *free_text = __builtin_alloca(bytes);

	memcpy(words, argv, (count + 1) * sizeof(words[0]));
	for (unsigned i = 0; i < found->count; i++) {
		struct exchange x = {.from = argv[found->names[i].word], .to = free_text};

		exchange_name(&x, found->names[i].at, found->names[i].bytes);
		exchange_end(&x);
		if (x.changed) {
			words[found->names[i].word] = free_text;
			free_text = x.to;
		}
	}
	if (script_count > 0 && exchange_script(argv[found->script], in_script, script_count, free_text)) {
		words[found->script] = free_text;
	}
	return start(how, words);
}

/* Starts program by way of start, with the words of argv or what becomes of them. */
static int
start_program(const char *program, char *const argv[], start_function start, const void *how)
{
	struct shell_name in_script[SHELL_NAMES_MAX];
	struct words_found found;
	unsigned count = 0, script_count = 0;
	size_t bytes = 0;

	if (program == NULL || argv == NULL || argv[0] == NULL) {
		return start(how, argv);
	}
	while (argv[count] != NULL) {
		if (++count > WORDS_MAX) {
			return start(how, argv);
		}
	}
	words_search(program, (const char *const *)argv, count, &found);
	if (found.script >= 0) {
		script_count = shell_search(argv[found.script], in_script);
		bytes = script_count > 0 ? room_for(argv[found.script], script_count) : 0;
	}
	for (unsigned i = 0; i < found.count; i++) {
		bytes += room_for(argv[found.names[i].word], 1);
	}
	if (bytes == 0 || bytes > TEXT_BYTES_MAX) {
		return start(how, argv);
	}
	return start_with(&found, in_script, script_count, argv, count, bytes, start, how);
}

struct exec {
	const char *path;
	char *const *envp;
	int fd;
	int flags;
};

static int
start_execve(const void *how, char *const argv[])
{
	const struct exec *e = how;

	return real_execve(e->path, argv, e->envp);
}

static int
start_execv(const void *how, char *const argv[])
{
	return real_execv(((const struct exec *)how)->path, argv);
}

static int
start_execvp(const void *how, char *const argv[])
{
	return real_execvp(((const struct exec *)how)->path, argv);
}

int
shim_execve(const char *path, char *const argv[], char *const envp[])
{
	struct exec e = {.path = path, .envp = envp};

	return start_program(path, argv, start_execve, &e);
}

int
shim_execv(const char *path, char *const argv[])
{
	struct exec e = {.path = path};

	return start_program(path, argv, start_execv, &e);
}

int
shim_execvp(const char *file, char *const argv[])
{
	struct exec e = {.path = file};

	return start_program(file, argv, start_execvp, &e);
}

#ifdef ENTRY_execvpe
static int
start_execvpe(const void *how, char *const argv[])
{
	const struct exec *e = how;

	return real_execvpe(e->path, argv, e->envp);
}

int
shim_execvpe(const char *file, char *const argv[], char *const envp[])
{
	struct exec e = {.path = file, .envp = envp};

	return start_program(file, argv, start_execvpe, &e);
}
#endif

#ifdef ENTRY_fexecve
static int
start_fexecve(const void *how, char *const argv[])
{
	const struct exec *e = how;

	return real_fexecve(e->fd, argv, e->envp);
}

/* What file that is, its first word says. */
int
shim_fexecve(int fd, char *const argv[], char *const envp[])
{
	struct exec e = {.fd = fd, .envp = envp};

	return start_program(argv != NULL ? argv[0] : NULL, argv, start_fexecve, &e);
}
#endif

#ifdef ENTRY_execveat
static int
start_execveat(const void *how, char *const argv[])
{
	const struct exec *e = how;

	return real_execveat(e->fd, e->path, argv, e->envp, e->flags);
}

int
shim_execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	struct exec e = {.fd = dir, .path = path, .envp = envp, .flags = flags};
	const char *program = path != NULL && path[0] == '\0' && argv != NULL ? argv[0] : path;

	return start_program(program, argv, start_execveat, &e);
}
#endif

/* How many words there are, with the first, which if it is NULL is the end of them. */
static unsigned
count_words(const char *first, va_list *args)
{
	unsigned count = first != NULL;

	while (first != NULL && va_arg(*args, char *) != NULL) { /* NOLINT(clang-analyzer-valist.Uninitialized): its callers' */
		count++;
	}
	return count;
}

/* Those words, into an array with room for all and a NULL. */
static void
gather(char **argv, const char *first, unsigned count, va_list *args)
{
	argv[0] = (char *)(uintptr_t)first;
	for (unsigned i = 1; i <= count; i++) {
		argv[i] = va_arg(*args, char *); /* NOLINT(clang-analyzer-valist.Uninitialized): its callers' */
	}
}

int
shim_execl(const char *path, const char *word, ...)
{
	struct exec e = {.path = path};
	unsigned count;
	char **argv;
	va_list args;

	va_start(args, word);
	count = count_words(word, &args);
	va_end(args);
	argv = __builtin_alloca((count + 1) * sizeof(argv[0]));
	va_start(args, word);
	gather(argv, word, count, &args);
	va_end(args);
	return start_program(path, argv, start_execv, &e);
}

int
shim_execlp(const char *file, const char *word, ...)
{
	struct exec e = {.path = file};
	unsigned count;
	char **argv;
	va_list args;

	va_start(args, word);
	count = count_words(word, &args);
	va_end(args);
	argv = __builtin_alloca((count + 1) * sizeof(argv[0]));
	va_start(args, word);
	gather(argv, word, count, &args);
	va_end(args);
	return start_program(file, argv, start_execvp, &e);
}

int
shim_execle(const char *path, const char *word, ...)
{
	struct exec e = {.path = path};
	unsigned count;
	char **argv;
	va_list args;

	va_start(args, word);
	count = count_words(word, &args);
	va_end(args);
	argv = __builtin_alloca((count + 1) * sizeof(argv[0]));
	va_start(args, word);
	gather(argv, word, count, &args);
	e.envp = va_arg(args, char *const *);
	va_end(args);
	return start_program(path, argv, start_execve, &e);
}

struct spawn {
	int (*function)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[], char *const[]);
	pid_t *pid;
	const char *path;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attributes;
	char *const *envp;
};

static int
start_spawn(const void *how, char *const argv[])
{
	const struct spawn *s = how;
	struct actions_use use;
	int error = actions_begin(s->actions, &use);

	if (error == 0) {
		error = s->function(s->pid, s->path, use.actions, s->attributes, argv, s->envp);
		actions_end(&use);
	}
	return error;
}

int
shim_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
    char *const argv[], char *const envp[])
{
	struct spawn s = {real_posix_spawn, pid, path, actions, attributes, envp};

	return start_program(path, argv, start_spawn, &s);
}

int
shim_posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
    char *const argv[], char *const envp[])
{
	struct spawn s = {real_posix_spawnp, pid, file, actions, attributes, envp};

	return start_program(file, argv, start_spawn, &s);
}

/* A command line with its names exchanged, in a mapping of *bytes; NULL: it stays as it is. */
static char *
exchanged(const char *command, size_t *bytes)
{
	struct shell_name names[SHELL_NAMES_MAX];
	unsigned count = shell_search(command, names);
	int saved = errno;
	char *text;

	if (count == 0) {
		return NULL;
	}
	*bytes = room_for(command, count);
	text = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	errno = saved;
	if (text == MAP_FAILED) {
		return NULL;
	}
	if (!exchange_script(command, names, count, text)) {
		munmap(text, *bytes);
		return NULL;
	}
	return text;
}

static void
drop(char *text, size_t bytes)
{
	int saved = errno;

	munmap(text, bytes);
	errno = saved;
}

int
shim_system(const char *command)
{
	size_t bytes;
	char *text = command != NULL ? exchanged(command, &bytes) : NULL;
	int status = real_system(text != NULL ? text : command);

	if (text != NULL) {
		drop(text, bytes);
	}
	return status;
}

FILE *
shim_popen(const char *command, const char *mode)
{
	size_t bytes;
	char *text = exchanged(command, &bytes);
	FILE *stream = real_popen(text != NULL ? text : command, mode);

	/* The child has its copy. */
	if (text != NULL) {
		drop(text, bytes);
	}
	return stream;
}
