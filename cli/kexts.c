/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kexts.c - finds the kernel extensions that make tun and tap devices.  See kexts.h.
 *
 * Theory of operation.  Bundles are looked for in the places where the known products put them, by a part of their names; whose one
 * is, its identifier tells, and for Cisco's, whose identifiers changed over the years, the directory too.  What is loaded is taken
 * from the system's own list: each word in it that begins as a known identifier does, since the columns of kextstat and of
 * kmutil, which replaces it from macOS 11 on, differ.
 *
 * Sources: identifiers: the Info.plist of tuntaposx and of Tunnelblick's third_party extensions; kextstat(8), kmutil(8).  Cisco's
 * places: its administrator guides and the scripts that take its client off a Mac.
 */
#include "cli/kexts.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/binary.h"

#define PLIST_BYTES 65536
#define MACHO_X86_64 7
#define MACHO_ARM 12
#define MACHO_ARM64E 2

static const char *const places[] = {
	"/Library/Extensions",
	"/System/Library/Extensions",
	"/Applications/Tunnelblick.app/Contents/Resources",
	"/Library/Application Support/Tunnelblick",
	"/Library/Application Support/Cisco/AnyConnect Secure Mobility Client",
	"/opt/cisco/vpn/bin",
	"/opt/cisco/anyconnect/bin",
	"/opt/cisco/secureclient/bin",
};

static const struct {
	const char *prefix;
	enum kext_owner owner;
} identifiers[] = {
	{"org.tuntapd.", KEXT_TUNTAPD}, {"net.sf.tuntaposx.", KEXT_TUNTAPOSX}, {"foo.tun", KEXT_TUNTAPOSX}, {"foo.tap", KEXT_TUNTAPOSX},
	{"net.tunnelblick.", KEXT_TUNNELBLICK}, {"com.cisco.", KEXT_CISCO},
};

struct search {
	const struct probe *p;
	struct kexts *k;
	const char *place;
};

const char *
kext_owner_name(enum kext_owner owner)
{
	static const char *const names[] = {
		[KEXT_UNKNOWN] = "somebody", [KEXT_TUNTAPD] = "tuntapd", [KEXT_TUNTAPOSX] = "tuntaposx", [KEXT_TUNNELBLICK] = "Tunnelblick",
		[KEXT_CISCO] = "Cisco",
	};

	return names[owner];
}

/* Without regard to case. */
static bool
contains(const char *text, const char *part)
{
	size_t length = strlen(part);

	for (; *text != '\0'; text++) {
		if (strncasecmp(text, part, length) == 0) {
			return true;
		}
	}
	return false;
}

static bool
is_interesting(const char *name)
{
	const char *end = strstr(name, ".kext");

	return end != NULL && end[5] == '\0' &&
	    (contains(name, "tun") || contains(name, "tap") || contains(name, "cisco") || contains(name, "acsock"));
}

static enum kext_owner
owner_of(const char *identifier)
{
	for (size_t i = 0; i < sizeof(identifiers) / sizeof(identifiers[0]); i++) {
		if (strncmp(identifier, identifiers[i].prefix, strlen(identifiers[i].prefix)) == 0) {
			return identifiers[i].owner;
		}
	}
	return KEXT_UNKNOWN;
}

/* Architectures of the bundle's executable. */
static unsigned
architectures_of(const struct probe *p, const char *bundle, const char *executable)
{
	char path[1024], full[PATH_MAX];
	struct binary_info info;
	unsigned found = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/Contents/MacOS/%s", bundle, executable);
	if (!probe_path(p, path, full)) {
		return 0;
	}
	fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		return 0;
	}
	for (int slice = 0; slice < BINARY_SLICES_MAX && binary_read(fd, slice, &info) == 0; slice++) {
		if (info.format == BINARY_MACHO && info.bits == 64 && info.machine == MACHO_X86_64) {
			found |= KEXT_X86_64;
		} else if (info.format == BINARY_MACHO && info.bits == 64 && info.machine == MACHO_ARM && info.submachine == MACHO_ARM64E) {
			found |= KEXT_ARM64E;
		} else {
			found |= KEXT_OTHER_ARCHITECTURE;
		}
	}
	close(fd);
	return found;
}

