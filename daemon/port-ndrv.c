/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port-ndrv.c - macOS: sends a port's frames on a socket of the interface's driver.  See port.h.
 *
 * Theory of operation.  libpcap would write to the BPF device, whose limit for a frame is 2048 bytes up to macOS 13, and this end's MTU and
 * 18 bytes later.  A socket of AF_NDRV sends whole frames of any length that fits its buffer, past the MTU.  One write is one frame.  It is
 * bound, and then connected, to the interface: without the second, write(2) is EDESTADDRREQ.
 *
 * Receiving is libpcap's, from BPF, whose records have the length of their frames: so a snapshot is as long as any frame.
 *
 * Sources: XNU bsd/net/ndrv.c (ndrv_attach, ndrv_bind, ndrv_output: SO_SNDBUF is 8192 by default), bsd/net/bpf.c bpf_movein.
 */
#include "port.h"

#include <errno.h>
#include <net/if.h>
#include <net/ndrv.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/sys.h"

/* What one frame may have, and more than the default. */
#define SEND_BYTES (1024 * 1024)
#define RETRY_MS 1

int
port_sender_open(const char *ifname)
{
	struct sockaddr_ndrv address = {.snd_len = sizeof(address), .snd_family = AF_NDRV};
	int fd = socket(AF_NDRV, SOCK_RAW, 0), bytes = SEND_BYTES;

	if (fd < 0) {
		return -1;
	}
	memcpy(address.snd_name, ifname, strnlen(ifname, sizeof(address.snd_name) - 1));
	if (sys_set_cloexec(fd) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) < 0) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

bool
port_sender_is_up(int sender)
{
	return true; /* that the interface is gone libpcap says by itself: a read of the BPF device is ENXIO */
}

int
port_sender_send(int sender, const struct port_frame *frames, unsigned count)
{
	unsigned done = 0, sent = 0;
	bool tried = false;

	while (done < count) {
		if (write(sender, frames[done].data, frames[done].bytes) >= 0) {
			done++;
			sent++;
			tried = false;
			continue;
		}
		switch (errno) {
		case EINTR:
			continue;
		case ENOBUFS:
			/* The interface's queue is full. */
			if (!tried) {
				tried = true;
				(void)poll(NULL, 0, RETRY_MS);
				continue;
			}
			break;
		case ENXIO:
		case ENODEV:
			return -1;
		default:
			break; /* down, or too long */
		}
		done++;
		tried = false;
	}
	return (int)sent;
}

int
port_sender_hide(int receiver)
{
	return 0; /* libpcap's direction does it here (BIOCSSEESENT) */
}

int
port_sender_keep_long(int receiver)
{
	return 0;
}

unsigned
port_sender_slot_bytes(void)
{
	return PORT_FRAME_MAX;
}
