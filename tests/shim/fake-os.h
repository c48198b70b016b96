/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake-os.h - a kernel that answers what a test says, and counts who asked: the shim's os.h without devices, and fake real
 * functions behind read, write, their vectors and their kin with an offset.
 */
#ifndef TUNTAPD_TESTS_FAKE_OS_H
#define TUNTAPD_TESTS_FAKE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/fdtable.h"
#include "shim/os.h"

struct fake_os {
	/* Answers. */
	enum os_answer device;
	bool up;             /* to os_ask_up() and os_ask_interface() */
	bool interface_unknown;
	bool stranger;       /* os_ask_interface() tells of another interface of that name: down, and with an MTU of 9000 */
	uint32_t mtu;
	int error;           /* the real call fails with this errno; 0: succeeds */
	int node;            /* os_open_node() */
	bool socket;         /* to os_channel_type(), and for the page of fake_device() */
	bool has_nodes;      /* os_has_nodes() */
	bool marked;         /* to os_read_channel() */
	struct os_channel channel;
	uint8_t packet[2048]; /* what a real read gives */
	size_t packet_bytes;
	uint64_t netns;
	struct {
		uint32_t ifindex; /* 0: no more of them */
		char name[16];
	} interfaces[4];
	/* What was done. */
	unsigned questions;  /* calls of os_ask_*() */
	unsigned drains;
	unsigned real_calls; /* of read, write, readv, writev, and their kin with an offset */
	off_t offset;        /* of the last call that had one */
	uint8_t written[4096];
	size_t written_bytes;
};

extern struct fake_os fake_os;

/* Everything as at first: a device that is up, MTU 1500, and nothing counted; the fake real functions in place. */
void fake_os_reset(void);

/*
 * A new directory, in which TUNTAPD_SOCKET is, for whoever calls it first in main(): the environment is read once, before that, so the
 * program begins again with the one that it wants.  The caller takes it away.
 */
const char *fake_directory(char *argv[]);

/* Enters a device in the table, with a page that says what the arguments say.  Returns its entry. */
fdtable_held fake_device(int fd, uint8_t kind, bool up, bool header_mode, uint32_t mtu);

/* The page of that device says otherwise now: the byte at offset. */
void fake_page_byte(size_t offset, uint8_t value);

#endif
