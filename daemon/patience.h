/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patience.h - how long a stranger's descriptor may keep the worker.
 *
 * Closing a descriptor can wait: for a TCP socket's peer, as long as the socket's owner has said (SO_LINGER), also where it is the queue of
 * another socket that is closed.  Such a wait ends by a signal.  Between patience_begin() and patience_end() a timer sends one again and
 * again.
 */
#ifndef TUNTAPD_DAEMON_PATIENCE_H
#define TUNTAPD_DAEMON_PATIENCE_H

/* Bound of one wait, milliseconds. */
#define PATIENCE_MS 20

/* Once per process, which then has no other use for SIGALRM.  0, or -1 with errno. */
int patience_init(void);

/* Around whatever may close what strangers sent; they nest.  errno is left as it is. */
void patience_begin(void);
void patience_end(void);

#endif
