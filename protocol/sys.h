/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.h - the system calls that protocol code needs and that a preload library replaces.
 *
 * The shim overrides close, open, read, fcntl, recvmsg and setsockopt; code that is linked into it must not call them by name, or it
 * would call itself.
 * sys.c is the plain form, for daemon, CLI and tests; the shim has its own.
 */
#ifndef TUNTAPD_PROTOCOL_SYS_H
#define TUNTAPD_PROTOCOL_SYS_H

#include <sys/socket.h>
#include <sys/types.h>

/* close(2), errno kept. */
void sys_close(int fd);

/* fcntl(fd, F_SETFD, FD_CLOEXEC) and fcntl(fd, F_SETFL, O_NONBLOCK): 0, or -1 with errno. */
int sys_set_cloexec(int fd);
int sys_set_nonblock(int fd);

/* recvmsg(2). */
ssize_t sys_recvmsg(int sock, struct msghdr *message, int flags);

/* setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO): 0, or -1 with errno. */
int sys_set_send_timeout(int fd, unsigned seconds);

#endif
