/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * os.h - what the shim asks the kernel about a descriptor, by platform: os-linux.c, os-darwin.c.
 *
 * None of these is called on the plain packet path; all are safe in a signal handler and keep errno unless they return -1.
 */
#ifndef TUNTAPD_SHIM_OS_H
#define TUNTAPD_SHIM_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "protocol/devname.h"
#include "protocol/message.h"

enum os_answer {
	OS_DEVICE, /* a device of that kind, with its interface */
	OS_GONE,   /* a device whose interface is gone */
	OS_OTHER,  /* another file: the table's entry is stale */
};

/* One call. */
enum os_answer os_ask_device(int fd, struct device_id id);

/* Whether the interface behind a direct channel is up, and has room: one call.  True is sure; false may also mean a full queue. */
bool os_ask_up(int fd);

/*
 * Flags and MTU, as they are now: of the interface behind a relayed channel; behind a direct one, of the interface that has the device's
 * name in the calling thread's network namespace: whether that is the device's own, the caller knows from the page (state_elsewhere()).
 * 0, or -1: there is none.
 */
int os_ask_interface(int fd, bool *up, uint32_t *mtu);

/* Takes away what is queued toward the program, up to a bound; for an interface that is down. */
void os_drain(int fd);

/* What the kernel tells of a channel of ours. */
struct os_channel {
	uint32_t place;
	uint8_t kind;
	bool relayed;         /* then open_number is known, and ifname is empty */
	uint64_t open_number;
	uint32_t ifindex; /* of the interface of that name where the caller is, or of the relayed channel's; 0: there is none */
	char ifname[16];
};

/* True and *channel for a descriptor of the device's node that has our mark, or a socket of ours; false: not ours. */
bool os_read_channel(int fd, struct os_channel *channel);

/* Whether fstat(2) of a descriptor shows the kernel's device. */
bool os_is_device_node(const struct stat *st);

/* Whether drivers other than the daemon's links can have nodes of devices' names, which the daemon hands out. */
bool os_has_nodes(void);

/* What the channel of a device is, of which no page tells. */
enum channel_type os_channel_type(int fd);

/* The size of the next packet that waits in a channel that is a socket, a header of the kernel's included; 0: none does. */
int os_next_bytes(int fd);

/*
 * A write to a relayed channel has failed, errno says how: whether it is to be made again, since now there may be room.  flags: 0, or
 * MSG_DONTWAIT.  False: it has failed, and errno is what the program is to see, or what it was.
 */
bool os_wait_for_room(int fd, int flags);

/* A descriptor that the daemon can turn into the device, opened with the program's flags (access mode, O_NONBLOCK); or -1. */
int os_open_node(int flags);

/* getenv(3); NULL in a program that has more rights than who started it. */
const char *os_getenv(const char *name);

/* Bytes, without NUL, of the longest name that there is room for where getifaddrs(3) has put one. */
size_t os_ifaddrs_room(const char *name);

/* A page that the kernel zeroes in a child of fork and shares with a child of vfork; NULL: cannot be had. */
void *os_fork_page(void);

/*
 * Network interfaces of the calling thread's network namespace (ifname.h); in a child of vfork, too.  The namespace's number, as pages have
 * it; 0: it cannot be had.
 */
uint64_t os_own_netns(void);

/* The name of the interface of an index: true, and NUL-terminated in name.  False: there is none. */
bool os_interface_name(uint32_t ifindex, char name[16]);

/*
 * Whether a link calls interfaces so, which do not have their devices' names (devname.h).  One of another name was named by somebody, who
 * knows it by that.
 */
bool os_is_link_name(const char *ifname);

/* Whether an interface has that name, shorter than 16 bytes; true also where that cannot be asked. */
bool os_interface_exists(const char *name);

#endif
