/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fds.h - what of this process is open: a fixture whose end asserts that nothing more and nothing less is.
 */
#ifndef TUNTAPD_TESTS_FDS_H
#define TUNTAPD_TESTS_FDS_H

#include <check.h>
#include <stdbool.h>

#include "suite.h"

/* Checked fixture: notes each descriptor and its file; the end compares. */
void fds_note(void);
void fds_assert_as_noted(void);

/* A descriptor of a file that nobody else here has, close-on-exec; and whether two descriptors are the same file. */
int fds_new_file(void);
bool fds_same_file(int a, int b);

/*
 * Takes descriptors until only count numbers are free, by the limit on open files; fds_unfill() gives the numbers back.
 * The limit does not come back: for tests in a process of their own.
 */
void fds_fill_table(unsigned count);
void fds_unfill_table(void);

#endif
