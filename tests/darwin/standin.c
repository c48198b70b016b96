/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin.c - finds what stands for a symbol; errors, kinds of descriptors, failing on demand.  See standin.h.
 *
 * errno is one variable for both worlds: a function of Linux's that failed has Linux's number in it, which is translated before the program
 * sees it.  Numbers up to 34 are the same, but for EAGAIN (35; Darwin's 11 is EDEADLK).
 *
 * Sources: XNU bsd/sys/errno.h.
 */
#include "standin.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "machine.h"
#include "standin-bpf.h"
#include "standin-kext.h"

#define NUMBERS_MAX 4096
#define CALLS_MAX 16

/* Name, for TUNTAPD_STANDIN_FAIL; Linux's number: Darwin's. */
static const struct {
	const char *name;
	int linux, darwin;
} errors[] = {
	{"EPERM", EPERM, 1}, {"ENOENT", ENOENT, 2}, {"ESRCH", ESRCH, 3}, {"EINTR", EINTR, 4}, {"EIO", EIO, 5}, {"ENXIO", ENXIO, 6},
	{"EBADF", EBADF, 9}, {"ENOMEM", ENOMEM, 12}, {"EACCES", EACCES, 13}, {"EBUSY", EBUSY, 16}, {"EEXIST", EEXIST, 17},
	{"ENODEV", ENODEV, 19}, {"EINVAL", EINVAL, 22}, {"ENFILE", ENFILE, 23}, {"EMFILE", EMFILE, 24}, {"ENOTTY", ENOTTY, 25},
	{"ENOSPC", ENOSPC, 28}, {"EPIPE", EPIPE, 32},
	{"EDEADLK", EDEADLK, 11}, {"EAGAIN", EAGAIN, 35}, {"EINPROGRESS", EINPROGRESS, 36}, {"EALREADY", EALREADY, 37},
	{"ENOTSOCK", ENOTSOCK, 38}, {"EDESTADDRREQ", EDESTADDRREQ, 39}, {"EMSGSIZE", EMSGSIZE, 40}, {"EPROTOTYPE", EPROTOTYPE, 41},
	{"ENOPROTOOPT", ENOPROTOOPT, 42}, {"EPROTONOSUPPORT", EPROTONOSUPPORT, 43}, {"EAFNOSUPPORT", EAFNOSUPPORT, 47},
	{"EADDRINUSE", EADDRINUSE, 48}, {"EADDRNOTAVAIL", EADDRNOTAVAIL, 49}, {"ENETDOWN", ENETDOWN, 50},
	{"ENETUNREACH", ENETUNREACH, 51}, {"ECONNABORTED", ECONNABORTED, 53}, {"ECONNRESET", ECONNRESET, 54}, {"ENOBUFS", ENOBUFS, 55},
	{"EISCONN", EISCONN, 56}, {"ENOTCONN", ENOTCONN, 57}, {"ETIMEDOUT", ETIMEDOUT, 60}, {"ECONNREFUSED", ECONNREFUSED, 61},
	{"ELOOP", ELOOP, 62}, {"ENAMETOOLONG", ENAMETOOLONG, 63}, {"EHOSTUNREACH", EHOSTUNREACH, 65}, {"ENOTEMPTY", ENOTEMPTY, 66},
	{"ENOSYS", ENOSYS, 78}, {"EOVERFLOW", EOVERFLOW, 84}, {"EILSEQ", EILSEQ, 92}, {"EBADMSG", EBADMSG, 94}, {"EPROTO", EPROTO, 100},
	{"EOPNOTSUPP", EOPNOTSUPP, 102},
};
#define ERRORS (sizeof(errors) / sizeof(errors[0]))

static const struct standin_symbol *const tables[] = {
	standin_libc_symbols, standin_file_symbols, standin_dir_symbols, standin_socket_symbols, standin_iflist_symbols,
	standin_kqueue_symbols, standin_launchd_symbols, standin_process_symbols, standin_signal_symbols, standin_spawn_symbols,
	standin_stream_symbols, standin_posix_spawn_symbols, standin_inet_symbols, standin_paths_symbols,
};

/* By the number of a descriptor. */
static const struct standin_kind *kinds[NUMBERS_MAX];

/* TUNTAPD_STANDIN_FAIL, taken apart.  nth: 0 is each. */
static struct {
	char call[64];
	int error;
	unsigned nth, seen;
} failures[CALLS_MAX];
static size_t failure_count;

void
standin_refuse(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "stand-in: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	_exit(125);
}

size_t
standin_gather(const struct iovec *iov, int count, void *frame, size_t size)
{
	size_t bytes = 0;

	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > size - bytes) {
			standin_refuse("a frame of more than %zu bytes", size);
		}
		memcpy((char *)frame + bytes, iov[i].iov_base, iov[i].iov_len);
		bytes += iov[i].iov_len;
	}
	return bytes;
}

size_t
standin_scatter(const void *record, size_t bytes, const struct iovec *iov, int count)
{
	size_t done = 0;

	for (int i = 0; i < count && done < bytes; i++) {
		size_t part = iov[i].iov_len < bytes - done ? iov[i].iov_len : bytes - done;

		memcpy(iov[i].iov_base, (const char *)record + done, part);
		done += part;
	}
	return done;
}

int
standin_darwin_error(int linux_error)
{
	for (size_t i = 0; i < ERRORS; i++) {
		if (errors[i].linux == linux_error) {
			return errors[i].darwin;
		}
	}
	if (linux_error <= 34) {
		return linux_error;
	}
	standin_refuse("Linux's errno %d has no number of Darwin's", linux_error);
}

