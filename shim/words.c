/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * words.c - which words of a command name a device.  See words.h.
 *
 * Theory of operation.  A word counts only where the program takes it for an interface's name: for ip, ifconfig, route and dhclient that is
 * any word that is exactly a device's name, but for those after a few keywords; for tcpdump it is the argument of -i.  So a
 * file called tap0 (tcpdump -w tap0), a new name (ip link add link tap0 name tap1), a network namespace or a description are not touched,
 * nor is anything longer than a name ("tap0.pcap", "tap00"), but for three forms that contain one: an alias (tap0:1), the zone of an
 * IPv6 address (fe80::1%tap0/64), and an option with its argument (-itap0, --interface=tap0).
 *
 * Programs that start another program (sudo, env) are looked through, with the few options whose meaning is sure.  With any other option,
 * and with "ip netns exec" and its like, nothing is touched: what the name means is for the program at the end to say, in its namespace.
 *
 * Sources: ifconfig(8) of FreeBSD, macOS and net-tools; route(8) of both; ip(8) and iproute2's matches(), which takes any
 * beginning of an object's name; tcpdump(1), getopt(3); dhclient(8).
 */
#include "words.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "protocol/devname.h"

/* How a program reads its words. */
enum grammar {
	ALL_WORDS, /* any word may be a name, but those after the keywords */
	IP,        /* the same, for the objects that have interfaces; see search_ip() */
	OPTIONS,   /* names are arguments of one option */
};

struct program {
	const char *name;
	const char *after[12];   /* ALL_WORDS, IP: keywords whose next word is something else */
	const char *letters;     /* OPTIONS: those that take an argument */
	const char *long_option; /* OPTIONS: the one that takes a name, */
	char letter;             /* and its letter */
	enum grammar grammar;
};

/*
 * The configuration programs: ifconfig and route are what clients run by far the most (OpenVPN, n2n, iodine, lwIP, Contiki, hans, Click,
 * SIMH, pytap2), ip is their like of today (fastd, scripts), dhclient and tcpdump are what people run beside them.  Others (brctl, bridge,
 * tc, ethtool, arping, dhcpcd) are of Linux, run under the library themselves there, and ask by the calls that it answers.
 */
static const struct program programs[] = {
	{.name = "ifconfig", .grammar = ALL_WORDS, .after = {"name", "description", "descr", "group", "-group"}},
	{.name = "route", .grammar = ALL_WORDS},
	{.name = "ip", .grammar = IP,
	    .after = {"name", "altname", "alias", "netns", "type", "kind", "table", "group", "proto", "protocol"}},
	{.name = "tcpdump", .grammar = OPTIONS, .letters = "BcCEFGijmMQrsTVwWyzZ", .letter = 'i', .long_option = "--interface"},
	{.name = "dhclient", .grammar = ALL_WORDS,
	    .after = {"-p", "-s", "-g", "-e", "-D", "-cf", "-lf", "-pf", "-df", "-sf", "-H", "-V"}},
};

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static const struct program *
find_program(const char *path)
{
	const char *name = base_of(path);

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (strcmp(programs[i].name, name) == 0) {
			return &programs[i];
		}
	}
	return NULL;
}

static bool
is_one_of(const char *word, const char *const list[], size_t size)
{
	for (size_t i = 0; word != NULL && i < size && list[i] != NULL; i++) {
		if (strcmp(word, list[i]) == 0) {
			return true;
		}
	}
	return false;
}

#define IS_ONE_OF(word, list) is_one_of(word, list, sizeof(list) / sizeof((list)[0]))

/* Whether length bytes are the name of a device. */
static bool
is_name(const char *text, size_t length)
{
	char name[DEVNAME_SIZE];
	struct device_id id;

	if (length >= sizeof(name)) {
		return false;
	}
	memcpy(name, text, length);
	name[length] = '\0';
	return devname_parse(name, &id) && device_id_valid(id);
}

