/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sys_domain.h - the protocols of PF_SYSTEM, for a compiler whose copy of Apple's headers lacks this one.
 *
 * Sources: bsd/sys/sys_domain.h of XNU.  On a Mac the system's own comes first.
 */
#ifndef TUNTAPD_TESTS_DARWIN_SYS_DOMAIN_H
#define TUNTAPD_TESTS_DARWIN_SYS_DOMAIN_H

#include <sys/types.h>

#define SYSPROTO_EVENT 1
#define SYSPROTO_CONTROL 2
#define AF_SYS_CONTROL 2

#endif
