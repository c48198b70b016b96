/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channelname.h - how a relayed channel tells what it is: the name that the relay's end of the socket pair is bound to.
 *
 * A name that every holder of the program's end reads with getpeername(2); on Linux an abstract one (unix(7)), elsewhere a file's, of
 * which this is the last part:
 *
 *	NUL "tuntapd/DAEMON/KIND/PLACE/OPEN/IFINDEX/NONCE"
 *	"tuntapd:DAEMON:KIND:PLACE:OPEN:IFINDEX:NONCE"
 *
 * DAEMON, of the daemon's RUNDIR, OPEN and NONCE are hexadecimal, KIND (enum device_kind), PLACE and IFINDEX are decimal.  The nonce keeps
 * a stranger from taking the name first.  The name outlives the relay for as long as the program's end does.  On Linux the socket pair
 * belongs to the network namespace that IFINDEX is of, so that whoever holds the program's end can ask the kernel about the interface by
 * it.
 */
#ifndef TUNTAPD_PROTOCOL_CHANNELNAME_H
#define TUNTAPD_PROTOCOL_CHANNELNAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a name with the NUL before it and one after it; below what sun_path holds. */
#define CHANNELNAME_SIZE 80

struct channelname {
	uint64_t daemon;
	uint64_t open_number;
	uint32_t place; /* < DEVICE_PLACES_MAX */
	uint32_t ifindex;
	uint32_t nonce;
	uint8_t kind; /* enum device_kind */
};

/* Returns the bytes of the name, the NUL before it included. */
size_t channelname_format(const struct channelname *name, char text[CHANNELNAME_SIZE]);

/* Of bytes that getpeername(2) gave after sun_family.  False: no name of this kind.  Pure, and safe in a signal handler. */
bool channelname_parse(const char *text, size_t bytes, struct channelname *name);

/* The same for the form of a file's name, which is ended by a NUL, without the directory. */
void channelname_format_file(const struct channelname *name, char text[CHANNELNAME_SIZE]);
bool channelname_parse_file(const char *text, size_t bytes, struct channelname *name);

#endif
