/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pairing.c - what a pair of joined interfaces is to be, from options.  See pairing.h.
 *
 * An address or a namespace is for one end: END=VALUE, where END is the end's name, or else "a" or
 * "b", the first and the second.  A namespace is entered here, with the caller's own rights, and the
 * daemon gets a socket of it.
 */
#include "cli/pairing.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/netns.h"
#include "protocol/request.h"

bool
pairing_option(struct pairing *p, int option, const char *value)
{
	switch (option) {
	case OPTION_PAIR_MTU:
		p->mtu = value;
		return true;
	case OPTION_PAIR_ADDRESS:
		if (p->address_count == PAIRING_WORDS_MAX) {
			warnx("these are too many addresses");
			return false;
		}
		p->addresses[p->address_count++] = value;
		return true;
	default:
		if (p->netns_count == 2) {
			warnx("a pair has two ends, and each is in one network namespace");
			return false;
		}
		p->netns[p->netns_count++] = value;
		return true;
	}
}

bool
pairing_is_chosen(const struct pairing *p)
{
	return p->mtu != NULL || p->address_count > 0 || p->netns_count > 0;
}

/* Which end END=VALUE means, and *value; -1 after a complaint. */
static int
end_of(const struct pairing *p, const char *text, const char **value)
{
	const char *equals = strchr(text, '=');
	size_t length = equals != NULL ? (size_t)(equals - text) : 0;

	*value = length > 0 ? equals + 1 : NULL;
	for (int n = 0; n < 2 && length > 0; n++) {
		if (strlen(p->names[n]) == length && strncmp(p->names[n], text, length) == 0) {
			return n;
		}
	}
	if (length == 1 && (text[0] == 'a' || text[0] == 'b')) {
		return text[0] - 'a';
	}
	warnx("'%s' is for no end of the pair: write END=VALUE, with an end's name, or a or b", text);
	return -1;
}

/* "10.0.0.1/24", "fd00::1/64"; without a prefix the address alone. */
static bool
parse_address(const char *text, struct message_address *address)
{
	char copy[INET6_ADDRSTRLEN + 4];
	unsigned long prefix = ULONG_MAX, bits;
	char *slash, *end;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy)) {
		return false;
	}
	slash = strchr(copy, '/');
	if (slash != NULL) {
		*slash = '\0';
		errno = 0;
		prefix = strtoul(slash + 1, &end, 10);
		if (errno != 0 || end == slash + 1 || *end != '\0' || slash[1] < '0' || slash[1] > '9') {
			return false;
		}
	}
	*address = (struct message_address){.family = strchr(copy, ':') != NULL ? 6 : 4};
	bits = address->family == 4 ? 32 : 128;
	if (inet_pton(address->family == 4 ? AF_INET : AF_INET6, copy, address->bytes) != 1 ||
	    (slash != NULL && prefix > bits)) {
		return false;
	}
	address->prefix = (uint8_t)(slash != NULL ? prefix : bits);
	return true;
}

/* A socket of a namespace, or -1 after a complaint; *status is then the exit status. */
static int
open_netns(const char *text, int *status)
{
	int sock = netns_socket(text);

	if (sock < 0 && errno == EOPNOTSUPP) {
		*status = EXIT_CODE_USAGE;
		warnx("there are no network namespaces on this system, so --netns=%s is no place: leave it out", text);
	} else if (sock < 0) {
		*status = errno == EACCES || errno == EPERM ? EXIT_CODE_PERMISSION : EXIT_CODE_USAGE;
		warn("the network namespace '%s'", text);
	}
	return sock;
}

/* Everything but the namespaces.  An exit status. */
static int
fill(const struct pairing *p, struct message_pair_make *m)
{
	char *end;

	for (unsigned n = 0; n < 2; n++) {
		if (p->names[n][0] == '\0' || strlen(p->names[n]) >= sizeof(m->ends[n].ifname)) {
			warnx("no interface can be called '%s'", p->names[n]);
			return EXIT_CODE_USAGE;
		}
		memcpy(m->ends[n].ifname, p->names[n], strlen(p->names[n]));
	}
	if (p->mtu != NULL) {
		unsigned long mtu;

		errno = 0;
		mtu = strtoul(p->mtu, &end, 10);
		if (errno != 0 || end == p->mtu || *end != '\0' || p->mtu[0] == '-' || mtu < 68 || mtu > 65535) {
			warnx("'%s' is no MTU: 68 to 65535", p->mtu);
			return EXIT_CODE_USAGE;
		}
		m->mtu = (uint32_t)mtu;
	}
	for (unsigned i = 0; i < p->address_count; i++) {
		const char *text;
		int n = end_of(p, p->addresses[i], &text);

		if (n < 0) {
			return EXIT_CODE_USAGE;
		}
		if (m->ends[n].address_count == MESSAGE_PAIR_ADDRESSES_MAX) {
			warnx("these are too many addresses for one end");
			return EXIT_CODE_USAGE;
		}
		if (!parse_address(text, &m->ends[n].addresses[m->ends[n].address_count++])) {
			warnx("'%s' is no address, as 10.0.0.1/24 or fd00::1/64", text);
			return EXIT_CODE_USAGE;
		}
	}
	return EXIT_CODE_OK;
}