/* Whether what stands before a '%' may be an IPv6 address. */
static bool
is_address(const char *text, size_t length)
{
	static const char digits[] = "0123456789abcdefABCDEF:.";
	bool colon = false;

	for (size_t i = 0; i < length; i++) {
		if (strchr(digits, text[i]) == NULL) {
			return false;
		}
		colon = colon || text[i] == ':';
	}
	return colon;
}

static void
add(struct words_found *found, unsigned word, size_t at, size_t bytes)
{
	if (found->count < WORDS_NAMES_MAX && at <= UINT16_MAX) {
		found->names[found->count++] = (struct words_name){.word = (uint16_t)word, .at = (uint16_t)at, .bytes = (uint16_t)bytes};
	}
}

/* A word, from byte at on, that is a name, or an alias, or an address with a name as its zone. */
static void
add_if_name(struct words_found *found, const char *const words[], unsigned word, size_t at)
{
	const char *text = words[word] + at, *zone;
	size_t length = strcspn(text, ":");

	if (is_name(text, length)) {
		add(found, word, at, length);
		return;
	}
	zone = strchr(text, '%');
	if (zone != NULL && is_address(text, (size_t)(zone - text))) {
		length = strcspn(++zone, "/");
		if (is_name(zone, length)) {
			add(found, word, (size_t)(zone - words[word]), length);
		}
	}
}

static void
search_all(const struct program *p, const char *const words[], unsigned first, unsigned count, struct words_found *found)
{
	for (unsigned i = first; i < count; i++) {
		if (IS_ONE_OF(words[i], p->after)) {
			i++;
		} else if (words[i] != NULL) {
			add_if_name(found, words, i, 0);
		}
	}
}

/*
 * ip [OPTION]... OBJECT ...  Another namespace's names are not ours to know (-n), nor is what "netns" and "vrf" start; "tuntap" and
 * "tunnel" make interfaces of the name that they are given.
 */
static void
search_ip(const struct program *p, const char *const words[], unsigned first, unsigned count, struct words_found *found)
{
	/* In the order in which ip compares a beginning with them (iproute2, ip/ip.c); what is not here has no interfaces. */
	static const struct {
		const char *name;
		bool has_interfaces;
	} objects[] = {
		{"address", true}, {"addrlabel", false}, {"maddress", true}, {"route", true}, {"rule", true}, {"neighbor", true},
		{"neighbour", true}, {"ntable", true}, {"ntbl", true}, {"link", true}, {"macsec", false}, {"tunnel", false},
		{"tunl", false}, {"tuntap", false}, {"tap", false}, {"token", true}, {"tcpmetrics", true}, {"tcp_metrics", true},
		{"monitor", true}, {"mroute", true}, {"mrule", true}, {"netns", false}, {"netconf", true}, {"sr", false},
		{"nexthop", true}, {"mptcp", true}, {"stats", true},
	};
	/* Options whose next word is theirs. */
	static const char *const with_argument[] = {"-f", "-family", "-l", "-loops", "-rc", "-rcvbuf", "-b", "-batch"};
	unsigned i = first;

	while (i < count && words[i] != NULL && words[i][0] == '-') {
		const char *option = words[i] + (words[i][1] == '-');

		if (option[1] == 'n' && strncmp(option, "-netns", strlen(option)) == 0) {
			return;
		}
		i += IS_ONE_OF(option, with_argument) ? 2 : 1;
	}
	if (i >= count || words[i] == NULL || words[i][0] == '\0') {
		return;
	}
	for (size_t o = 0; o < sizeof(objects) / sizeof(objects[0]); o++) {
		if (strncmp(objects[o].name, words[i], strlen(words[i])) == 0) {
			if (objects[o].has_interfaces) {
				search_all(p, words, i + 1, count, found);
			}
			return;
		}
	}
}

