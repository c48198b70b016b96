/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin.c - the table of what the stand-in has, and all of it that is C library.  See standin.h.
 *
 * errno is one variable for both worlds: a function of Linux's that failed has Linux's number in it, which is translated before the program
 * sees it.  Numbers up to 34 are the same, but for EAGAIN (35; Darwin's 11 is EDEADLK).
 *
 * Strictness.  Flags and numbers that are not known here end the program.
 *
 * Sources: XNU bsd/sys/errno.h, bsd/sys/fcntl.h, bsd/sys/stat.h (64-bit inodes: 144 bytes), bsd/sys/proc_info.h, bsd/kern/sys_socket.c
 * soo_stat; Libc include/runetype.h, include/_ctype.h; pwd.h.
 */
#include "standin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <locale.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Darwin's fortified forms have glibc's names and parameters. */
extern void *__memcpy_chk(void *to, const void *from, size_t size, size_t room);
extern void *__memset_chk(void *to, int byte, size_t size, size_t room);
extern char *__strcpy_chk(char *to, const char *from, size_t room);
extern char *__strncpy_chk(char *to, const char *from, size_t size, size_t room);

static const char *program_path;

/* Linux's number: Darwin's. */
static const struct {
	int linux, darwin;
} errors[] = {
	{EAGAIN, 35}, {EINPROGRESS, 36}, {EALREADY, 37}, {ENOTSOCK, 38}, {EDESTADDRREQ, 39}, {EMSGSIZE, 40}, {EPROTOTYPE, 41},
	{ENOPROTOOPT, 42}, {EPROTONOSUPPORT, 43}, {EOPNOTSUPP, 102}, {EAFNOSUPPORT, 47}, {EADDRINUSE, 48}, {EADDRNOTAVAIL, 49},
	{ENETDOWN, 50}, {ENETUNREACH, 51}, {ECONNABORTED, 53}, {ECONNRESET, 54}, {ENOBUFS, 55}, {EISCONN, 56}, {ENOTCONN, 57},
	{ETIMEDOUT, 60}, {ECONNREFUSED, 61}, {ELOOP, 62}, {ENAMETOOLONG, 63}, {EHOSTUNREACH, 65}, {ENOTEMPTY, 66}, {ENOSYS, 78},
	{EOVERFLOW, 84}, {EBADMSG, 94}, {EPROTO, 100}, {EILSEQ, 92}, {EDEADLK, 11},
};

/* A result of Linux's; errno becomes Darwin's if it is -1. */
long
standin_translated(long result)
{
	if (result >= 0 || errno <= 34) {
		if (result >= 0 || errno != EAGAIN) {
			return result;
		}
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].linux == errno) {
			errno = errors[i].darwin;
			return result;
		}
	}
	errx(125, "stand-in: Linux's errno %d has no number of Darwin's", errno);
}

static int
linux_error(int darwin)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].darwin == darwin) {
			return errors[i].linux;
		}
	}
	return darwin;
}

static int *
error_place(void)
{
	return &errno;
}

static char *
darwin_strerror(int error)
{
	return strerror(linux_error(error));
}

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
		errx(125, "stand-in: open: flags %#x are unknown", (unsigned)left);
	}
	return result;
}

static int
darwin_open(const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = (flags & 0x0200) != 0 ? va_arg(args, int) : 0;
	va_end(args);
	return (int)standin_translated(open(path, linux_open_flags(flags), mode));
}

/* AT_FDCWD is another number. */
static int
linux_dir(int dir)
{
	return dir == -2 ? AT_FDCWD : dir;
}

static int
darwin_openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = (flags & 0x0200) != 0 ? va_arg(args, int) : 0;
	va_end(args);
	return (int)standin_translated(openat(linux_dir(dir), path, linux_open_flags(flags), mode));
}

static ssize_t
darwin_read(int fd, void *data, size_t size)
{
	return standin_translated(read(fd, data, size));
}

static ssize_t
darwin_write(int fd, const void *data, size_t size)
{
	return standin_translated(write(fd, data, size));
}

static ssize_t
darwin_pread(int fd, void *data, size_t size, off_t offset)
{
	return standin_translated(pread(fd, data, size, offset));
}

static int
darwin_close(int fd)
{
	return (int)standin_translated(close(fd));
}

static int
darwin_dup(int fd)
{
	return (int)standin_translated(dup(fd));
}

static ssize_t
darwin_readv(int fd, const struct iovec *iov, int count)
{
	return standin_translated(readv(fd, iov, count));
}

