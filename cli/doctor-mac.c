/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor-mac.c - the part of `tuntapd doctor` for a host with macOS, but for its kernel extensions (doctor-kexts.c).
 *
 * Theory of operation.  Files are looked at through the probe, and the system's own commands are asked: launchctl for the job, ifconfig for
 * the interfaces, sysctl for what fake Ethernet interfaces are made of, pfctl for the packet filter.  None of launchctl's words is
 * promised by Apple: only whether it finds the job, and the few words below, are used, and what is not found is not spoken of.
 *
 * ZeroTier destroys every interface named feth and one to four digits when it starts, whoever made it; ours begin at feth10000.
 *
 * Sources: launchctl(1), launchd.plist(5), ifconfig(8); XNU bsd/net/if_fake.c (the sysctls, which are read when an interface is made);
 * ZeroTierOne osdep/MacEthernetTap.cpp.
 */
#include "cli/doctor-checks.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/kexts.h"
#include "cli/text.h"
#include "protocol/devlist.h"
#include "protocol/devname.h"

/* What 'tuntapd service install' installs, and what 'brew services start' does. */
#define LABEL "org.tuntapd.daemon"
#define HOMEBREW_LABEL "homebrew.mxcl.tuntapd"
#define DEFINITION_OF "/Library/LaunchDaemons/%s.plist"
#define PATH_BYTES 96
#define MACOS_FIRST 1100
#define MACOS_FIRST_TEXT "11"
#define ZEROTIER "/Library/Application Support/ZeroTier/One"
#define INTERFACES_MAX 256
#define IFNAME_SIZE 16
/* Of feth that ZeroTier leaves alone. */
#define FETH_UNIT_SAFE 10000

struct interface {
	char name[IFNAME_SIZE];
	char peer[IFNAME_SIZE]; /* of a feth; "" */
	char bridge_members[8][IFNAME_SIZE];
	size_t members;
	long mtu;
};

struct interfaces {
	size_t count;
	struct interface list[INTERFACES_MAX];
};

static void
check_version(const struct probe *p, struct findings *f)
{
	char text[32];
	unsigned version = kexts_macos_version(p, text, sizeof(text));
	struct finding *added;

	if (version != 0 && version < MACOS_FIRST) {
		added = finding_add(f, "macos-version", SEVERITY_ERROR, "macOS %s is older than tuntapd serves", text);
		finding_why(added, "it needs macOS " MACOS_FIRST_TEXT " or later, on Intel's or Apple's processors");
	}
}

/* The label of the service that is installed, with its definition's path; NULL: none is. */
static const char *
installed_service(const struct probe *p, char path[PATH_BYTES])
{
	static const char *const labels[] = {LABEL, HOMEBREW_LABEL};

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		snprintf(path, PATH_BYTES, DEFINITION_OF, labels[i]);
		if (probe_has(p, path)) {
			return labels[i];
		}
	}
	return NULL;
}

static void
check_definition(const struct probe *p, struct findings *f, const char *path)
{
	struct finding *added;
	struct stat st;

	if (!probe_stat(p, path, &st) || (S_ISREG(st.st_mode) && st.st_uid == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)) {
		return;
	}
	added = finding_add(f, "service-dubious", SEVERITY_ERROR, "%s is not root's alone to write", path);
	finding_why(added, "launchd passes over such a definition, and the daemon is not started");
	finding_mend(added, "sudo chown root:wheel %s", path);
	finding_mend(added, "sudo chmod 0644 %s", path);
}

/* The number after a label in launchctl's words; fallback if it is not there. */
static long
number_after(const char *text, const char *label, long fallback)
{
	const char *at = strstr(text, label);
	char *end;
	long value;

	if (at == NULL) {
		return fallback;
	}
	value = strtol(at + strlen(label), &end, 10);
	return end != at + strlen(label) ? value : fallback;
}

static bool
is_disabled(const char *text, const char *label)
{
	char wanted[PATH_BYTES];
	const char *at;

	snprintf(wanted, sizeof(wanted), "\"%s\" => ", label);
	at = strstr(text, wanted);
	return at != NULL && (strncmp(at + strlen(wanted), "disabled", 8) == 0 || strncmp(at + strlen(wanted), "true", 4) == 0);
}

