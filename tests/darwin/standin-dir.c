/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-dir.c - reading directories.  See standin.h.
 *
 * Sources: XNU bsd/sys/dirent.h (64-bit inodes: 1048 bytes).
 */
#include "standin.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

struct darwin_dirent {
	uint64_t d_ino, d_seekoff;
	uint16_t d_reclen, d_namlen;
	uint8_t d_type;
	char d_name[1024];
};
_Static_assert(sizeof(struct darwin_dirent) == 1048, "the kernel's layout");

static DIR *
given(DIR *dir)
{
	if (dir == NULL) {
		(void)standin_translated(-1);
	}
	return dir;
}

static DIR *
darwin_opendir(const char *path)
{
	return given(opendir(path));
}

static DIR *
darwin_fdopendir(int fd)
{
	return given(fdopendir(fd));
}

/* The entry is good until the thread reads the next. */
static struct darwin_dirent *
darwin_readdir(DIR *dir)
{
	static _Thread_local struct darwin_dirent out;
	int saved = errno;
	const struct dirent *entry;

	errno = 0;
	entry = readdir(dir);
	if (entry == NULL) {
		if (errno != 0) {
			(void)standin_translated(-1);
		} else {
			errno = saved;
		}
		return NULL;
	}
	errno = saved;
	memset(&out, 0, sizeof(out));
	out.d_ino = entry->d_ino;
	out.d_namlen = (uint16_t)strlen(entry->d_name);
	out.d_reclen = (uint16_t)((offsetof(struct darwin_dirent, d_name) + out.d_namlen + 4) & ~3u);
	out.d_type = entry->d_type; /* the numbers are the same */
	memcpy(out.d_name, entry->d_name, out.d_namlen);
	return &out;
}

static int
darwin_readdir_r(DIR *dir, struct darwin_dirent *out, struct darwin_dirent **result)
{
	int saved = errno, error;
	const struct darwin_dirent *entry;

	errno = 0;
	entry = darwin_readdir(dir);
	error = errno;
	errno = saved;
	*result = entry != NULL ? memcpy(out, entry, sizeof(*out)) : NULL;
	return entry != NULL ? 0 : error;
}

const struct standin_symbol standin_dir_symbols[] = {
	SAME(closedir), SAME(dirfd), AS("_opendir$INODE64", opendir), AS("_fdopendir$INODE64", fdopendir),
	AS("_readdir$INODE64", readdir), AS("_readdir_r$INODE64", readdir_r), {"_rewinddir$INODE64", (void *)rewinddir},
	{"_seekdir$INODE64", (void *)seekdir}, {"_telldir$INODE64", (void *)telldir},
	{NULL, NULL},
};
