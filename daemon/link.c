/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.c - the choice of a link, from the list that the platform has.  See link.h.
 */
#include "link.h"

#include <string.h>

void
link_names(const char *names[LINKS_MAX + 1])
{
	unsigned count = 0;

	for (; links_here[count] != NULL; count++) {
		names[count] = links_here[count]->name;
	}
	names[count] = NULL;
}

const struct link_ops *
link_find(const char *name)
{
	for (unsigned i = 0; links_here[i] != NULL; i++) {
		if (strcmp(links_here[i]->name, name) == 0) {
			return links_here[i];
		}
	}
	return NULL;
}

const struct link_ops *
link_auto(uint8_t kind)
{
	for (unsigned i = 0; links_here[i] != NULL; i++) {
		if ((links_here[i]->kinds & (1u << kind)) != 0) {
			return links_here[i];
		}
	}
	return NULL;
}
