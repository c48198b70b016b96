/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attrlist-darwin.c - what getattrlist(2) and its kin say of a device, and its name (devname(3)).
 *
 * Theory of operation.  Which attributes a node in /dev has, and how they are put one after the other, is the kernel's and differs by its
 * version.  So where there is a device the kernel is asked about /dev/null, which is a character device in /dev, too: its answer has the
 * right attributes, and where the two differ what is the device's is written over it.  That is never longer: the name of a device fits in
 * the eight bytes that "null" and its NUL have, padded, and its path in the twelve that that one's has.
 *
 * Limits.  Owner and group are numbers; as UUIDs they are not known (all zeroes).  Attributes of the kind that FSOPT_ATTR_CMN_EXTENDED asks
 * for, among which are other paths, are ENOTSUP.  What of the volume is asked for is /dev's, and left as it is.
 *
 * Sources: XNU bsd/vfs/vfs_attrlist.c attr_pack_common, attr_pack_file (order and sizes), bsd/sys/attr.h; Libc gen/devname.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/attr.h>
#include <unistd.h>

#include "devpath.h"
#include "fdtable.h"
#include "protocol/devname.h"
#include "real.h"
#include "recognise.h"
#include "state.h"

/* "/dev/", and a name. */
#define PATH_SIZE (5 + DEVNAME_SIZE)

enum part { LEFT, NAME, PATH, OBJECT, NUMBER, TIME, OWNER, GROUP, MODE, MAY, UNKNOWN, DEVICE };

struct attribute {
	attrgroup_t bit;
	uint8_t bytes;
	enum part part;
};

static const struct attribute common_attributes[] = {
	{ATTR_CMN_ERROR, 4, LEFT}, {ATTR_CMN_NAME, 8, NAME}, {ATTR_CMN_DEVID, 4, LEFT}, {ATTR_CMN_FSID, 8, LEFT},
	{ATTR_CMN_OBJTYPE, 4, LEFT}, {ATTR_CMN_OBJTAG, 4, LEFT}, {ATTR_CMN_OBJID, 8, OBJECT}, {ATTR_CMN_OBJPERMANENTID, 8, OBJECT},
	{ATTR_CMN_PAROBJID, 8, LEFT}, {ATTR_CMN_SCRIPT, 4, LEFT}, {ATTR_CMN_CRTIME, 16, TIME}, {ATTR_CMN_MODTIME, 16, TIME},
	{ATTR_CMN_CHGTIME, 16, TIME}, {ATTR_CMN_ACCTIME, 16, TIME}, {ATTR_CMN_BKUPTIME, 16, LEFT}, {ATTR_CMN_FNDRINFO, 32, LEFT},
	{ATTR_CMN_OWNERID, 4, OWNER}, {ATTR_CMN_GRPID, 4, GROUP}, {ATTR_CMN_ACCESSMASK, 4, MODE}, {ATTR_CMN_FLAGS, 4, LEFT},
	{ATTR_CMN_GEN_COUNT, 4, LEFT}, {ATTR_CMN_DOCUMENT_ID, 4, LEFT}, {ATTR_CMN_USERACCESS, 4, MAY},
	{ATTR_CMN_EXTENDED_SECURITY, 8, LEFT}, {ATTR_CMN_UUID, 16, UNKNOWN}, {ATTR_CMN_GRPUUID, 16, UNKNOWN},
	{ATTR_CMN_FILEID, 8, NUMBER}, {ATTR_CMN_PARENTID, 8, LEFT}, {ATTR_CMN_FULLPATH, 8, PATH}, {ATTR_CMN_ADDEDTIME, 16, LEFT},
	{ATTR_CMN_DATA_PROTECT_FLAGS, 4, LEFT}, {0, 0, LEFT},
};
static const struct attribute file_attributes[] = {
	{ATTR_FILE_LINKCOUNT, 4, LEFT}, {ATTR_FILE_TOTALSIZE, 8, LEFT}, {ATTR_FILE_ALLOCSIZE, 8, LEFT}, {ATTR_FILE_IOBLOCKSIZE, 4, LEFT},
	{ATTR_FILE_CLUMPSIZE, 4, LEFT}, {ATTR_FILE_DEVTYPE, 4, DEVICE}, {0, 0, LEFT},
};

