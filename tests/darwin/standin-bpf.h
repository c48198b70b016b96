/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-bpf.h - BPF devices and driver sockets (AF_NDRV) of Darwin's.  errno is Linux's.
 */
#ifndef TUNTAPD_TESTS_DARWIN_STANDIN_BPF_H
#define TUNTAPD_TESTS_DARWIN_STANDIN_BPF_H

/* What begins the path of a device. */
#define STANDIN_BPF_PATH "/dev/bpf"

/* open(2) of one, with Darwin's flags.  A descriptor, or -1. */
int standin_bpf_open(const char *path, int flags);

/* socket(AF_NDRV, ...) */
int standin_ndrv_socket(int type, int protocol);

extern const struct standin_kind standin_bpf, standin_ndrv;

#endif
