/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-process.c - processes: what they run, what is known of them, users, limits.  See standin.h.
 *
 * A program of macOS is run by the loader, with the program's path after "-p": so what a process runs is read from its arguments.  What is
 * no program of macOS stands for one of the system's, which dyld's variables do not reach (darwin.md 7): they are taken out of its
 * environment.
 *
 * Sources: XNU bsd/sys/proc_info.h (PROC_PIDLISTFDS 1, PROC_PIDTBSDINFO 3), libproc.h, bsd/sys/resource.h, bsd/sys/wait.h; darwin.md 7.
 */
#include "standin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 4096
#define WORDS_MAX 256

static char loader_path[PATH_MAX], program_path[PATH_MAX];

void
standin_process_start(const char *program)
{
	ssize_t length = readlink("/proc/self/exe", loader_path, sizeof(loader_path) - 1);

	if (length < 0 || realpath(program, program_path) == NULL) {
		standin_refuse("%s: %s", program, strerror(errno));
	}
	loader_path[length] = '\0';
}

/* Whether a file is Darwin's: one of an architecture, or of several. */
static bool
is_darwin(const char *path)
{
	static const uint8_t one[4] = {0xcf, 0xfa, 0xed, 0xfe}, several[4] = {0xca, 0xfe, 0xba, 0xbe};
	uint8_t magic[4] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, magic, sizeof(magic)) < 0) {
			magic[0] = 0;
		}
		close(fd);
	}
	return memcmp(magic, one, 4) == 0 || memcmp(magic, several, 4) == 0;
}

int
standin_exec(const char *path, char *const argv[], char *const envp[])
{
	const char *programs = getenv("TUNTAPD_STANDIN_PROGRAMS");
	char *words[ARGUMENTS_MAX], option[] = "-p", place[PATH_MAX];
	size_t count = 0;

	if (is_darwin(path)) {
		/* An emulator of the processor, in words: the kernel does not know that the loader wants one. */
		char *rest = getenv("TUNTAPD_STANDIN_EMULATOR") != NULL ? strdup(getenv("TUNTAPD_STANDIN_EMULATOR")) : NULL;

		while (rest != NULL) {
			words[count++] = strsep(&rest, " ");
		}
		words[count++] = loader_path;
		words[count++] = option;
		words[count++] = (char *)(uintptr_t)path;
		for (size_t i = 0; argv[i] != NULL && count < ARGUMENTS_MAX - 1; i++) {
			words[count++] = argv[i];
		}
		words[count] = NULL;
		return execve(words[0], words, envp);
	}
	for (size_t i = 0; envp[i] != NULL && count < ARGUMENTS_MAX - 1; i++) {
		if (strncmp(envp[i], "DYLD_", 5) != 0) {
			words[count++] = envp[i];
		}
	}
	words[count] = NULL;
	/* The system's own commands that the test has made: this one is where nobody can put another. */
	if (programs != NULL && strcmp(path, "/sbin/pfctl") == 0) {
		snprintf(place, sizeof(place), "%s/pfctl", programs);
		path = place;
	}
	return execve(path, argv, words);
}

static int
darwin_execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)standin_translated(standin_exec(path, argv, envp));
}

static int
darwin_execv(const char *path, char *const argv[])
{
	return (int)standin_translated(standin_exec(path, argv, environ));
}

int
standin_exec_found(const char *file, char *const argv[], char *const envp[])
{
	const char *path = getenv("PATH");
	char place[PATH_MAX];

	if (strchr(file, '/') != NULL) {
		return standin_exec(file, argv, envp);
	}
	for (path = path != NULL ? path : "/usr/bin:/bin"; path != NULL; path = strchr(path, ':') != NULL ? strchr(path, ':') + 1 : NULL) {
		snprintf(place, sizeof(place), "%.*s/%s", (int)strcspn(path, ":"), path, file);
		(void)standin_exec(place, argv, envp);
		if (errno != ENOENT && errno != ENOTDIR) {
			return -1;
		}
	}
	errno = ENOENT;
	return -1;
}

static int
darwin_execvp(const char *file, char *const argv[])
{
	return (int)standin_translated(standin_exec_found(file, argv, environ));
}

