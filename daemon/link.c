/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.c - the list of links, in order of preference, and the choice from it.  See link.h.
 */
#include "link.h"

#include <assert.h>
#include <string.h>

static const struct link_ops *const links[] = {
	&link_linux,
	&link_veth,
};

static_assert(sizeof(links) / sizeof(links[0]) <= LINKS_MAX, "room for all names");

void
link_names(const char *names[LINKS_MAX + 1])
{
	unsigned count = sizeof(links) / sizeof(links[0]);

	for (unsigned i = 0; i < count; i++) {
		names[i] = links[i]->name;
	}
	names[count] = NULL;
}

const struct link_ops *
link_find(const char *name)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (strcmp(links[i]->name, name) == 0) {
			return links[i];
		}
	}
	return NULL;
}

const struct link_ops *
link_auto(uint8_t kind)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if ((links[i]->kinds & (1u << kind)) != 0) {
			return links[i];
		}
	}
	return NULL;
}
