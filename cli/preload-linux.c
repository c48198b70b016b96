/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload-linux.c - the shims' names, and LD_PRELOAD.  See preload.h; ld.so(8).
 *
 * Trust.  In a user namespace that has no number for root (a rootless container's), root's files show the
 * overflow user's number, and so do other strangers': there it is enough that file and directories
 * have the owner that this executable, which runs already, has too.
 *
 * Privileged programs.  ld.so(8) ignores a preloaded path with a slash in secure-execution mode,
 * which the kernel asks for when execve(2) changes the effective user or group, or adds
 * capabilities (security/commoncap.c cap_bprm_creds_from_file).  Not so where it ignores those
 * marks: on a nosuid mount, with no_new_privs, and for capabilities when root runs the program.
 */
#include "cli/preload.h"

#include <endian.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SHIM_PREFIX "libtuntapd-shim"
#define SHIM_GLIBC SHIM_PREFIX ".so"
#define SHIM_MUSL SHIM_PREFIX "-musl.so"

static const char *const names[] = {SHIM_GLIBC, SHIM_MUSL, NULL};

static const char *
name_for(const struct binary_info *info)
{
	return info->libc == BINARY_LIBC_MUSL ? SHIM_MUSL : SHIM_GLIBC;
}

static int
own_path(char *path, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", path, size);

	if (length < 0) {
		return -1;
	}
	if ((size_t)length >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	path[length] = '\0';
	return 0;
}

/*
 * Whether security.capability gives the program anything (struct vfs_cap_data: little-endian words,
 * version on top of the flags).
 */
static bool
has_capabilities(int fd)
{
	struct vfs_ns_cap_data data;
	ssize_t n = fgetxattr(fd, "security.capability", &data, sizeof(data));

	if (n < (ssize_t)XATTR_CAPS_SZ_1) {
		return false;
	}
	return (le32toh(data.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE) != 0 ||
	    data.data[0].permitted != 0 ||
	    (n >= (ssize_t)XATTR_CAPS_SZ_2 && data.data[1].permitted != 0);
}

static enum privilege
privilege(int fd)
{
	struct statvfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0 || (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0) ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		return PRIVILEGE_NONE;
	}
	if ((st.st_mode & S_ISUID) != 0 && st.st_uid != getuid()) {
		return PRIVILEGE_SET_UID;
	}
	/*
	 * Without the group's execute bit the mark means something else (mandatory locking, once).
	 */
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid()) {
		return PRIVILEGE_SET_GID;
	}
	if (getuid() != 0 && has_capabilities(fd)) {
		return PRIVILEGE_CAPABILITIES;
	}
	return PRIVILEGE_NONE;
}

/* See above. */
static bool
is_unmapped_root(uid_t uid)
{
	unsigned long overflow = 65534;
	struct stat own;
	FILE *f;

	if (stat("/proc/self/exe", &own) < 0 || own.st_uid != uid) {
		return false;
	}
	f = fopen("/proc/sys/kernel/overflowuid", "re");
	if (f != NULL) {
		if (fscanf(f, "%lu", &overflow) != 1) {
			overflow = 65534;
		}
		fclose(f);
	}
	return uid == overflow;
}

const struct preload_platform preload_platform = {
	.variable = "LD_PRELOAD", .separators = " :", .bad_places = "a blank or colon", .names = names, .name_for = name_for,
	.is_root_too = is_unmapped_root, .own_path = own_path, .privilege = privilege,
};
