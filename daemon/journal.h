/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.h - what the daemon is about to make, and has made, so that the next daemon can find it.
 *
 * A file RUNDIR/journal (0600) of fixed-size records in fixed slots, each written with one pwrite(2): a daemon that is
 * killed leaves each record either as it was or as it should be.  A record is written before its interface is made and cleared
 * after it has gone.  RUNDIR is on a file system that a boot empties, so records never speak of an earlier boot.
 */
#ifndef TUNTAPD_DAEMON_JOURNAL_H
#define TUNTAPD_DAEMON_JOURNAL_H

#include <assert.h>
#include <stdint.h>

#include "protocol/devname.h"
#include "protocol/message.h"

#define JOURNAL_MAGIC 0x6a707474u /* "ttpj", little end first */
#define JOURNAL_VERSION 1
/* A record's slot is its device's place. */
#define JOURNAL_SLOTS DEVICE_PLACES_MAX

enum journal_state {
	JOURNAL_FREE = 0,
	/* The interface may or may not exist; if it does, the page of open_number + 1 has its index, or it is as it was made, called so. */
	JOURNAL_MAKING = 1,
	JOURNAL_OPEN = 2,
	JOURNAL_KEPT = 3, /* closed, and its interface, which is persistent, is there */
};

struct journal_record {
	uint32_t magic;
	uint32_t version;
	uint8_t state;        /* enum journal_state */
	uint8_t kind;
	uint16_t unit;
	uint32_t ifindex;
	uint64_t netns;
	uint64_t open_number;
	int64_t since;        /* seconds since 1970 */
	uint64_t relay_start; /* of a relayed device's relay: its start time and pid */
	int32_t relay_pid;
	int32_t pid;          /* the opener's */
	uint32_t uid;
	uint8_t was_up;       /* has been up since it was opened */
	uint8_t dialect;      /* enum message_dialect */
	uint8_t persistent;   /* the interface was there before, and stays */
	uint8_t pad;
	char ifname[MESSAGE_IFNAME_SIZE];
	char link[MESSAGE_IFNAME_SIZE];
	char program[MESSAGE_PROGRAM_SIZE];
};

static_assert(sizeof(struct journal_record) == 128, "file layout");

struct journal;

/* Opens or makes the file in rundir.  NULL with errno. */
struct journal *journal_open(int rundir);
void journal_close(struct journal *j);

/* Writes a record into its slot (< JOURNAL_SLOTS); magic and version are filled in.  0, or -1 with errno. */
int journal_write(struct journal *j, unsigned slot, const struct journal_record *record);
int journal_clear(struct journal *j, unsigned slot);

/* 0 and *record; -1 with ENOENT: the slot is free; EBADMSG: it holds no record of this version, and was cleared. */
int journal_read(struct journal *j, unsigned slot, struct journal_record *record);

#endif
