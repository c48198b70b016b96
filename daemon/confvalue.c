/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confvalue.c - the values of a configuration, from text.  See confvalue.h.
 */
#include "confvalue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The longest text of an address, a route or a peer. */
#define TEXT_MAX 127

/* A whole number in text, of nothing but digits; false if it is none, or past max. */
static bool
parse_number(const char *text, int base, unsigned long max, uint32_t *number)
{
	char *end;
	unsigned long value;

	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	value = strtoul(text, &end, base);
	if (errno != 0 || *end != '\0' || value > max) {
		return false;
	}
	*number = (uint32_t)value;
	return true;
}

const char *
confvalue_number(const char *text, uint32_t least, uint32_t most, uint32_t *number, char *why)
{
	if (parse_number(text, 10, most, number) && *number >= least) {
		return NULL;
	}
	snprintf(why, CONFVALUE_WHY_SIZE, "'%.32s' is not a number from %u to %u", text, (unsigned)least, (unsigned)most);
	return why;
}

const char *
confvalue_bool(const char *text, bool *value, char *why)
{
	static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};

	for (unsigned i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*value = strcasecmp(text, yes[i]) == 0;
			return NULL;
		}
	}
	snprintf(why, CONFVALUE_WHY_SIZE, "'%.32s' is neither true nor false", text);
	return why;
}

const char *
confvalue_user(const char *text, uint32_t *uid, char *why)
{
	const struct passwd *user;

	if (parse_number(text, 10, UINT32_MAX - 1, uid)) {
		return NULL;
	}
	user = getpwnam(text);
	if (user == NULL) {
		snprintf(why, CONFVALUE_WHY_SIZE, "there is no user '%.64s'", text);
		return why;
	}
	*uid = user->pw_uid;
	return NULL;
}

const char *
confvalue_group(const char *text, uint32_t *gid, char *why)
{
	const struct group *group;

	if (parse_number(text, 10, UINT32_MAX - 1, gid)) {
		return NULL;
	}
	group = getgrnam(text);
	if (group == NULL) {
		snprintf(why, CONFVALUE_WHY_SIZE, "there is no group '%.64s'", text);
		return why;
	}
	*gid = group->gr_gid;
	return NULL;
}

const char *
confvalue_mode(const char *text, uint16_t *mode)
{
	uint32_t number;

	if (!parse_number(text, 8, 0777, &number)) {
		return "a mode is an octal number up to 0777";
	}
	*mode = (uint16_t)number;
	return NULL;
}

const char *
confvalue_mac(const char *text, uint8_t mac[6])
{
	static const char digits[] = "0123456789abcdefABCDEF";
	static const uint8_t none[6];

	for (unsigned i = 0; i < 6; i++) {
		const char *pair = text + (size_t)3 * i;

		/* Each look is past characters that were there. */
		if (pair[0] == '\0' || strchr(digits, pair[0]) == NULL || pair[1] == '\0' || strchr(digits, pair[1]) == NULL ||
		    pair[2] != (i < 5 ? ':' : '\0')) {
			return "a MAC address is six pairs of hexadecimal digits, as 02:00:5e:10:00:01; or \"random\", or \"stable\"";
		}
		mac[i] = (uint8_t)strtoul((char[]){pair[0], pair[1], '\0'}, NULL, 16);
	}
	if ((mac[0] & 1) != 0) {
		return "this MAC address is a group's: the first pair must be even";
	}
	return memcmp(mac, none, sizeof(none)) == 0 ? "this MAC address is nobody's" : NULL;
}

/* One address of either family; false if it is none. */
static bool
parse_ip(const char *text, uint8_t *family, uint8_t bytes[16])
{
	memset(bytes, 0, 16);
	if (inet_pton(AF_INET, text, bytes) == 1) {
		*family = 4;
		return true;
	}
	memset(bytes, 0, 16);
	*family = 6;
	return inet_pton(AF_INET6, text, bytes) == 1;
}

/* ADDRESS or ADDRESS/PREFIX; *has_prefix says which.  Cuts text at the slash. */
static bool
parse_prefix(char *text, uint8_t *family, uint8_t *prefix, bool *has_prefix, uint8_t bytes[16])
{
	char *slash = strchr(text, '/');
	uint32_t bits = 0;

	if (slash != NULL) {
		*slash = '\0';
	}
	if (!parse_ip(text, family, bytes)) {
		return false;
	}
	*has_prefix = slash != NULL;
	*prefix = *family == 4 ? 32 : 128;
	if (slash != NULL) {
		if (!parse_number(slash + 1, 10, *prefix, &bits)) {
			return false;
		}
		*prefix = (uint8_t)bits;
	}
	return true;
}

/*
 * Splits "FIRST", or "FIRST WORD SECOND"; *second is NULL if it is not there.  False: it is neither.  text is cut up.
 */
static bool
split(char *text, const char *word, char **first, char **second)
{
	char *rest = text, *middle, *more;

	*first = strsep(&rest, " ");
	*second = NULL;
	if (rest == NULL) {
		return true;
	}
	middle = strsep(&rest, " ");
	if (rest == NULL || strcmp(middle, word) != 0) {
		return false;
	}
	*second = strsep(&rest, " ");
	more = rest;
	return more == NULL;
}

