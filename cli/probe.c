/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c - looks at a system's files and asks its commands.  See probe.h.
 */
#include "cli/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MACOS_DESCRIPTION "/System/Library/CoreServices/SystemVersion.plist"

bool
probe_is_macos(const struct probe *p)
{
	return probe_has(p, MACOS_DESCRIPTION);
}

bool
probe_path(const struct probe *p, const char *path, char full[PATH_MAX])
{
	return snprintf(full, PATH_MAX, "%s%s", p->root, path) < PATH_MAX;
}

bool
probe_stat(const struct probe *p, const char *path, struct stat *st)
{
	char full[PATH_MAX];

	return probe_path(p, path, full) && lstat(full, st) == 0;
}

bool
probe_has(const struct probe *p, const char *path)
{
	struct stat st;

	return probe_stat(p, path, &st);
}

int
probe_read(const struct probe *p, const char *path, char *text, size_t size)
{
	char full[PATH_MAX];
	size_t length = 0;
	ssize_t n = 1;
	int fd;

	text[0] = '\0';
	if (!probe_path(p, path, full)) {
		return -1;
	}
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		return -1;
	}
	while (length + 1 < size && (n = read(fd, text + length, size - 1 - length)) != 0) {
		if (n > 0) {
			length += (size_t)n;
		} else if (errno != EINTR) {
			break;
		}
	}
	close(fd);
	text[length] = '\0';
	return n < 0 ? -1 : (int)length;
}

long
probe_read_number(const struct probe *p, const char *path, long fallback)
{
	char text[64], *end;
	long value;

	if (probe_read(p, path, text, sizeof(text)) <= 0) {
		return fallback;
	}
	value = strtol(text, &end, 10);
	return end != text ? value : fallback;
}

void
probe_list(const struct probe *p, const char *path, void (*each)(void *context, const char *name), void *context)
{
	struct dirent **names = NULL;
	char full[PATH_MAX];
	int count = probe_path(p, path, full) ? scandir(full, &names, NULL, alphasort) : -1;

	for (int i = 0; i < count; i++) {
		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0) {
			each(context, names[i]->d_name);
		}
		free(names[i]);
	}
	free(names);
}

bool
probe_ask(const struct probe *p, struct action_answer *answer, const char *command, const char *a, const char *b, const char *c)
{
	const char *const argv[] = {command, a, b, c, NULL};

	answer->text[0] = '\0';
	return p->ask(argv, answer) == 0 && answer->status == 0;
}

bool
probe_plist_string(const char *plist, const char *key, char *value, size_t size)
{
	static const char begins[] = "<string>";
	char wanted[96];
	const char *at, *end;

	snprintf(wanted, sizeof(wanted), "<key>%s</key>", key);
	at = strstr(plist, wanted);
	if (at == NULL) {
		return false;
	}
	at += strlen(wanted);
	at += strspn(at, " \t\r\n");
	if (strncmp(at, begins, sizeof(begins) - 1) != 0) {
		return false;
	}
	at += sizeof(begins) - 1;
	end = strchr(at, '<');
	if (end == NULL || (size_t)(end - at) >= size) {
		return false;
	}
	memcpy(value, at, (size_t)(end - at));
	value[end - at] = '\0';
	return true;
}
