/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor-tree.c - doctor, migrate and switch in another tree of files and with other commands, for test_doctor_system.py and
 * test_migrate.py.
 *
 *	doctor-tree ROOT COMMANDS SOCKET [json | report FILE | migrate | apply | undo | cisco | tuntapd | dry-cisco]
 *
 * Files are looked for below ROOT; commands are those in the directory COMMANDS, and no others.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/migrate.h"
#include "cli/probe.h"

static const char *commands;

static int
ask(const char *const argv[], struct action_answer *answer)
{
	char path[PATH_MAX];
	size_t used = 0;
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", commands, argv[0]);
	if (access(path, X_OK) < 0 || pipe(ends) < 0) {
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		execv(path, (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(ends[1]);
	while (used + 1 < sizeof(answer->text) && (n = read(ends[0], answer->text + used, sizeof(answer->text) - 1 - used)) > 0) {
		used += (size_t)n;
	}
	answer->text[used] = '\0';
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		return -1;
	}
	answer->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	return 0;
}

static int
show(const struct probe *p)
{
	return migrate_run(p, false);
}

static int
apply(const struct probe *p)
{
	return migrate_run(p, true);
}

static int
undo(const struct probe *p)
{
	return migrate_undo(p, true);
}

static int
show_undo(const struct probe *p)
{
	return migrate_undo(p, false);
}

static int
to_cisco(const struct probe *p)
{
	return switch_run(p, SWITCH_CISCO, false);
}

static int
to_tuntapd(const struct probe *p)
{
	return switch_run(p, SWITCH_TUNTAPD, false);
}

static int
dry_to_cisco(const struct probe *p)
{
	return switch_run(p, SWITCH_CISCO, true);
}

static const struct {
	const char *name;
	int (*run)(const struct probe *p);
} verbs[] = {
	{"migrate", show}, {"apply", apply}, {"undo", undo}, {"show-undo", show_undo}, {"cisco", to_cisco}, {"tuntapd", to_tuntapd},
	{"dry-cisco", dry_to_cisco},
};

int
main(int argc, char **argv)
{
	struct probe p = {.ask = ask};

	if (argc < 4) {
		return 64;
	}
	p.root = argv[1];
	commands = argv[2];
	p.socket_path = argv[3];
	if (argc == 6 && strcmp(argv[4], "report") == 0) {
		return doctor_report(&p, argv[5]);
	}
	for (size_t i = 0; argc == 5 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[4], verbs[i].name) == 0) {
			return verbs[i].run(&p);
		}
	}
	return doctor_system(&p, argc == 5);
}
