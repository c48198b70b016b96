/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin.h - in place of macOS' libSystem and kernel: functions with Darwin's arguments, numbers and layouts, done with Linux's.
 *
 * What is the same on both passes through; what differs is translated; what is not there yet ends the program with its name, so nothing is
 * taken for granted.  standin.c has the table.
 */
#ifndef TUNTAPD_TESTS_DARWIN_STANDIN_H
#define TUNTAPD_TESTS_DARWIN_STANDIN_H

#include <stdint.h>
#include <sys/types.h>

/* Before anything is bound.  program: the path of the program, for those that ask for it. */
void standin_start(const char *program);

/* The function or variable of a symbol ("_open"); for one that is not there, a function that ends the program when it is called. */
void *standin_find(const char *symbol);

/* A result of Linux's: errno becomes Darwin's number where it is negative. */
long standin_translated(long result);

/* standin-socket.c, with Darwin's layouts. */
struct darwin_un;
struct darwin_message;
struct pollfd;
struct timespec;
int standin_socket(int family, int type, int protocol);
int standin_connect(int fd, const struct darwin_un *address, uint32_t bytes);
int standin_getpeername(int fd, struct darwin_un *address, uint32_t *bytes);
int standin_setsockopt(int fd, int level, int option, const void *value, uint32_t bytes);
int standin_getsockopt(int fd, int level, int option, void *value, uint32_t *bytes);
ssize_t standin_sendmsg(int fd, const struct darwin_message *message, int flags);
ssize_t standin_recvmsg(int fd, struct darwin_message *message, int flags);
ssize_t standin_recv(int fd, void *data, size_t size, int flags);
int standin_ioctl(int fd, unsigned long request, ...);
int standin_fcntl(int fd, int command, ...);
int standin_poll(struct pollfd *fds, uint32_t count, int timeout_ms);
void *standin_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
int standin_clock_gettime(int clock, struct timespec *now);
int standin_sigprocmask(int how, const uint32_t *set, uint32_t *before);
int standin_sigaction(int number, const void *action, void *before);
int standin_pselect(int count, void *reads, void *writes, void *errors, const struct timespec *timeout, const uint32_t *mask);

#endif
