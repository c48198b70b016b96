/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netns.h - network namespaces that a user names (netns-OS.c).
 */
#ifndef TUNTAPD_CLI_NETNS_H
#define TUNTAPD_CLI_NETNS_H

/*
 * A unix socket that was made in the namespace: a name of ip-netns(8), the number of a process, or a
 * path.  It proves that the caller may enter, and tells the daemon which it is.  Close-on-exec; -1
 * with errno: EACCES, EPERM (not for this user), EINVAL (it is no namespace), ENOENT, ...; EOPNOTSUPP
 * (this system has none).
 */
int netns_socket(const char *text);

#endif