static void
check_job(const struct probe *p, struct findings *f, const char *label, const char *path)
{
	struct action_answer *answer = malloc(sizeof(*answer));
	struct finding *added;
	char job[PATH_BYTES];
	long last;

	if (answer == NULL) {
		return;
	}
	snprintf(job, sizeof(job), "system/%s", label);
	if (probe_ask(p, answer, "launchctl", "print-disabled", "system", NULL) && is_disabled(answer->text, label)) {
		added = finding_add(f, "service-disabled", SEVERITY_WARNING, "the service %s is disabled", label);
		finding_why(added, "launchd does not start it, and that lasts over an installation");
		finding_mend(added, "sudo launchctl enable %s", job);
	}
	if (!probe_ask(p, answer, "launchctl", "print", job, NULL)) {
		added = finding_add(f, "service-not-loaded", SEVERITY_WARNING, "launchd does not know the service %s, which is installed",
		    label);
		finding_why(added, "it comes with the next boot, if it is not disabled");
		finding_mend(added, "sudo launchctl bootstrap system %s", path);
		free(answer);
		return;
	}
	last = number_after(answer->text, "last exit code = ", 0);
	if (strstr(answer->text, "state = running") == NULL && last != 0) {
		added = finding_add(f, "service-failed", SEVERITY_ERROR, "the service %s has failed (status %ld)", label, last);
		finding_why(added, "its log says why");
		finding_mend(added, "tail -n 50 /var/log/tuntapd.log");
		finding_mend(added, "sudo tuntapd config check");
		finding_mend(added, "sudo launchctl kickstart -k %s", job);
	} else if (strstr(answer->text, "state = running") == NULL) {
		added = finding_add(f, "service-stopped", SEVERITY_WARNING, "the service %s does not run", label);
		finding_why(added, "its socket may start it");
		finding_mend(added, "sudo launchctl kickstart -k %s", job);
	}
	free(answer);
}

static void
check_service(const struct probe *p, struct findings *f)
{
	char path[PATH_BYTES];
	const char *label = installed_service(p, path);
	struct finding *added;

	if (label == NULL) {
		added = finding_add(f, "service-none", SEVERITY_INFO, "tuntapd is not installed as a service of launchd");
		finding_why(added, "the daemon runs while somebody runs 'tuntapd serve'");
		finding_mend(added, "sudo tuntapd service install");
		return;
	}
	check_definition(p, f, path);
	check_job(p, f, label, path);
}

/* A word of ifconfig's text, up to a blank, a colon or the line's end. */
static void
take_word(const char *from, char word[IFNAME_SIZE])
{
	snprintf(word, IFNAME_SIZE, "%.*s", (int)strcspn(from, " :\t\r\n"), from);
}

/* One line of `ifconfig -a`: an interface begins in the first column; what is said of it is indented. */
static void
take_line(struct interfaces *all, const char *line)
{
	struct interface *i = all->count > 0 ? &all->list[all->count - 1] : NULL;
	const char *mtu;

	if (!isspace((unsigned char)line[0]) && line[0] != '\0') {
		if (all->count == INTERFACES_MAX) {
			return;
		}
		i = &all->list[all->count++];
		memset(i, 0, sizeof(*i));
		take_word(line, i->name);
		mtu = strstr(line, " mtu ");
		i->mtu = mtu != NULL ? strtol(mtu + 5, NULL, 10) : 0;
		return;
	}
	line += strspn(line, " \t");
	if (i == NULL) {
		return;
	}
	if (strncmp(line, "peer: ", 6) == 0) {
		take_word(line + 6, i->peer);
	} else if (strncmp(line, "member: ", 8) == 0 && i->members < sizeof(i->bridge_members) / sizeof(i->bridge_members[0])) {
		take_word(line + 8, i->bridge_members[i->members++]);
	}
}

static void
read_interfaces(const struct probe *p, struct interfaces *all)
{
	struct action_answer *answer = malloc(sizeof(*answer));
	char line[256];

	all->count = 0;
	if (answer != NULL && probe_ask(p, answer, "ifconfig", "-a", NULL, NULL)) {
		for (const char *at = answer->text; *at != '\0';) {
			size_t length = strcspn(at, "\n");

			snprintf(line, sizeof(line), "%.*s", (int)length, at);
			take_line(all, line);
			at += length + (at[length] == '\n');
		}
	}
	free(answer);
}

