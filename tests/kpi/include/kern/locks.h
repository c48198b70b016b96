/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locks.h - mutexes (XNU osfmk/kern/locks.h).
 */
#ifndef TUNTAPD_KPI_KERN_LOCKS_H
#define TUNTAPD_KPI_KERN_LOCKS_H

#include <sys/types.h>

typedef struct kpi_lck_grp lck_grp_t;
typedef struct kpi_lck_mtx lck_mtx_t;
typedef struct kpi_lck_grp_attr lck_grp_attr_t;
typedef struct kpi_lck_attr lck_attr_t;

#define LCK_GRP_ATTR_NULL ((lck_grp_attr_t *)0)
#define LCK_ATTR_NULL ((lck_attr_t *)0)

lck_grp_t *lck_grp_alloc_init(const char *name, lck_grp_attr_t *attr);
void lck_grp_free(lck_grp_t *grp);
lck_mtx_t *lck_mtx_alloc_init(lck_grp_t *grp, lck_attr_t *attr);
void lck_mtx_free(lck_mtx_t *lck, lck_grp_t *grp);
void lck_mtx_lock(lck_mtx_t *lck);
void lck_mtx_unlock(lck_mtx_t *lck);

#endif
