/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-file.c - files, descriptors and streams; what is read from and written to a descriptor, whatever it is.  See standin.h.
 *
 * Strictness.  Flags and numbers that are not known here end the program.
 *
 * A node whose number is no driver's opens for nobody: those numbers that Linux gives to whoever asks for any are nobody's here, whoever
 * has them on this machine.
 *
 * Sources: XNU bsd/miscfs/specfs/spec_vnops.c spec_open; bsd/sys/types.h (dev_t), bsd/sys/fcntl.h, bsd/sys/stat.h (64-bit inodes: 144
 * bytes; darwin.md 9), bsd/sys/mman.h, bsd/sys/unistd.h, bsd/kern/sys_socket.c soo_stat.
 */
#define _FILE_OFFSET_BITS 64
#include "standin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

#include "standin-bpf.h"
#include "standin-kext.h"

#define POLL_MAX 64
#define FIRST_DRIVERLESS 234 /* Linux's Documentation/admin-guide/devices.txt */

/* sys/fcntl.h; O_CLOEXEC and O_DIRECTORY have been where they are since macOS 10.7. */
static const struct {
	int darwin, linux;
} open_flags[] = {
	{0x0004, O_NONBLOCK}, {0x0008, O_APPEND}, {0x0100, O_NOFOLLOW}, {0x0200, O_CREAT}, {0x0400, O_TRUNC}, {0x0800, O_EXCL},
	{0x20000, O_NOCTTY}, {0x100000, O_DIRECTORY}, {0x1000000, O_CLOEXEC},
};

static int
linux_open_flags(int flags)
{
	int result = flags & 3, left = flags & ~3;

	for (size_t i = 0; i < sizeof(open_flags) / sizeof(open_flags[0]); i++) {
		if ((left & open_flags[i].darwin) != 0) {
			result |= open_flags[i].linux;
			left &= ~open_flags[i].darwin;
		}
	}
	if (left != 0) {
		standin_refuse("open: flags %#x are unknown", (unsigned)left);
	}
	return result;
}

/* AT_FDCWD is another number. */
static int
linux_dir(int dir)
{
	return dir == -2 ? AT_FDCWD : dir;
}

/* As spec_open, and before it the right to the file.  0; -1 with errno: there is such a node, and this is what its open fails with. */
static int
open_driverless(int dir, const char *path, int flags)
{
	int access = (flags & 3) == O_RDONLY ? R_OK : (flags & 3) == O_WRONLY ? W_OK : R_OK | W_OK;
	struct stat st;

	if ((flags & (0x0200 | 0x0800)) == (0x0200 | 0x0800) || fstatat(dir, path, &st, 0) < 0 || !S_ISCHR(st.st_mode) ||
	    major(st.st_rdev) < FIRST_DRIVERLESS) {
		return 0;
	}
	if (faccessat(dir, path, access, AT_EACCESS) == 0) {
		errno = ENXIO;
	}
	return -1;
}

/* openat(2), with Linux's numbers. */
static int
open_any(int dir, const char *path, int flags, int mode)
{
	int fd;

	return standin_kext_open(dir, path, flags, &fd) ? fd : openat(dir, path, flags, mode);
}

int
standin_open(const char *path, int flags, int mode)
{
	if (strncmp(path, STANDIN_BPF_PATH, strlen(STANDIN_BPF_PATH)) == 0) {
		return standin_bpf_open(path, flags);
	}
	return open_driverless(AT_FDCWD, path, flags) < 0 ? -1 : open_any(AT_FDCWD, path, linux_open_flags(flags), mode);
}

/* The variable arguments of a caller: a mode, only with O_CREAT. */
static int
darwin_open(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = (flags & 0x0200) != 0 ? va_arg(args, int) : 0;
	va_end(args);
	return (int)standin_translated(standin_open(path, flags, mode));
}

static int
darwin_creat(const char *path, uint16_t mode)
{
	return (int)standin_translated(creat(path, mode));
}

