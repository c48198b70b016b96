/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * path-rules.c - macOS' other ways to open and to look at a path, row by row.  Usage: path-rules NAME DIRECTORY; NAME is a device's, of the
 * kind tun or tap, DIRECTORY is for files.  Knows nothing of tuntapd.  Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/attr.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rows.h"

#define GUARD_CLOSE 1
#define GUARD_DUP 2

/* sys/guarded.h, which is not public. */
int guarded_open_np(const char *path, const uint64_t *guard, unsigned guardflags, int flags, ...);
int guarded_open_dprotected_np(const char *path, const uint64_t *guard, unsigned guardflags, int flags, int class, int dpflags, ...);

static const char *name;
static char path[64], file[1024];
static const uint64_t guard = 0x1234567890abcdef, no_guard = 0;

/* Whether a number is the device; it is closed. */
static bool
is_device(int fd)
{
	struct stat st, by_path;
	bool holds = fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && stat(path, &by_path) == 0 && st.st_rdev == by_path.st_rdev;

	close(fd);
	return holds;
}

/* Whether a call has made the file, with that mode; it is there no more. */
static bool
made_file(int fd, mode_t mode)
{
	struct stat st;
	bool holds = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0777) == mode;

	close(fd);
	unlink(file);
	return holds;
}

static void
rows_of_opens(void)
{
	row("openx_np opens it", is_device(openx_np(path, O_RDWR, NULL)));
	row("and does not create it", is_device(openx_np(path, O_RDWR | O_CREAT, NULL)) &&
	    fails(openx_np(path, O_RDWR | O_CREAT | O_EXCL, NULL), EEXIST));
	row("a file is created", made_file(openx_np(file, O_RDWR | O_CREAT, NULL), 0644));
	row("what is neither is not there", fails(openx_np("/dev/tun300", O_RDWR, NULL), ENOENT));

	row("open_dprotected_np opens it", is_device(open_dprotected_np(path, O_RDWR, 3, 0)));
	row("and does not create it", is_device(open_dprotected_np(path, O_RDWR | O_CREAT, 3, 0, 0600)));
	row("not raw for writing", fails(open_dprotected_np(path, O_RDWR, 3, 1), EINVAL) &&
	    fails(open_dprotected_np(path, O_RDWR | O_CREAT, 3, 1, 0600), EINVAL));
	row("a file is created, with its mode", made_file(open_dprotected_np(file, O_RDWR | O_CREAT, 3, 0, 0640), 0640));
}

static void
rows_of_guards(void)
{
	row("a guard needs O_CLOEXEC, GUARD_DUP, and not to be zero",
	    fails(guarded_open_np(path, &guard, GUARD_DUP, O_RDWR), EINVAL) &&
	    fails(guarded_open_np(path, &guard, GUARD_CLOSE, O_RDWR | O_CLOEXEC), EINVAL) &&
	    fails(guarded_open_np(path, &no_guard, GUARD_DUP, O_RDWR | O_CREAT | O_CLOEXEC, 0600), EINVAL));
	row("then it cannot be guarded", fails(guarded_open_np(path, &guard, GUARD_DUP, O_RDWR | O_CLOEXEC), 45) &&
	    fails(guarded_open_np(path, &guard, GUARD_DUP, O_RDWR | O_CREAT | O_CLOEXEC, 0600), ENOTSUP));
	row("in no class of protection either",
	    fails(guarded_open_dprotected_np(path, &guard, GUARD_DUP, O_RDWR | O_CLOEXEC, 3, 0), ENOTSUP) &&
	    fails(guarded_open_dprotected_np(path, &guard, GUARD_DUP, O_RDWR | O_CLOEXEC, 3, 1), EINVAL));
	row("and is not open", is_device(open(path, O_RDWR)));
	row("what is not there is not there", fails(guarded_open_np("/dev/tun300", &guard, GUARD_DUP, O_RDWR | O_CLOEXEC), ENOENT));
	row("a file can be guarded, and created with its mode",
	    made_file(guarded_open_np(file, &guard, GUARD_DUP, O_RDWR | O_CREAT | O_CLOEXEC, 0640), 0640) &&
	    made_file(guarded_open_dprotected_np(file, &guard, GUARD_DUP, O_RDWR | O_CREAT | O_CLOEXEC, 3, 0, 0604), 0604));
}

/* What is asked for of common attributes, and of a file's; the answer, packed. */
#define COMMON \
	(ATTR_CMN_NAME | ATTR_CMN_OBJTYPE | ATTR_CMN_OBJID | ATTR_CMN_SCRIPT | ATTR_CMN_MODTIME | ATTR_CMN_FNDRINFO | ATTR_CMN_OWNERID | \
	    ATTR_CMN_GRPID | ATTR_CMN_ACCESSMASK | ATTR_CMN_USERACCESS | ATTR_CMN_UUID | ATTR_CMN_FILEID | ATTR_CMN_FULLPATH)

