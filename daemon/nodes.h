/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nodes.h - real character nodes of the devices, in /dev, where the administrator wants them.
 */
#ifndef TUNTAPD_DAEMON_NODES_H
#define TUNTAPD_DAEMON_NODES_H

#include <stdbool.h>
#include <sys/stat.h>

#include "daemon/policy.h"
#include "protocol/devname.h"

#define NODES_DIRECTORY "/dev"

enum nodes_whose {
	NODES_NOBODYS,   /* nothing is there */
	NODES_OURS,
	NODES_STRANGERS, /* a kernel extension's, another daemon's, a file: it is left alone */
};

/* Whose is what is there under a device's name: st, or NULL: nothing; recorded: this daemon, or one before it, has made a node there. */
enum nodes_whose nodes_whose(const struct stat *st, struct device_id id, bool recorded);

struct nodes;

/* directory: where they are; rundir: of the daemon, a descriptor.  Both outlive it.  NULL with errno ENOMEM. */
struct nodes *nodes_new(const char *directory, int rundir);

/* Forgets them; they stay. */
void nodes_free(struct nodes *n);

/*
 * Makes the nodes that the policy wants, with its owner, group and mode, and takes away those that it does not want (any more), also those
 * that a daemon before has left.  Logs what cannot be done, and what is left alone.
 */
void nodes_set_policy(struct nodes *n, const struct policy *policy);

/* Takes all away. */
void nodes_remove_all(struct nodes *n);

#endif
