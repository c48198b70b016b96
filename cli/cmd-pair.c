/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd-pair.c - `tuntapd pair`: pairs of joined interfaces for test systems.
 *
 * What is written is for scripts: the names of a new pair on a line, or JSON by a schema of its own
 * (pair-schema.json).
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/pairing.h"
#include "cli/text.h"

enum { OPTION_LIST = 256, OPTION_DELETE };

static const struct option options[] = {
	{"socket", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"list", no_argument, NULL, OPTION_LIST},
	{"delete", no_argument, NULL, OPTION_DELETE},
	PAIRING_OPTIONS,
	{NULL, 0, NULL, 0},
};

static int
make(const struct pairing *p, struct query *query, bool json)
{
	struct message_pair made;
	int hold, status = pairing_make(p, query, false, &made, &hold);

	if (status != EXIT_CODE_OK) {
		return status;
	}
	if (json) {
		if (output_pair_json(stdout, query->socket_path, &made, 1) < 0) {
			warn("pair");
			return EXIT_CODE_SYSTEM;
		}
		return EXIT_CODE_OK;
	}
	printf("%s %s\n", made.ends[0].ifname, made.ends[1].ifname);
	return EXIT_CODE_OK;
}

/* What an end is called, and its interface, where that is another. */
static void
show_end(char *text, size_t size, const struct message_pair_seen *end)
{
	text_append_safe(text, size, end->name);
	if (strcmp(end->name, end->ifname) != 0) {
		text_append_safe(text, size, "=");
		text_append_safe(text, size, end->ifname);
	}
}

static void
print_table(const struct message_pair *pairs, size_t count)
{
	int width = 15; /* of a name */

	for (size_t i = 0; i < 2 * count; i++) {
		char text[64] = "";

		show_end(text, sizeof(text), &pairs[i / 2].ends[i % 2]);
		width = (int)strlen(text) > width ? (int)strlen(text) : width;
	}
	printf("%-*s %-*s %-12s%-24s%s\n", width, "A", width, "B", "UNTIL", "MADE BY", "SINCE");
	for (size_t i = 0; i < count; i++) {
		const struct passwd *user = getpwuid((uid_t)pairs[i].uid);
		char a[64] = "", b[64] = "", who[96] = "", when[32] = "";
		time_t since = (time_t)pairs[i].since;
		struct tm tm;

		show_end(a, sizeof(a), &pairs[i].ends[0]);
		show_end(b, sizeof(b), &pairs[i].ends[1]);
		snprintf(who, sizeof(who), "%ld ", (long)pairs[i].pid);
		text_append_safe(who, sizeof(who), pairs[i].program);
		text_append_safe(who, sizeof(who), " ");
		text_append_safe(who, sizeof(who), user != NULL ? user->pw_name : "?");
		if (localtime_r(&since, &tm) != NULL) {
			(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
		}
		printf("%-*s %-*s %-11s %-23s %s\n", width, a, width, b, pairs[i].held ? "its end" : "deleted", who, when);
	}
}

static int
list(struct query *query, bool json)
{
	struct message_pair *pairs = NULL, *more;
	uint32_t cursor = 0;
	size_t count = 0;
	int status;

	do {
		more = realloc(pairs, (count + 1) * sizeof(*pairs));
		if (more == NULL) {
			warn("pair");
			status = EXIT_CODE_SYSTEM;
			break;
		}
		pairs = more;
		status = pairing_next(query, &cursor, &pairs[count]);
		count += status == EXIT_CODE_OK;
	} while (status == EXIT_CODE_OK && cursor != 0);
	if (status == EXIT_CODE_OK || status == EXIT_CODE_NO) {
		status = EXIT_CODE_OK;
		if (!json) {
			print_table(pairs, count);
		} else if (output_pair_json(stdout, query->socket_path, pairs, count) < 0) {
			warn("pair");
			status = EXIT_CODE_SYSTEM;
		}
	}
	free(pairs);
	return status;
}

static int
delete(struct query *query, const char *ifname)
{
	int status = pairing_delete(query, ifname);

	if (status == EXIT_CODE_NO) {
		warnx("'%s' is no end of a pair: 'tuntapd pair --list' shows them", ifname);
	}
	return status;
}

int
cmd_pair(int argc, char **argv)
{
	const char *socket_option = NULL;
	int option, what = 0, words, status;
	struct pairing pairing = {0};
	struct query query;
	bool json = false;

	while ((option = getopt_long(argc, argv, "js:", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 's':
			socket_option = optarg;
			break;
		case OPTION_LIST:
		case OPTION_DELETE:
			if (what != 0 && what != option) {
				return command_usage_error("pair", "--list or --delete");
			}
			what = option;
			break;
		case OPTION_PAIR_MTU:
		case OPTION_PAIR_ADDRESS:
		case OPTION_PAIR_NETNS:
			if (!pairing_option(&pairing, option, optarg)) {
				return EXIT_CODE_USAGE;
			}
			break;
		default:
			return command_usage_error("pair", NULL);
		}
	}
	words = argc - optind;
	if (words != (what == 0 ? 2 : what == OPTION_DELETE ? 1 : 0)) {
		return command_usage_error("pair", what == 0 ? "a pair has two names" : what == OPTION_DELETE ?
		    "the name of one end says which" : "--list lists all");
	}
	if (what != 0 && pairing_is_chosen(&pairing)) {
		return command_usage_error("pair", "--mtu, --address and --netns are for a new pair");
	}
	pairing.names[0] = argv[optind];
	pairing.names[1] = words == 2 ? argv[optind + 1] : NULL;
	status = query_open(&query, query_socket_path(socket_option), false);
	if (status == EXIT_CODE_OK) {
		status = what == OPTION_LIST ? list(&query, json) : what == OPTION_DELETE ? delete(&query, argv[optind]) :
		    make(&pairing, &query, json);
	}
	query_close(&query);
	return status;
}
