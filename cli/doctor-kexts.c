/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor-kexts.c - the part of `tuntapd doctor` for kernel extensions of macOS, and what older products left.
 *
 * The conflict that the FAQ of tuntaposx tells of, "could not register PF_INET protocol family: 17", is two extensions that both
 * take the protocol families of tun interfaces: the second one to start fails, with EEXIST.  Cisco's client had such an extension;
 * from macOS 11 on it has none, and uses utun, which conflicts with nobody.
 */
#include "cli/doctor-checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/kexts.h"
#include "cli/text.h"
#include "protocol/devlist.h"
#include "protocol/kextnode.h"
#include "protocol/paths.h"

/* The first macOS that loads extensions only by a restart, and by kmutil. */
#define MACOS_11 1100

static const char *const old_directories[] = {
	"/Library/Extensions/tap.kext", "/Library/Extensions/tun.kext", "/Library/StartupItems/tap", "/Library/StartupItems/tun",
};

static const char *
quoted(const char *word, char *cell, size_t size)
{
	cell[0] = '\0';
	text_append_quoted(cell, size, word);
	return cell;
}

static const char *
name_of(const struct kext *k)
{
	return k->identifier[0] != '\0' ? k->identifier : k->path;
}

static void
mend_loaded(struct finding *f, const struct kext *k, bool modern)
{
	char word[FINDING_COMMAND_SIZE];

	finding_mend(f, modern ? "sudo kmutil unload -b %s" : "sudo kextunload -b %s", quoted(k->identifier, word, sizeof(word)));
}

static void
check_loaded(struct findings *f, const struct kext *k, bool modern)
{
	struct finding *added;

	if (k->owner == KEXT_CISCO) {
		return; /* check_conflict() */
	}
	added = finding_add(f, "kext-loaded", k->owner == KEXT_TUNTAPOSX ? SEVERITY_WARNING : SEVERITY_INFO,
	    "the kernel extension %s (%s) is loaded: it has real nodes in /dev", k->identifier, kext_owner_name(k->owner));
	if (k->owner == KEXT_TUNTAPOSX) {
		finding_why(added, "programs get its devices, whose known defects are not mended any more; 'tuntapd "
		    "migrate' "
		    "takes it away for good");
		mend_loaded(added, k, modern);
		finding_mend(added, "sudo tuntapd migrate --apply");
	} else {
		finding_why(added, "programs get its devices by the nodes' own owner and mode, but where tuntapd.conf has them handed out");
	}
}

static void
check_on_disk(struct findings *f, const struct kext *k, bool apple_silicon, bool modern, bool listed)
{
	const unsigned needed = apple_silicon ? KEXT_ARM64E : KEXT_X86_64;
	struct finding *added;
	char word[FINDING_COMMAND_SIZE];

	if (k->architectures != 0 && (k->architectures & needed) == 0) {
		added = finding_add(f, "kext-architecture", SEVERITY_WARNING,
		    "the kernel extension %s is not built for this Mac, which needs %s",
		    k->path, apple_silicon ? "arm64e" : "x86-64");
		finding_why(added, "it can never be loaded here; devices of tuntapd need no kernel extension");
		if (k->owner == KEXT_TUNTAPOSX) {
			finding_mend(added, "sudo tuntapd migrate --apply");
		}
		return;
	}
	if (k->loaded || !listed || !k->makes_devices || strncmp(k->path, "/Library/Extensions/", 20) != 0) {
		return;
	}
	added = finding_add(f, "kext-not-loaded", SEVERITY_INFO, "the kernel extension %s is there and not loaded", k->path);
	finding_why(added, modern ? "it may be blocked: macOS loads it only after it was allowed in System Settings (Privacy & "
	    "Security), and "
	    "a restart, and on Apple silicon with reduced security alone; devices of tuntapd do not need it" :
	    "it is loaded on demand, or may be blocked until it is allowed in System Preferences (Security & Privacy)");
	finding_mend(added, modern ? "sudo kmutil load -p %s" : "sudo kextutil %s", quoted(k->path, word, sizeof(word)));
}

