/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor.h - the parts of `tuntapd doctor`: a program, or the whole system.  Nothing is changed by any of them.
 */
#ifndef TUNTAPD_CLI_DOCTOR_H
#define TUNTAPD_CLI_DOCTOR_H

#include <stdbool.h>

/* "version" of the JSON: it grows when a member changes its meaning or goes, not when one is added. */
#define DOCTOR_JSON_VERSION 1

/* Shows whether the library can go into a program, for each of its architectures.  The exit status that `tuntapd exec` would have. */
int doctor_program(const char *name, bool json);

#endif