struct packed {
	uint32_t bytes;
	attrreference_t name;
	uint32_t type, object[2], script;
	struct timespec modified;
	uint8_t finder[32];
	uint32_t owner, group, mode, may;
	uint8_t uuid[16];
	uint64_t id;
	attrreference_t path;
	uint32_t links, device;
	char texts[64];
} __attribute__((packed, aligned(4)));

static bool
has_text(const attrreference_t *place, const char *text)
{
	return place->attr_length == strlen(text) + 1 && strcmp((const char *)place + place->attr_dataoffset, text) == 0;
}

/* The answer is what stat says. */
static bool
is_right(const struct packed *p, const struct stat *st)
{
	static const uint8_t zeroes[32];

	return has_text(&p->name, name) && has_text(&p->path, path) && p->type == 4 && p->object[0] == (uint32_t)st->st_ino &&
	    p->script == 0x7e && memcmp(&p->modified, &st->st_mtimespec, 16) == 0 && memcmp(p->finder, zeroes, 32) == 0 &&
	    p->owner == st->st_uid && p->group == st->st_gid && p->mode == (st->st_mode & 07777) && p->may == (R_OK | W_OK) &&
	    memcmp(p->uuid, zeroes, 16) == 0 && p->id == st->st_ino && p->links == 1 && p->device == (uint32_t)st->st_rdev;
}

static void
rows_of_attributes(void)
{
	struct attrlist list = {.bitmapcount = 5, .commonattr = COMMON, .fileattr = ATTR_FILE_LINKCOUNT | ATTR_FILE_DEVTYPE};
	struct packed answer = {0};
	struct {
		uint32_t bytes;
		attribute_set_t there;
		attrreference_t name;
		char text[64];
	} some = {0};
	struct stat st;
	int fd = open(path, O_RDWR), dir = open("/dev", O_RDONLY);

	row("stat knows it", stat(path, &st) == 0);
	row("getattrlist says the same", getattrlist(path, &list, &answer, sizeof(answer), 0) == 0 && is_right(&answer, &st));
	memset(&answer, 0, sizeof(answer));
	row("fgetattrlist, too", fgetattrlist(fd, &list, &answer, sizeof(answer), 0) == 0 && is_right(&answer, &st));
	memset(&answer, 0, sizeof(answer));
	row("and getattrlistat", getattrlistat(dir, name, &list, &answer, sizeof(answer), 0) == 0 && is_right(&answer, &st));
	memset(&answer, 0xff, sizeof(answer));
	row("no more is written than there is room for", getattrlist(path, &list, &answer, 20, 0) == 0 && answer.bytes == 20 &&
	    answer.script == 0xffffffff && answer.type == 4);
	list = (struct attrlist){.bitmapcount = 5, .commonattr = ATTR_CMN_RETURNED_ATTRS | ATTR_CMN_NAME | ATTR_CMN_SCRIPT};
	row("what is not there is left out", getattrlist(path, &list, &some, sizeof(some), 0) == 0 && has_text(&some.name, name) &&
	    some.there.commonattr == (ATTR_CMN_RETURNED_ATTRS | ATTR_CMN_NAME));
	list.bitmapcount = 4;
	row("the kernel's errors are the kernel's", fails(getattrlist(path, &list, &some, sizeof(some), 0), EINVAL));
	list.bitmapcount = 5;
	row("what is not there is not there", fails(getattrlist("/dev/tun300", &list, &some, sizeof(some), 0), ENOENT));
	row("another node is what it is", getattrlist("/dev/null", &list, &some, sizeof(some), 0) == 0 && has_text(&some.name, "null"));
	close(fd);
	close(dir);
}

static void
rows_of_names(void)
{
	char text[16] = "";
	struct stat st, null;

	row("devname has the name for what stat says", stat(path, &st) == 0 && devname(st.st_rdev, S_IFCHR) != NULL &&
	    strcmp(devname(st.st_rdev, S_IFCHR), name) == 0);
	row("devname_r, too", devname_r(st.st_rdev, S_IFCHR, text, sizeof(text)) == text && strcmp(text, name) == 0);
	row("in no more room than there is", devname_r(st.st_rdev, S_IFCHR, text, 3) == text && strlen(text) == 2);
	row("a block device is none", devname(st.st_rdev, S_IFBLK) == NULL);
	row("another node is what it is", stat("/dev/null", &null) == 0 && devname(null.st_rdev, S_IFCHR) != NULL &&
	    strcmp(devname(null.st_rdev, S_IFCHR), "null") == 0);
	row("what is not there has no name", devname(st.st_rdev + 200, S_IFCHR) == NULL);
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		return 64;
	}
	name = argv[1];
	snprintf(path, sizeof(path), "/dev/%s", name);
	snprintf(file, sizeof(file), "%s/file", argv[2]);
	umask(022);
	rows_of_opens();
	rows_of_guards();
	rows_of_attributes();
	rows_of_names();
	printf("1..%d\n", rows);
	return failures != 0;
}