static int
darwin_access(const char *path, int mode)
{
	return (int)standin_translated(access(path, mode));
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

static int
give_stat(int result, const struct stat *st, struct darwin_stat *out)
{
	if (result == 0) {
		memset(out, 0, sizeof(*out));
		out->st_dev = (int32_t)st->st_dev;
		out->st_mode = (uint16_t)st->st_mode; /* the bits are the same */
		out->st_nlink = (uint16_t)st->st_nlink;
		out->st_ino = st->st_ino;
		out->st_uid = st->st_uid;
		out->st_gid = st->st_gid;
		out->st_rdev = (int32_t)st->st_rdev;
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

	return give_stat(stat(path, &st), &st, out);
}

static int
darwin_lstat(const char *path, struct darwin_stat *out)
{
	struct stat st;

	return give_stat(lstat(path, &st), &st, out);
}

static int
darwin_fstat(int fd, struct darwin_stat *out)
{
	struct stat st;
	int result = fstat(fd, &st);

	/* A utun is a socket (soo_stat); here it is a tun device's descriptor, 10:200. */
	if (result == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 200)) {
		st.st_mode = S_IFSOCK | 0666;
		st.st_rdev = 0;
	}
	return give_stat(result, &st, out);
}

static FILE *
darwin_fopen(const char *path, const char *mode)
{
	FILE *stream = fopen(path, mode);

	if (stream == NULL) {
		(void)standin_translated(-1);
	}
	return stream;
}

/* err.h: the text is of Darwin's number. */
static void
darwin_vwarn(const char *format, va_list args)
{
	int saved = errno;

	errno = linux_error(saved);
	vwarn(format, args);
	errno = saved;
}

static void
darwin_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	darwin_vwarn(format, args);
	va_end(args);
}

static void
darwin_perror(const char *text)
{
	fprintf(stderr, "%s: %s\n", text, darwin_strerror(errno));
}

/* locale.h: LC_ALL is 0; what is asked for here is that alone. */
static char *
darwin_setlocale(int category, const char *name)
{
	if (category != 0 && category != 2) {
		errx(125, "stand-in: setlocale: category %d", category);
	}
	return setlocale(category == 0 ? LC_ALL : LC_CTYPE, name);
}

/* pwd.h has a time and a class between group and name. */
struct darwin_passwd {
	char *pw_name, *pw_passwd;
	uint32_t pw_uid, pw_gid;
	int64_t pw_change;
	char *pw_class, *pw_gecos, *pw_dir, *pw_shell;
	int64_t pw_expire;
};

static struct darwin_passwd *
give_passwd(const struct passwd *user)
{
	static struct darwin_passwd out;
	static char empty[1];

	if (user == NULL) {
		return NULL;
	}
	out = (struct darwin_passwd){user->pw_name, user->pw_passwd, user->pw_uid, user->pw_gid, 0, empty, user->pw_gecos, user->pw_dir,
	    user->pw_shell, 0};
	return &out;
}

static struct darwin_passwd *
darwin_getpwnam(const char *name)
{
	return give_passwd(getpwnam(name));
}

static struct darwin_passwd *
darwin_getpwuid(uid_t uid)
{
	return give_passwd(getpwuid(uid));
}

static size_t
darwin_strlcpy(char *to, const char *from, size_t size)
{
	size_t length = strlen(from), part = length < size ? length : size - 1;

	if (size > 0) {
		memcpy(to, from, part);
		to[part] = '\0';
	}
	return length;
}

static size_t
darwin_strlcpy_chk(char *to, const char *from, size_t size, size_t room)
{
	if (size > room) {
		errx(125, "stand-in: strlcpy into %zu bytes, of which it may fill %zu", room, size);
	}
	return darwin_strlcpy(to, from, size);
}

static void
darwin_bzero(void *at, size_t size)
{
	memset(at, 0, size);
}

static int
darwin_issetugid(void)
{
	return 0;
}

/* libproc.h: 0 is the failure; only the process itself is known. */
static int
darwin_proc_pidpath(int pid, void *path, uint32_t size)
{
	if (pid != getpid() || size < 4096) {
		errx(125, "stand-in: proc_pidpath of another process, or with too little room");
	}
	return realpath(program_path, path) != NULL ? (int)strlen(path) : 0;
}

