/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fd.h - descriptors that arrive, for entry points beside those of fd.c.
 */
#ifndef TUNTAPD_SHIM_FD_H
#define TUNTAPD_SHIM_FD_H

struct msghdr;

/* A message has been received: its descriptors are looked at. */
void fd_received(const struct msghdr *message);

#endif
