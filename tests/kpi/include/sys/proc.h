/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc.h - processes, and sleeping (XNU bsd/sys/proc.h).
 */
#ifndef TUNTAPD_KPI_SYS_PROC_H
#define TUNTAPD_KPI_SYS_PROC_H

#include <kern/locks.h>
#include <sys/kernel_types.h>
#include <sys/time.h>

int proc_pid(proc_t p);
/* 0, EWOULDBLOCK (the time is over), or, with PCATCH, EINTR or ERESTART; the mutex is held again, but with PDROP. */
int msleep(void *chan, lck_mtx_t *mtx, int pri, const char *wmesg, struct timespec *ts);
void wakeup(void *chan);

#endif
