/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-paths.c - other ways to open a path, and to look at one: openx_np, open_dprotected_np, guarded_open_np, getattrlist, devname.
 * See standin.h.
 *
 * A guard is not kept: nobody here has a number that is guarded.  Access lists, classes of protection and attributes of volumes and
 * directories are not known.
 *
 * Sources: XNU bsd/vfs/vfs_syscalls.c open_dprotected_np, bsd/kern/kern_guarded.c guarded_open_np (O_CLOEXEC, GUARD_DUP 2 and a guard that
 * is not zero, else EINVAL), bsd/vfs/vfs_attrlist.c attr_pack_common, attr_pack_file, attrlist_pack_string, bsd/sys/attr.h; darwin.md 9.
 */
#include "standin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define RETURNED_ATTRS 0x80000000u
#define FULL_SIZE 0x4
#define PACK_INVALID 0x8
#define ANSWER_MAX 4096

static int
darwin_openx_np(const char *path, int flags, const void *security)
{
	if (security != NULL) {
		standin_refuse("openx_np with an access list");
	}
	return (int)standin_translated(standin_open(path, flags, 0666));
}

/* O_DP_GETRAWENCRYPTED 1, O_DP_GETRAWUNENCRYPTED 2: not for writing. */
static bool
is_raw_write(int flags, int dpflags)
{
	if ((dpflags & ~3) != 0) {
		standin_refuse("open_dprotected_np: flags %#x", (unsigned)dpflags);
	}
	errno = EINVAL;
	return dpflags != 0 && (flags & 3) != 0;
}

static int
darwin_open_dprotected_np(const char *path, int flags, int class, int dpflags, ...)
{
	va_list args;
	int mode;

	va_start(args, dpflags);
	mode = (flags & 0x0200) != 0 ? va_arg(args, int) : 0;
	va_end(args);
	return (int)standin_translated(is_raw_write(flags, dpflags) ? -1 : standin_open(path, flags, mode));
}

static int
open_guarded(const char *path, const uint64_t *guard, uint32_t guardflags, int flags, int mode)
{
	/* GUARD_CLOSE 1, GUARD_DUP 2, GUARD_SOCKET_IPC 4, GUARD_FILEPORT 8, GUARD_WRITE 16 */
	if ((flags & 0x1000000) == 0 || (guardflags & 2) == 0 || (guardflags & ~31u) != 0 || *guard == 0) {
		errno = EINVAL;
		return -1;
	}
	return standin_open(path, flags, mode);
}

static int
darwin_guarded_open_np(const char *path, const uint64_t *guard, uint32_t guardflags, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = (flags & 0x0200) != 0 ? va_arg(args, int) : 0;
	va_end(args);
	return (int)standin_translated(open_guarded(path, guard, guardflags, flags, mode));
}

static int
darwin_guarded_open_dprotected_np(const char *path, const uint64_t *guard, uint32_t guardflags, int flags, int class, int dpflags, ...)
{
	va_list args;
	int mode;

	va_start(args, dpflags);
	mode = (flags & 0x0200) != 0 ? va_arg(args, int) : 0;
	va_end(args);
	return (int)standin_translated(is_raw_write(flags, dpflags) ? -1 : open_guarded(path, guard, guardflags, flags, mode));
}

struct attributes {
	uint16_t count, reserved;
	uint32_t common, volume, directory, file, fork;
};

/* The answer while it is made: fixed parts from the front, texts from where those end. */
struct packer {
	char data[ANSWER_MAX];
	size_t fixed, text;
	uint32_t actual_common, actual_file;
	bool returned; /* what is not there is left out */
	const struct stat *st;
	const char *path;
};

static void
pack(struct packer *p, uint32_t *actual, uint32_t bit, const void *value, size_t bytes)
{
	memcpy(p->data + p->fixed, value, bytes);
	p->fixed += bytes;
	*actual |= bit;
}

/* One that this kind of file does not have: a default, unless what is there is told. */
static void
pack_absent(struct packer *p, const void *value, size_t bytes)
{
	uint32_t none;

	if (!p->returned) {
		pack(p, &none, 0, value, bytes);
	}
}

