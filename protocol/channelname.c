/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channelname.c - the name of a relayed channel.  See channelname.h.
 *
 * Written out by hand, since the shim's side runs in signal handlers.
 */
#include "channelname.h"

#include <string.h>

#include "devname.h"

/* The last character of each is what stands between the fields. */
static const char prefix[] = "tuntapd/";
static const char file_prefix[] = "tuntapd:";

/* Digits of value in that base (10 or 16), and a separator or the end after them. */
static char *
put(char *at, uint64_t value, unsigned base, char after)
{
	char digits[20];
	unsigned count = 0;

	do {
		digits[count++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (count > 0) {
		*at++ = digits[--count];
	}
	*at++ = after;
	return at;
}

/* Writes the name with a NUL after it; returns where that stands. */
static char *
format(const struct channelname *name, const char *before, char *at)
{
	char after = '\0';

	while (*before != '\0') {
		after = *before++;
		*at++ = after;
	}
	at = put(at, name->daemon, 16, after);
	at = put(at, name->kind, 10, after);
	at = put(at, name->place, 10, after);
	at = put(at, name->open_number, 16, after);
	at = put(at, name->ifindex, 10, after);
	return put(at, name->nonce, 16, '\0') - 1;
}

size_t
channelname_format(const struct channelname *name, char text[CHANNELNAME_SIZE])
{
	text[0] = '\0';
	return (size_t)(format(name, prefix, text + 1) - text);
}

void
channelname_format_file(const struct channelname *name, char text[CHANNELNAME_SIZE])
{
	(void)format(name, file_prefix, text);
}

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Takes a number up to max and what stands after it ('\0': the end of the text).  False: there is none. */
static bool
take(const char **at, const char *end, unsigned base, char after, uint64_t max, uint64_t *value)
{
	const char *first = *at;

	*value = 0;
	while (*at < end && (unsigned)digit_of(**at) < base) {
		unsigned digit = (unsigned)digit_of(**at);

		if (*value > (max - digit) / base) {
			return false;
		}
		*value = *value * base + digit;
		(*at)++;
	}
	if (*at == first) {
		return false;
	}
	if (after == '\0') {
		return *at == end;
	}
	return *at < end && *(*at)++ == after;
}

static bool
parse(const char *text, size_t bytes, const char *before, struct channelname *name)
{
	size_t length = strlen(before);
	const char *at = text + length, *end = text + bytes;
	char after = before[length - 1];
	uint64_t kind, place, ifindex, nonce;

	if (bytes < length || memcmp(text, before, length) != 0 ||
	    !take(&at, end, 16, after, UINT64_MAX, &name->daemon) || !take(&at, end, 10, after, UINT8_MAX, &kind) ||
	    (kind != DEVICE_TUN && kind != DEVICE_TAP) || !take(&at, end, 10, after, DEVICE_PLACES_MAX - 1, &place) ||
	    !take(&at, end, 16, after, UINT64_MAX, &name->open_number) || !take(&at, end, 10, after, UINT32_MAX, &ifindex) ||
	    !take(&at, end, 16, '\0', UINT32_MAX, &nonce)) {
		return false;
	}
	name->kind = (uint8_t)kind;
	name->place = (uint32_t)place;
	name->ifindex = (uint32_t)ifindex;
	name->nonce = (uint32_t)nonce;
	return true;
}

bool
channelname_parse(const char *text, size_t bytes, struct channelname *name)
{
	return bytes > 0 && text[0] == '\0' && parse(text + 1, bytes - 1, prefix, name);
}

bool
channelname_parse_file(const char *text, size_t bytes, struct channelname *name)
{
	return parse(text, bytes, file_prefix, name);
}
