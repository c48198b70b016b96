/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin.h - in place of macOS' libSystem and kernel: functions with Darwin's arguments, numbers and layouts, done with Linux's.
 *
 * What is the same on both passes through; what differs is translated; what is not there yet ends the program with its name, so nothing is
 * taken for granted.  Each file has a subject and a table of its symbols; standin.c has the list of tables.
 *
 * Errors.  Inside, errno is Linux's, and a function that a program calls translates it as the last thing it does.
 *
 * Kinds of descriptors.  read, write, ioctl, options and addresses mean something else for each kind of file, so each kind that is not the
 * same on both systems has an entry of functions.  One that crosses exec(2), or goes to another process, is told by asking the kernel; one
 * that does not is remembered by its number.
 *
 * The system's commands.  TUNTAPD_STANDIN_PROGRAMS is a directory with what stands for those that are run by their path: pfctl.
 *
 * Failing on demand.  TUNTAPD_STANDIN_FAIL=CALL:ERRNO[:NTH],... makes a call fail: the NTH of its kind in a process, or each.  The names
 * ERRNO "KILL": the process is killed, before the call has done anything.  The names
 * of calls are those that standin_fails() is asked with: "connect", "ioctl/SIOCSIFFLAGS", "setsockopt/UTUN_OPT_MAX_PENDING_PACKETS".
 */
#ifndef TUNTAPD_TESTS_DARWIN_STANDIN_H
#define TUNTAPD_TESTS_DARWIN_STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/select.h>
#include <sys/types.h>

struct iovec;
struct sockaddr_storage;

/* A table of symbols ("_open") ends with a NULL one. */
struct standin_symbol {
	const char *symbol;
	void *place;
};
/* Numbers, layouts and errors are the same on both; or there is one of our own, called darwin_NAME. */
#define SAME(name) {"_" #name, (void *)(name)}
#define OTHER(name) {"_" #name, (void *)darwin_##name}
/* The same body under another name. */
#define AS(symbol, name) {symbol, (void *)darwin_##name}

extern const struct standin_symbol standin_libc_symbols[], standin_file_symbols[], standin_dir_symbols[], standin_socket_symbols[],
    standin_iflist_symbols[], standin_kqueue_symbols[], standin_launchd_symbols[], standin_process_symbols[], standin_signal_symbols[],
    standin_spawn_symbols[], standin_stream_symbols[], standin_posix_spawn_symbols[], standin_inet_symbols[],
    standin_paths_symbols[];

/* Before anything is bound.  program: the path of the program, for those that ask for it. */
void standin_start(const char *program);

void standin_libc_start(void);
void standin_process_start(const char *program);

/* The function or variable of a symbol; for one that is not there, a function that ends the program when it is called. */
void *standin_find(const char *symbol);

/* Ends the program: what it did is wrong on macOS, or not known here. */
_Noreturn void standin_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Puts the parts of a frame one after the other; refuses one of more than size bytes.  Its bytes. */
size_t standin_gather(const struct iovec *iov, int count, void *frame, size_t size);

/* Puts a record into the parts, as far as there is room; what there is none for is gone.  Bytes that were put there. */
size_t standin_scatter(const void *record, size_t bytes, const struct iovec *iov, int count);

/* A result of Linux's: errno becomes Darwin's number where it is negative. */
long standin_translated(long result);
int standin_linux_error(int darwin);
int standin_darwin_error(int linux_error);

/* True, and errno, if this call is to fail. */
bool standin_fails(const char *call);