static struct kext *
add(struct kexts *k, const char *identifier, const char *path, enum kext_owner owner)
{
	struct kext *added;

	if (k->count == KEXTS_MAX) {
		return NULL;
	}
	added = &k->list[k->count++];
	*added = (struct kext){.owner = owner};
	added->makes_devices = owner != KEXT_CISCO || contains(identifier, "tun") || contains(path, "/tun");
	snprintf(added->identifier, sizeof(added->identifier), "%s", identifier);
	snprintf(added->path, sizeof(added->path), "%s", path);
	return added;
}

static void
on_name(void *context, const char *name)
{
	struct search *s = context;
	char path[512], plist_path[600], identifier[KEXT_IDENTIFIER_SIZE] = "", executable[96] = "";
	enum kext_owner owner;
	struct kext *added;
	char *plist;

	if (!is_interesting(name) || snprintf(path, sizeof(path), "%s/%s", s->place, name) >= (int)sizeof(path)) {
		return;
	}
	plist = malloc(PLIST_BYTES);
	if (plist == NULL) {
		return;
	}
	snprintf(plist_path, sizeof(plist_path), "%s/Contents/Info.plist", path);
	if (probe_read(s->p, plist_path, plist, PLIST_BYTES) > 0) {
		(void)probe_plist_string(plist, "CFBundleIdentifier", identifier, sizeof(identifier));
		(void)probe_plist_string(plist, "CFBundleExecutable", executable, sizeof(executable));
	}
	free(plist);
	owner = owner_of(identifier);
	if (owner == KEXT_UNKNOWN && contains(s->place, "cisco")) {
		owner = KEXT_CISCO;
	}
	/* The system's own, and strangers', whose names have those letters: only what is known is spoken of. */
	added = owner != KEXT_UNKNOWN ? add(s->k, identifier, path, owner) : NULL;
	if (added != NULL && executable[0] != '\0' && strchr(executable, '/') == NULL) {
		added->architectures = architectures_of(s->p, path, executable);
	}
}

static void
take_loaded(struct kexts *k, const char *identifier)
{
	bool known = false;

	for (size_t i = 0; i < k->count; i++) {
		if (strcmp(k->list[i].identifier, identifier) == 0) {
			k->list[i].loaded = true; /* which of two bundles of one name it is cannot be told */
			known = true;
		}
	}
	if (!known) {
		struct kext *added = add(k, identifier, "", owner_of(identifier));

		if (added != NULL) {
			added->loaded = true;
		}
	}
}

static void
take_list(struct kexts *k, const char *text)
{
	while (*text != '\0') {
		size_t length = strcspn(text, " \t\r\n");
		char word[KEXT_IDENTIFIER_SIZE];

		if (length > 0 && length < sizeof(word)) {
			memcpy(word, text, length);
			word[length] = '\0';
			if (owner_of(word) != KEXT_UNKNOWN) {
				take_loaded(k, word);
			}
		}
		text += length;
		text += strspn(text, " \t\r\n");
	}
}

void
kexts_find(const struct probe *p, struct kexts *k)
{
	struct action_answer *answer = malloc(sizeof(*answer));
	struct search search = {.p = p, .k = k};

	memset(k, 0, sizeof(*k));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		search.place = places[i];
		probe_list(p, places[i], on_name, &search);
	}
	if (answer != NULL && (probe_ask(p, answer, "kmutil", "showloaded", "--list-only", NULL) ||
	    probe_ask(p, answer, "kextstat", "-l", NULL, NULL))) {
		k->listed = true;
		take_list(k, answer->text);
	}
	free(answer);
}

bool
kexts_is_apple_silicon(const struct probe *p)
{
	struct action_answer *answer = malloc(sizeof(*answer));
	bool is = answer != NULL && probe_ask(p, answer, "sysctl", "-n", "hw.optional.arm64", NULL) && answer->text[0] == '1';

	free(answer);
	return is;
}

unsigned
kexts_macos_version(const struct probe *p, char *text, size_t size)
{
	char plist[4096];
	unsigned major = 0, minor = 0;

	text[0] = '\0';
	if (probe_read(p, "/System/Library/CoreServices/SystemVersion.plist", plist, sizeof(plist)) <= 0 ||
	    !probe_plist_string(plist, "ProductVersion", text, size) || sscanf(text, "%u.%u", &major, &minor) < 1) {
		return 0;
	}
	return major * 100 + (minor < 100 ? minor : 99);
}
