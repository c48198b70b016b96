/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links-darwin.c - the links of macOS, in order of preference.  See link.h.
 */
#include "link.h"

#include <stddef.h>

const struct link_ops *const links_here[LINKS_MAX + 1] = {
	&link_utun,
	&link_feth,
	&link_kext,
	NULL,
};
