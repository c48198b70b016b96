/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kextctl.c - loads and unloads kernel extensions.  See kextctl.h.
 *
 * What a command says of its success is not believed: kmutil's and kextunload's statuses differ between versions, and one that is told to
 * unload an extension whose device is open may say so only in words.  So the list of what is loaded is read again after each step.
 *
 * Sources: kmutil(8), kextunload(8), kextutil(8), lsof(8).
 */
#include "cli/kextctl.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exitcode.h"
#include "cli/text.h"
#include "protocol/devname.h"

#define MACOS_11 1100
#define NODES_MAX 64

/* The nodes of /dev, as words of one command. */
struct nodes {
	const struct probe *p;
	size_t count;
	char paths[NODES_MAX][24];
};

struct kextctl
kextctl_begin(const struct probe *p, bool dry)
{
	char version[32];

	return (struct kextctl){.p = p, .dry = dry, .modern = kexts_macos_version(p, version, sizeof(version)) >= MACOS_11};
}

static void
on_node(void *context, const char *name)
{
	struct nodes *n = context;
	struct device_id id;
	char path[24];
	struct stat st;

	if (n->count < NODES_MAX && devname_parse(name, &id) && snprintf(path, sizeof(path), "/dev/%s", name) < (int)sizeof(path) &&
	    probe_stat(n->p, path, &st) && S_ISCHR(st.st_mode)) {
		memcpy(n->paths[n->count++], path, sizeof(path));
	}
}

int
kextctl_check_unused(const struct kextctl *c)
{
	struct action_answer *answer = malloc(sizeof(*answer));
	struct nodes nodes = {.p = c->p};
	const char *argv[NODES_MAX + 4] = {"lsof", "-F", "pcn"};
	int status = EXIT_CODE_OK;

	if (answer == NULL) {
		warn("lsof");
		return EXIT_CODE_SYSTEM;
	}
	probe_list(c->p, "/dev", on_node, &nodes);
	for (size_t i = 0; i < nodes.count; i++) {
		argv[3 + i] = nodes.paths[i];
	}
	/* lsof ends with 1 if nobody has any of them open, and says nothing then. */
	if (nodes.count > 0 && c->p->ask(argv, answer) < 0) {
		warn("lsof, which would tell who has a device open");
		status = EXIT_CODE_SYSTEM;
	} else if (nodes.count > 0 && answer->text[0] == 'p') {
		char program[64] = "", node[64] = "", safe[256];
		long pid = 0;

		for (const char *line = answer->text; *line != '\0';) {
			size_t length = strcspn(line, "\n");

			if (*line == 'p') {
				pid = strtol(line + 1, NULL, 10);
			} else if (*line == 'c') {
				snprintf(program, sizeof(program), "%.*s", (int)length - 1, line + 1);
			} else if (*line == 'n') {
				snprintf(node, sizeof(node), "%.*s", (int)length - 1, line + 1);
				safe[0] = '\0';
				text_append_safe(safe, sizeof(safe), program);
				warnx("%s is in use by %s (pid %ld): end that program first", node, safe, pid);
			}
			line += length + (line[length] == '\n');
		}
		status = EXIT_CODE_BUSY;
	}
	free(answer);
	return status;
}

void
kextctl_print(const struct kextctl *c, const char *const argv[])
{
	fputs(c->dry ? "" : "done: ", stdout);
	for (size_t i = 0; argv[i] != NULL; i++) {
		char word[PATH_MAX] = "", safe[PATH_MAX] = "";

		text_append_quoted(word, sizeof(word), argv[i]);
		text_append_safe(safe, sizeof(safe), word);
		printf("%s%s", i > 0 ? " " : "", safe);
	}
	putchar('\n');
	(void)fflush(stdout); /* what is said on standard error comes after it */
}

static bool
is_loaded(const struct kextctl *c, const char *identifier)
{
	struct kexts *k = malloc(sizeof(*k));
	bool loaded = false;

	if (k != NULL) {
		kexts_find(c->p, k);
		for (size_t i = 0; i < k->count; i++) {
			loaded = loaded || (k->list[i].loaded && strcmp(k->list[i].identifier, identifier) == 0);
		}
	}
	free(k);
	return loaded;
}

/* Runs a command, looks whether the extension is as wanted, and says what is wrong. */
static int
step(const struct kextctl *c, const char *const argv[], const char *identifier, bool wanted, const char *why)
{
	struct action_answer *answer;
	char safe[1024] = "";
	int asked;

	if (c->dry) {
		kextctl_print(c, argv);
		return EXIT_CODE_OK;
	}
	answer = malloc(sizeof(*answer));
	asked = answer != NULL ? c->p->ask(argv, answer) : -1;
	if (asked == 0 && is_loaded(c, identifier) == wanted) {
		free(answer);
		kextctl_print(c, argv);
		return EXIT_CODE_OK;
	}
	if (asked < 0) {
		warn("%s", argv[0]);
	} else {
		answer->text[strcspn(answer->text, "\n")] = '\0';
		text_append_safe(safe, sizeof(safe), answer->text);
		warnx("%s is %s all the same: %s%s%s", identifier, wanted ? "not loaded" : "loaded", why, safe[0] != '\0' ? ": " : "",
		    safe);
	}
	free(answer);
	return EXIT_CODE_SYSTEM;
}

int
kextctl_unload(const struct kextctl *c, const char *identifier)
{
	const char *const modern[] = {"kmutil", "unload", "-b", identifier, NULL}, *const old[] = {"kextunload", "-b", identifier, NULL};

	return step(c, c->modern ? modern : old, identifier, false, "one of its interfaces may be up, or configured");
}

int
kextctl_load(const struct kextctl *c, const char *identifier, const char *path)
{
	const char *const modern[] = {"kmutil", "load", "-p", path, NULL}, *const old[] = {"kextutil", path, NULL};

	return step(c, c->modern ? modern : old, identifier, true,
	    c->modern ? "macOS may ask to allow it in System Settings (Privacy & Security), and for a restart"
		      : "macOS may ask to allow it in System Preferences (Security & Privacy)");
}
