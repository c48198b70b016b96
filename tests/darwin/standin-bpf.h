/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standin-bpf.h - BPF devices and driver sockets (AF_NDRV) of Darwin's.  errno is Linux's.
 */
#ifndef TUNTAPD_TESTS_DARWIN_STANDIN_BPF_H
#define TUNTAPD_TESTS_DARWIN_STANDIN_BPF_H

#include <stdbool.h>

/* What begins the path of a device. */
#define STANDIN_BPF_PATH "/dev/bpf"

/* open(2) of one, with Darwin's flags.  A descriptor, or -1. */
int standin_bpf_open(const char *path, int flags);

/* Whether a packet socket is such a device, opened by whomever. */
bool standin_is_bpf(int fd);

/* socket(AF_NDRV, ...) */
int standin_ndrv_socket(int type, int protocol);

extern const struct standin_kind standin_bpf, standin_ndrv;

#endif
