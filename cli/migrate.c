/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * migrate.c - `tuntapd migrate`: away from the kernel extensions of tuntaposx.  See migrate.h.
 *
 * Theory of operation.  What tuntaposx's own FAQ lists for its removal are four directories; these and no others are taken away, once
 * its extensions are unloaded, and that only when nobody has one of its devices open.  They are not deleted: each is renamed to the
 * same path below KEPT, so that undo is a rename, too.  What was loaded is written down there before anything is unloaded.  Each step
 * is checked; the first that fails ends the run, and what was done stays done: it can be undone, or the run be repeated.
 *
 * Tunnelblick's extensions are unloaded, since they hold the same device names; its application is left alone, and loads them again
 * when it needs them.
 */
#include "cli/migrate.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/kextctl.h"

#define KEPT "/Library/Application Support/tuntapd/migrated"
#define KEPT_LOADED KEPT "/loaded"
#define LOADED_BYTES 4096
#define DIRECTORIES 4

static const char *const directories[DIRECTORIES] = {
	"/Library/Extensions/tap.kext", "/Library/Extensions/tun.kext", "/Library/StartupItems/tap", "/Library/StartupItems/tun",
};

/* Makes the directories above a path.  0, or -1 with errno. */
static int
make_parents(const struct probe *p, const char *path)
{
	char full[PATH_MAX];

	if (!probe_path(p, path, full)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (char *slash = strchr(full + strlen(p->root) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(full, 0755) < 0 && errno != EEXIST) {
			return -1;
		}
		*slash = '/';
	}
	return 0;
}

/* Renames; what is at the new path already is not replaced.  An exit status. */
static int
move(const struct kextctl *c, const char *from, const char *to)
{
	const char *const argv[] = {"mv", from, to, NULL};
	char old[PATH_MAX], new[PATH_MAX];

	if (probe_has(c->p, to)) {
		warnx("%s is there already: move it away first", to);
		return EXIT_CODE_FILE;
	}
	if (!c->dry && (!probe_path(c->p, from, old) || !probe_path(c->p, to, new) || make_parents(c->p, to) < 0 || rename(old, new) < 0)) {
		warn("%s to %s", from, to);
		return EXIT_CODE_FILE;
	}
	if (!c->dry && (probe_has(c->p, from) || !probe_has(c->p, to))) {
		warnx("%s is not where it was moved to", from);
		return EXIT_CODE_FILE;
	}
	kextctl_print(c, argv);
	return EXIT_CODE_OK;
}

static bool
is_migrated(const struct kext *k)
{
	return k->owner == KEXT_TUNTAPOSX || k->owner == KEXT_TUNNELBLICK;
}

/* Writes down what is loaded, for undo; an earlier run's account stands.  An exit status. */
static int
note_loaded(const struct kextctl *c, const struct kexts *k)
{
	char path[PATH_MAX];
	FILE *file;
	int fd;

	if (c->dry || probe_has(c->p, KEPT_LOADED)) {
		return EXIT_CODE_OK;
	}
	if (make_parents(c->p, KEPT_LOADED) < 0 || !probe_path(c->p, KEPT_LOADED, path)) {
		warn(KEPT);
		return EXIT_CODE_FILE;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (file == NULL) {
		warn(KEPT_LOADED);
		return EXIT_CODE_FILE;
	}
	for (size_t i = 0; i < k->count; i++) {
		if (k->list[i].loaded && is_migrated(&k->list[i])) {
			fprintf(file, "%s\n", k->list[i].identifier);
		}
	}
	if (fclose(file) != 0) {
		warn(KEPT_LOADED);
		return EXIT_CODE_FILE;
	}
	return EXIT_CODE_OK;
}

static int
unload_all(const struct kextctl *c, const struct kexts *k)
{
	int status = EXIT_CODE_OK;

	for (size_t i = 0; status == EXIT_CODE_OK && i < k->count; i++) {
		bool again = false;

		for (size_t j = 0; j < i; j++) {
			again = again || strcmp(k->list[j].identifier, k->list[i].identifier) == 0; /* two bundles of one name */
		}
		if (k->list[i].loaded && is_migrated(&k->list[i]) && !again) {
			status = kextctl_unload(c, k->list[i].identifier);
		}
	}
	return status;
}

static bool
is_there_any(const struct probe *p, const struct kexts *k)
{
	for (size_t i = 0; i < DIRECTORIES; i++) {
		if (probe_has(p, directories[i])) {
			return true;
		}
	}
	for (size_t i = 0; i < k->count; i++) {
		if (k->list[i].loaded && is_migrated(&k->list[i])) {
			return true;
		}
	}
	return false;
}

/* True if this can go on: on macOS, and with the rights.  Else *status is what to end with. */
static bool
can_begin(const struct probe *p, bool apply, int *status)
{
	*status = EXIT_CODE_OK;
	if (!probe_is_macos(p)) {
		puts("Kernel extensions for tun and tap are macOS's: there is nothing to do here.");
		return false;
	}
	if (apply && geteuid() != 0) {
		warnx("only root may change this: try again with sudo");
		*status = EXIT_CODE_PERMISSION;
		return false;
	}
	return true;
}

int
migrate_run(const struct probe *p, bool apply)
{
	const struct kextctl c = kextctl_begin(p, !apply);
	struct kexts *k;
	char kept[PATH_MAX];
	int status;

	if (!can_begin(p, apply, &status)) {
		return status;
	}
	k = malloc(sizeof(*k));
	if (k == NULL) {
		warn("migrate");
		return EXIT_CODE_SYSTEM;
	}
	kexts_find(p, k);
	if (!is_there_any(p, k)) {
		free(k);
		puts("Nothing of tuntaposx is here.");
		return EXIT_CODE_OK;
	}
	if (!k->listed) {
		warnx("neither kmutil nor kextstat says which extensions are loaded");
		free(k);
		return EXIT_CODE_SYSTEM;
	}
	if (!apply) {
		puts("This would be done, and can be undone; 'tuntapd migrate --apply' does it:");
	}
	status = kextctl_check_unused(&c);
	if (status == EXIT_CODE_OK) {
		status = note_loaded(&c, k);
	}
	if (status == EXIT_CODE_OK) {
		status = unload_all(&c, k);
	}
	free(k);
	for (size_t i = 0; status == EXIT_CODE_OK && i < DIRECTORIES; i++) {
		if (probe_has(p, directories[i])) {
			snprintf(kept, sizeof(kept), KEPT "%s", directories[i]);
			status = move(&c, directories[i], kept);
		}
	}
	if (status == EXIT_CODE_OK && apply) {
		puts("tuntaposx is away; 'tuntapd migrate --undo --apply' brings it back.  Now: tuntapd exec -- PROGRAM");
	}
	return status;
}

/* Loads what was loaded before, as far as its bundle is back. */
static int
load_again(const struct kextctl *c)
{
	char names[LOADED_BYTES];
	struct kexts *k = malloc(sizeof(*k));
	int status = EXIT_CODE_OK;

	if (k == NULL || probe_read(c->p, KEPT_LOADED, names, sizeof(names)) < 0) {
		free(k);
		return EXIT_CODE_OK;
	}
	kexts_find(c->p, k);
	for (const char *name = names; status == EXIT_CODE_OK && *name != '\0';) {
		size_t length = strcspn(name, "\n");

		for (size_t i = 0; i < k->count; i++) {
			const struct kext *one = &k->list[i];

			if (!one->loaded && one->path[0] != '\0' && strlen(one->identifier) == length &&
			    strncmp(one->identifier, name, length) == 0) {
				status = kextctl_load(c, one->identifier, one->path);
				break;
			}
		}
		name += length + (name[length] == '\n');
	}
	free(k);
	return status;
}

/* The directories of KEPT, from the innermost: what is empty goes. */
static void
remove_kept(const struct probe *p)
{
	static const char *const parts[] = {KEPT "/Library/Extensions", KEPT "/Library/StartupItems", KEPT "/Library", KEPT};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (probe_path(p, parts[i], path)) {
			(void)rmdir(path);
		}
	}
}

int
migrate_undo(const struct probe *p, bool apply)
{
	const struct kextctl c = kextctl_begin(p, !apply);
	char kept[PATH_MAX], path[PATH_MAX];
	int status;

	if (!can_begin(p, apply, &status)) {
		return status;
	}
	if (!probe_has(p, KEPT)) {
		puts("Nothing was taken away.");
		return EXIT_CODE_OK;
	}
	for (size_t i = 0; status == EXIT_CODE_OK && i < DIRECTORIES; i++) {
		snprintf(kept, sizeof(kept), KEPT "%s", directories[i]);
		if (probe_has(p, kept)) {
			status = move(&c, kept, directories[i]);
		}
	}
	if (status == EXIT_CODE_OK && apply) {
		status = load_again(&c);
	}
	if (status == EXIT_CODE_OK && apply) {
		if (probe_path(p, KEPT_LOADED, path)) {
			(void)unlink(path);
		}
		remove_kept(p);
	}
	return status;
}

/* The extension of the wanted side: the one that is loaded, else one that could be. */
static const struct kext *
wanted(const struct kexts *k, enum switch_target target)
{
	const struct kext *found = NULL;

	for (size_t i = 0; i < k->count; i++) {
		const struct kext *one = &k->list[i];

		if (one->makes_devices && (one->owner == KEXT_CISCO) == (target == SWITCH_CISCO) &&
		    (one->loaded || (one->path[0] != '\0' && one->identifier[0] != '\0')) &&
		    (found == NULL || (one->loaded && !found->loaded) || (one->owner == KEXT_TUNTAPD && found->owner != KEXT_TUNTAPD &&
		    !found->loaded))) {
			found = one;
		}
	}
	return found;
}

int
switch_run(const struct probe *p, enum switch_target target, bool dry)
{
	const struct kextctl c = kextctl_begin(p, dry);
	const struct kext *unloaded[KEXTS_MAX], *one;
	size_t count = 0;
	struct kexts *k;
	int status;

	if (!can_begin(p, !dry, &status)) {
		return status;
	}
	k = malloc(sizeof(*k));
	if (k == NULL) {
		warn("switch");
		return EXIT_CODE_SYSTEM;
	}
	kexts_find(p, k);
	one = wanted(k, target);
	if (!k->listed) {
		warnx("neither kmutil nor kextstat says which extensions are loaded");
		status = EXIT_CODE_SYSTEM;
	} else if (target == SWITCH_CISCO && one == NULL) {
		warnx("Cisco's own extension for tun is not on this Mac; its client of today needs none");
		status = EXIT_CODE_NO;
	} else {
		status = kextctl_check_unused(&c);
	}
	for (size_t i = 0; status == EXIT_CODE_OK && i < k->count; i++) {
		if (k->list[i].loaded && k->list[i].makes_devices && (k->list[i].owner == KEXT_CISCO) != (target == SWITCH_CISCO)) {
			status = kextctl_unload(&c, k->list[i].identifier);
			if (status == EXIT_CODE_OK) {
				unloaded[count++] = &k->list[i];
			}
		}
	}
	if (status == EXIT_CODE_OK && one != NULL && !one->loaded) {
		status = kextctl_load(&c, one->identifier, one->path);
		for (size_t i = 0; status != EXIT_CODE_OK && i < count; i++) {
			if (unloaded[i]->path[0] != '\0') {
				(void)kextctl_load(&c, unloaded[i]->identifier, unloaded[i]->path); /* as it was */
			}
		}
	} else if (status == EXIT_CODE_OK && one == NULL) {
		puts("No kernel extension is left to load: tuntapd's devices need none.");
	}
	free(k);
	return status;
}
