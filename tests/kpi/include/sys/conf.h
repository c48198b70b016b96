/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf.h - the switch of character devices (XNU bsd/sys/conf.h).
 */
#ifndef TUNTAPD_KPI_SYS_CONF_H
#define TUNTAPD_KPI_SYS_CONF_H

#include <sys/kernel_types.h>

struct tty;
struct buf;

typedef int open_close_fcn_t(dev_t dev, int flags, int devtype, struct proc *p);
typedef int read_write_fcn_t(dev_t dev, struct uio *uio, int ioflag);
typedef int ioctl_fcn_t(dev_t dev, u_long cmd, caddr_t data, int fflag, struct proc *p);
typedef int stop_fcn_t(struct tty *tp, int rw);
typedef int reset_fcn_t(int uban);
typedef int select_fcn_t(dev_t dev, int which, void *wql, struct proc *p);
typedef int mmap_fcn_t(void);
typedef void strategy_fcn_t(struct buf *bp);
typedef int rsvd_fcn_t(void);
typedef void empty_fcn_t(void);

struct cdevsw {
	open_close_fcn_t *d_open;
	open_close_fcn_t *d_close;
	read_write_fcn_t *d_read;
	read_write_fcn_t *d_write;
	ioctl_fcn_t *d_ioctl;
	stop_fcn_t *d_stop;
	reset_fcn_t *d_reset;
	struct tty **d_ttys;
	select_fcn_t *d_select;
	mmap_fcn_t *d_mmap;
	strategy_fcn_t *d_strategy;
	rsvd_fcn_t *d_reserved_1;
	rsvd_fcn_t *d_reserved_2;
	int d_type;
};

int enodev(void);
void enodev_strat(void);

#define eno_stop ((stop_fcn_t *)(empty_fcn_t *)&enodev)
#define eno_reset ((reset_fcn_t *)(empty_fcn_t *)&enodev)
#define eno_mmap ((mmap_fcn_t *)(empty_fcn_t *)&enodev)
#define eno_strat ((strategy_fcn_t *)(empty_fcn_t *)&enodev_strat)
#define eno_getc ((rsvd_fcn_t *)&enodev)
#define eno_putc ((rsvd_fcn_t *)&enodev)

/* The major number, or -1; a negative index is the negated first number to look at. */
int cdevsw_add(int index, const struct cdevsw *csw);
int cdevsw_remove(int index, const struct cdevsw *csw);

#endif
