/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node-rules.c - what a program of macOS finds where a device has a real node in /dev, row by row.  Knows nothing of tuntapd.
 *
 *	node-rules DEVICE NAME MODE UID GID	prints TAP; MODE is octal
 *	node-rules as UID DEVICE	says what that user finds: "access ERRNO, open ERRNO"
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rows.h"

static int
look_as(uid_t uid, const char *device)
{
	int asked = 0, opened = 0, fd;

	if (setgid(uid) < 0 || setuid(uid) < 0) {
		perror("another user");
		return 1;
	}
	if (access(device, R_OK | W_OK) < 0) {
		asked = errno;
	}
	fd = open(device, O_RDWR);
	if (fd < 0) {
		opened = errno;
	}
	printf("access %d, open %d\n", asked, opened);
	return 0;
}

/* How often a directory shows a name, and as what. */
static unsigned
count_in(const char *path, const char *name, bool *is_device)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	unsigned found = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, name) == 0) {
			found++;
			*is_device = entry->d_type == DT_CHR;
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return found;
}

static void
check_stats(const char *device, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat by_path = {0}, by_link = {0}, by_number = {0};
	int fd = open(device, O_RDWR | O_CLOEXEC);

	row("stat: a character device", stat(device, &by_path) == 0 && S_ISCHR(by_path.st_mode));
	row("stat: mode, owner and group are the policy's", (by_path.st_mode & 07777) == mode && by_path.st_uid == uid &&
	    by_path.st_gid == gid);
	row("lstat says the same", lstat(device, &by_link) == 0 && memcmp(&by_path, &by_link, sizeof(by_path)) == 0);
	row("fstat of the open device says the same", fd >= 0 && fstat(fd, &by_number) == 0 &&
	    memcmp(&by_path, &by_number, sizeof(by_path)) == 0);
	row("a second open is EBUSY", fails(open(device, O_RDWR), EBUSY));
	row("so is one that may make a file", fails(open(device, O_RDWR | O_CREAT, 0600), EBUSY));
	close(fd);
}

int
main(int argc, char **argv)
{
	const char *device = argc > 1 ? argv[1] : "", *name = argc > 2 ? argv[2] : "";
	bool is_device = false;
	char path[1024];
	int fd, dir;

	if (argc == 4 && strcmp(device, "as") == 0) {
		return look_as((uid_t)atoi(name), argv[3]);
	}
	if (argc != 6) {
		return 2;
	}
	check_stats(device, (mode_t)strtoul(argv[3], NULL, 8), (uid_t)atoi(argv[4]), (gid_t)atoi(argv[5]));
	fd = open(device, O_RDWR | O_CREAT, 0600);
	row("an open that may make a file opens the device", fd >= 0 && fails(read(fd, path, sizeof(path)), EIO));
	close(fd);
	row("one that must make it is EEXIST", fails(open(device, O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST));
	row("one of a directory is ENOTDIR", fails(open(device, O_RDONLY | O_DIRECTORY), ENOTDIR));
	dir = open("/dev", O_RDONLY | O_DIRECTORY);
	fd = openat(dir, name, O_RDWR);
	row("openat from /dev opens it", fd >= 0 && fails(read(fd, path, sizeof(path)), EIO));
	close(fd);
	row("access: root may read and write", access(device, R_OK | W_OK) == 0);
	row("its name is its real path", realpath(device, path) != NULL && strcmp(path, device) == 0);
	row("it is no symbolic link", fails(readlink(device, path, sizeof(path)), EINVAL));
	row("/dev shows it once, as a device", count_in("/dev", name, &is_device) == 1 && is_device);
	printf("1..%d\n", rows);
	return failures != 0;
}
