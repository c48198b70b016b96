/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload-darwin.c - the shim's name, and DYLD_INSERT_LIBRARIES.  See preload.h.
 *
 * An inserted library that cannot be loaded ends the program: so it is set for one program at a
 * time, and only after the program's file has been looked at.
 *
 * Sources: dyld(1); dyld common/DyldProcessConfig.cpp (variables are pruned from the environment of
 * restricted programs); XNU sys/stat.h SF_RESTRICTED.
 */
#include "cli/preload.h"

#include <errno.h>
#include <libproc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHIM_NAME "libtuntapd-shim.dylib"

static const char *const names[] = {SHIM_NAME, NULL};

static const char *
name_for(const struct binary_info *info)
{
	return SHIM_NAME;
}

static int
own_path(char *path, size_t size)
{
	char own[PROC_PIDPATHINFO_MAXSIZE];

	if (proc_pidpath(getpid(), own, sizeof(own)) <= 0) {
		errno = ENOENT;
		return -1;
	}
	if (snprintf(path, size, "%s", own) >= (int)size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

static enum privilege
privilege(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return PRIVILEGE_NONE;
	}
	if ((st.st_flags & SF_RESTRICTED) != 0) {
		return PRIVILEGE_SYSTEM;
	}
	if ((st.st_mode & S_ISUID) != 0 && st.st_uid != getuid()) {
		return PRIVILEGE_SET_UID;
	}
	return (st.st_mode & S_ISGID) != 0 && st.st_gid != getgid() ? PRIVILEGE_SET_GID : PRIVILEGE_NONE;
}

const struct preload_platform preload_platform = {
	.variable = "DYLD_INSERT_LIBRARIES", .separators = ":", .bad_places = "a colon", .names = names, .name_for = name_for,
	.own_path = own_path, .privilege = privilege,
};