/* Cisco's own extension for tun, beside another one. */
static void
check_conflict(struct findings *f, const struct kexts *k, bool modern)
{
	const struct kext *theirs = NULL, *other = NULL;
	struct finding *added;

	for (size_t i = 0; i < k->count; i++) {
		const struct kext *one = &k->list[i];

		if (one->owner == KEXT_CISCO && one->makes_devices && (theirs == NULL || one->loaded)) {
			theirs = one;
		} else if (one->owner != KEXT_CISCO && one->makes_devices && (other == NULL || one->loaded)) {
			other = one;
		}
	}
	if (theirs == NULL) {
		return;
	}
	if (theirs->loaded && other != NULL) {
		added = finding_add(f, "cisco-conflict", SEVERITY_ERROR, "Cisco's kernel extension %s is loaded, and %s of %s is there",
		    name_of(theirs),
		    name_of(other), kext_owner_name(other->owner));
		finding_why(added, "only one of them can be loaded: the other fails with 'could not register PF_INET protocol family: "
		    "17'; devices "
		    "of tuntapd without an extension are not concerned");
		finding_mend(added, "sudo tuntapd switch tuntapd");
		finding_mend(added, "sudo tuntapd switch cisco");
		return;
	}
	added = finding_add(f, "cisco-kext", SEVERITY_INFO, "Cisco's own kernel extension for tun is %s: %s",
	    theirs->loaded ? "loaded" : "there, and not loaded", name_of(theirs));
	finding_why(added, "a kernel extension for tun beside it would fail with 'could not register PF_INET protocol family: 17'; "
	    "devices of "
	    "tuntapd are not concerned%s", modern ? ", and Cisco's client of today does not use it" : "");
}

/* Nodes of a kind that are not the daemon's own. */
static unsigned
count_nodes(const struct probe *p, uint8_t kind)
{
	char name[DEVNAME_SIZE], path[sizeof(KEXTNODE_DIRECTORY "/") + DEVNAME_SIZE];
	unsigned count = 0;
	struct stat st;

	for (struct device_id id = {.kind = kind}; device_id_valid(id); id.unit++) {
		devname_format(id, name);
		snprintf(path, sizeof(path), KEXTNODE_DIRECTORY "/%s", name);
		count += probe_stat(p, path, &st) && kextnode_of(&st) == KEXTNODE_KEXTS;
	}
	return count;
}

/* Devices of a kind that the daemon hands out as nodes, where they are there.  False: no daemon says. */
static bool
count_handed_out(const struct probe *p, uint8_t kind, unsigned *count)
{
	const struct probe here = {.root = ""};
	char path[PATHS_SIZE], *data = malloc(DEVLIST_BYTES_MAX + 1);
	struct devlist_entry entry;
	ssize_t bytes = -1;
	bool valid;

	if (data != NULL && paths_in_rundir(p->socket_path, PATHS_DEVICES, path, sizeof(path)) == 0) {
		bytes = probe_read(&here, path, data, DEVLIST_BYTES_MAX + 1);
	}
	valid = bytes > 0 && devlist_valid(data, (size_t)bytes);
	*count = 0;
	for (struct device_id id = {.kind = kind}; valid && device_id_valid(id); id.unit++) {
		*count += devlist_find(data, id, &entry) && (entry.flags & DEVLIST_BEFORE_NODE) != 0;
	}
	free(data);
	return valid;
}

/* Whether a loaded extension, of those that are known, makes devices of a kind. */
static bool
is_accounted_for(const struct kexts *k, const char *kind)
{
	for (size_t i = 0; i < k->count; i++) {
		if (k->list[i].loaded && k->list[i].makes_devices && strstr(k->list[i].identifier, kind) != NULL) {
			return true;
		}
	}
	return false;
}

