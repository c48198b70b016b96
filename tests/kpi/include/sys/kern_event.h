/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kern_event.h - news of the kernel's (XNU bsd/sys/kern_event.h).
 */
#ifndef TUNTAPD_KPI_SYS_KERN_EVENT_H
#define TUNTAPD_KPI_SYS_KERN_EVENT_H

#include <sys/types.h>

#define KEV_VENDOR_APPLE 1
#define KEV_NETWORK_CLASS 1
#define KEV_DL_SUBCLASS 2

struct kern_event_msg {
	u_int32_t total_size;
	u_int32_t vendor_code;
	u_int32_t kev_class;
	u_int32_t kev_subclass;
	u_int32_t id;
	u_int32_t event_code;
	u_int32_t event_data[1];
};

#endif
