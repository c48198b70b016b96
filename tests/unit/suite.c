/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suite.c - see suite.h.
 */
#include "suite.h"

#include <stdlib.h>

int
run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
