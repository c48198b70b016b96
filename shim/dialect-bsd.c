/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dialect-bsd.c - the ioctls of tuntaposx and the BSDs.
 *
 * Few are answered, and all others are ENOTTY: programs probe with requests whose success without data would leave them with what was
 * in their buffer.  TUNSIFHEAD and TUNGIFHEAD are _IOW('t', 96, int) and _IOR('t', 97, int) of whatever platform the
 * program was compiled on: the two directions of _IOC have other bits on Linux than on the BSDs.
 */
#include "dialect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "attach.h"
#include "channel.h"
#include "framed.h"
#include "os.h"
#include "protocol/family.h"
#include "real.h"
#include "state.h"

#define TUNSIFHEAD _IOW('t', 96, int)
#define TUNGIFHEAD _IOR('t', 97, int)

static int
not_supported(void)
{
	errno = ENOTTY;
	return -1;
}

static int
set_header_mode(int fd, fdtable_held held, const int *on)
{
	if (fdtable_id(held).kind != DEVICE_TUN) {
		return not_supported();
	}
	if (on == NULL) {
		errno = EFAULT;
		return -1;
	}
	return attach_set_header_mode(fd, held, *on != 0);
}

static int
get_header_mode(fdtable_held held, int *on)
{
	const struct state_page *page = state_page(held);

	if (fdtable_id(held).kind != DEVICE_TUN) {
		return not_supported();
	}
	if (on == NULL) {
		errno = EFAULT;
		return -1;
	}
	*on = page != NULL && state_header_mode(page);
	return 0;
}

/* The tun driver does not tell the size of the next packet, so: none, or no less than it. */
static int
next_packet_bytes(int fd, fdtable_held held, int *bytes)
{
	const struct state_page *page = state_page(held);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int saved = errno;

	if (bytes == NULL) {
		errno = EFAULT;
		return -1;
	}
	switch (channel_type_of(fd, page)) {
	case CHANNEL_RELAYED:
		*bytes = channel_next_bytes(fd, held);
		return 0;
	case CHANNEL_FRAMED:
		*bytes = framed_next_bytes(fd, held);
		return 0;
	case CHANNEL_NODE:
		return real_ioctl(fd, FIONREAD, bytes);
	case CHANNEL_DIRECT:
		break;
	}
	*bytes = 0;
	if (poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0) {
		/* Ethernet header and tag; or the address family. */
		*bytes = (int)(page != NULL && state_watched(page) ? state_mtu(page) : UINT16_MAX) +
		    (fdtable_id(held).kind == DEVICE_TAP ? 18 : FAMILY_HEADER_BYTES);
	}
	errno = saved;
	return 0;
}

int
dialect_bsd_ioctl(int fd, fdtable_held held, uint32_t request, void *argument)
{
	switch (request) {
	case (uint32_t)TUNSIFHEAD:
		return set_header_mode(fd, held, argument);
	case (uint32_t)TUNGIFHEAD:
		return get_header_mode(held, argument);
	case FIONREAD:
		return next_packet_bytes(fd, held, argument);
	case FIOASYNC:
		if (argument != NULL && *(const int *)argument != 0) {
			return not_supported(); /* as the kexts */
		}
		return real_ioctl(fd, (ioctl_request)request, argument);
	case FIONBIO:
	case FIOCLEX:
	case FIONCLEX:
		return real_ioctl(fd, (ioctl_request)request, argument); /* the descriptor's own */
	default:
		return not_supported();
	}
}
