/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kern_event.h - news of the kernel, for a compiler whose copy of Apple's headers lacks this one.
 *
 * Sources: bsd/sys/kern_event.h of XNU.  On a Mac the system's own comes first.
 */
#ifndef TUNTAPD_TESTS_DARWIN_KERN_EVENT_H
#define TUNTAPD_TESTS_DARWIN_KERN_EVENT_H

#include <stdint.h>
#include <sys/ioccom.h>

#define KEV_VENDOR_APPLE 1
#define KEV_NETWORK_CLASS 1
#define KEV_ANY_SUBCLASS 0

struct kev_request {
	uint32_t vendor_code;
	uint32_t kev_class;
	uint32_t kev_subclass;
};

struct kern_event_msg {
	uint32_t total_size; /* of the record, this included */
	uint32_t vendor_code;
	uint32_t kev_class;
	uint32_t kev_subclass;
	uint32_t id;
	uint32_t event_code;
	uint32_t event_data[5];
};

#define KEV_MSG_HEADER_SIZE (6 * sizeof(uint32_t))
#define SIOCSKEVFILT _IOW('e', 2, struct kev_request)

#endif
