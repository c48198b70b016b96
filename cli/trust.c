/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trust.c - whether a file can be loaded with a program's rights.  See trust.h.
 */
#include "cli/trust.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
trust_check(const char *path, bool (*is_root_too)(uid_t uid), char bad[PATH_MAX])
{
	char part[PATH_MAX];
	struct stat st;
	bool leaf = true;

	/* From the file upward. */
	snprintf(part, sizeof(part), "%s", path);
	for (;;) {
		char *slash;

		snprintf(bad, PATH_MAX, "%s", part[0] != '\0' ? part : "/");
		if (lstat(bad, &st) < 0) {
			return -1;
		}
		if ((st.st_uid != 0 && st.st_uid != geteuid() &&
			(is_root_too == NULL || !is_root_too(st.st_uid))) ||
		    ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 &&
			(leaf || (st.st_mode & S_ISVTX) == 0))) {
			errno = EPERM;
			return -1;
		}
		if (part[0] == '\0') {
			return 0;
		}
		slash = strrchr(part, '/');
		*slash = '\0'; /* path is absolute */
		/*
		 * The file's own directory must not be shared, sticky or not: others could put
		 * files beside it.
		 */
		leaf = leaf && strcmp(bad, path) == 0;
	}
}