static void
pack_text(struct packer *p, uint32_t bit, const char *text)
{
	const struct {
		int32_t offset;
		uint32_t bytes;
	} place = {(int32_t)(p->text - p->fixed), (uint32_t)strlen(text) + 1};

	strcpy(p->data + p->text, text);
	p->text += (place.bytes + 3) & ~3u;
	pack(p, &p->actual_common, bit, &place, sizeof(place));
}

/* Bytes of each common attribute, and of each of a file's, by bit. */
static const uint8_t common_bytes[31] = {
	8, 4, 8, 4, 4, 8, 8, 8, 4, 16, 16, 16, 16, 16, 32, 4, 4, 4, 4, 4, 4, 4, 8, 16, 16, 8, 8, 8, 16, 4, 4,
};
static const uint8_t file_bytes[6] = {4, 8, 8, 4, 4, 4};

static void
pack_common(struct packer *p, unsigned bit)
{
	static const char zeroes[32], somebody[16] = "somebody's uuid";
	const struct stat *st = p->st;
	const char *name = strrchr(p->path, '/') + 1;
	uint64_t id = (uint32_t)st->st_ino, whole = st->st_ino;
	uint32_t mode = st->st_mode & 07777, type = S_ISCHR(st->st_mode) ? 4 : S_ISDIR(st->st_mode) ? 2 : 1, encoding = 0x7e, may = 7;
	const struct timespec *const times[] = {&st->st_mtim, &st->st_mtim, &st->st_ctim, &st->st_atim};
	const void *value = zeroes;

	switch (bit) {
	case 0:
	case 27:
		pack_text(p, 1u << bit, bit == 0 ? name : p->path);
		return;
	case 3:
		value = &type;
		break;
	case 5:
	case 6:
		value = &id;
		break;
	case 9:
	case 10:
	case 11:
	case 12:
		value = times[bit - 9];
		break;
	case 15:
		value = &st->st_uid;
		break;
	case 16:
		value = &st->st_gid;
		break;
	case 17:
		value = &mode;
		break;
	case 21:
		value = &may;
		break;
	case 23:
	case 24:
		value = somebody;
		break;
	case 25:
		value = &whole;
		break;
	case 8:
		pack_absent(p, &encoding, 4);
		return;
	case 14: /* FNDRINFO, GEN_COUNT, DOCUMENT_ID, EXTENDED_SECURITY, ADDEDTIME, ERROR, DATA_PROTECT_FLAGS */
	case 19:
	case 20:
	case 22:
	case 28:
	case 30:
		pack_absent(p, zeroes, common_bytes[bit]);
		return;
	default:
		break;
	}
	pack(p, &p->actual_common, 1u << bit, value, common_bytes[bit]);
}

static void
pack_file(struct packer *p, unsigned bit)
{
	static const char zeroes[8];
	uint32_t links = (uint32_t)p->st->st_nlink, number = (uint32_t)standin_device_number(p->st->st_rdev);

	pack(p, &p->actual_file, 1u << bit, bit == 0 ? (const void *)&links : bit == 5 ? (const void *)&number : zeroes, file_bytes[bit]);
}

/* The error comes first; all else is in the order of the bits. */
static void
pack_all(struct packer *p, const struct attributes *wanted)
{
	if ((wanted->common & 0x20000000u) != 0) {
		pack_absent(p, "\0\0\0", 4);
	}
	for (unsigned bit = 0; bit < 31; bit++) {
		if (bit != 29 && (wanted->common & 1u << bit) != 0) {
			pack_common(p, bit);
		}
	}
	for (unsigned bit = 0; bit < 6; bit++) {
		if (!S_ISDIR(p->st->st_mode) && (wanted->file & 1u << bit) != 0) {
			pack_file(p, bit);
		}
	}
}

