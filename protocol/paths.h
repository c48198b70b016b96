/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paths.h - where a daemon's files are, as daemon, shim and CLI agree.
 *
 * The default socket stands in the default RUNDIR (Linux) or beside it (macOS).  Another socket
 * implies another RUNDIR beside it: the socket's path with ".d" appended.  So any number of daemons run on one machine.
 */
#ifndef TUNTAPD_PROTOCOL_PATHS_H
#define TUNTAPD_PROTOCOL_PATHS_H

#include <stddef.h>

#ifdef __APPLE__
#define PATHS_SOCKET_DEFAULT "/var/run/tuntapd.sock"
#define PATHS_RUNDIR_DEFAULT "/var/run/tuntapd"
#else
#define PATHS_SOCKET_DEFAULT "/run/tuntapd/socket"
#define PATHS_RUNDIR_DEFAULT "/run/tuntapd"
/* The kernel's node, and its device number: Documentation/networking/tuntap.rst, admin-guide/devices.txt. */
#define PATHS_TUN_NODE "/dev/net/tun"
#define PATHS_TUN_MAJOR 10
#define PATHS_TUN_MINOR 200
#endif

/* Room for every path that the functions below make; the socket itself must fit sun_path (108 on Linux, 104 on Darwin). */
#define PATHS_SIZE 192

/* Names inside RUNDIR. */
#define PATHS_DEVICES "devices"
#define PATHS_STATE_DIR "state"
#define PATHS_RELAYS_DIR "relays" /* counters */
#define PATHS_JOURNAL "journal"
#define PATHS_BRIDGES "bridges"
#define PATHS_NAT "nat"
#define PATHS_PAIRS "pairs"
#define PATHS_NODES "nodes" /* which are made */
#define PATHS_LOCK "lock"
#define PATHS_EMPTY_DIR "empty" /* what the worker sees of the file system */

/*
 * RUNDIR of a socket, with "/NAME" appended unless name is NULL.  0, or -1 with ENAMETOOLONG (socket does not fit sun_path, or
 * result does not fit size), EINVAL (empty socket path).
 */
int paths_in_rundir(const char *socket_path, const char *name, char *out, size_t size);

#endif
