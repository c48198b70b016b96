/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ifname.h - a device's name and its interface's, where they differ.
 *
 * Nothing here allocates, takes a lock or writes memory that is not the caller's: all are safe in a signal handler and in a child of
 * vfork, and keep errno.  A name that is neither a device's nor a link's costs no system call.
 */
#ifndef TUNTAPD_SHIM_IFNAME_H
#define TUNTAPD_SHIM_IFNAME_H

#include <stdbool.h>
#include <stdint.h>

/* IFNAMSIZ, of all platforms; with its NUL. */
#define IFNAME_SIZE 16

/*
 * True if device is the name of a device that is open in the caller's network namespace and whose interface has a name of the link's own
 * ("ttd3"), which is then in ifname.  Whether an interface is really called like the device is for the caller to know: that one
 * has the name.  An alias ("tap0:1") is of the device before its colon, and keeps what follows.
 */
bool ifname_of_device(const char *device, char ifname[IFNAME_SIZE]);

/* The other way: the device, and what follows a colon, whose interface ifname is. */
bool ifname_to_device(const char *ifname, char device[IFNAME_SIZE]);

/*
 * For words of a command: ifname_of_device(), and no interface of the word's name exists.
 */
bool ifname_of_word(const char *word, char ifname[IFNAME_SIZE]);

#endif
