/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trust.h - whether a file can be loaded with a program's rights: nobody but root and this user can
 * change it, its directory, or any directory above (but for a sticky one, as /tmp, above its own).
 */
#ifndef TUNTAPD_CLI_TRUST_H
#define TUNTAPD_CLI_TRUST_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * path is absolute and has no link in it.  is_root_too: NULL, or tells of an owner that is as good as
 * root.  0, or -1 with errno, EPERM if others can change it; bad is then the part that they can.
 */
int trust_check(const char *path, bool (*is_root_too)(uid_t uid), char bad[PATH_MAX]);

#endif