static bool
copy_text(const char *text, char copy[TEXT_MAX + 1])
{
	size_t length = strlen(text);

	if (length > TEXT_MAX) {
		return false;
	}
	memcpy(copy, text, length + 1);
	return true;
}

static bool
is_group_or_none(uint8_t family, const uint8_t *bytes)
{
	static const uint8_t none[16];

	return family == 4 ? (bytes[0] >= 224 || bytes[0] == 0) : (bytes[0] == 0xff || memcmp(bytes, none, 16) == 0);
}

const char *
confvalue_address(const char *text, struct netif_address *address, char *why)
{
	char copy[TEXT_MAX + 1], *own, *peer;
	bool has_prefix, peer_has_prefix;
	uint8_t family;

	memset(address, 0, sizeof(*address));
	if (!copy_text(text, copy) || !split(copy, "peer", &own, &peer) ||
	    !parse_prefix(own, &address->family, &address->prefix, &has_prefix, address->bytes)) {
		goto malformed;
	}
	if (peer != NULL) {
		if (has_prefix || !parse_prefix(peer, &family, &address->prefix, &peer_has_prefix, address->peer)) {
			goto malformed;
		}
		if (family != address->family) {
			return "address and peer are of different families";
		}
		address->has_peer = true;
	} else if (!has_prefix) {
		snprintf(why, CONFVALUE_WHY_SIZE, "how many bits of '%.48s' are the network's? write %.48s/%d", own, own,
		    address->family == 4 ? 24 : 64);
		return why;
	}
	if (is_group_or_none(address->family, address->bytes)) {
		return "no interface can have this address";
	}
	return NULL;
malformed:
	return "an address is 10.9.0.1/24, fd00::1/64, or 10.1.0.1 peer 10.1.0.2";
}

/* Clears the bits past the prefix.  True: there were none. */
static bool
mask(uint8_t bytes[16], uint8_t prefix)
{
	bool clean = true;

	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = prefix >= 8 * (i + 1) ? 8 : prefix > 8 * i ? prefix - 8 * i : 0;
		uint8_t m = (uint8_t)(0xff00u >> kept);

		clean = clean && (bytes[i] & ~m) == 0;
		bytes[i] &= m;
	}
	return clean;
}

static const char *
ip_text(uint8_t family, const uint8_t bytes[16], char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, text, INET6_ADDRSTRLEN);
}

const char *
confvalue_route(const char *text, struct netif_route *route, char *why)
{
	char copy[TEXT_MAX + 1], ip[INET6_ADDRSTRLEN], *to, *via;
	uint8_t via_family = 0;
	bool has_prefix, everywhere;

	memset(route, 0, sizeof(*route));
	if (!copy_text(text, copy) || !split(copy, "via", &to, &via)) {
		goto malformed;
	}
	everywhere = strcmp(to, "default") == 0;
	if (via != NULL) {
		if (!parse_ip(via, &via_family, route->gateway)) {
			goto malformed;
		}
		route->has_gateway = true;
	}
	if (everywhere) {
		route->family = via != NULL ? via_family : 4;
		return NULL;
	}
	if (!parse_prefix(to, &route->family, &route->prefix, &has_prefix, route->destination)) {
		goto malformed;
	}
	if (via != NULL && via_family != route->family) {
		return "destination and gateway are of different families";
	}
	if (!mask(route->destination, route->prefix)) {
		snprintf(why, CONFVALUE_WHY_SIZE, "there are bits set past the prefix: did you mean %s/%u?",
		    ip_text(route->family, route->destination, ip), (unsigned)route->prefix);
		return why;
	}
	return NULL;
malformed:
	return "a route is 10.20.0.0/16, 2001:db8::/32, 10.30.0.0/16 via 10.9.0.2, or default via 10.9.0.2";
}

const char *
confvalue_path(const char *text, char *path, unsigned size)
{
	size_t length = strlen(text);

	if (text[0] != '/') {
		return "a path begins with '/'";
	}
	if (length >= size) {
		return "this path is too long";
	}
	memcpy(path, text, length + 1);
	return NULL;
}

void
confvalue_address_text(const struct netif_address *address, char text[CONFVALUE_TEXT_SIZE])
{
	char own[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];
	unsigned prefix = address->prefix;

	ip_text(address->family, address->bytes, own);
	if (!address->has_peer) {
		snprintf(text, CONFVALUE_TEXT_SIZE, "%s/%u", own, prefix);
	} else if (prefix == (address->family == 4 ? 32 : 128)) {
		snprintf(text, CONFVALUE_TEXT_SIZE, "%s peer %s", own, ip_text(address->family, address->peer, peer));
	} else {
		snprintf(text, CONFVALUE_TEXT_SIZE, "%s peer %s/%u", own, ip_text(address->family, address->peer, peer), prefix);
	}
}

void
confvalue_route_text(const struct netif_route *route, char text[CONFVALUE_TEXT_SIZE])
{
	char to[INET6_ADDRSTRLEN], via[INET6_ADDRSTRLEN];

	ip_text(route->family, route->destination, to);
	if (route->has_gateway) {
		snprintf(text, CONFVALUE_TEXT_SIZE, "%s/%u via %s", to, (unsigned)route->prefix,
		    ip_text(route->family, route->gateway, via));
	} else {
		snprintf(text, CONFVALUE_TEXT_SIZE, "%s/%u", to, (unsigned)route->prefix);
	}
}