static const struct interface *
find_interface(const struct interfaces *all, const char *name)
{
	for (size_t i = 0; i < all->count; i++) {
		if (strcmp(all->list[i].name, name) == 0) {
			return &all->list[i];
		}
	}
	return NULL;
}

static void
tell_mtu(struct findings *f, const struct interface *one, const struct interface *other)
{
	const struct interface *larger = one->mtu > other->mtu ? one : other, *smaller = larger == one ? other : one;
	struct finding *added = finding_add(f, "mtu", SEVERITY_WARNING, "%s has MTU %ld, and %s, which it is joined to, %ld", one->name,
	    one->mtu,
	    other->name, other->mtu);
	char word[64] = "";

	finding_why(added, "packets that only one of them can carry are lost; a bridge takes no member of another MTU");
	text_append_quoted(word, sizeof(word), larger->name);
	finding_mend(added, "sudo ifconfig %s mtu %ld", word, smaller->mtu);
}

static void
check_mtus(struct findings *f, const struct interfaces *all)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct interface *one = &all->list[i], *other = one->peer[0] != '\0' ? find_interface(all, one->peer) : NULL;

		/* Each pair once. */
		if (other != NULL && other > one && other->mtu != one->mtu) {
			tell_mtu(f, one, other);
		}
		for (size_t m = 0; m < one->members; m++) {
			other = find_interface(all, one->bridge_members[m]);
			if (other != NULL && other->mtu != one->mtu) {
				tell_mtu(f, one, other);
			}
		}
	}
}

/* The unit of an interface of that stem; -1: it is another's. */
static long
unit_of(const char *name, const char *stem)
{
	size_t length = strlen(stem);

	return strncmp(name, stem, length) == 0 && isdigit((unsigned char)name[length]) ? strtol(name + length, NULL, 10) : -1;
}

/* A feth is ours if it, or its other end, is an open device's. */
static bool
is_ours(const struct doctor_devices *devices, const struct interface *i)
{
	return doctor_is_ours(devices, i->name) || (i->peer[0] != '\0' && doctor_is_ours(devices, i->peer));
}

static void
check_others(const struct probe *p, struct findings *f, const struct interfaces *all, const struct doctor_devices *devices)
{
	const bool zerotier = probe_has(p, ZEROTIER);
	size_t utuns = 0, feths = 0, endangered = 0, left = 0;
	const char *first_left = NULL;
	struct finding *added;

	for (size_t i = 0; i < all->count; i++) {
		const struct interface *one = &all->list[i];
		const bool ours = is_ours(devices, one);
		const long feth = unit_of(one->name, "feth");

		utuns += !ours && unit_of(one->name, "utun") >= 0;
		feths += !ours && feth >= 0 && feth < FETH_UNIT_SAFE;
		if (!ours && feth >= FETH_UNIT_SAFE) {
			first_left = left++ == 0 ? one->name : first_left;
		}
		endangered += ours && feth >= 0 && feth < FETH_UNIT_SAFE;
	}
	if (left > 0) {
		added = finding_add(f, "leftover-interfaces", SEVERITY_WARNING,
		    "%zu interface%s from feth10000 on, as tuntapd makes them, %s no device "
		    "that is open here, as %s", left, left == 1 ? "" : "s", left == 1 ? "is of" : "are of", first_left);
		finding_why(added, devices->known ? "this daemon did not make them: another did, or somebody else" :
		    "a daemon was killed; the next one takes away those that nobody uses");
		if (devices->known) {
			finding_mend(added, "sudo ifconfig %s destroy", first_left);
		} else {
			finding_mend(added, "sudo tuntapd serve");
		}
	}
	if (utuns > 0) {
		finding_why(finding_add(f, "others-utun", SEVERITY_INFO, "others have %zu utun interface%s", utuns, utuns == 1 ? "" : "s"),
		    "macOS itself has some; they and ours do not concern each other");
	}
	if (feths > 0) {
		finding_why(finding_add(f, "others-feth", SEVERITY_INFO, "others have %zu fake Ethernet interface%s (feth)%s", feths,
		    feths == 1 ? "" : "s",
		    zerotier ? "; ZeroTier makes such" : ""), "ours begin at feth10000");
	}
	if (zerotier) {
		added = finding_add(f, "zerotier", endangered > 0 ? SEVERITY_WARNING : SEVERITY_INFO, "ZeroTier is installed");
		finding_why(added, endangered > 0 ? "when it starts it destroys every interface from feth0 to feth9999, and some of ours "
		    "are of those" :
		    "when it starts it destroys every interface from feth0 to feth9999, whoever made it; ours begin at feth10000");
	}
}