int
standin_linux_error(int darwin)
{
	for (size_t i = 0; i < ERRORS; i++) {
		if (errors[i].darwin == darwin) {
			return errors[i].linux;
		}
	}
	return darwin;
}

long
standin_translated(long result)
{
	if (result < 0) {
		errno = standin_darwin_error(errno);
	}
	return result;
}

static void
read_failures(const char *text)
{
	char *copy = strdup(text), *rest = copy, *one;

	while ((one = strsep(&rest, ",")) != NULL) {
		const char *call = strsep(&one, ":"), *name = strsep(&one, ":"), *nth = one;
		bool kills = name != NULL && strcmp(name, "KILL") == 0;
		size_t known = 0;

		while (!kills && known < ERRORS && (name == NULL || strcmp(errors[known].name, name) != 0)) {
			known++;
		}
		if (known == ERRORS || failure_count == CALLS_MAX || strlen(call) >= sizeof(failures[0].call)) {
			standin_refuse("TUNTAPD_STANDIN_FAIL: %s", text);
		}
		strcpy(failures[failure_count].call, call);
		failures[failure_count].error = kills ? 0 : errors[known].linux;
		failures[failure_count++].nth = nth != NULL ? (unsigned)atoi(nth) : 0;
	}
	free(copy);
}

bool
standin_fails(const char *call)
{
	for (size_t i = 0; i < failure_count; i++) {
		if (strcmp(failures[i].call, call) == 0 && (++failures[i].seen == failures[i].nth || failures[i].nth == 0)) {
			errno = failures[i].error;
			if (errno == 0) {
				(void)raise(SIGKILL);
			}
			return true;
		}
	}
	return false;
}

const struct standin_kind *
standin_kind_of(int fd)
{
	struct stat st;
	int domain, type;
	socklen_t size = sizeof(domain);

	if (fd >= 0 && fd < NUMBERS_MAX && kinds[fd] != NULL) {
		return kinds[fd];
	}
	if (fstat(fd, &st) < 0) {
		return NULL;
	}
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 200)) {
		return standin_is_kext(fd) ? &standin_kext : &standin_utun;
	}
	if (!S_ISSOCK(st.st_mode) || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) {
		return NULL;
	}
	if (domain == AF_PACKET && standin_is_bpf(fd)) {
		return &standin_bpf;
	}
	return domain != AF_UNIX ? &standin_inet : type == SOCK_STREAM ? &standin_stream : &standin_datagram;
}

void
standin_set_kind(int fd, const struct standin_kind *kind)
{
	if (fd >= NUMBERS_MAX) {
		standin_refuse("descriptor %d is too large", fd);
	}
	kinds[fd] = kind;
}

void
standin_copied(int from, int to)
{
	if (from >= 0 && from < NUMBERS_MAX && to >= 0 && from != to) {
		standin_set_kind(to, kinds[from]);
	}
}

void
standin_closing(int fd)
{
	standin_queue_forgets(fd);
	if (fd >= 0 && fd < NUMBERS_MAX && kinds[fd] != NULL) {
		const struct standin_kind *kind = kinds[fd];

		kinds[fd] = NULL;
		if (kind->forget != NULL) {
			kind->forget(fd);
		}
	}
}

void
standin_start(const char *program)
{
	const char *text = getenv("TUNTAPD_STANDIN_FAIL");

	if (text != NULL) {
		read_failures(text);
	}
	standin_libc_start();
	standin_process_start(program);
}

static void
missing(const char *symbol)
{
	standin_refuse("%s is not there", symbol);
}

/* Room for a piece of code. */
static uint8_t *
make_room(void)
{
	static uint8_t *page;
	static size_t used;

	if (page == NULL || used + MACHINE_CODE_BYTES > 65536) {
		page = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		used = 0;
		if (page == MAP_FAILED) {
			err(126, "mmap");
		}
	}
	used += MACHINE_CODE_BYTES;
	return page + used - MACHINE_CODE_BYTES;
}

static void *
find_in_tables(const char *symbol, size_t length)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct standin_symbol *s = tables[i]; s->symbol != NULL; s++) {
			if (strncmp(s->symbol, symbol, length) == 0 &&
			    (s->symbol[length] == '\0' || machine_has_plain(s->symbol + length))) {
				return s->place;
			}
		}
	}
	return NULL;
}

/*
 * Cancellation is not what is tested, so a function's form without it does the same; but pairs tell the two apart, by address.
 */
static void *
make(const char *symbol)
{
	const char *form = strstr(symbol, "$NOCANCEL");
	void *place = find_in_tables(symbol, form != NULL ? (size_t)(form - symbol) : strlen(symbol));
	uint8_t *code = make_room();

	if (place == NULL) {
		machine_write_call(code, missing, symbol);
	} else if (machine_adapts(symbol)) {
		machine_adapt(code, symbol, place);
	} else {
		machine_write_alias(code, place);
	}
	__builtin___clear_cache((char *)code, (char *)code + MACHINE_CODE_BYTES);
	return code;
}

/* The same place for the same symbol, in whatever image. */
void *
standin_find(const char *symbol)
{
	static struct {
		const char *symbol;
		void *place;
	} made[512];
	void *place = machine_adapts(symbol) ? NULL : find_in_tables(symbol, strlen(symbol));

	for (size_t i = 0; place == NULL && i < sizeof(made) / sizeof(made[0]); i++) {
		if (made[i].symbol == NULL) {
			made[i].symbol = symbol;
			made[i].place = make(symbol);
		}
		if (strcmp(made[i].symbol, symbol) == 0) {
			place = made[i].place;
		}
	}
	if (place == NULL) {
		standin_refuse("too many symbols are missing");
	}
	return place;
}