/* Opens the namespaces of the ends, in the order of the ends.  An exit status; the caller closes. */
static int
open_namespaces(const struct pairing *p, struct message_pair_make *m, int fds[2], unsigned *count)
{
	int of_end[2] = {-1, -1};
	int status = EXIT_CODE_OK;

	for (unsigned i = 0; i < p->netns_count && status == EXIT_CODE_OK; i++) {
		const char *text;
		int n = end_of(p, p->netns[i], &text);

		if (n >= 0 && of_end[n] >= 0) {
			warnx("'%s': that end has a network namespace already", p->netns[i]);
		}
		if (n < 0 || of_end[n] >= 0) {
			status = EXIT_CODE_USAGE;
		} else {
			of_end[n] = open_netns(text, &status);
		}
	}
	*count = 0;
	for (unsigned n = 0; n < 2; n++) {
		if (of_end[n] >= 0) {
			fds[(*count)++] = of_end[n];
			m->ends[n].has_netns = 1;
		}
	}
	return status;
}

/* Says why there is no pair; returns the exit status for it. */
static int
complain(const struct pairing *p, int error)
{
	switch (error) {
	case EBUSY:
		warnx("%s %s: an interface of that name is there already", p->names[0], p->names[1]);
		return EXIT_CODE_BUSY;
	case EACCES:
	case EPERM:
		warnx("%s %s: this user may not make such a pair there (the daemon's log says why; 'pairs-group', 'pairs-names' and "
		      "'pairs-addresses' in tuntapd.conf(5))",
		    p->names[0], p->names[1]);
		return EXIT_CODE_PERMISSION;
	case EMFILE:
		warnx("%s %s: this user has as many pairs as one may: 'tuntapd pair --list' shows them", p->names[0], p->names[1]);
		return EXIT_CODE_SYSTEM;
	case ENFILE:
		warnx("%s %s: there are as many pairs as there may be: 'tuntapd pair --list' shows them", p->names[0], p->names[1]);
		return EXIT_CODE_SYSTEM;
	case EINVAL:
		warnx("%s %s: the kernel has no pair of such names, addresses, MTU and namespaces", p->names[0], p->names[1]);
		return EXIT_CODE_USAGE;
	default:
		errno = error;
		warn("%s %s", p->names[0], p->names[1]);
		return EXIT_CODE_SYSTEM;
	}
}

int
pairing_make(const struct pairing *p, struct query *query, bool held, struct message_pair *made, int *hold)
{
	union message request, reply;
	unsigned fd_count = 0, in_count = 1;
	int fds[2] = {-1, -1}, status, error = 0;

	*hold = -1;
	message_init(&request, MESSAGE_PAIR, ++query->serial);
	request.pair_make.held = held;
	status = fill(p, &request.pair_make);
	if (status == EXIT_CODE_OK) {
		status = open_namespaces(p, &request.pair_make, fds, &fd_count);
	}
	if (status == EXIT_CODE_OK) {
		error = request_exchange(query->sock, &request, fds, fd_count, &reply, hold, &in_count, query->timeout_ms) < 0 ? errno : 0;
		status = error != 0 ? query_complain(query, error) : EXIT_CODE_OK;
	}
	for (unsigned i = 0; i < fd_count; i++) {
		close(fds[i]);
	}
	if (status != EXIT_CODE_OK) {
		return status;
	}
	error = request_error(&reply);
	if (error != 0) {
		return complain(p, error);
	}
	*made = reply.pair;
	return EXIT_CODE_OK;
}

int
pairing_export(const struct message_pair *made)
{
	if (setenv("TUNTAPD_PAIR_A", made->ends[0].ifname, 1) < 0 || setenv("TUNTAPD_PAIR_B", made->ends[1].ifname, 1) < 0) {
		warn("TUNTAPD_PAIR_A");
		return EXIT_CODE_SYSTEM;
	}
	return EXIT_CODE_OK;
}

int
pairing_delete(struct query *query, const char *ifname)
{
	union message request, reply;
	unsigned no_fds = 0;
	int error;

	message_init(&request, MESSAGE_PAIR_DELETE, ++query->serial);
	if (ifname[0] == '\0' || strlen(ifname) >= sizeof(request.pair_delete.ifname)) {
		return EXIT_CODE_NO;
	}
	memcpy(request.pair_delete.ifname, ifname, strlen(ifname));
	if (request_exchange(query->sock, &request, NULL, 0, &reply, NULL, &no_fds, query->timeout_ms) < 0) {
		return query_complain(query, errno);
	}
	error = request_error(&reply);
	if (error == EPERM) {
		if (!query->quiet) {
			warnx("%s: only root and who made the pair may take it away", ifname);
		}
		return EXIT_CODE_PERMISSION;
	}
	return error == 0 ? EXIT_CODE_OK : error == ENOENT ? EXIT_CODE_NO : query_complain(query, error);
}

int
pairing_next(struct query *query, uint32_t *cursor, struct message_pair *pair)
{
	union message request, reply;
	unsigned no_fds = 0;
	int error;

	message_init(&request, MESSAGE_PAIR_LIST, ++query->serial);
	request.status.cursor = *cursor;
	if (request_exchange(query->sock, &request, NULL, 0, &reply, NULL, &no_fds, query->timeout_ms) < 0) {
		return query_complain(query, errno);
	}
	error = request_error(&reply);
	if (error == ENOENT && reply.header.type != MESSAGE_RESULT) {
		*cursor = 0;
		return EXIT_CODE_NO;
	}
	if (error == 0 && reply.pair.next != 0 && reply.pair.next <= *cursor) {
		error = EBADMSG; /* would go on for ever */
	}
	if (error != 0) {
		return query_complain(query, error);
	}
	*cursor = reply.pair.next;
	*pair = reply.pair;
	return EXIT_CODE_OK;
}
