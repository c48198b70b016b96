/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmod.h - what a kernel extension is to the kernel (XNU osfmk/mach/kmod.h).
 */
#ifndef TUNTAPD_KPI_MACH_KMOD_H
#define TUNTAPD_KPI_MACH_KMOD_H

#include <stdint.h>

typedef int kern_return_t;

#define KERN_SUCCESS 0
#define KERN_FAILURE 5

#define KMOD_MAX_NAME 64
#define KMOD_INFO_NAME kmod_info
#define KMOD_INFO_VERSION 1

typedef struct kmod_info kmod_info_t;
typedef kern_return_t kmod_start_func_t(kmod_info_t *ki, void *data);
typedef kern_return_t kmod_stop_func_t(kmod_info_t *ki, void *data);

#pragma pack(4)
struct kmod_info {
	struct kmod_info *next;
	int32_t info_version;
	uint32_t id;
	char name[KMOD_MAX_NAME];
	char version[KMOD_MAX_NAME];
	int32_t reference_count;
	void *reference_list;
	uintptr_t address;
	uintptr_t size;
	uintptr_t hdr_size;
	kmod_start_func_t *start;
	kmod_stop_func_t *stop;
};
#pragma pack()

#define KMOD_EXPLICIT_DECL(name, version, start, stop) \
	kmod_info_t KMOD_INFO_NAME = { 0, KMOD_INFO_VERSION, -1U, { #name }, { version }, -1, 0, 0, 0, 0, start, stop };

#endif
