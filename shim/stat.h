/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stat.h - stat(2) and lstat(2) as the program has them, for code of the shim that the C library calls in their place (dir.c).
 */
#ifndef TUNTAPD_SHIM_STAT_H
#define TUNTAPD_SHIM_STAT_H

#include <sys/stat.h>

int stat_any(const char *path, struct stat *st);
int stat_any_link(const char *path, struct stat *st);

#endif