/* What a descriptor of some kind does.  A NULL one: what Linux's does, for read and write; else it is an error of the program's. */
struct standin_kind {
	const char *name;
	uint32_t mode; /* what fstat shows; 0: what Linux does */
	int type;      /* of the socket, Darwin's; 0: it is none */
	ssize_t (*receive)(int fd, const struct iovec *iov, int count, int flags); /* flags of recvmsg(2), Darwin's */
	ssize_t (*send)(int fd, const struct iovec *iov, int count, int flags);
	int (*ioctl)(int fd, uint32_t request, void *argument); /* ENOTTY: goes to the next who may know it */
	int (*getsockopt)(int fd, int level, int option, void *value, uint32_t *bytes);
	int (*setsockopt)(int fd, int level, int option, const void *value, uint32_t bytes);
	int (*bind)(int fd, const void *address, uint32_t bytes);
	int (*connect)(int fd, const void *address, uint32_t bytes);
	int (*getname)(int fd, bool peer, void *address, uint32_t *bytes);
	short (*poll)(int fd, short events, short revents); /* what Darwin would say besides */
	short (*show)(int fd, short events, short revents); /* of what Linux says, what Darwin would */
	bool (*selects)(int fd);                            /* select(2) says that it is readable, whatever Linux says */
	void (*nonblock)(int fd, bool on);                  /* FIONBIO, fcntl(2) F_SETFL */
	void (*look)(int fd);                               /* select(2) is about to look at it */
	void (*forget)(int fd);                             /* the number is closed */
};

/* A device's number: sys/types.h makedev (darwin.md 9). */
int32_t standin_device_number(dev_t linux_number);

/* NULL: a file or a pipe, the same on both. */
const struct standin_kind *standin_kind_of(int fd);
/* Remembered for a number, until it is closed. */
void standin_set_kind(int fd, const struct standin_kind *kind);
/* A number is a copy of another; a number is to be closed. */
void standin_copied(int from, int to);
void standin_closing(int fd);

/* Kinds that are told by asking the kernel. */
extern const struct standin_kind standin_utun, standin_kext, standin_stream, standin_datagram, standin_inet;
/* Kinds that are remembered. */
extern const struct standin_kind standin_events, standin_routes, standin_queue;

/* socket(2) of kinds that are not Linux's: a descriptor, or -1 with errno. */
int standin_utun_socket(void);
int standin_events_socket(void);
int standin_routes_socket(void);

/* Interface ioctls, on any socket: standin-netif.c.  -1 with ENOTTY: it is none. */
int standin_interface_ioctl(uint32_t request, void *argument);
/* No IPv6 address by itself from now on. */
void standin_silence(const char *ifname);
/* Interface flags, as Darwin shows them. */
uint16_t standin_interface_flags(const char *ifname, int linux_flags);

/* open(2): flags are Darwin's, errno is Linux's. */
int standin_open(const char *path, int flags, int mode);

/* The program and arguments that really run a program: the loader's, where it is Darwin's.  standin-process.c */
int standin_exec(const char *path, char *const argv[], char *const envp[]);
/* The same, of a file in the directories of PATH: execvp(3). */
int standin_exec_found(const char *file, char *const argv[], char *const envp[]);
/* The shell's words are "-c" and a command: does not return unless it cannot. */
void standin_exec_shell(const char *command);
/* waitpid(2)'s status, with Darwin's number of a signal. */
int standin_darwin_status(int status);
/* The program that a process runs; 0 if it cannot be told, else its length. */
int standin_program_of(int pid, char *path, size_t size);

/* Signals by number, Darwin's and Linux's; 0 where the other has none. */
int standin_linux_signal(int darwin);
int standin_darwin_signal(int linux_number);
/* Calls on_arrival from the signal's handler from now on, whatever the program wants of it: standin-signal.c. */
void standin_watch_signal(int darwin, void (*on_arrival)(int darwin));

/* select(2) is about to look at what is in the set. */
void standin_select_looks(int count, const fd_set *reads);

/* What a child that is being made gets: the default for a signal, which it has; signals that are held back. */
void standin_default_signal(int darwin);
void standin_set_mask(uint32_t darwin);

/* A number is closed: no kqueue watches it any more. */
void standin_queue_forgets(int fd);

/* Darwin's address as Linux's, and its length; and back, as far as *bytes go, which become its length. */
uint32_t standin_linux_address(const void *address, uint32_t bytes, struct sockaddr_storage *out);
void standin_darwin_address(const struct sockaddr_storage *in, uint32_t length, void *address, uint32_t *bytes);
/* An option of a socket of the Internet: standin-inet.c. */
int standin_inet_setsockopt(int fd, int level, int option, const void *value, uint32_t bytes);
/* Flags of messages: Linux's. */
int standin_message_flags(int flags);

/* The other end of a pair of datagrams has been closed. */
bool standin_is_orphan(int fd);

#endif