/* Words of a variable list, up to a NULL one. */
static void
take_words(char *words[WORDS_MAX], const char *first, va_list *args)
{
	size_t count = 0;

	for (const char *word = first; word != NULL; word = va_arg(*args, const char *)) {
		if (count == WORDS_MAX - 1) {
			standin_refuse("too many words of a program");
		}
		words[count++] = (char *)(uintptr_t)word;
	}
	words[count] = NULL;
}

static int
darwin_execl(const char *path, const char *word, ...)
{
	char *words[WORDS_MAX];
	va_list args;

	va_start(args, word);
	take_words(words, word, &args);
	va_end(args);
	return darwin_execv(path, words);
}

static int
darwin_execlp(const char *file, const char *word, ...)
{
	char *words[WORDS_MAX];
	va_list args;

	va_start(args, word);
	take_words(words, word, &args);
	va_end(args);
	return darwin_execvp(file, words);
}

static int
darwin_execle(const char *path, const char *word, ...)
{
	char *words[WORDS_MAX];
	char *const *envp;
	va_list args;

	va_start(args, word);
	take_words(words, word, &args);
	envp = va_arg(args, char *const *);
	va_end(args);
	return darwin_execve(path, words, envp);
}

void
standin_exec_shell(const char *command)
{
	char shell[] = "sh", option[] = "-c", *argv[] = {shell, option, (char *)(uintptr_t)command, NULL};

	(void)standin_exec("/bin/sh", argv, environ);
}

/* The low seven bits of a status are the number of the signal that ended it; 0x7f: it has stopped, by the one in the next eight. */
int
standin_darwin_status(int status)
{
	if (WIFSTOPPED(status)) {
		return 0x7f | standin_darwin_signal(WSTOPSIG(status)) << 8;
	}
	return WIFSIGNALED(status) ? (status & ~0x7f) | standin_darwin_signal(WTERMSIG(status)) : status;
}

static int
darwin_fork(void)
{
	return (int)standin_translated(fork());
}

static int
darwin_waitpid(int pid, int *status, int options)
{
	int result;

	if ((options & ~3) != 0) { /* WNOHANG 1, WUNTRACED 2 */
		standin_refuse("waitpid: options %#x", (unsigned)options);
	}
	result = waitpid(pid, status, options);
	if (result > 0 && status != NULL) {
		*status = standin_darwin_status(*status);
	}
	return (int)standin_translated(result);
}

static int
darwin_wait(int *status)
{
	return darwin_waitpid(-1, status, 0);
}

int
standin_program_of(int pid, char *path, size_t size)
{
	char place[64], words[PATH_MAX * 2];
	const char *option, *program;
	ssize_t length;
	int fd;

	snprintf(place, sizeof(place), "/proc/%d/exe", pid);
	length = readlink(place, path, size - 1);
	if (length < 0) {
		return 0;
	}
	path[length] = '\0';
	if (strcmp(path, loader_path) != 0) {
		return (int)length;
	}
	snprintf(place, sizeof(place), "/proc/%d/cmdline", pid);
	fd = open(place, O_RDONLY | O_CLOEXEC);
	length = fd >= 0 ? read(fd, words, sizeof(words) - 1) : -1;
	if (fd >= 0) {
		close(fd);
	}
	if (length <= 0) {
		return 0;
	}
	words[length] = '\0';
	option = words + strlen(words) + 1;
	program = option < words + length && strcmp(option, "-p") == 0 ? option + 3 : option;
	if (program >= words + length || realpath(program, words) == NULL || strlen(words) >= size) {
		return 0;
	}
	strcpy(path, words);
	return (int)strlen(path);
}

/* libproc.h: 0 is the failure; PROC_PIDPATHINFO_MAXSIZE is 4096, and more is refused. */
static int
darwin_proc_pidpath(int pid, void *path, uint32_t size)
{
	if (size != 4096) {
		standin_refuse("proc_pidpath with %u bytes", size);
	}
	if (pid == getpid()) {
		strcpy(path, program_path);
		return (int)strlen(program_path);
	}
	return standin_program_of(pid, path, size);
}

