/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * select.h - who waits in select (XNU bsd/sys/select.h): a struct selinfo is the kernel's, and its size no extension's to know.
 */
#ifndef TUNTAPD_KPI_SYS_SELECT_H
#define TUNTAPD_KPI_SYS_SELECT_H

#include <sys/kernel_types.h>

struct selinfo;

void selrecord(proc_t selector, struct selinfo *info, void *wql);
void selwakeup(struct selinfo *info);
void selthreadclear(struct selinfo *info);

#endif
