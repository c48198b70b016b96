/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cdev.h - the character device: nodes in /dev, and what a program's calls on them do.
 */
#ifndef TUNTAPD_KEXT_CDEV_H
#define TUNTAPD_KEXT_CDEV_H

#include <stdbool.h>

/* Makes the nodes.  -1: the kernel has no number or no memory for them, and nothing is left. */
int cdev_start(void);

/*
 * No new call can come, and none is under way; no device is open, or could be opened.  false: a call does not end, or the kernel
 * will not let go; then all is as it was.
 */
bool cdev_stop(void);

#endif