/* The kernel's answer, and where in it one is. */
struct answer {
	char *data;
	size_t at, end;
	const struct stat *st;
	const char *path;
};

/* A text, where the kernel has one that is not shorter: its place is told in front of it. */
static void
write_text(const struct answer *a, const char *text)
{
	attrreference_t place;
	size_t room, start, bytes = strlen(text) + 1;

	memcpy(&place, a->data + a->at, sizeof(place));
	start = a->at + (size_t)place.attr_dataoffset;
	room = (place.attr_length + 3) & ~3u;
	if (place.attr_dataoffset < 0 || room < bytes || start > a->end || a->end - start < room) {
		return; /* cut off */
	}
	memset(a->data + start, 0, room);
	memcpy(a->data + start, text, bytes);
	place.attr_length = (uint32_t)bytes;
	memcpy(a->data + a->at, &place, sizeof(place));
}

static uint32_t
may(const char *path)
{
	static const int modes[] = {R_OK, W_OK, X_OK};
	uint32_t result = 0;

	for (unsigned i = 0; i < 3; i++) {
		result |= shim_faccessat(AT_FDCWD, path, modes[i], AT_EACCESS) == 0 ? (uint32_t)modes[i] : 0;
	}
	return result;
}

/* One attribute of the device, in place of the other's. */
static void
write_part(const struct answer *a, enum part part)
{
	static const char zeroes[16];
	const struct stat *st = a->st;
	char *at = a->data + a->at;
	uint64_t number = st->st_ino;
	uint32_t value = (uint32_t)number;

	switch (part) {
	case NAME:
		write_text(a, a->path + 5);
		break;
	case PATH:
		write_text(a, a->path);
		break;
	case OBJECT: /* the number's lower half, and a generation that is left */
		memcpy(at, &value, 4);
		break;
	case NUMBER:
		memcpy(at, &number, 8);
		break;
	case TIME:
		memcpy(at, &st->st_mtimespec, 16);
		break;
	case OWNER:
		memcpy(at, &st->st_uid, 4);
		break;
	case GROUP:
		memcpy(at, &st->st_gid, 4);
		break;
	case MODE:
		memcpy(&value, at, 4);
		value = (value & ~0777u) | (st->st_mode & 0777u);
		memcpy(at, &value, 4);
		break;
	case MAY:
		value = may(a->path);
		memcpy(at, &value, 4);
		break;
	case UNKNOWN:
		memcpy(at, zeroes, 16);
		break;
	case DEVICE:
		memcpy(at, &st->st_rdev, 4);
		break;
	default:
		break;
	}
}

/* The attributes of a group that are there, in order. */
static void
write_group(struct answer *a, const struct attribute *known, attrgroup_t there)
{
	for (; known->bit != 0; known++) {
		if ((there & known->bit) == 0) {
			continue;
		}
		if (a->end - a->at < known->bytes) {
			a->at = a->end;
			return;
		}
		write_part(a, known->part);
		a->at += known->bytes;
	}
}