static int
darwin_openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = (flags & 0x0200) != 0 ? va_arg(args, int) : 0;
	va_end(args);
	if (open_driverless(linux_dir(dir), path, flags) < 0) {
		return (int)standin_translated(-1);
	}
	return (int)standin_translated(open_any(linux_dir(dir), path, linux_open_flags(flags), mode));
}

static ssize_t
darwin_readv(int fd, const struct iovec *iov, int count)
{
	const struct standin_kind *kind = standin_kind_of(fd);

	if (count <= 0 || count > 1024) {
		errno = EINVAL;
		return standin_translated(-1);
	}
	return standin_translated(kind != NULL && kind->receive != NULL ? kind->receive(fd, iov, count, 0) : readv(fd, iov, count));
}

static ssize_t
darwin_writev(int fd, const struct iovec *iov, int count)
{
	const struct standin_kind *kind = standin_kind_of(fd);

	if (count <= 0 || count > 1024) {
		errno = EINVAL;
		return standin_translated(-1);
	}
	return standin_translated(kind != NULL && kind->send != NULL ? kind->send(fd, iov, count, 0) : writev(fd, iov, count));
}

static ssize_t
darwin_read(int fd, void *data, size_t size)
{
	struct iovec iov = {.iov_base = data, .iov_len = size};

	return darwin_readv(fd, &iov, 1);
}

static ssize_t
darwin_write(int fd, const void *data, size_t size)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};

	return darwin_writev(fd, &iov, 1);
}

static ssize_t
darwin_pread(int fd, void *data, size_t size, off_t offset)
{
	return standin_translated(pread(fd, data, size, offset));
}

static ssize_t
darwin_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	return standin_translated(pwrite(fd, data, size, offset));
}

static ssize_t
darwin_preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	return standin_translated(preadv(fd, iov, count, offset));
}

static ssize_t
darwin_pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	return standin_translated(pwritev(fd, iov, count, offset));
}

static int
darwin_close(int fd)
{
	standin_closing(fd);
	return (int)standin_translated(close(fd));
}

static int
copied(int from, int to)
{
	if (to >= 0) {
		standin_copied(from, to);
	}
	return (int)standin_translated(to);
}

/* syscall(2) of what passes by every function: SYS_close 6, SYS_dup2 90 (XNU bsd/kern/syscalls.master). */
static int darwin_dup2(int fd, int to);

static int
darwin_syscall(int number, ...)
{
	va_list args;
	int one, other;

	va_start(args, number);
	one = va_arg(args, int);
	other = va_arg(args, int);
	va_end(args);
	switch (number) {
	case 6:
		return darwin_close(one);
	case 90:
		return darwin_dup2(one, other);
	default:
		standin_refuse("syscall %d", number);
	}
}

static int
darwin_dup(int fd)
{
	return copied(fd, dup(fd));
}

static int
darwin_dup2(int fd, int to)
{
	if (fd != to && fcntl(fd, F_GETFD) >= 0) {
		standin_closing(to);
	}
	return copied(fd, dup2(fd, to));
}

static int
darwin_pipe(int ends[2])
{
	return (int)standin_translated(pipe(ends));
}

/* F_GETPATH: a buffer of MAXPATHLEN, 1024. */
static int
path_of(int fd, char *path)
{
	char link[64];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, 1023);
	if (length < 0) {
		errno = EBADF;
		return -1;
	}
	path[length] = '\0';
	return 0;
}

/* The kernel tells the file's driver, whoever asked (XNU bsd/kern/kern_descrip.c, F_SETFL). */
static void
tell_nonblock(int fd, bool on)
{
	const struct standin_kind *kind = standin_kind_of(fd);

	if (kind != NULL && kind->nonblock != NULL) {
		kind->nonblock(fd, on);
	}
}

