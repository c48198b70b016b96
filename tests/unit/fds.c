/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fds.c - what of this process is open.  See fds.h.
 *
 * A descriptor that was closed and one that was leaked in its place are the same number, so what is compared is number and file.
 */
#include "fds.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDS_MAX 1024

struct open_files {
	unsigned count;
	struct {
		int fd;
		dev_t dev;
		ino_t ino;
	} items[FDS_MAX];
};

static struct open_files noted;
static int fillers[FDS_MAX];
static unsigned filler_count;

static void
read_open_files(struct open_files *files)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *d;

	ck_assert_ptr_nonnull(dir);
	files->count = 0;
	while ((d = readdir(dir)) != NULL) {
		int fd = (int)strtol(d->d_name, NULL, 10);
		struct stat st;

		if (d->d_name[0] == '.' || fd == dirfd(dir)) {
			continue;
		}
		ck_assert_int_eq(fstat(fd, &st), 0);
		ck_assert_uint_lt(files->count, FDS_MAX);
		files->items[files->count].fd = fd;
		files->items[files->count].dev = st.st_dev;
		files->items[files->count].ino = st.st_ino;
		files->count++;
	}
	closedir(dir);
}

void
fds_note(void)
{
	read_open_files(&noted);
}

static bool
contains(const struct open_files *files, const struct open_files *other, unsigned index)
{
	for (unsigned i = 0; i < files->count; i++) {
		if (files->items[i].fd == other->items[index].fd) {
			return files->items[i].dev == other->items[index].dev && files->items[i].ino == other->items[index].ino;
		}
	}
	return false;
}

void
fds_assert_as_noted(void)
{
	struct open_files now;

	read_open_files(&now);
	for (unsigned i = 0; i < now.count; i++) {
		ck_assert_msg(contains(&noted, &now, i), "descriptor %d was left open", now.items[i].fd);
	}
	for (unsigned i = 0; i < noted.count; i++) {
		ck_assert_msg(contains(&now, &noted, i), "descriptor %d was closed by mistake", noted.items[i].fd);
	}
}

int
fds_new_file(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

bool
fds_same_file(int a, int b)
{
	struct stat first, second;

	ck_assert_int_eq(fstat(a, &first), 0);
	ck_assert_int_eq(fstat(b, &second), 0);
	return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

void
fds_fill_table(unsigned count)
{
	struct rlimit limit;
	int fd;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	filler_count = 0;
	while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
		ck_assert_uint_lt(filler_count, FDS_MAX);
		fillers[filler_count++] = fd;
	}
	ck_assert_uint_gt(filler_count, count);
	while (count-- > 0) {
		close(fillers[--filler_count]);
	}
}

void
fds_unfill_table(void)
{
	while (filler_count > 0) {
		close(fillers[--filler_count]);
	}
}