/* With the room for fixed parts first: what is left out leaves it, and texts begin behind it all the same. */
static int
describe(const char *path, const struct stat *st, const struct attributes *wanted, void *data, size_t size, uint64_t options)
{
	struct packer *p = calloc(1, sizeof(*p));
	bool returned = (wanted->common & RETURNED_ATTRS) != 0;
	uint32_t set[5] = {0}, bytes;

	if ((options & ~UINT64_C(0x2f)) != 0 || wanted->volume != 0 || wanted->fork != 0 || (wanted->file & ~0x3fu) != 0) {
		standin_refuse("getattrlist: options %#llx, attributes of volume, fork, file %#x, %#x, %#x", (unsigned long long)options,
		    wanted->volume, wanted->fork, wanted->file);
	}
	if (wanted->count != 5 || wanted->reserved != 0 || ((options & PACK_INVALID) != 0 && !returned)) {
		free(p);
		errno = EINVAL;
		return -1;
	}
	*p = (struct packer){.fixed = returned ? 24 : 4, .returned = returned && (options & PACK_INVALID) == 0, .st = st, .path = path};
	p->text = p->fixed;
	for (unsigned bit = 0; bit < 31; bit++) {
		p->text += (wanted->common & 1u << bit) != 0 ? common_bytes[bit] : 0;
		p->text += bit < 6 && (wanted->file & 1u << bit) != 0 && !S_ISDIR(st->st_mode) ? file_bytes[bit] : 0;
	}
	pack_all(p, wanted);
	bytes = (uint32_t)p->text;
	if (bytes > size && (options & FULL_SIZE) == 0) {
		bytes = (uint32_t)size;
	}
	memcpy(p->data, &bytes, sizeof(bytes));
	set[0] = p->actual_common | RETURNED_ATTRS;
	set[3] = p->actual_file;
	if (returned) {
		memcpy(p->data + 4, set, sizeof(set));
	}
	memcpy(data, p->data, p->text < size ? p->text : size);
	free(p);
	return 0;
}

static int
describe_path(int dir, const char *path, const struct attributes *wanted, void *data, size_t size, uint64_t options)
{
	char whole[PATH_MAX];
	struct stat st;
	int fd = openat(dir == -2 ? AT_FDCWD : dir, path, O_PATH | ((options & 1) != 0 ? O_NOFOLLOW : 0) | O_CLOEXEC), result = -1;
	char link[64];
	ssize_t length;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return -1;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, whole, sizeof(whole) - 1);
	close(fd);
	if (length > 0) {
		whole[length] = '\0';
		result = describe(whole, &st, wanted, data, size, options);
	}
	return result;
}

static int
darwin_getattrlist(const char *path, const struct attributes *wanted, void *data, size_t size, uint32_t options)
{
	return (int)standin_translated(describe_path(-2, path, wanted, data, size, options));
}

static int
darwin_getattrlistat(int dir, const char *path, const struct attributes *wanted, void *data, size_t size, uint64_t options)
{
	return (int)standin_translated(describe_path(dir, path, wanted, data, size, options));
}

/* Of a vnode; a socket is none (EINVAL). */
static int
darwin_fgetattrlist(int fd, const struct attributes *wanted, void *data, size_t size, uint32_t options)
{
	const struct standin_kind *kind = standin_kind_of(fd);
	char link[64];

	if (kind != NULL) {
		errno = EINVAL;
		return (int)standin_translated(-1);
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return (int)standin_translated(describe_path(-2, link, wanted, data, size, options));
}

/* The entry of /dev with that number. */
static char *
darwin_devname_r(int32_t number, uint16_t type, char *name, int size)
{
	DIR *dir = opendir("/dev");
	const struct dirent *entry;
	char *found = NULL;
	struct stat st;

	if (dir == NULL) {
		standin_refuse("/dev: %s", strerror(errno));
	}
	while (found == NULL && (entry = readdir(dir)) != NULL) {
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == (type & S_IFMT) &&
		    (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && standin_device_number(st.st_rdev) == number) {
			snprintf(name, (size_t)size, "%s", entry->d_name);
			found = name;
		}
	}
	closedir(dir);
	return found;
}

static char *
darwin_devname(int32_t number, uint16_t type)
{
	static char name[256];

	return darwin_devname_r(number, type, name, sizeof(name));
}

const struct standin_symbol standin_paths_symbols[] = {
	OTHER(devname), OTHER(devname_r), OTHER(fgetattrlist), OTHER(getattrlist), OTHER(getattrlistat), OTHER(guarded_open_dprotected_np),
	OTHER(guarded_open_np), OTHER(open_dprotected_np), OTHER(openx_np),
	{NULL, NULL},
};
