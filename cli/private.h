/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * private.h - `tuntapd exec --private`: a world of its own for one program, without root
 * (private-OS.c).
 */
#ifndef TUNTAPD_CLI_PRIVATE_H
#define TUNTAPD_CLI_PRIVATE_H

#include <stdbool.h>

struct pairing;
struct program;

/*
 * Runs the program in it and returns its status; if the program was ended by a signal, so is this
 * process, and the call does not return.  Before the program runs: another exit status, explained
 * on standard error.  pairing: a pair of interfaces that is to be there, or NULL.
 */
int private_run(const struct program *program, char **argv, bool verbose, const struct pairing *pairing);

#endif