/* What the device's attributes are.  0, or -1 with errno. */
static int
describe(int before, struct device_id id, const struct stat *st, struct attrlist *list, void *data, size_t size, unsigned long options)
{
	char path[PATH_SIZE] = "/dev/";
	struct answer a = {.data = data, .at = sizeof(uint32_t), .st = st, .path = path};
	attribute_set_t there;
	uint32_t bytes;

	if ((options & FSOPT_ATTR_CMN_EXTENDED) != 0 && list->forkattr != 0) {
		errno = ENOTSUP;
		return -1;
	}
	if (real_getattrlistat(AT_FDCWD, "/dev/null", list, data, size, options) != 0) {
		return -1;
	}
	devname_format(id, path + 5);
	errno = before;
	if (size < sizeof(bytes) || list->volattr != 0) {
		return 0;
	}
	memcpy(&bytes, data, sizeof(bytes));
	a.end = bytes < size ? bytes : size;
	there.commonattr = list->commonattr;
	there.fileattr = list->fileattr;
	if ((list->commonattr & ATTR_CMN_RETURNED_ATTRS) != 0) {
		a.at += sizeof(there);
		if (a.at > a.end) {
			return 0;
		}
		if ((options & FSOPT_PACK_INVAL_ATTRS) == 0) {
			memcpy(&there, a.data + sizeof(bytes), sizeof(there));
		}
	}
	if (a.at <= a.end) {
		write_group(&a, common_attributes, there.commonattr);
		write_group(&a, file_attributes, there.fileattr);
	}
	errno = before;
	return 0;
}

/* The real call gave result: that, or the device, if it found no file and the path is a device's. */
static int
or_device(int before, int result, int dir, const char *path, void *list, void *data, size_t size, unsigned long options)
{
	struct device_id id;
	struct stat st;
	int error = errno;

	if (result == 0 || error != ENOENT || !devpath_match(dir, path, &id) || shim_fstatat(dir, path, &st, 0) < 0) {
		errno = result == 0 ? before : error;
		return result;
	}
	return describe(before, id, &st, list, data, size, options);
}

int
shim_getattrlist(const char *path, void *list, void *data, size_t size, unsigned options)
{
	int before = errno;

	return or_device(before, real_getattrlist(path, list, data, size, options), AT_FDCWD, path, list, data, size, options);
}

int
shim_getattrlistat(int dir, const char *path, void *list, void *data, size_t size, unsigned long options)
{
	int before = errno;

	return or_device(before, real_getattrlistat(dir, path, list, data, size, options), dir, path, list, data, size, options);
}

int
shim_fgetattrlist(int fd, void *list, void *data, size_t size, unsigned options)
{
	int before = errno;
	fdtable_held held = recognise_device(fd);
	struct stat st;

	/* What the kernel says of a socket is no answer. */
	if (held == 0 || shim_fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode)) {
		return real_fgetattrlist(fd, list, data, size, options);
	}
	return describe(before, fdtable_id(held), &st, list, data, size, options);
}

/* The device whose number stat(2) shows, if it is served. */
static bool
device_of(dev_t number, mode_t type, char name[DEVNAME_SIZE])
{
	struct device_id id = {.kind = (uint8_t)(minor(number) >> 8), .unit = (uint16_t)(minor(number) & 0xff)};
	struct devlist_entry entry;
	int saved = errno;
	bool found = (type & S_IFMT) == S_IFCHR && (unsigned)major(number) == DEVLIST_MAJOR && device_id_valid(id) && state_enabled() &&
	    state_find_device(id, &entry, NULL) == 0;

	if (found) {
		devname_format(id, name);
	}
	errno = saved;
	return found;
}

char *
shim_devname(dev_t number, mode_t type)
{
	static char name[DEVNAME_SIZE]; /* as the C library has one */
	int before = errno;
	char *found = real_devname(number, type);

	if (found == NULL && device_of(number, type, name)) {
		errno = before;
		found = name;
	}
	return found;
}

/* What has no room is cut, as the C library cuts it. */
char *
shim_devname_r(dev_t number, mode_t type, char *name, int size)
{
	char own[DEVNAME_SIZE];
	int before = errno;
	char *found = real_devname_r(number, type, name, size);

	if (found == NULL && size > 0 && device_of(number, type, own)) {
		errno = before;
		strlcpy(name, own, (size_t)size);
		found = name;
	}
	return found;
}
