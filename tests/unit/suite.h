/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suite.h - how a suite of Check is run here.
 */
#ifndef TUNTAPD_TESTS_SUITE_H
#define TUNTAPD_TESTS_SUITE_H

#include <check.h>

/* Runs a suite and prints TAP; the exit status. */
int run_suite(Suite *suite);

#endif
