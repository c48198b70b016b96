/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jsontext.c - strings of JSON.  See jsontext.h.
 */
#include "cli/jsontext.h"

#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

json_t *
jsontext(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *copy = malloc(strlen(text) * (sizeof(replacement) - 1) + 1);
	size_t used = 0;
	json_t *value;

	if (copy == NULL) {
		return NULL;
	}
	for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
		size_t length = text_utf8_length(s, true);

		if (length > 0) {
			memcpy(copy + used, s, length);
			used += length;
			s += length;
		} else {
			memcpy(copy + used, replacement, sizeof(replacement) - 1);
			used += sizeof(replacement) - 1;
			s++;
		}
	}
	value = json_stringn(copy, used);
	free(copy);
	return value;
}
