/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor-daemon.c - the part of `tuntapd doctor` for the daemon: its socket, its files, its version, who holds devices; and the shim.
 *
 * The daemon is asked as every command asks it; whether it is there decides how its files are read: what stands in RUNDIR/state without a
 * daemon is of devices that the next one takes over or takes away.
 */
#include "cli/doctor-checks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/output.h"
#include "cli/preload.h"
#include "cli/query.h"
#include "cli/text.h"
#include "protocol/paths.h"
#include "protocol/shimmark.h"

#define SHIM_BYTES_MAX 4194304
#define SERVICE_PLIST "/Library/LaunchDaemons/org.tuntapd.daemon.plist"
#define SERVICE_UNIT "/etc/systemd/system/tuntapd.service"

bool
doctor_is_ours(const struct doctor_devices *d, const char *ifname)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->list[i].state != DEVICE_CLOSED && query_is_open_here(&d->list[i]) &&
		    strncmp(d->list[i].ifname, ifname, sizeof(d->list[i].ifname)) == 0) {
			return true;
		}
	}
	return false;
}

static void
count_entry(void *context, const char *name)
{
	(*(size_t *)context)++;
}

/* The commands that start a daemon here. */
static void
mend_by_start(const struct probe *p, struct finding *f)
{
	const bool is_default = strcmp(p->socket_path, PATHS_SOCKET_DEFAULT) == 0;
	char word[PATHS_SIZE + 8] = "";

	if (is_default && probe_is_macos(p) && probe_has(p, SERVICE_PLIST)) {
		finding_mend(f, "sudo launchctl kickstart -k system/org.tuntapd.daemon");
	} else if (is_default && probe_has(p, SERVICE_UNIT)) {
		finding_mend(f, "sudo systemctl start tuntapd");
	} else {
		text_append_quoted(word, sizeof(word), p->socket_path);
		finding_mend(f, "sudo tuntapd serve%s%s", is_default ? "" : " -s ", is_default ? "" : word);
	}
}

/* Without a daemon: what an earlier one left. */
static void
check_leftovers(const struct probe *p, struct findings *f)
{
	struct probe here = {.root = ""};
	char path[PATHS_SIZE];
	size_t pages = 0;
	struct stat st;
	struct finding *added;

	if (paths_in_rundir(p->socket_path, PATHS_STATE_DIR, path, sizeof(path)) == 0) {
		probe_list(&here, path, count_entry, &pages);
	}
	if (pages > 0) {
		added = finding_add(f, "leftover-devices", SEVERITY_WARNING, "a daemon ended and left %zu device%s", pages,
		    pages == 1 ? "" : "s");
		finding_why(added, "programs that have them open go on; the interfaces of the others stay until the next daemon takes "
		    "them away");
		mend_by_start(p, added);
	}
	if (stat(p->socket_path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		added = finding_add(f, "leftover-socket", SEVERITY_INFO, "nobody serves the socket %s, which is there", p->socket_path);
		finding_why(added, "a daemon was killed; the next one replaces it");
	}
}

static void
check_absence(const struct probe *p, struct findings *f, const struct query *q)
{
	struct finding *added;
	char word[FINDING_COMMAND_SIZE] = "";

	switch (q->error) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		added = finding_add(f, "daemon-missing", SEVERITY_ERROR, "no daemon serves %s", p->socket_path);
		finding_why(added, "programs cannot open a device; 'tuntapd exec --private' needs none");
		mend_by_start(p, added);
		check_leftovers(p, f);
		break;
	case EACCES:
	case EPERM:
		text_append_quoted(word, sizeof(word), p->socket_path);
		added = finding_add(f, "socket-denied", SEVERITY_ERROR, "this user may not connect to %s", p->socket_path);
		finding_why(added, "a directory above it cannot be entered, or the socket was changed: the daemon makes it for "
		    "everybody, and decides by who asks");
		finding_mend(added, "sudo chmod 0666 %s", word);
		break;
	case EPROTONOSUPPORT:
		added = finding_add(f, "daemon-version", SEVERITY_ERROR, "the daemon at %s is of another version than this command (%s)",
		    p->socket_path, TUNTAPD_VERSION);
		finding_why(added, "command and library cannot speak with it; open devices stay when it is restarted");
		mend_by_start(p, added);
		break;
	case EPROTOTYPE:
	case EBADMSG:
		added = finding_add(f, "daemon-foreign", SEVERITY_ERROR, "what answers at %s is no tuntapd daemon", p->socket_path);
		finding_why(added, "whoever made that socket hears what programs ask for");
		break;
	default:
		added = finding_add(f, "daemon-silent", SEVERITY_ERROR, "the daemon at %s cannot be asked: %s", p->socket_path,
		    strerror(q->error));
		finding_why(added, "programs that open a device wait for it, and give up; open devices stay when it is restarted");
		mend_by_start(p, added);
		break;
	}
}