static int
darwin_fcntl(int fd, int command, ...)
{
	va_list args;
	void *argument;
	int flags, number;

	va_start(args, command);
	argument = va_arg(args, void *);
	va_end(args);
	number = (int)(intptr_t)argument;
	switch (command) {
	case 0: /* F_DUPFD */
		return copied(fd, fcntl(fd, F_DUPFD, number));
	case 1: /* F_GETFD */
		return (int)standin_translated(fcntl(fd, F_GETFD));
	case 2: /* F_SETFD */
		return (int)standin_translated(fcntl(fd, F_SETFD, number));
	case 3: /* F_GETFL */
		flags = fcntl(fd, F_GETFL);
		return flags < 0 ? (int)standin_translated(flags) : (flags & O_ACCMODE) | ((flags & O_NONBLOCK) != 0 ? 0x4 : 0) |
		    ((flags & O_APPEND) != 0 ? 0x8 : 0);
	case 4: /* F_SETFL */
		if ((number & ~0xf) != 0) {
			standin_refuse("F_SETFL %#x", (unsigned)number);
		}
		tell_nonblock(fd, (number & 0x4) != 0);
		return (int)standin_translated(fcntl(fd, F_SETFL, ((number & 0x4) != 0 ? O_NONBLOCK : 0) |
		    ((number & 0x8) != 0 ? O_APPEND : 0)));
	case 50: /* F_GETPATH */
		return (int)standin_translated(path_of(fd, argument));
	case 67: /* F_DUPFD_CLOEXEC */
		return copied(fd, fcntl(fd, F_DUPFD_CLOEXEC, number));
	default:
		standin_refuse("fcntl command %d", command);
	}
}

/* Every request has its direction and size in it (sys/ioccom.h), so a number of Linux's is never one of Darwin's. */
static int
darwin_ioctl(int fd, unsigned long request, ...)
{
	const struct standin_kind *kind = standin_kind_of(fd);
	va_list args;
	void *argument;
	int on, result = -1;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	errno = ENOTTY;
	if (fcntl(fd, F_GETFD) < 0) {
		return (int)standin_translated(-1);
	}
	if ((uint32_t)request == 0x8004667eu) { /* FIONBIO */
		on = *(int *)argument;
		tell_nonblock(fd, on != 0);
		return (int)standin_translated(fcntl(fd, F_SETFL, (fcntl(fd, F_GETFL) & ~O_NONBLOCK) | (on != 0 ? O_NONBLOCK : 0)));
	}
	if ((uint32_t)request == 0x20006601u || (uint32_t)request == 0x20006602u) { /* FIOCLEX, FIONCLEX */
		return (int)standin_translated(fcntl(fd, F_SETFD, (uint32_t)request == 0x20006601u ? FD_CLOEXEC : 0));
	}
	if ((uint32_t)request == 0x8004667du && kind != NULL && kind->type != 0) { /* FIOASYNC: sockets accept it, on and off */
		if (*(int *)argument != 0) {
			standin_refuse("FIOASYNC on");
		}
		return 0;
	}
	if (kind != NULL && kind->ioctl != NULL) {
		result = kind->ioctl(fd, (uint32_t)request, argument);
	}
	if (kind != NULL && kind->type != 0 && result < 0 && errno == ENOTTY) {
		result = standin_interface_ioctl((uint32_t)request, argument);
		/* soioctl: what a protocol does not know (pru_control_notsupp); an unknown one of ours is a mistake of ours. */
		if (result < 0 && errno == ENOTTY) {
			errno = EOPNOTSUPP;
		}
	}
	return (int)standin_translated(result);
}

static int
darwin_access(const char *path, int mode)
{
	if (strcmp(path, "/usr/lib/dyld") == 0) {
		return 0; /* it is the loader here */
	}
	return (int)standin_translated(access(path, mode));
}

/* sys/fcntl.h: AT_EACCESS 0x10, AT_SYMLINK_NOFOLLOW 0x20, AT_REMOVEDIR 0x80. */
static int
linux_at_flags(int flags, int known)
{
	if ((flags & ~known) != 0) {
		standin_refuse("flags %#x of a call with a directory", (unsigned)flags);
	}
	return ((flags & 0x10) != 0 ? AT_EACCESS : 0) | ((flags & 0x20) != 0 ? AT_SYMLINK_NOFOLLOW : 0) |
	    ((flags & 0x80) != 0 ? AT_REMOVEDIR : 0);
}

