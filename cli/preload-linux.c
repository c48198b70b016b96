/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload-linux.c - the shim's file, and LD_PRELOAD.  See preload.h; ld.so(8).
 *
 * Trust.  What is preloaded runs with the program's rights, so the file, its directory and every
 * directory above must belong to root or to this user and be writable by nobody else (a sticky
 * directory above, as /tmp, is fine: others cannot rename what is ours there).  The place is
 * derived from this executable's own, never from the environment or the working directory.  In a
 * user namespace that has no number for root (a rootless container's), root's files show the
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
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/exitcode.h"
#include "cli/trust.h"

#define SHIM_PREFIX "libtuntapd-shim"
#define SHIM_GLIBC SHIM_PREFIX ".so"
#define SHIM_MUSL SHIM_PREFIX "-musl.so"

int
preload_read_own(struct binary_info *info)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), result, saved;

	if (fd < 0) {
		return -1;
	}
	result = binary_read(fd, info);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
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

const char *
preload_privileged(int fd)
{
	struct statvfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0 || (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOSUID) != 0) ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		return NULL;
	}
	if ((st.st_mode & S_ISUID) != 0 && st.st_uid != getuid()) {
		return "is set-user-ID";
	}
	/*
	 * Without the group's execute bit the mark means something else (mandatory locking, once).
	 */
	if ((st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st.st_gid != getgid()) {
		return "is set-group-ID";
	}
	if (getuid() != 0 && has_capabilities(fd)) {
		return "has file capabilities";
	}
	return NULL;
}

/* Whether a file of that owner is as trustworthy as root's: see above. */
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

/* Directory of the shim files, seen from this executable.  0, or -1 with errno. */
static int
shim_dir(char dir[PATH_MAX])
{
	char own[PATH_MAX], *slash;
	ssize_t own_length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	int n;

	if (own_length < 0) {
		return -1;
	}
	own[own_length] = '\0';
	slash = strrchr(own, '/');
	if (slash == NULL) {
		errno = ENOENT;
		return -1;
	}
	*slash = '\0';
	slash = strrchr(own, '/');
	if (slash != NULL && strcmp(slash, "/cli") == 0) {
		n = snprintf(
		    dir, PATH_MAX, "%.*s/shim", (int)(slash - own), own); /* a build tree */
	} else if (SHIM_DIR[0] == '/') {
		n = snprintf(dir, PATH_MAX, "%s", SHIM_DIR);
	} else {
		n = snprintf(dir, PATH_MAX, "%s/%s", own, SHIM_DIR);
	}
	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int
preload_find_shim(const char *program, const struct binary_info *info, char path[PATH_MAX])
{
	const char *name = info->libc == BINARY_LIBC_MUSL ? SHIM_MUSL : SHIM_GLIBC;
	char dir[PATH_MAX], wanted[PATH_MAX + sizeof(SHIM_MUSL) + 1], bad[PATH_MAX];

	if (shim_dir(dir) < 0) {
		warn("finding the shim's directory");
		return EXIT_CODE_CANNOT_RUN;
	}
	snprintf(wanted, sizeof(wanted), "%s/%s", dir, name);
	if (realpath(wanted, path) == NULL) {
		warn("%s: no shim for %s, the C library of %s: build or install tuntapd with that "
		    "shim",
		    wanted, info->libc == BINARY_LIBC_MUSL ? "musl" : "glibc", program);
		return EXIT_CODE_CANNOT_RUN;
	}
	if (trust_check(path, is_unmapped_root, bad) < 0) {
		if (errno == EPERM) {
			warnx("%s belongs to somebody else or can be written by others: the shim "
			    "there is not loaded; make it "
			    "root's or yours and writable by the owner alone ('chmod go-w %s')",
			    bad, bad);
		} else {
			warn("%s", bad);
		}
		return EXIT_CODE_CANNOT_RUN;
	}
	/* ld.so(8) splits at these, and has no way to quote. */
	if (strpbrk(path, " :") != NULL) {
		warnx("%s: a shim cannot be loaded from a path with a blank or colon: move tuntapd "
		    "elsewhere",
		    path);
		return EXIT_CODE_CANNOT_RUN;
	}
	return EXIT_CODE_OK;
}

/*
 * Whether a preload entry is a shim of ours, of whichever C library and build: two of them cannot
 * share a program.
 */
static bool
is_shim(const char *entry, size_t length)
{
	const char *name = entry;

	for (size_t i = 0; i < length; i++) {
		if (entry[i] == '/') {
			name = entry + i + 1;
		}
	}
	length -= (size_t)(name - entry);
	return (length == strlen(SHIM_GLIBC) && strncmp(name, SHIM_GLIBC, length) == 0) ||
	    (length == strlen(SHIM_MUSL) && strncmp(name, SHIM_MUSL, length) == 0);
}

int
preload_set_environment(const char *shim)
{
	const char *old = getenv("LD_PRELOAD");
	size_t room = strlen(shim) + (old != NULL ? strlen(old) + 1 : 0) + 1, used;
	char *value = malloc(room);
	int result;

	if (value == NULL) {
		return -1;
	}
	used = (size_t)snprintf(value, room, "%s", shim);
	while (old != NULL && *old != '\0') {
		size_t length = strcspn(old, " :");

		if (length > 0 && !is_shim(old, length)) {
			used +=
			    (size_t)snprintf(value + used, room - used, ":%.*s", (int)length, old);
		}
		old += length;
		old += strspn(old, " :");
	}
	result = setenv("LD_PRELOAD", value, 1);
	free(value);
	return result;
}
