/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-libc.c - what is C library, and no file, process or socket.  See standin.h.
 *
 * Sources: Libc include/runetype.h, include/_ctype.h, include/_locale.h; pwd.h; time.h; syslog.h.
 */
#include "standin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <langinfo.h>
#include <libgen.h>
#include <locale.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* Darwin's fortified forms have glibc's names and parameters. */
extern void *__memcpy_chk(void *to, const void *from, size_t size, size_t room);
extern void *__memmove_chk(void *to, const void *from, size_t size, size_t room);
extern void *__memset_chk(void *to, int byte, size_t size, size_t room);
extern char *__strcpy_chk(char *to, const char *from, size_t room);
extern char *__strncpy_chk(char *to, const char *from, size_t size, size_t room);
extern char *__strcat_chk(char *to, const char *from, size_t room);
extern char *__strncat_chk(char *to, const char *from, size_t size, size_t room);
/* The compiler's own, which is in libSystem there. */
extern unsigned __int128 __udivti3(unsigned __int128 a, unsigned __int128 b);
extern void __stack_chk_fail(void);

static int *
error_place(void)
{
	return &errno;
}

static char *
darwin_strerror(int error)
{
	return strerror(standin_linux_error(error));
}

static int
darwin_strerror_r(int error, char *text, size_t size)
{
	snprintf(text, size, "%s", darwin_strerror(error));
	return 0;
}