static int
darwin_faccessat(int dir, const char *path, int mode, int flags)
{
	return (int)standin_translated(faccessat(linux_dir(dir), path, mode, linux_at_flags(flags, 0x10)));
}

/* sys/stat.h, struct stat with 64-bit inodes. */
struct darwin_stat {
	int32_t st_dev;
	uint16_t st_mode, st_nlink;
	uint64_t st_ino;
	uint32_t st_uid, st_gid;
	int32_t st_rdev;
	struct timespec st_atimespec, st_mtimespec, st_ctimespec, st_birthtimespec;
	int64_t st_size, st_blocks;
	int32_t st_blksize;
	uint32_t st_flags, st_gen;
	int32_t st_lspare;
	int64_t st_qspare[2];
};
_Static_assert(sizeof(struct darwin_stat) == 144, "the kernel's layout");

int32_t
standin_device_number(dev_t linux_number)
{
	return (int32_t)(major(linux_number) << 24 | minor(linux_number));
}

/* Of a path, or of a descriptor (path NULL). */
static int
give_stat(int result, const char *path, int fd, struct stat *st, struct darwin_stat *out)
{
	if (result == 0) {
		standin_kext_number(path, fd, st);
		memset(out, 0, sizeof(*out));
		out->st_dev = (int32_t)st->st_dev;
		out->st_mode = (uint16_t)st->st_mode; /* the bits are the same */
		out->st_nlink = (uint16_t)st->st_nlink;
		out->st_ino = st->st_ino;
		out->st_uid = st->st_uid;
		out->st_gid = st->st_gid;
		out->st_rdev = standin_device_number(st->st_rdev);
		out->st_atimespec = st->st_atim;
		out->st_mtimespec = st->st_mtim;
		out->st_ctimespec = st->st_ctim;
		out->st_size = st->st_size;
		out->st_blocks = st->st_blocks;
		out->st_blksize = (int32_t)st->st_blksize;
	}
	return (int)standin_translated(result);
}

static int
darwin_stat(const char *path, struct darwin_stat *out)
{
	struct stat st;

	return give_stat(stat(path, &st), path, -1, &st, out);
}

static int
darwin_lstat(const char *path, struct darwin_stat *out)
{
	struct stat st;

	return give_stat(lstat(path, &st), path, -1, &st, out);
}

static int
darwin_fstatat(int dir, const char *path, struct darwin_stat *out, int flags)
{
	struct stat st;

	return give_stat(fstatat(linux_dir(dir), path, &st, linux_at_flags(flags, 0x20)), path, -1, &st, out);
}

/* A utun is a socket (soo_stat); here it is a tun device's descriptor. */
static int
darwin_fstat(int fd, struct darwin_stat *out)
{
	const struct standin_kind *kind = standin_kind_of(fd);
	struct stat st;
	int result = fstat(fd, &st);

	if (result == 0 && kind != NULL && kind->mode != 0) {
		st.st_mode = kind->mode;
		st.st_rdev = 0;
	}
	return give_stat(result, NULL, fd, &st, out);
}

/* devfs takes nodes from root (darwin.md 9): of characters and in /dev; nothing else has any to make.  A number is what stat says it is. */
static int
darwin_mknod(const char *path, uint16_t mode, int32_t number)
{
	if (!S_ISCHR(mode) || strncmp(path, "/dev/", 5) != 0) {
		standin_refuse("mknod(%s, %#o, %#x)", path, mode, (unsigned)number);
	}
	if (standin_fails("mknod")) {
		return (int)standin_translated(-1);
	}
	return (int)standin_translated(mknod(path, mode, makedev((uint32_t)number >> 24, number & 0xffffff)));
}

static int
darwin_mkdirat(int dir, const char *path, uint16_t mode)
{
	return (int)standin_translated(mkdirat(linux_dir(dir), path, mode));
}

static int
darwin_rmdir(const char *path)
{
	return (int)standin_translated(rmdir(path));
}

static int
darwin_mkstemp(char *path)
{
	return (int)standin_translated(mkstemp(path));
}

