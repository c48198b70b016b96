/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redact.c - takes secrets out of a line.  See redact.h.
 *
 * Better too much than too little: a line of which too much is gone can be asked for.  It is no promise all the same, and who sends a
 * report is told to read it before.
 */
#include "cli/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define GONE "(removed)"
#define MAC_BYTES 17

static const char *const secrets[] = {"password", "passwd", "passphrase", "secret", "token", "psk", "key", "auth"};
static const char *const identifying[] = {"crashReporterKey", "Serial", "Hardware UUID", "deviceIdentifier", "bug_report_id",
    "Boot session"};
static const char *const hooks[] = {"open-hook", "close-hook"};
static const char *const homes[] = {"/Users/", "/home/"};

struct out {
	char *text;
	size_t size, used;
};

static void
put(struct out *o, const char *text, size_t length)
{
	for (size_t i = 0; i < length && o->used + 1 < o->size; i++) {
		o->text[o->used++] = text[i];
	}
	o->text[o->used] = '\0';
}

/* The length of a secret's name at this place with the sign that ends it; 0: there is none. */
static size_t
secret_at(const char *line, const char *at)
{
	if (at > line && isalnum((unsigned char)at[-1])) {
		return 0;
	}
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		size_t length = strlen(secrets[i]);

		if (strncasecmp(at, secrets[i], length) == 0) {
			size_t end = length;

			/* "api_key" has its "key" after a '_'; "keys", "secret-file": the sign comes after the rest of the word. */
			end += strspn(at + end, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-\"");
			end += strspn(at + end, " \t");
			if (at[end] == '=' || at[end] == ':') {
				return end + 1;
			}
		}
	}
	return 0;
}

static bool
is_mac(const char *at)
{
	for (size_t i = 0; i < MAC_BYTES; i++) {
		if (i % 3 == 2 ? at[i] != ':' : !isxdigit((unsigned char)at[i])) {
			return false;
		}
	}
	return at[MAC_BYTES] != ':' && !isxdigit((unsigned char)at[MAC_BYTES]);
}

/* User and password before the host of an address: the length up to the '@', or 0. */
static size_t
user_at(const char *at)
{
	size_t length = 0;

	while (at[length] != '\0' && strchr("/@ \t\"'", at[length]) == NULL) {
		length++;
	}
	return at[length] == '@' ? length : 0;
}

/* Takes one thing at *at, which moves on. */
static void
take(const char *line, const char **at, struct out *o)
{
	const char *here = *at;
	size_t length = secret_at(line, here);

	if (length > 0) {
		put(o, here, length);
		put(o, " " GONE, sizeof(GONE));
		*at = here + strlen(here);
		return;
	}
	if ((here == line || (!isxdigit((unsigned char)here[-1]) && here[-1] != ':')) && is_mac(here)) {
		put(o, here, 8);
		put(o, ":xx:xx:xx", 9);
		*at = here + MAC_BYTES;
		return;
	}
	if (strncmp(here, "://", 3) == 0 && user_at(here + 3) > 0) {
		put(o, "://" GONE, sizeof("://" GONE) - 1);
		*at = here + 3 + user_at(here + 3);
		return;
	}
	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
		length = strlen(homes[i]);
		if (strncmp(here, homes[i], length) == 0) {
			put(o, here, length);
			put(o, "(user)", 6);
			*at = here + length + strcspn(here + length, "/ \t\"':,;)");
			return;
		}
	}
	put(o, here, 1);
	*at = here + 1;
}

void
redact_line(const char *line, char *out, size_t size)
{
	struct out o = {.text = out, .size = size};
	const char *at = line, *start = line + strspn(line, " \t");
	size_t keep = SIZE_MAX;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(identifying) / sizeof(identifying[0]); i++) {
		if (strstr(line, identifying[i]) != NULL) {
			put(&o, GONE, sizeof(GONE) - 1);
			return;
		}
	}
	/* A hook's program, without its words. */
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (strncmp(start, hooks[i], strlen(hooks[i])) == 0) {
			const char *value = start + strcspn(start, "=");

			value += strspn(value, "= \t\"'{");
			keep = (size_t)(value - line) + strcspn(value, " \t\"',}");
		}
	}
	while (*at != '\0' && (size_t)(at - line) < keep) {
		take(line, &at, &o);
	}
	if (*at != '\0') {
		put(&o, " " GONE, sizeof(GONE));
	}
}