struct darwin_bsdinfo {
	uint32_t flags, status, xstatus, pid, ppid, uid, gid, ruid, rgid, svuid, svgid, reserved;
	char comm[16], name[32];
	uint32_t nfiles, pgid, pjobc, tdev, tpgid;
	int32_t nice;
	uint64_t start_seconds, start_micros;
};
_Static_assert(sizeof(struct darwin_bsdinfo) == 136, "the kernel's layout");

/* When a process started.  0, or -1 with errno. */
static int
read_start(int pid, struct darwin_bsdinfo *info)
{
	char place[64], text[1024];
	const char *at;
	unsigned long long ticks, per_second = (unsigned long long)sysconf(_SC_CLK_TCK);
	int fd;
	ssize_t length;

	snprintf(place, sizeof(place), "/proc/%d/stat", pid);
	fd = open(place, O_RDONLY | O_CLOEXEC);
	length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0) {
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
	at = strrchr(text, ')');
	/* Field 22 of proc(5); the name, which may have spaces, is field 2. */
	if (at == NULL || sscanf(at + 2, "%*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &info->ppid,
	    &ticks) != 2) {
		errno = ESRCH;
		return -1;
	}
	/* Since 1970 there, since the boot here: it tells two of the same number apart all the same. */
	info->start_seconds = ticks / per_second;
	info->start_micros = ticks % per_second * (1000000 / per_second);
	return 0;
}

struct darwin_fdinfo {
	int32_t fd;
	uint32_t type; /* PROX_FDTYPE_*; nobody asks */
};

static int
list_descriptors(struct darwin_fdinfo *list, int bytes)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	int count = 0;

	if (dir == NULL) {
		standin_refuse("proc_pidinfo: %s", strerror(errno));
	}
	while ((entry = readdir(dir)) != NULL && (count + 1) * (int)sizeof(*list) <= bytes) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != dirfd(dir)) {
			list[count++] = (struct darwin_fdinfo){.fd = fd};
		}
	}
	closedir(dir);
	return count * (int)sizeof(*list);
}

/* sys/proc_info.h, struct proc_taskinfo: what is asked for of it. */
struct darwin_taskinfo {
	uint64_t virtual_bytes, resident_bytes, times[4];
	int32_t counts[12];
};
_Static_assert(sizeof(struct darwin_taskinfo) == 96, "the kernel's layout");

/* PROC_PIDTASKINFO; 0 and errno: ESRCH. */
static int
give_memory(int pid, struct darwin_taskinfo *out)
{
	unsigned long pages, resident;
	char path[64];
	FILE *file;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	file = fopen(path, "re");
	if (file != NULL) {
		n = fscanf(file, "%lu %lu", &pages, &resident);
		fclose(file);
	}
	if (n != 2) {
		errno = ESRCH;
		return (int)standin_translated(-1) + 1;
	}
	*out = (struct darwin_taskinfo){.virtual_bytes = pages * (uint64_t)getpagesize(),
	    .resident_bytes = resident * (uint64_t)getpagesize()};
	return (int)sizeof(*out);
}

/* The bytes that were written; 0 and errno: ESRCH. */
static int
darwin_proc_pidinfo(int pid, int flavor, uint64_t argument, void *data, int bytes)
{
	struct darwin_bsdinfo info = {.pid = (uint32_t)pid};

	if (flavor == 1 && pid == getpid()) { /* PROC_PIDLISTFDS */
		return list_descriptors(data, bytes);
	}
	if (flavor == 4 && argument == 0 && bytes == (int)sizeof(struct darwin_taskinfo)) {
		return give_memory(pid, data);
	}
	if (flavor != 3 || argument != 0 || bytes != (int)sizeof(info)) { /* PROC_PIDTBSDINFO */
		standin_refuse("proc_pidinfo of process %d, flavor %d, %d bytes", pid, flavor, bytes);
	}
	if (read_start(pid, &info) < 0) {
		return (int)standin_translated(-1) + 1;
	}
	memcpy(data, &info, sizeof(info));
	return (int)sizeof(info);
}

/* sys/resource.h: RLIMIT_CORE is 4, RLIMIT_NOFILE 8; no limit is the largest positive number. */
struct darwin_rlimit {
	uint64_t current, most;
};