/* err.h: the text is of Darwin's number. */
static void
darwin_vwarn(const char *format, va_list args)
{
	int saved = errno;

	errno = standin_linux_error(saved);
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

static _Noreturn void
darwin_err(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	darwin_vwarn(format, args);
	va_end(args);
	exit(status);
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
		standin_refuse("setlocale: category %d", category);
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
darwin_strlcat(char *to, const char *from, size_t size)
{
	size_t length = strnlen(to, size);

	return length + darwin_strlcpy(to + length, from, size - length);
}

static size_t
darwin_strlcpy_chk(char *to, const char *from, size_t size, size_t room)
{
	if (size > room) {
		standin_refuse("strlcpy into %zu bytes, of which it may fill %zu", room, size);
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

/* sys/socket.h: IPv6 is 30. */
static int
linux_family(int family)
{
	if (family != 2 && family != 30) {
		standin_refuse("address family %d", family);
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
		standin_refuse("pthread_setcancelstate %d", state);
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

/* langinfo.h: CODESET is 0. */
static char *
darwin_nl_langinfo(int item)
{
	if (item != 0) {
		standin_refuse("nl_langinfo %d", item);
	}
	return nl_langinfo(CODESET);
}

/* fnmatch.h: FNM_NOESCAPE 1, FNM_PATHNAME 2, FNM_PERIOD 4. */
static int
darwin_fnmatch(const char *pattern, const char *text, int flags)
{
	if ((flags & ~7) != 0) {
		standin_refuse("fnmatch: flags %#x", (unsigned)flags);
	}
	return fnmatch(pattern, text, ((flags & 1) != 0 ? FNM_NOESCAPE : 0) | ((flags & 2) != 0 ? FNM_PATHNAME : 0) |
	    ((flags & 4) != 0 ? FNM_PERIOD : 0));
}

/* time.h: CLOCK_MONOTONIC is 6, CLOCK_UPTIME_RAW 8. */
static int
darwin_clock_gettime(int clock, struct timespec *now)
{
	if (clock != 0 && clock != 6 && clock != 8) {
		standin_refuse("clock %d", clock);
	}
	return clock_gettime(clock == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, now);
}

/* sys/utsname.h: fields of 256 bytes. */
static int
darwin_uname(char names[5][256])
{
	static const char *const values[5] = {"Darwin", "stand-in", "24.6.0", "Darwin Kernel Version 24.6.0: stand-in", "x86_64"};

	for (unsigned i = 0; i < 5; i++) {
		snprintf(names[i], 256, "%s", values[i]);
	}
	return 0;
}

/* string.h: a pattern of 16 bytes, and what of it fits. */
static void
darwin_memset_pattern16(void *at, const void *pattern, size_t size)
{
	for (size_t done = 0; done < size; done += 16) {
		memcpy((char *)at + done, pattern, size - done < 16 ? size - done : 16);
	}
}

/* syslog(3): the system's log is this process' stderr. */
static void
darwin_openlog(const char *name, int options, int facility)
{
}

static void
darwin_syslog(int priority, const char *format, ...)
{
	va_list args;
	int saved = errno;

	errno = standin_linux_error(saved); /* %m */
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	errno = saved;
}

static void
darwin_closelog(void)
{
}

static FILE *standard_input, *standard_output, *standard_error;
static uint64_t stack_guard = UINT64_C(0x0d0a00ff5ac3e1b7);

const struct standin_symbol standin_libc_symbols[] = {
	SAME(abort), SAME(arc4random), SAME(arc4random_buf), SAME(asprintf), SAME(atexit), SAME(atoi), SAME(calloc), SAME(clearerr),
	SAME(exit), SAME(_exit), SAME(fclose), SAME(feof), SAME(ferror), SAME(fflush), SAME(fgetc), SAME(fgets), SAME(fileno),
	SAME(fmemopen), SAME(fscanf),
	SAME(fprintf), SAME(fputc), SAME(fputs), SAME(fread), SAME(free), SAME(fseek), SAME(ftell), SAME(ftello), SAME(fwrite), SAME(getc),
	SAME(getentropy), SAME(getenv), SAME(getgrnam), SAME(getopt), SAME(getopt_long), SAME(gettimeofday), SAME(gmtime_r),
	SAME(localeconv), SAME(localtime_r), SAME(longjmp), SAME(malloc), SAME(memchr), SAME(memcmp), SAME(memcpy), SAME(memmove),
	SAME(memset), SAME(nanosleep), SAME(open_memstream), SAME(printf), SAME(pthread_atfork), SAME(putc), SAME(putchar), SAME(puts),
	SAME(qsort), SAME(rand), SAME(realloc), SAME(sched_yield), SAME(setenv), SAME(setvbuf), SAME(snprintf), SAME(srand), SAME(sscanf),
	SAME(strcasecmp), SAME(strcat), SAME(strchr), SAME(strcmp), SAME(strcpy), SAME(strcspn), SAME(strdup), SAME(strftime),
	SAME(strlen), SAME(strncasecmp), SAME(strncat), SAME(strncmp), SAME(strncpy), SAME(strndup), SAME(strnlen), SAME(strpbrk),
	SAME(strrchr), SAME(strsep), SAME(strspn), SAME(strstr), SAME(strtod), SAME(strtok), SAME(strtol), SAME(strtoll), SAME(strtoul),
	SAME(strtoull), SAME(time), SAME(tolower), SAME(toupper), SAME(unsetenv), SAME(usleep), SAME(vfprintf), SAME(vsnprintf),
	SAME(vwarnx), SAME(warnx), SAME(errx),
	{"_optarg", (void *)&optarg}, {"_optind", (void *)&optind}, {"_optopt", (void *)&optopt}, {"_opterr", (void *)&opterr},
	{"_setjmp", (void *)_setjmp}, {"__setjmp", (void *)_setjmp},
	OTHER(clock_gettime), OTHER(fnmatch), OTHER(getpwnam), OTHER(getpwuid), OTHER(inet_ntop), OTHER(inet_pton), OTHER(issetugid),
	OTHER(nl_langinfo), OTHER(perror), OTHER(pthread_setcancelstate), OTHER(setlocale), OTHER(strerror), OTHER(strerror_r),
	OTHER(strlcpy), OTHER(strlcat), OTHER(uname), OTHER(warn), OTHER(err),
	{"___error", (void *)error_place}, AS("___bzero", bzero), AS("_bzero", bzero), AS("___maskrune", maskrune),
	AS("___strlcpy_chk", strlcpy_chk), {"__DefaultRuneLocale", &runes}, {"___stdinp", &standard_input},
	{"___stdoutp", &standard_output}, {"___stderrp", &standard_error}, {"___stack_chk_guard", &stack_guard},
	{"___stack_chk_fail", (void *)__stack_chk_fail}, {"___memcpy_chk", (void *)__memcpy_chk},
	{"___memmove_chk", (void *)__memmove_chk}, {"___memset_chk", (void *)__memset_chk}, {"___strcpy_chk", (void *)__strcpy_chk},
	{"___strncpy_chk", (void *)__strncpy_chk}, {"___strcat_chk", (void *)__strcat_chk},
	SAME(atoll), SAME(basename), SAME(difftime), SAME(dirname), SAME(fscanf), SAME(localtime), SAME(random), SAME(srandom),
	{"___progname", (void *)&program_invocation_short_name}, OTHER(closelog), OTHER(memset_pattern16), OTHER(openlog),
	AS("_syslog$DARWIN_EXTSN", syslog), AS("_syslog", syslog), {"___tolower", (void *)tolower}, {"___toupper", (void *)toupper},
	{"___udivti3", (void *)__udivti3}, {"___strncat_chk", (void *)__strncat_chk},
	{NULL, NULL},
};

void
standin_libc_start(void)
{
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
