/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * natrules.h - translation of addresses and forwarding as the kernel's filter and switches do them, by platform: nat-linux.c (nftables),
 * nat-darwin.c (pf).  For nat.c, which keeps account of what was begun.
 *
 * Each device has a set of rules of its own, under a name of its own; nothing that anybody else configured is changed.
 */
#ifndef TUNTAPD_DAEMON_NATRULES_H
#define TUNTAPD_DAEMON_NATRULES_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/nat.h"

/* Whose rules: a device of a daemon. */
struct natrules_owner {
	unsigned identity; /* of RUNDIR, so that two daemons of one network have different rules */
	uint32_t place;
};

/* "10.0.0.0/24" */
#define NATRULES_NETWORK_SIZE (INET6_ADDRSTRLEN + 4)

struct natrules_network {
	bool is_4;
	char text[NATRULES_NETWORK_SIZE];
};

/*
 * What comes from the networks and leaves by another interface than ifname gets that one's address.  In place of what was there.  0; or -1
 * with errno and why, and there may be rules in part.
 */
int natrules_add(const struct natrules_owner *owner, const char *ifname, const struct natrules_network *networks, unsigned count,
    char why[NAT_WHY_SIZE]);

/* Takes them away, if there are any.  0, or -1 with errno and why. */
int natrules_remove(const struct natrules_owner *owner, char why[NAT_WHY_SIZE]);

/*
 * Makes the kernel heed rules, for as long as anybody wants it.  0 with *token, which natrules_release() takes back, 0: there is nothing
 * to be taken back; or -1 with errno and why.
 */
int natrules_hold(uint64_t *token, char why[NAT_WHY_SIZE]);
int natrules_release(uint64_t token, char why[NAT_WHY_SIZE]);

enum natrules_forwarding {
	NATRULES_FORWARD_4,
	NATRULES_FORWARD_6,
	NATRULES_FORWARDS, /* how many there are */
};

/* The switch's name, for people. */
const char *natrules_forwarding_name(enum natrules_forwarding which);
/* 0, or -1 with errno. */
int natrules_read_forwarding(enum natrules_forwarding which, bool *on);
int natrules_switch_forwarding(enum natrules_forwarding which, bool on);

#endif