/* Whose nodes there are, and who has the word about them. */
static void
check_nodes(const struct probe *p, struct findings *f, const struct kexts *k)
{
	static const uint8_t kinds[] = {DEVICE_TUN, DEVICE_TAP};

	for (size_t i = 0; i < sizeof(kinds); i++) {
		const char *kind = devname_kind(kinds[i]);
		unsigned nodes = count_nodes(p, kinds[i]), handed_out;
		bool serves = count_handed_out(p, kinds[i], &handed_out);
		struct finding *added;

		if (nodes > 0 && k->listed && !is_accounted_for(k, kind)) {
			added = finding_add(f, "kext-unknown", SEVERITY_INFO, "nodes /dev/%sN are there, %u, of no kernel extension "
			    "that is known here", kind, nodes);
			finding_why(added, "tuntapd hands them out all the same where tuntapd.conf says so, and relies on their being as "
			    "those of tuntaposx");
			finding_mend(added, "kmutil showloaded");
		}
		if (nodes > 0 && serves && handed_out == 0) {
			added = finding_add(f, "kext-not-preferred", SEVERITY_INFO, "nodes /dev/%sN of a kernel extension are there, and "
			    "not handed out by tuntapd", kind);
			finding_why(added, "whoever opens one gets it by its own owner and mode, with the library too: the policy and what "
			    "is configured for these devices do not reach it; 'prefer-kext = true' in tuntapd.conf has them handed out");
		} else if (nodes == 0 && serves && handed_out > 0) {
			added = finding_add(f, "kext-wanted", SEVERITY_INFO, "%s devices are to be a kernel extension's, and none is "
			    "loaded that has them", kind);
			finding_why(added, "with 'link = kext' in tuntapd.conf they cannot be opened; with 'prefer-kext' they are made "
			    "without it");
		}
	}
}

static void
check_old_directories(const struct probe *p, struct findings *f)
{
	struct finding *added = NULL;

	for (size_t i = 0; i < sizeof(old_directories) / sizeof(old_directories[0]); i++) {
		if (!probe_has(p, old_directories[i])) {
			continue;
		}
		added = finding_add(f, i < 2 ? "old-kext" : "old-startup-item", SEVERITY_WARNING, "%s is left of tuntaposx",
		    old_directories[i]);
		finding_why(added, i < 2 ? "macOS of today does not load it, and asks about it again and again; an older one does, and "
		    "programs get "
		    "its devices" : "no macOS since 10.10 runs startup items: it does nothing");
		finding_mend(added, "tuntapd migrate");
		finding_mend(added, "sudo tuntapd migrate --apply");
	}
}

static void
check_cisco_client(const struct probe *p, struct findings *f)
{
	static const char *const clients[] = {"/opt/cisco/secureclient", "/opt/cisco/anyconnect", "/opt/cisco/vpn"};

	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		if (probe_has(p, clients[i])) {
			struct finding *added = finding_add(f, "cisco-client", SEVERITY_INFO, "Cisco's VPN client is installed (%s)",
			    clients[i]);

			finding_why(added, "while it is connected it may take over routes, and forbid traffic past its tunnel, that of "
			    "your devices too");
			return;
		}
	}
}

void
doctor_check_kexts(const struct probe *p, struct findings *f)
{
	struct kexts *k = malloc(sizeof(*k));
	char version[32];
	const bool modern = kexts_macos_version(p, version, sizeof(version)) >= MACOS_11;
	bool apple_silicon;

	if (k == NULL) {
		return;
	}
	kexts_find(p, k);
	apple_silicon = kexts_is_apple_silicon(p);
	for (size_t i = 0; i < k->count; i++) {
		if (k->list[i].loaded) {
			check_loaded(f, &k->list[i], modern);
		}
		if (k->list[i].path[0] != '\0') {
			check_on_disk(f, &k->list[i], apple_silicon, modern, k->listed);
		}
		if (k->list[i].owner == KEXT_TUNNELBLICK && strncmp(k->list[i].path, "/Applications/", 14) == 0) {
			finding_why(finding_add(f, "tunnelblick", SEVERITY_INFO, "Tunnelblick has an extension of its own: %s",
			    k->list[i].path),
			    "it loads it for connections that need it; those get real nodes, which tuntapd leaves alone");
		}
	}
	check_nodes(p, f, k);
	check_conflict(f, k, modern);
	check_old_directories(p, f);
	check_cisco_client(p, f);
	free(k);
}