static char *
darwin_mkdtemp(char *path)
{
	char *result = mkdtemp(path);

	if (result == NULL) {
		(void)standin_translated(-1);
	}
	return result;
}

static int
darwin_unlink(const char *path)
{
	return (int)standin_translated(unlink(path));
}

static int
darwin_unlinkat(int dir, const char *path, int flags)
{
	return (int)standin_translated(unlinkat(linux_dir(dir), path, linux_at_flags(flags, 0x80)));
}

static int
darwin_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return (int)standin_translated(renameat(linux_dir(from_dir), from, linux_dir(to_dir), to));
}

static int
darwin_rename(const char *from, const char *to)
{
	return (int)standin_translated(rename(from, to));
}

static int
darwin_ftruncate(int fd, off_t size)
{
	return (int)standin_translated(ftruncate(fd, size));
}

static int
darwin_fchmod(int fd, uint16_t mode)
{
	return (int)standin_translated(fchmod(fd, mode));
}

/* A symbolic link's own mode can be set there, and not here; no file of ours is one. */
static int
darwin_fchmodat(int dir, const char *path, uint16_t mode, int flags)
{
	(void)linux_at_flags(flags, 0x20);
	return (int)standin_translated(fchmodat(linux_dir(dir), path, mode, 0));
}

static int
darwin_fchownat(int dir, const char *path, uint32_t uid, uint32_t gid, int flags)
{
	return (int)standin_translated(fchownat(linux_dir(dir), path, uid, gid, linux_at_flags(flags, 0x20)));
}

/* sys/fcntl.h: LOCK_SH 1, LOCK_EX 2, LOCK_NB 4, LOCK_UN 8, as here. */
static int
darwin_flock(int fd, int how)
{
	return (int)standin_translated(flock(fd, how));
}

static off_t
darwin_lseek(int fd, off_t offset, int whence)
{
	const struct standin_kind *kind = standin_kind_of(fd);

	if (kind != NULL && kind->type != 0) {
		errno = ESPIPE;
		return standin_translated(-1);
	}
	return standin_translated(lseek(fd, offset, whence));
}

static char *
darwin_realpath(const char *path, char *resolved)
{
	char *result = realpath(path, resolved);

	if (result == NULL) {
		(void)standin_translated(-1);
	}
	return result;
}

static ssize_t
darwin_readlink(const char *path, char *data, size_t size)
{
	return standin_translated(readlink(path, data, size));
}

static char *
darwin_getcwd(char *path, size_t size)
{
	char *result = getcwd(path, size);

	if (result == NULL) {
		(void)standin_translated(-1);
	}
	return result;
}

static int
darwin_chdir(const char *path)
{
	return (int)standin_translated(chdir(path));
}

static int
darwin_fchdir(int fd)
{
	return (int)standin_translated(fchdir(fd));
}

static int
darwin_chroot(const char *path)
{
	return (int)standin_translated(chroot(path));
}

static int
darwin_isatty(int fd)
{
	return isatty(fd) == 1 ? 1 : (int)standin_translated(-1) + 1;
}

/* Its settings have another layout there. */
static int
darwin_tcgetattr(int fd, void *settings)
{
	struct termios own;

	if (tcgetattr(fd, &own) == 0) {
		standin_refuse("tcgetattr of a terminal");
	}
	return (int)standin_translated(-1);
}

static char *
darwin_ttyname(int fd)
{
	char *name = ttyname(fd);

	if (name == NULL) {
		(void)standin_translated(-1);
	}
	return name;
}

static int
darwin_ttyname_r(int fd, char *name, size_t size)
{
	int error = ttyname_r(fd, name, size);

	return error == 0 ? 0 : standin_darwin_error(error);
}

/* As standin_kext_open(), for a stream: an extension's node is not opened by opening Linux's alone. */
static bool
kext_open_for_stream(const char *path, const char *mode, int *fd)
{
	int flags = strchr(mode, '+') != NULL ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;

	return path != NULL && standin_kext_open(AT_FDCWD, path, flags, fd);
}

