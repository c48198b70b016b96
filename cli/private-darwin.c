/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * private-darwin.c - see private.h.  macOS has one network for all: there are no private ones.
 */
#include "cli/private.h"

#include <err.h>

#include "cli/exitcode.h"

int
private_run(const struct program *program, char **argv, bool verbose, const struct pairing *pairing)
{
	warnx("--private needs network namespaces, which macOS does not have: start the daemon as "
	      "root ('sudo tuntapd serve') and run the program without --private");
	return EXIT_CODE_CANNOT_RUN;
}
