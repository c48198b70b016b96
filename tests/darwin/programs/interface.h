/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interface.h - what the programs that look at a tap or a node ask of its interface, by its name, on a socket.
 */
#ifndef TUNTAPD_TESTS_DARWIN_INTERFACE_H
#define TUNTAPD_TESTS_DARWIN_INTERFACE_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sockio.h>

static int sock;
static const char *name;

static struct ifreq
request_of(void)
{
	struct ifreq request = {0};

	strcpy(request.ifr_name, name);
	return request;
}

static int
flags_now(void)
{
	struct ifreq request = request_of();

	return ioctl(sock, SIOCGIFFLAGS, &request) < 0 ? -1 : (uint16_t)request.ifr_flags;
}

static int
set_up(bool up)
{
	struct ifreq request = request_of();

	request.ifr_flags = up ? IFF_UP : 0;
	return ioctl(sock, SIOCSIFFLAGS, &request);
}

#endif