/* Real nodes of devices, by the number that the daemon's have. */
struct nodes {
	const struct probe *p;
	size_t count;
	char first[DEVNAME_SIZE];
};

static void
on_node(void *context, const char *name)
{
	struct nodes *n = context;
	char path[sizeof("/dev/") + DEVNAME_SIZE];
	struct device_id id;
	struct stat st;

	if (devname_parse(name, &id) && snprintf(path, sizeof(path), "/dev/%s", name) < (int)sizeof(path) &&
	    probe_stat(n->p, path, &st) && S_ISCHR(st.st_mode) && st.st_rdev == devlist_number(id) &&
	    n->count++ == 0) {
		snprintf(n->first, sizeof(n->first), "%s", name);
	}
}

static void
check_nodes(const struct probe *p, struct findings *f, const struct doctor_devices *devices)
{
	struct nodes nodes = {.p = p};
	struct finding *added;

	if (devices->known) {
		return;
	}
	probe_list(p, "/dev", on_node, &nodes);
	if (nodes.count > 0) {
		added = finding_add(f, "leftover-nodes", SEVERITY_WARNING,
		    "%zu of tuntapd's nodes %s in /dev, as %s, and no daemon serves", nodes.count, nodes.count == 1 ? "is" : "are",
		    nodes.first);
		finding_why(added, "a daemon was killed, whose configuration says nodes = true; nobody can open them until one serves");
		finding_mend(added, "sudo tuntapd serve");
	}
}

/* What fake Ethernet interfaces are made of: the values that they are used with here. */
static const struct {
	const char *name;
	long value;
	const char *why;
} feth_settings[] = {
	{"net.link.fake.bsd_mode", 1, "frames then pass by another way than the one that is used here"},
	{"net.link.fake.hwcsum", 0, "frames then come without their checksums"},
	{"net.link.fake.fcs", 0, "frames then come with a check sequence at their end"},
	{"net.link.fake.trailer_length", 0, "frames then come with bytes at their end that nobody wrote"},
};

static void
check_feth_settings(const struct probe *p, struct findings *f)
{
	struct action_answer *answer = malloc(sizeof(*answer));

	for (size_t i = 0; answer != NULL && i < sizeof(feth_settings) / sizeof(feth_settings[0]); i++) {
		struct finding *added;

		if (!probe_ask(p, answer, "sysctl", "-n", feth_settings[i].name, NULL) || !isdigit((unsigned char)answer->text[0]) ||
		    strtol(answer->text, NULL, 10) == feth_settings[i].value) {
			continue;
		}
		added = finding_add(f, "feth-setting", SEVERITY_WARNING, "%s is %ld and not %ld", feth_settings[i].name,
		    strtol(answer->text, NULL, 10),
		    feth_settings[i].value);
		finding_why(added, "%s; it holds for interfaces that are made from now on", feth_settings[i].why);
		finding_mend(added, "sudo sysctl %s=%ld", feth_settings[i].name, feth_settings[i].value);
	}
	free(answer);
}

static void
check_packet_filter(const struct probe *p, struct findings *f)
{
	struct action_answer *answer = malloc(sizeof(*answer));

	/* Root alone may ask. */
	if (answer != NULL && probe_ask(p, answer, "pfctl", "-s", "info", NULL) && strstr(answer->text, "Status: Enabled") != NULL) {
		struct finding *added = finding_add(f, "firewall", SEVERITY_INFO, "the packet filter (pf) is on");

		finding_why(added, "what comes from a device must be let through by its rules");
		finding_mend(added, "sudo pfctl -s rules");
	}
	free(answer);
}

void
doctor_check_macos(const struct probe *p, struct findings *f, const struct doctor_devices *devices)
{
	struct interfaces *all = malloc(sizeof(*all));

	check_version(p, f);
	check_service(p, f);
	if (all != NULL) {
		read_interfaces(p, all);
		check_mtus(f, all);
		check_others(p, f, all, devices);
	}
	check_nodes(p, f, devices);
	free(all);
	check_feth_settings(p, f);
	check_packet_filter(p, f);
}