/* The rights of the socket, and of RUNDIR, whose files programs believe. */
static void
check_rights(const struct probe *p, struct findings *f)
{
	char rundir[PATHS_SIZE], word[PATHS_SIZE + 8] = "";
	struct finding *added;
	struct stat st;

	if (stat(p->socket_path, &st) == 0 && (st.st_mode & 0666) != 0666) {
		text_append_quoted(word, sizeof(word), p->socket_path);
		added = finding_add(f, "socket-rights", SEVERITY_WARNING, "the socket %s is not for everybody (mode %04o)", p->socket_path,
		    (unsigned)(st.st_mode & 07777));
		finding_why(added, "who may open a device is decided in tuntapd.conf; users who cannot connect are refused before that");
		finding_mend(added, "sudo chmod 0666 %s", word);
	}
	if (paths_in_rundir(p->socket_path, NULL, rundir, sizeof(rundir)) == 0 && stat(rundir, &st) == 0 &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		word[0] = '\0';
		text_append_quoted(word, sizeof(word), rundir);
		added = finding_add(f, "rundir-rights", SEVERITY_ERROR, "others than its owner can write %s (mode %04o)", rundir,
		    (unsigned)(st.st_mode & 07777));
		finding_why(added, "programs believe what stands there about their devices");
		finding_mend(added, "sudo chmod 0755 %s", word);
	}
}

/* A daemon that is older than the command that is installed now: its lock was written when it started. */
static void
check_age(const struct probe *p, struct findings *f)
{
	char lock[PATHS_SIZE], own[PATH_MAX];
	struct stat started, installed;
	struct finding *added;

	if (paths_in_rundir(p->socket_path, PATHS_LOCK, lock, sizeof(lock)) < 0 || stat(lock, &started) < 0 ||
	    preload_platform.own_path(own, sizeof(own)) < 0 || stat(own, &installed) < 0 || installed.st_ctime <= started.st_mtime) {
		return;
	}
	added = finding_add(f, "daemon-older", SEVERITY_WARNING, "the daemon was started before this tuntapd was installed");
	finding_why(added, "it may be of another version; open devices stay when it is restarted");
	if (probe_is_macos(p) && probe_has(p, SERVICE_PLIST)) {
		mend_by_start(p, added);
	} else if (probe_has(p, SERVICE_UNIT)) {
		finding_mend(added, "sudo systemctl restart tuntapd");
	} else {
		char word[PATHS_SIZE + 8] = "";

		text_append_quoted(word, sizeof(word), lock);
		finding_mend(added, "sudo kill $(cat %s)", word);
		mend_by_start(p, added);
	}
}

static void
tell_holders(struct findings *f, const struct doctor_devices *devices)
{
	for (size_t i = 0; i < devices->count; i++) {
		const struct message_device *d = &devices->list[i];
		char name[64] = "", holder[128] = "";

		if (d->state == DEVICE_CLOSED) {
			continue;
		}
		output_name(d, name, sizeof(name));
		output_holder(d, holder, sizeof(holder));
		finding_add(f, "device-open", SEVERITY_INFO, "%s is open: %s, interface %.16s, link %.16s", name, holder, d->ifname,
		    d->link);
	}
}

/* The versions that the shim's file speaks; "": it does not say. */
static void
shim_versions(const char *path, char *version, size_t size)
{
	char *data = malloc(SHIM_BYTES_MAX), *at = NULL;
	int fd = data != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd >= 0 ? read(fd, data, SHIM_BYTES_MAX - 1) : 0;

	version[0] = '\0';
	if (n > 0) {
		data[n] = '\0';
		at = memmem(data, (size_t)n, SHIM_MARK, sizeof(SHIM_MARK) - 1);
	}
	if (at != NULL) {
		snprintf(version, size, "%s", at + sizeof(SHIM_MARK) - 1);
	}
	if (fd >= 0) {
		close(fd);
	}
	free(data);
}

static void
check_shim(struct findings *f)
{
	struct obstacles *obstacles = calloc(1, sizeof(*obstacles));
	char path[PATH_MAX], version[32];
	struct binary_info own;
	struct finding *added;

	if (obstacles == NULL || preload_read_own(&own) < 0) {
		free(obstacles);
		return;
	}
	if (!preload_find_shim("this command", &own, path, obstacles)) {
		const struct obstacle *o = obstacles_first(obstacles);

		added = finding_add(f, o->id, SEVERITY_ERROR, "%.200s %.280s", o->subject, o->reason);
		finding_why(added, "'tuntapd exec' runs no program: %.200s", o->advice[0] != '\0' ? o->advice : "install tuntapd anew");
		for (size_t i = 0; i < OBSTACLE_COMMANDS_MAX && o->commands[i][0] != '\0'; i++) {
			finding_mend(added, "%s", o->commands[i]);
		}
	} else {
		shim_versions(path, version, sizeof(version));
		if (strcmp(version, SHIM_MARK_VERSIONS) != 0) {
			added = finding_add(f, "shim-version", SEVERITY_ERROR,
			    "the library %.200s is of another version than this command (%s)", path,
			    TUNTAPD_VERSION);
			finding_why(added, "a daemon of this version does not understand it, and programs find no device: install both "
			    "from the same build");
		}
	}
	free(obstacles);
}

void
doctor_check_daemon(const struct probe *p, struct findings *f, struct doctor_devices *devices)
{
	struct query query;
	int status = query_open(&query, p->socket_path, true);

	if (status == EXIT_CODE_OK) {
		status = query_all(&query, &devices->list, &devices->count);
	}
	query_close(&query);
	devices->known = status == EXIT_CODE_OK;
	if (devices->known) {
		check_age(p, f);
		tell_holders(f, devices);
	} else {
		check_absence(p, f, &query);
	}
	check_rights(p, f);
	check_shim(f);
}
