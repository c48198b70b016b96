/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * action.c - running the system's programs, and replacing its files.  See action.h.
 *
 * Trust.  These commands run as root, perhaps by way of sudo(8) with the user's PATH.  So a program is
 * taken from the system's own directories and nowhere else, with an environment that says so to what
 * it starts, and in the C locale, since its words are read.
 *
 * Limits.  A program that is not done in PROGRAM_TIME_S is ended: the service managers' own patience
 * is shorter.
 */
#include "action.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/exitcode.h"

#define PROGRAM_TIME_S 120
#define SYSTEM_PATH "/usr/bin:/bin:/usr/sbin:/sbin"
/* The end of a written file's text in a dry run's words. */
#define TEXT_END "END_OF_FILE"
#define SAFE_CHARACTERS "%+,-./:=@_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char *const directories[] = {"/usr/bin", "/bin", "/usr/sbin", "/sbin"};

static bool
find_program(const char *name, char path[PATH_MAX])
{
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		snprintf(path, PATH_MAX, "%s/%s", directories[i], name);
		if (access(path, X_OK) == 0) {
			return true;
		}
	}
	return false;
}

bool
action_has(const char *name)
{
	char path[PATH_MAX];

	return find_program(name, path);
}

void
action_pause(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&t, &t) < 0 && errno == EINTR) {
	}
}

/* In the child.  Does not return. */
static void
become(const char *path, const char *const argv[], int output)
{
	char path_variable[] = "PATH=" SYSTEM_PATH, locale[] = "LC_ALL=C", home[] = "HOME=/";
	char *environment[] = {path_variable, locale, home, NULL};
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(output, STDERR_FILENO) < 0) {
		_exit(EXIT_CODE_CANNOT_RUN);
	}
	execve(path, (char *const *)(uintptr_t)argv, environment);
	_exit(EXIT_CODE_CANNOT_RUN);
}

static long
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)now.tv_sec;
}

/* Reads to the end of output, whatever finds room; 0, or -1 with ETIMEDOUT. */
static int
read_all(int output, char *text, size_t size)
{
	long end_s = now_s() + PROGRAM_TIME_S;
	size_t length = 0;
	char rest[512] = "";

	text[0] = '\0';
	for (;;) {
		struct pollfd item = {.fd = output, .events = POLLIN};
		bool full = length + 1 >= size;
		ssize_t n;

		if (now_s() >= end_s) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (poll(&item, 1, 1000) < 1) {
			continue;
		}
		n = read(output, full ? rest : text + length, full ? sizeof(rest) : size - 1 - length);
		if (n < 0 && errno != EINTR) {
			return -1;
		}
		if (n == 0) {
			return 0;
		}
		if (n > 0 && !full) {
			length += (size_t)n;
			text[length] = '\0';
		}
	}
}

int
action_ask(const char *const argv[], struct action_answer *answer)
{
	char path[PATH_MAX];
	int ends[2], status = 0, result, saved;
	pid_t pid;

	answer->text[0] = '\0';
	if (!find_program(argv[0], path)) {
		errno = ENOENT;
		return -1;
	}
	(void)fflush(stdout); /* or the child has it, too */
	if (pipe(ends) < 0) {
		return -1;
	}
	(void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		become(path, argv, ends[1]);
	}
	saved = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		errno = saved;
		return -1;
	}
	result = read_all(ends[0], answer->text, sizeof(answer->text));
	saved = errno;
	close(ends[0]);
	if (result < 0) {
		(void)kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	answer->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	errno = saved;
	return result;
}

void
action_print_word(FILE *out, const char *word)
{
	if (word[0] != '\0' && word[strspn(word, SAFE_CHARACTERS)] == '\0') {
		fputs(word, out);
		return;
	}
	putc('\'', out);
	for (; *word != '\0'; word++) {
		if (*word == '\'') {
			fputs("'\\''", out);
		} else {
			putc(*word, out);
		}
	}
	putc('\'', out);
}

static void
print_words(const char *const argv[])
{
	for (size_t i = 0; argv[i] != NULL; i++) {
		if (i > 0) {
			putchar(' ');
		}
		action_print_word(stdout, argv[i]);
	}
	putchar('\n');
}

int
action_do(bool dry, const char *const argv[], struct action_answer *answer)
{
	if (!dry) {
		return action_ask(argv, answer);
	}
	print_words(argv);
	answer->status = 0;
	answer->text[0] = '\0';
	return 0;
}

int
action_must(bool dry, const char *const argv[])
{
	struct action_answer answer;

	if (action_do(dry, argv, &answer) < 0) {
		warn("%s %s", argv[0], argv[1] != NULL ? argv[1] : "");
		return EXIT_CODE_SYSTEM;
	}
	if (answer.status != 0) {
		answer.text[strcspn(answer.text, "\n")] = '\0';
		warnx("%s %s ended with status %d: %s", argv[0], argv[1] != NULL ? argv[1] : "", answer.status,
		    answer.text[0] != '\0' ? answer.text : "it did not say why");
		return EXIT_CODE_SYSTEM;
	}
	return EXIT_CODE_OK;
}

bool
action_file_is(const char *path, const char *text)
{
	size_t length = strlen(text), have = 0;
	char *buffer = malloc(length + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n;

	while (buffer != NULL && fd >= 0 && have <= length) {
		n = read(fd, buffer + have, length + 1 - have);
		if (n <= 0) {
			break;
		}
		have += (size_t)n;
	}
	if (fd >= 0) {
		close(fd);
	}
	bool same = buffer != NULL && fd >= 0 && have == length && memcmp(buffer, text, length) == 0;
	free(buffer);
	return same;
}

static int
write_new(const char *path, const char *text)
{
	size_t length = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0) {
		return -1;
	}
	errno = 0;
	if (write(fd, text, length) != (ssize_t)length || fchmod(fd, 0644) < 0 || fsync(fd) < 0) {
		int saved = errno != 0 ? errno : ENOSPC;

		close(fd);
		(void)unlink(path);
		errno = saved;
		return -1;
	}
	return close(fd);
}

int
action_write(bool dry, const char *path, const char *text, bool *changed)
{
	char directory[PATH_MAX], new[PATH_MAX];

	*changed = !action_file_is(path, text);
	if (!*changed) {
		return EXIT_CODE_OK;
	}
	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (dry) {
		print_words((const char *const[]){"mkdir", "-p", directory, NULL});
		fputs("cat >", stdout);
		action_print_word(stdout, path);
		printf(" <<'" TEXT_END "'\n%s" TEXT_END "\n", text);
		return EXIT_CODE_OK;
	}
	/* By name, since umask takes from the mode. */
	if (mkdir(directory, 0755) == 0 ? chmod(directory, 0755) < 0 : errno != EEXIST) {
		warn("making %s", directory);
		return EXIT_CODE_FILE;
	}
	snprintf(new, sizeof(new), "%s.new", path);
	(void)unlink(new);
	if (write_new(new, text) < 0 || rename(new, path) < 0) {
		warn("writing %s", path);
		(void)unlink(new);
		return EXIT_CODE_FILE;
	}
	return EXIT_CODE_OK;
}

int
action_remove(bool dry, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT) {
		return EXIT_CODE_OK;
	}
	if (dry) {
		print_words((const char *const[]){"rm", "-f", path, NULL});
	} else if (unlink(path) < 0 && errno != ENOENT) {
		warn("removing %s", path);
		return EXIT_CODE_FILE;
	}
	return EXIT_CODE_OK;
}