static FILE *
darwin_fopen(const char *path, const char *mode)
{
	FILE *stream;
	int fd;

	if (kext_open_for_stream(path, mode, &fd)) {
		stream = fd >= 0 ? fdopen(fd, mode) : NULL;
	} else {
		stream = fopen(path, mode);
	}
	if (stream == NULL) {
		(void)standin_translated(-1);
	}
	return stream;
}

/* The stream is of another number now. */
static FILE *
reopened_as(int fd, const char *mode, FILE *stream)
{
	FILE *result = freopen("/dev/null", mode, stream);

	if (result == NULL || dup2(fd, fileno(result)) < 0) {
		standin_refuse("freopen: %s", strerror(errno));
	}
	close(fd);
	return result;
}

static FILE *
darwin_freopen(const char *path, const char *mode, FILE *stream)
{
	FILE *result;
	int fd;

	if (!kext_open_for_stream(path, mode, &fd)) {
		result = freopen(path, mode, stream);
	} else if (fd >= 0) {
		result = reopened_as(fd, mode, stream);
	} else {
		int error = errno;

		fclose(stream);
		errno = error;
		result = NULL;
	}
	if (result == NULL) {
		(void)standin_translated(-1);
	}
	return result;
}

static FILE *
darwin_fdopen(int fd, const char *mode)
{
	FILE *stream = fdopen(fd, mode);

	if (stream == NULL) {
		(void)standin_translated(-1);
	}
	return stream;
}

/* sys/mman.h: MAP_ANON is 0x1000; the others that are used are Linux's. */
static void *
darwin_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	void *result;

	if ((flags & ~(0x1 | 0x2 | 0x10 | 0x40 | 0x1000)) != 0) { /* 0x40: MAP_NORESERVE, which does nothing */
		standin_refuse("mmap flags %#x", (unsigned)flags);
	}
	result = mmap(at, size, protection, (flags & 0x13) | ((flags & 0x1000) != 0 ? MAP_ANONYMOUS : 0), fd, offset);
	if (result == MAP_FAILED) {
		(void)standin_translated(-1);
	}
	return result;
}

/* How many have something to say that Darwin would say, too. */
static int
count_shown(struct pollfd *fds, uint32_t count)
{
	int shown = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct standin_kind *kind = fds[i].revents != 0 ? standin_kind_of(fds[i].fd) : NULL;

		if (kind != NULL && kind->show != NULL) {
			fds[i].revents = kind->show(fds[i].fd, fds[i].events, fds[i].revents);
		}
		shown += fds[i].revents != 0;
	}
	return shown;
}

/* sys/poll.h: the bits that are used have the same places.  What Linux does not say, the kind does. */
static int
darwin_poll(struct pollfd *fds, uint32_t count, int timeout_ms)
{
	short more[POLL_MAX];
	int result, found = 0;

	if (count > POLL_MAX) {
		standin_refuse("poll of %u descriptors", count);
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct standin_kind *kind = fds[i].fd >= 0 ? standin_kind_of(fds[i].fd) : NULL;

		if ((fds[i].events & ~(POLLIN | POLLPRI | POLLOUT | 0x40 | 0x80 | 0x100)) != 0) {
			standin_refuse("poll: events %#x", (unsigned)fds[i].events);
		}
		more[i] = kind != NULL && kind->poll != NULL ? kind->poll(fds[i].fd, fds[i].events, 0) : 0;
		found += more[i] != 0;
	}
	do {
		result = poll(fds, count, found > 0 ? 0 : timeout_ms);
		if (result < 0) {
			return (int)standin_translated(result);
		}
	} while (result > 0 && (result = count_shown(fds, count)) == 0 && found == 0 && timeout_ms != 0);
	for (uint32_t i = 0; i < count; i++) {
		result += more[i] != 0 && fds[i].revents == 0;
		fds[i].revents |= more[i];
	}
	return result;
}

