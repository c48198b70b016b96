/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pairing.h - what a pair of joined interfaces is to be, from options; for `tuntapd pair` and
 * `tuntapd exec --pair`.
 */
#ifndef TUNTAPD_CLI_PAIRING_H
#define TUNTAPD_CLI_PAIRING_H

#include <stdbool.h>

#include "cli/query.h"

/* Values of options that both commands have: long ones alone. */
enum { OPTION_PAIR_MTU = 512, OPTION_PAIR_ADDRESS, OPTION_PAIR_NETNS };
#define PAIRING_OPTIONS                                                                            \
	{"mtu", required_argument, NULL, OPTION_PAIR_MTU},                                         \
	{"address", required_argument, NULL, OPTION_PAIR_ADDRESS},                                 \
	{"netns", required_argument, NULL, OPTION_PAIR_NETNS}

/* As many as a pair can have: END=ADDRESS each. */
#define PAIRING_WORDS_MAX (2 * MESSAGE_PAIR_ADDRESSES_MAX)

struct pairing {
	const char *names[2]; /* as the daemon takes them: "%d" at the end is a number */
	const char *mtu;
	const char *addresses[PAIRING_WORDS_MAX];
	const char *netns[2];
	unsigned address_count, netns_count;
};

/* Takes one of the options.  False: after a complaint. */
bool pairing_option(struct pairing *p, int option, const char *value);

/* True if one of the options was given. */
bool pairing_is_chosen(const struct pairing *p);

/*
 * Asks the daemon for the pair.  EXIT_CODE_OK, with *made, and for a held one *hold, close-on-exec:
 * the pair goes when that is closed; or another exit status, explained.
 */
int pairing_make(const struct pairing *p, struct query *query, bool held, struct message_pair *made, int *hold);

/* TUNTAPD_PAIR_A and TUNTAPD_PAIR_B in the environment.  An exit status. */
int pairing_export(const struct message_pair *made);

/* Takes the pair away, if it is there.  EXIT_CODE_OK, EXIT_CODE_NO (there is none), or another. */
int pairing_delete(struct query *query, const char *ifname);

/* The next pair at or after *cursor, as query_next() does with devices. */
int pairing_next(struct query *query, uint32_t *cursor, struct message_pair *pair);

#endif
