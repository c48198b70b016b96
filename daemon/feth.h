/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feth.h - pairs of fake Ethernet interfaces (feth) of macOS, by their names: a cable with an end at each.  For the tap link (link-feth.c)
 * and for pairs (pairends-darwin.c).
 *
 * sock is a socket of feth_socket()'s.  Functions return 0, or -1 with the kernel's errno: ENXIO (no such interface), EPERM, ....
 */
#ifndef TUNTAPD_DAEMON_FETH_H
#define TUNTAPD_DAEMON_FETH_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* Numbers of near ends.  Of five digits, since ZeroTier destroys all that have fewer; a far end's is the near end's and 10000. */
struct feth_range {
	unsigned first, count;
};
extern const struct feth_range feth_of_links, feth_of_pairs;

/* For what is below: close-on-exec. */
int feth_socket(void);

/* The names of both ends of the number-th pair, which may be larger than the range: it begins anew. */
void feth_names(const struct feth_range *range, uint64_t number, char near[IFNAMSIZ], char far[IFNAMSIZ]);
/* The far end of the interface with that name, or false: it is no near end of the range. */
bool feth_far_name(const struct feth_range *range, const char *near, char far[IFNAMSIZ]);

/*
 * Makes two interfaces, down and not joined yet, which take the largest MTU that there is (16370).  -1 with EEXIST, EBUSY (one of the names
 * is taken, or was until just now), and there is neither.  near NULL: the far one alone, to be joined to one that is there.
 */
int feth_create(int sock, const char *near, const char *far);
/*
 * The same of the first pair of the range, from the number-th on, neither of whose names anybody has; they are in near and far when tell is
 * called, before it is made.  -1 with errno: what tell says, which is then all that was done; EBUSY (none is free); or as above, and the
 * names are empty, since what is called so may be a stranger's.
 */
int feth_create_free(int sock, const struct feth_range *range, uint64_t number, char near[IFNAMSIZ], char far[IFNAMSIZ],
    int (*tell)(void *argument), void *argument);
/* An empty name for far: none, which is no error where there is none. */
int feth_join(int sock, const char *near, const char *far);
int feth_destroy(int sock, const char *ifname);

/* The name of the other end; empty: there is none. */
int feth_read_peer(int sock, const char *ifname, char peer[IFNAMSIZ]);

/* mtu 0: the largest that the interface takes, whatever the machine's setting has let it be. */
int feth_set_mtu(int sock, const char *ifname, int mtu);
int feth_bring_up(int sock, const char *ifname);

#endif