void
standin_select_looks(int count, const fd_set *reads)
{
	for (int fd = 0; reads != NULL && fd < count && fd < FD_SETSIZE; fd++) {
		const struct standin_kind *kind = FD_ISSET(fd, reads) ? standin_kind_of(fd) : NULL;

		if (kind != NULL && kind->look != NULL) {
			kind->look(fd);
		}
	}
}

/* sys/_types/_timeval.h: 32 bits of microseconds, and as many of nothing. */
struct darwin_timeval {
	int64_t seconds;
	int32_t micros, pad;
};

/* Those of a set that Darwin says are readable, whatever Linux does. */
static int
find_readable(int count, const fd_set *reads, fd_set *found)
{
	int result = 0;

	FD_ZERO(found);
	for (int fd = 0; reads != NULL && fd < count; fd++) {
		const struct standin_kind *kind = FD_ISSET(fd, reads) ? standin_kind_of(fd) : NULL;

		if (kind != NULL && (kind->selects != NULL ? kind->selects(fd) :
		    kind->poll != NULL && (kind->poll(fd, POLLIN, 0) & POLLIN) != 0)) {
			FD_SET(fd, found);
			result++;
		}
	}
	return result;
}

/* Sets have the same bits. */
static int
darwin_select(int count, fd_set *reads, fd_set *writes, fd_set *errors, struct darwin_timeval *timeout)
{
	struct timeval left = {0};
	fd_set found;
	bool at_once;
	int result;

	standin_select_looks(count, reads);
	at_once = find_readable(count, reads, &found) > 0;
	if (timeout != NULL && !at_once) {
		left = (struct timeval){.tv_sec = timeout->seconds, .tv_usec = timeout->micros};
	}
	result = select(count, reads, writes, errors, timeout != NULL || at_once ? &left : NULL);
	for (int fd = 0; result >= 0 && at_once && fd < count; fd++) {
		if (FD_ISSET(fd, &found) && !FD_ISSET(fd, reads)) {
			FD_SET(fd, reads);
			result++;
		}
	}
	return (int)standin_translated(result);
}

/* Whether a number fits a set: sys/_types/_fd_def.h asks. */
static int
darwin_check_fd_set(int fd, const void *set, int unlimited)
{
	return fd >= 0 && fd < 1024;
}

const struct standin_symbol standin_file_symbols[] = {
	OTHER(mkdtemp), OTHER(mknod), OTHER(mkstemp), OTHER(preadv), OTHER(pwritev), OTHER(rmdir), OTHER(syscall), OTHER(tcgetattr),
	OTHER(ttyname), OTHER(ttyname_r),
	OTHER(access), OTHER(chdir), OTHER(chroot), OTHER(close), OTHER(creat), OTHER(dup), OTHER(dup2), OTHER(faccessat), OTHER(fchdir),
	OTHER(fchmod), OTHER(fchmodat), OTHER(fchownat), OTHER(fcntl), OTHER(fdopen), OTHER(flock), OTHER(fopen), OTHER(freopen),
	OTHER(ftruncate),
	OTHER(getcwd), OTHER(ioctl), OTHER(isatty), OTHER(lseek), OTHER(mkdirat), OTHER(mmap), OTHER(open), OTHER(openat),
	OTHER(pipe), OTHER(poll), OTHER(pread), OTHER(pwrite), OTHER(read), OTHER(readlink), OTHER(readv), OTHER(realpath), OTHER(renameat),
	OTHER(select), OTHER(unlink), OTHER(unlinkat), OTHER(write), OTHER(writev), SAME(munmap), SAME(umask),
	AS("_fopen$DARWIN_EXTSN", fopen), AS("_fdopen$DARWIN_EXTSN", fdopen), AS("_realpath$DARWIN_EXTSN", realpath),
	AS("_stat$INODE64", stat), AS("_lstat$INODE64", lstat), AS("_fstat$INODE64", fstat), AS("_fstatat$INODE64", fstatat),
	AS("_select$DARWIN_EXTSN", select), AS("_select$1050", select), AS("___darwin_check_fd_set_overflow", check_fd_set),
	OTHER(rename),
	{NULL, NULL},
};
