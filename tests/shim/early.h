/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * early.h - what the library's constructor did: opened /dev/tun15, and read from it, which ended with an errno.
 */
#ifndef TUNTAPD_TESTS_EARLY_H
#define TUNTAPD_TESTS_EARLY_H

extern __attribute__((visibility("default"))) int early_device;
extern __attribute__((visibility("default"))) int early_errno;

#endif