/* getopt(3)'s reading: letters may stand together, an argument follows its letter or is the next word. */
static void
search_options(const struct program *p, const char *const words[], unsigned first, unsigned count, struct words_found *found)
{
	const size_t least = 5; /* "--int": what is shorter is not this option's alone */

	for (unsigned i = first; i < count; i++) {
		const char *word = words[i], *letter;

		if (word == NULL || word[0] != '-') {
			continue;
		}
		if (word[1] == '-') {
			size_t length = strcspn(word, "=");

			if (word[2] == '\0') {
				return;
			}
			if (length < least || strncmp(p->long_option, word, length) != 0) {
				continue;
			}
			if (word[length] == '=') {
				add_if_name(found, words, i, length + 1);
			} else if (++i < count && words[i] != NULL) {
				add_if_name(found, words, i, 0);
			}
			continue;
		}
		for (letter = word + 1; *letter != '\0' && strchr(p->letters, *letter) == NULL; letter++) {
		}
		if (*letter == '\0') {
			continue;
		}
		if (letter[1] != '\0') {
			if (*letter == p->letter) {
				add_if_name(found, words, i, (size_t)(letter + 1 - word));
			}
		} else if (++i < count && words[i] != NULL && *letter == p->letter) {
			add_if_name(found, words, i, 0);
		}
	}
}

static bool
is_assignment(const char *word)
{
	return strchr(word, '=') != NULL && word[0] != '=' && word[0] != '-';
}

/*
 * The word of the program that words[first] starts, or first itself; count: there is none that is sure.
 */
static unsigned
look_through(const char *program, const char *const words[], unsigned count)
{
	static const char *const plain[] = {"exec", "command", "nohup"}, *const others[] = {"sudo", "doas", "env"};
	static const char *const flags[] = {"-n", "-E", "-H", "-S", "-k", "-i", "-b"}, *const with_argument[] = {"-u", "-g"};
	unsigned i = 0;

	while (i < count && program != NULL) {
		const char *name = base_of(program);

		if (IS_ONE_OF(name, plain)) {
			i++;
		} else if (IS_ONE_OF(name, others)) {
			bool is_env = strcmp(name, "env") == 0;

			for (i++; i < count && words[i] != NULL; i++) {
				if (IS_ONE_OF(words[i], with_argument) && i + 1 < count) {
					/* The argument's own text, known or not, is nothing here. */
					i++;
					continue;
				}
				if (strcmp(words[i], "--") == 0) {
					i++;
					break;
				}
				if (!is_assignment(words[i]) && !IS_ONE_OF(words[i], flags)) {
					break;
				}
				/* With -i sudo runs a shell, which reads its words again. */
				if (!is_env && strcmp(words[i], "-i") == 0) {
					return count;
				}
			}
		} else {
			return i;
		}
		program = i < count ? words[i] : NULL;
	}
	return count;
}

/* sh -c: the word after the options.  -1: there is none. */
static int
find_script(const char *program, const char *const words[], unsigned first, unsigned count)
{
	static const char *const shells[] = {"sh", "bash", "dash", "ash", "zsh", "ksh"};
	bool is_command = false;
	unsigned i;

	if (!IS_ONE_OF(base_of(program), shells)) {
		return -1;
	}
	for (i = first + 1; i < count && words[i] != NULL && (words[i][0] == '-' || words[i][0] == '+'); i++) {
		if (words[i][1] == '-') {
			return -1;
		}
		is_command = is_command || strchr(words[i], 'c') != NULL;
		i += strchr(words[i], 'o') != NULL;
	}
	return is_command && i < count && words[i] != NULL ? (int)i : -1;
}

void
words_search(const char *program, const char *const words[], unsigned count, struct words_found *found)
{
	const struct program *p;
	unsigned first = look_through(program, words, count);

	found->count = 0;
	found->script = -1;
	if (first >= count || (first > 0 && words[first] == NULL)) {
		return;
	}
	if (first > 0) {
		program = words[first];
	}
	found->script = find_script(program, words, first, count);
	p = find_program(program);
	if (p == NULL) {
		return;
	}
	switch (p->grammar) {
	case ALL_WORDS:
		search_all(p, words, first + 1, count, found);
		break;
	case IP:
		search_ip(p, words, first + 1, count, found);
		break;
	case OPTIONS:
		search_options(p, words, first + 1, count, found);
		break;
	}
}
