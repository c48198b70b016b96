/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat-darwin.c - address translation by pf, the packet filter.  See natrules.h.
 *
 * Theory of operation.  Each device has an anchor of its own, com.apple/tuntapd-..., with a rule for each of its networks and each
 * interface that a packet may leave by.  The main rules, /etc/pf.conf, which the system loads when it starts, heed all anchors of that
 * beginning (MAIN_ANCHOR), so they need not be touched; where an administrator took that line out the rules would be there and
 * do nothing, so it is looked for.  What is loaded is read back and counted.
 *
 * pf is enabled by reference: "pfctl -E" takes one and tells its token, "pfctl -X" gives it back, and pf is enabled as long as anybody has
 * one.  So one that others enabled stays as it is, and one that nobody else wants is disabled again.
 *
 * Rules are made of numbers, addresses that were parsed, and interfaces' names of letters and digits: nobody's text goes to pfctl.
 *
 * Limits.  An interface that appears after the device was opened has no rule, until it is opened again.  IPv6: the address that a packet
 * gets is one that lasts, since pf leaves out link-local, temporary and deprecated ones.
 *
 * Sources: pfctl(8), pf.conf(5), /etc/pf.conf of macOS; XNU bsd/net/pf_if.c pfi_instance_add, bsd/net/pf_ioctl.c (DIOCSTARTREF,
 * DIOCSTOPREF), bsd/netinet6/nd6_rtr.c (router advertisements are heeded whether or not the machine forwards).
 * What pfctl prints is from programs that read it: "Token : NUMBER".
 */
#include "natrules.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysctl.h>

#include "pfctl-darwin.h"

#define MAIN_ANCHOR "nat-anchor \"com.apple/*\""
#define RULE_BEGINNING "nat on "
#define TOKEN_BEGINNING "Token : "
#define ANCHOR_SIZE 48
/* "nat on en0 inet6 from NETWORK to any -> (en0:0)" */
#define RULE_SIZE (NATRULES_NETWORK_SIZE + 2 * IFNAMSIZ + 40)

static const char *const forward_names[NATRULES_FORWARDS] = {
	[NATRULES_FORWARD_4] = "net.inet.ip.forwarding", [NATRULES_FORWARD_6] = "net.inet6.ip6.forwarding",
};

static void
anchor_name(const struct natrules_owner *owner, char name[ANCHOR_SIZE])
{
	snprintf(name, ANCHOR_SIZE, "com.apple/tuntapd-%08x-%u", owner->identity, (unsigned)owner->place);
}

/* What pfctl says at every call, or because others have rules, too. */
static bool
is_usual(const char *line)
{
	static const char *const usual[] = {
		"No ALTQ support", "ALTQ related", "pfctl: Use of -f", "present in the main", "See /etc/pf.conf", "\n",
	};

	for (unsigned i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		if (strncmp(line, usual[i], strlen(usual[i])) == 0) {
			return true;
		}
	}
	return line[0] == '\0';
}

/* Runs pfctl.  0, and what it said; or -1 with errno EOPNOTSUPP and why, with the first line that it said about this. */
static int
run(const char *const *arguments, const char *input, char text[PFCTL_TEXT_SIZE], char why[NAT_WHY_SIZE])
{
	int status = pfctl_run(arguments, input, text);
	const char *line = text;

	if (status == 0) {
		return 0;
	}
	if (status < 0) {
		snprintf(why, NAT_WHY_SIZE, "pfctl: %s", strerror(errno));
	} else {
		while (is_usual(line) && line[0] != '\0') {
			line += strcspn(line, "\n");
			line += *line == '\n';
		}
		snprintf(why, NAT_WHY_SIZE, "pfctl: status %d%s%.*s", status, line[0] != '\0' ? ": " : "", (int)strcspn(line, "\n"), line);
	}
	errno = EOPNOTSUPP;
	return -1;
}

/* Lines of a text that begin so. */
static unsigned
count_lines(const char *text, const char *beginning)
{
	unsigned count = 0;

	for (const char *line = text; line[0] != '\0'; line += *line == '\n') {
		count += strncmp(line, beginning, strlen(beginning)) == 0;
		line += strcspn(line, "\n");
	}
	return count;
}

static bool
is_plain_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

	return length > 0 && length < IFNAMSIZ && name[length] == '\0';
}

/* Whether rules can name it: an interface that somebody's packets may leave by, once for each. */
static bool
is_way_out(const struct ifaddrs *a, const char *own)
{
	return a->ifa_addr != NULL && a->ifa_addr->sa_family == AF_LINK && (a->ifa_flags & IFF_LOOPBACK) == 0 &&
	    strcmp(a->ifa_name, own) != 0 && is_plain_name(a->ifa_name);
}