/* sys/socket.h: IPv6 is 30. */
static int
linux_family(int family)
{
	if (family != 2 && family != 30) {
		errx(125, "stand-in: address family %d", family);
	}
	return family == 30 ? AF_INET6 : AF_INET;
}

static int
darwin_inet_pton(int family, const char *text, void *address)
{
	return inet_pton(linux_family(family), text, address);
}

static const char *
darwin_inet_ntop(int family, const void *address, char *text, uint32_t size)
{
	return inet_ntop(linux_family(family), address, text, size);
}

/* pthread.h: 1 enables cancellation, and 0 disables it. */
static int
darwin_pthread_setcancelstate(int state, int *before)
{
	int was, result;

	if (state != 0 && state != 1) {
		errx(125, "stand-in: pthread_setcancelstate %d", state);
	}
	result = pthread_setcancelstate(state == 1 ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE, &was);
	if (before != NULL) {
		*before = was == PTHREAD_CANCEL_ENABLE ? 1 : 0;
	}
	return result;
}

/* runetype.h: a table of the kinds of the first 256 characters is read by macros of ctype.h. */
struct rune_locale {
	char magic[8], encoding[32];
	void *get, *put;
	int32_t invalid;
	uint32_t kinds[256];
	int32_t lower[256], upper[256];
	char rest[512];
};
_Static_assert(offsetof(struct rune_locale, kinds) == 60, "the C library's layout");
static struct rune_locale runes;

/* _ctype.h, _CTYPE_* */
static uint32_t
kind_of(int c)
{
	return (isalpha(c) ? 0x100u : 0) | (iscntrl(c) ? 0x200u : 0) | (isdigit(c) ? 0x400u | (uint32_t)(c - '0') : 0) |
	    (isgraph(c) ? 0x800u : 0) | (islower(c) ? 0x1000u : 0) | (ispunct(c) ? 0x2000u : 0) | (isspace(c) ? 0x4000u : 0) |
	    (isupper(c) ? 0x8000u : 0) | (isxdigit(c) ? 0x10000u : 0) | (c == ' ' || c == '\t' ? 0x20000u : 0) |
	    (isprint(c) ? 0x40000u : 0);
}

static int
darwin_maskrune(int32_t rune, unsigned long mask)
{
	return rune >= 0 && rune < 256 ? (int)(runes.kinds[rune] & mask) : 0;
}

/* Whether a number fits a set: sys/_types/_fd_def.h asks. */
static int
check_fd_set(int fd, const void *set, int unlimited)
{
	return fd >= 0 && fd < 1024;
}

static FILE *standard_input, *standard_output, *standard_error;
static uint64_t stack_guard = UINT64_C(0x0d0a00ff5ac3e1b7);

#define SAME(name) {"_" #name, (void *)name}
#define SOCKET(name) {"_" #name, (void *)standin_##name}
#define OTHER(name) {"_" #name, (void *)darwin_##name}

