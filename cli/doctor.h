/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor.h - the parts of `tuntapd doctor`: a program, or the whole system.  Nothing is changed by any of them.
 */
#ifndef TUNTAPD_CLI_DOCTOR_H
#define TUNTAPD_CLI_DOCTOR_H

#include <stdbool.h>

struct probe;

/* "version" of the JSON: it grows when a member changes its meaning or goes, not when one is added. */
#define DOCTOR_JSON_VERSION 1

/* Shows whether the library can go into a program, for each of its architectures.  The exit status that `tuntapd exec` would have. */
int doctor_program(const char *name, bool json);

/*
 * Looks at the whole system.  EXIT_CODE_OK: nothing is wrong; EXIT_CODE_NO: something will be, for somebody; EXIT_CODE_BROKEN: something
 * does not work.
 */
int doctor_system(const struct probe *p, bool json);

/* Writes all that who helps would ask for into a file, which must not be there.  An exit status. */
int doctor_report(const struct probe *p, const char *path);

#endif