/* The rules, allocated, and how many there are; NULL with errno. */
static char *
make_rules(const char *ifname, const struct natrules_network *networks, unsigned count, unsigned *rule_count)
{
	struct ifaddrs *list;
	size_t used = 0, size;
	char *text;

	if (getifaddrs(&list) < 0) {
		return NULL;
	}
	*rule_count = 0;
	for (const struct ifaddrs *a = list; a != NULL; a = a->ifa_next) {
		*rule_count += is_way_out(a, ifname) ? count : 0;
	}
	size = (size_t)*rule_count * RULE_SIZE + 1;
	text = calloc(1, size);
	for (unsigned n = 0; text != NULL && n < count; n++) {
		for (const struct ifaddrs *a = list; a != NULL; a = a->ifa_next) {
			if (is_way_out(a, ifname)) {
				used += (size_t)snprintf(text + used, size - used, RULE_BEGINNING "%s %s from %s to any -> (%s:0)\n",
				    a->ifa_name, networks[n].is_4 ? "inet" : "inet6", networks[n].text, a->ifa_name);
			}
		}
	}
	freeifaddrs(list);
	return text;
}

/* Loads the rules, and looks whether they are there, and whether anybody heeds them. */
static int
load(const char *anchor, const char *rules, unsigned count, char why[NAT_WHY_SIZE])
{
	char text[PFCTL_TEXT_SIZE];
	const char *const shows_main[] = {"-s", "nat", NULL}, *const loads[] = {"-q", "-a", anchor, "-N", "-f", "-", NULL};
	const char *const shows[] = {"-a", anchor, "-s", "nat", NULL};

	if (run(shows_main, "", text, why) < 0) {
		return -1;
	}
	if (count_lines(text, MAIN_ANCHOR) == 0) {
		snprintf(why, NAT_WHY_SIZE, "the main rules of pf do not have the line '%s': put it back in /etc/pf.conf and run "
		    "'pfctl -f /etc/pf.conf'", MAIN_ANCHOR);
		errno = EOPNOTSUPP;
		return -1;
	}
	if (run(loads, rules, text, why) < 0 || run(shows, "", text, why) < 0) {
		return -1;
	}
	/* Of a very long list only the beginning is kept. */
	if (count_lines(text, RULE_BEGINNING) != count && strlen(text) < PFCTL_TEXT_SIZE - 1) {
		snprintf(why, NAT_WHY_SIZE, "pfctl has loaded %u rules, not %u", count_lines(text, RULE_BEGINNING), count);
		errno = EOPNOTSUPP;
		return -1;
	}
	return 0;
}

int
natrules_add(const struct natrules_owner *owner, const char *ifname, const struct natrules_network *networks, unsigned count,
    char why[NAT_WHY_SIZE])
{
	char anchor[ANCHOR_SIZE], *rules;
	unsigned rule_count = 0;
	int result, saved;

	rules = make_rules(ifname, networks, count, &rule_count);
	if (rules == NULL || rule_count == 0) {
		saved = rules == NULL ? errno : ENETUNREACH;
		snprintf(why, NAT_WHY_SIZE, "%s", rules == NULL ? strerror(saved) : "there is no interface that packets could leave by");
		free(rules);
		errno = saved;
		return -1;
	}
	anchor_name(owner, anchor);
	result = load(anchor, rules, rule_count, why);
	saved = errno;
	free(rules);
	errno = saved;
	return result;
}

int
natrules_remove(const struct natrules_owner *owner, char why[NAT_WHY_SIZE])
{
	char text[PFCTL_TEXT_SIZE];
	char anchor[ANCHOR_SIZE];
	const char *const flushes[] = {"-q", "-a", anchor, "-F", "nat", NULL};

	anchor_name(owner, anchor);
	return run(flushes, "", text, why);
}

int
natrules_hold(uint64_t *token, char why[NAT_WHY_SIZE])
{
	char text[PFCTL_TEXT_SIZE];
	const char *const enables[] = {"-E", NULL}, *at;
	int result = run(enables, "", text, why);
	char *end;

	/* Whoever was told a token has a reference, whatever else there was to say. */
	at = strstr(text, TOKEN_BEGINNING);
	if (at != NULL) {
		errno = 0;
		*token = strtoull(at + strlen(TOKEN_BEGINNING), &end, 10);
		if (errno == 0 && end != at + strlen(TOKEN_BEGINNING) && (*end == '\n' || *end == '\0') && *token != 0) {
			return 0;
		}
	}
	if (result == 0) {
		snprintf(why, NAT_WHY_SIZE, "pfctl -E does not say a token");
	}
	*token = 0;
	errno = EOPNOTSUPP;
	return -1;
}

int
natrules_release(uint64_t token, char why[NAT_WHY_SIZE])
{
	char text[PFCTL_TEXT_SIZE];
	char number[24];
	const char *const gives_back[] = {"-X", number, NULL};

	snprintf(number, sizeof(number), "%llu", (unsigned long long)token);
	return run(gives_back, "", text, why);
}

const char *
natrules_forwarding_name(enum natrules_forwarding which)
{
	return forward_names[which];
}

int
natrules_read_forwarding(enum natrules_forwarding which, bool *on)
{
	int value = 0;
	size_t size = sizeof(value);

	if (sysctlbyname(forward_names[which], &value, &size, NULL, 0) < 0) {
		return -1;
	}
	*on = value != 0;
	return 0;
}

int
natrules_switch_forwarding(enum natrules_forwarding which, bool on)
{
	int value = on;

	return sysctlbyname(forward_names[which], NULL, NULL, &value, sizeof(value));
}