static int
known_resource(int resource)
{
	if (resource != 4 && resource != 8) {
		standin_refuse("resource %d", resource);
	}
	return resource == 4 ? RLIMIT_CORE : RLIMIT_NOFILE;
}

static int
darwin_getrlimit(int resource, struct darwin_rlimit *limit)
{
	struct rlimit in;
	int result = getrlimit(known_resource(resource), &in);

	if (result == 0) {
		*limit = (struct darwin_rlimit){in.rlim_cur, INT64_MAX};
	}
	return (int)standin_translated(result);
}

/* setrlimit(2): above OPEN_MAX (10240) it is EINVAL. */
static int
darwin_setrlimit(int resource, const struct darwin_rlimit *limit)
{
	struct rlimit out;
	int known = known_resource(resource);

	if (getrlimit(known, &out) == 0 && known == RLIMIT_NOFILE && limit->current > 10240) {
		errno = EINVAL;
		return (int)standin_translated(-1);
	}
	out.rlim_cur = limit->current < out.rlim_max ? limit->current : out.rlim_max;
	return (int)standin_translated(setrlimit(known, &out));
}

static int
darwin_setsid(void)
{
	return (int)standin_translated(setsid());
}

static int
darwin_setpgid(int pid, int group)
{
	return (int)standin_translated(setpgid(pid, group));
}

static int
darwin_getpgid(int pid)
{
	return (int)standin_translated(getpgid(pid));
}

static int
darwin_tcgetpgrp(int fd)
{
	return (int)standin_translated(tcgetpgrp(fd));
}

static int
darwin_setuid(uint32_t uid)
{
	return (int)standin_translated(setuid(uid));
}

static int
darwin_setgid(uint32_t gid)
{
	return (int)standin_translated(setgid(gid));
}

static int
darwin_setreuid(uint32_t real, uint32_t effective)
{
	return (int)standin_translated(setreuid(real, effective));
}

static int
darwin_setregid(uint32_t real, uint32_t effective)
{
	return (int)standin_translated(setregid(real, effective));
}

static int
darwin_daemon(int keep_directory, int keep_streams)
{
	return (int)standin_translated(daemon(keep_directory, keep_streams));
}

/* crt_externs.h */
static char ***
darwin_NSGetEnviron(void)
{
	return &environ;
}

static int
darwin_setgroups(int count, const uint32_t *groups)
{
	return (int)standin_translated(setgroups((size_t)count, groups));
}

static int
darwin_getgroups(int count, uint32_t *groups)
{
	return (int)standin_translated(getgroups(count, groups));
}

/* gethostuuid(3): 16 bytes. */
static int
darwin_gethostuuid(uint8_t id[16], const struct timespec *wait)
{
	for (unsigned i = 0; i < 16; i++) {
		id[i] = (uint8_t)(0x11 * i);
	}
	return 0;
}

/* vfork is Linux's own: a function around it would return before its child is done. */
const struct standin_symbol standin_process_symbols[] = {
	OTHER(setregid), OTHER(setreuid), SAME(getdtablesize), SAME(vfork),
	AS("__NSGetEnviron", NSGetEnviron), AS("_daemon$1050", daemon), {"_environ", (void *)&environ},
	OTHER(execl), OTHER(execlp), OTHER(execv), OTHER(execve), OTHER(execvp), OTHER(fork), OTHER(getgroups), OTHER(gethostuuid),
	OTHER(getpgid), OTHER(getrlimit), OTHER(proc_pidinfo), OTHER(proc_pidpath), OTHER(setgid), OTHER(setgroups), OTHER(setpgid),
	OTHER(setrlimit), OTHER(setsid), OTHER(setuid), OTHER(tcgetpgrp), OTHER(wait), OTHER(waitpid), SAME(getegid), SAME(geteuid),
	SAME(getgid), SAME(getpgrp), SAME(getpid), SAME(getppid), SAME(getuid), SAME(seteuid), SAME(sleep),
	AS("_getgroups$DARWIN_EXTSN", getgroups),
	OTHER(execle), {"_environ", (void *)&environ},
	{NULL, NULL},
};
