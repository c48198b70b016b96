/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys.c - the plain form of sys.h.
 */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

void
sys_close(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

int
sys_set_cloexec(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int
sys_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

ssize_t
sys_recvmsg(int sock, struct msghdr *message, int flags)
{
	return recvmsg(sock, message, flags);
}

int
sys_set_send_timeout(int fd, unsigned seconds)
{
	struct timeval timeout = {.tv_sec = seconds};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}