/* Symbol: the function or variable in its place.  SAME: numbers, layouts and errors are the same on both. */
static const struct {
	const char *symbol;
	void *place;
} table[] = {
	SAME(abort), SAME(atexit), SAME(atoi), SAME(calloc), SAME(exit), SAME(_exit), SAME(fclose), SAME(feof), SAME(ferror),
	SAME(fflush), SAME(fileno), SAME(fmemopen), SAME(fprintf), SAME(fputc), SAME(fputs), SAME(fread), SAME(free), SAME(fseek),
	SAME(ftell), SAME(ftello), SAME(fwrite), SAME(getc), SAME(getenv), SAME(geteuid), SAME(getgrnam),
	SAME(getopt_long), SAME(getpid),
	SAME(gmtime_r), SAME(isatty), SAME(localtime_r), SAME(malloc), SAME(memchr), SAME(memcmp), SAME(memcpy), SAME(memmove),
	SAME(memset), SAME(open_memstream), SAME(printf), SAME(puts), SAME(qsort), SAME(realloc), SAME(setenv), SAME(snprintf),
	SAME(sscanf), SAME(strcasecmp), SAME(strcat), SAME(strchr), SAME(strcmp), SAME(strcpy), SAME(strcspn),
	SAME(strdup), SAME(strftime),
	SAME(strlen), SAME(strncmp), SAME(strncpy), SAME(strndup), SAME(strnlen), SAME(strrchr), SAME(strsep),
	SAME(strspn), SAME(strstr),
	SAME(strtod), SAME(strtol), SAME(strtoll), SAME(strtoul), SAME(time), SAME(umask), SAME(vfprintf), SAME(vsnprintf),
	SAME(vwarnx), SAME(warnx), SAME(asprintf), {"_optarg", (void *)&optarg}, {"_optind", (void *)&optind},
	OTHER(access), OTHER(close), OTHER(fopen), OTHER(getpwnam), OTHER(getpwuid), OTHER(inet_ntop),
	OTHER(inet_pton), OTHER(issetugid), OTHER(open), OTHER(openat),
	OTHER(pread), OTHER(proc_pidpath), OTHER(read), OTHER(setlocale), OTHER(strerror), OTHER(strlcpy), OTHER(warn),
	OTHER(write),
	SAME(munmap), OTHER(pthread_setcancelstate),
	OTHER(dup), OTHER(readv), OTHER(perror), SAME(pthread_atfork), SAME(getuid), SAME(getgid), SAME(getegid),
	{"_fopen$DARWIN_EXTSN", (void *)darwin_fopen}, {"_stat$INODE64", (void *)darwin_stat},
	{"_lstat$INODE64", (void *)darwin_lstat},
	{"_fstat$INODE64", (void *)darwin_fstat}, {"___error", (void *)error_place}, {"___bzero", (void *)darwin_bzero},
	{"___maskrune", (void *)darwin_maskrune}, {"___strlcpy_chk", (void *)darwin_strlcpy_chk}, {"__DefaultRuneLocale", &runes},
	{"___stdinp", &standard_input}, {"___stdoutp", &standard_output}, {"___stderrp", &standard_error},
	{"___stack_chk_guard", &stack_guard}, {"___memcpy_chk", (void *)__memcpy_chk}, {"___memset_chk", (void *)__memset_chk},
	SOCKET(clock_gettime), SOCKET(connect), SOCKET(fcntl), SOCKET(getpeername), SOCKET(getsockopt), SOCKET(ioctl),
	SOCKET(mmap), SOCKET(poll),
	SOCKET(recv), SOCKET(recvmsg), SOCKET(sendmsg), SOCKET(setsockopt), SOCKET(sigaction), SOCKET(sigprocmask),
	SOCKET(socket),
	{"_pselect$1050", (void *)standin_pselect}, {"_pselect$DARWIN_EXTSN", (void *)standin_pselect},
	{"_pselect", (void *)standin_pselect}, {"___darwin_check_fd_set_overflow", (void *)check_fd_set},
	{"___strcpy_chk", (void *)__strcpy_chk}, {"___strncpy_chk", (void *)__strncpy_chk},
};

void
standin_start(const char *program)
{
	program_path = program;
	standard_input = stdin;
	standard_output = stdout;
	standard_error = stderr;
	memcpy(runes.magic, "RuneMagA", 8);
	for (int c = 0; c < 128; c++) {
		runes.kinds[c] = kind_of(c);
		runes.lower[c] = tolower(c);
		runes.upper[c] = toupper(c);
	}
}

static _Noreturn void
missing(const char *symbol)
{
	fprintf(stderr, "stand-in: %s is not there\n", symbol);
	_exit(125);
}

/* A function that ends the program with its name: mov $symbol, %rdi; mov $missing, %rax; jmp *%rax. */
static void *
make_missing(const char *symbol)
{
	static uint8_t *page;
	static size_t used;
	uint8_t *code;
	uint64_t function = (uint64_t)missing;

	if (page == NULL || used + 32 > 65536) {
		page = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		used = 0;
		if (page == MAP_FAILED) {
			err(126, "mmap");
		}
	}
	code = page + used;
	used += 32;
	memcpy(code, "\x48\xbf", 2);
	memcpy(code + 2, &symbol, 8);
	memcpy(code + 10, "\x48\xb8", 2);
	memcpy(code + 12, &function, 8);
	memcpy(code + 20, "\xff\xe0", 2);
	return code;
}

/* The same place for the same symbol, in whatever image: what stands for it is told by address. */
static void *
find_missing(const char *symbol)
{
	static struct {
		const char *symbol;
		void *place;
	} known[512];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].symbol == NULL) {
			known[i].symbol = symbol;
			known[i].place = make_missing(symbol);
		}
		if (strcmp(known[i].symbol, symbol) == 0) {
			return known[i].place;
		}
	}
	errx(125, "stand-in: too many symbols are missing");
}

void *
standin_find(const char *symbol)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].symbol, symbol) == 0) {
			return table[i].place;
		}
	}
	return find_missing(symbol);
}
