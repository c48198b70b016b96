/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transport.c - what of the control socket is the same on every platform, and for daemons alone.  See transport.h.
 */
#include "transport.h"

#include <errno.h>
#include <sys/socket.h>

#include "sys.h"

int
transport_adopt(int listener)
{
	int type = 0, listens = 0;
	socklen_t type_length = sizeof(type), listens_length = sizeof(listens);

	if (getsockopt(listener, SOL_SOCKET, SO_TYPE, &type, &type_length) < 0 ||
	    getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_length) < 0) {
		return -1;
	}
	if (type != transport_type || listens == 0) {
		errno = type != transport_type ? EPROTOTYPE : EINVAL;
		return -1;
	}
	return sys_set_cloexec(listener) < 0 ? -1 : sys_set_nonblock(listener);
}
