/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - what the parts of the model of the kernel share.
 *
 * Between a call into the extension and its return is model_enter() and model_leave(), which see to it that no lock is taken along.  What
 * may sleep, or call the extension back, begins with model_may_block(): with a lock held it is a deadlock that waits for its day.
 */
#ifndef TUNTAPD_TESTS_KPI_MODEL_H
#define TUNTAPD_TESTS_KPI_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/kernel_types.h>

#include "host.h"

void model_enter(void);
void model_leave(const char *what);
void model_may_block(const char *what);

/* Whether this call is to fail (kpi_fail). */
bool model_fails(const char *what);

/* The model's own state: one lock for all of it, never held while the extension is called. */
void model_lock(void);
void model_unlock(void);

/* In select: from the first look to the last.  The link is what d_select gets as its list; wait gives false when the time is over. */
struct model_link;
struct model_link *model_link_new(void);
bool model_link_wait(struct model_link *link, uint64_t nanoseconds);
void model_link_free(struct model_link *link);

/*
 * Between a driver's being looked up and its first step nobody can take it away: model_entering() ... model_entered(), which the
 * first atomic step does, whatever it counts.
 */
void model_entering(void);
void model_entered(void);

/* Numbers of what is alive, for kpi_leaks(). */
unsigned model_locks(void), model_ifnets(void), model_nodes(void), model_plumbers(void), model_selinfos(void), model_files(void);

/* The process that everybody is. */
struct proc;
struct proc *model_proc(void);
#define MODEL_PID 4711

/* A packet of these bytes in buffers of a small size, as the stack would send it. */
mbuf_t model_packet(const void *bytes, size_t size);
void *model_packet_header(mbuf_t packet);
ifnet_t model_packet_rcvif(mbuf_t packet);

#endif
