/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * binary-format.h - what the readers of formats share with binary.c, and nobody else uses.
 */
#ifndef TUNTAPD_CLI_BINARY_FORMAT_H
#define TUNTAPD_CLI_BINARY_FORMAT_H

#include "cli/binary.h"

/* A stranger's file, or a part of it that begins at base. */
struct binary_source {
	binary_read_fn read;
	void *context;
	uint64_t base;
};

/* All of size bytes at offset.  0, or -1 with errno: EBADMSG where the file ends before. */
int binary_take(const struct binary_source *source, void *data, size_t size, uint64_t offset);

/* -1 with EBADMSG. */
int binary_damaged(void);

/* As binary_read_from(); info is zeroed but for its format.  ENOEXEC: the file is not of this format. */
int binary_elf_read(const struct binary_source *source, struct binary_info *info);
int binary_macho_read(const struct binary_source *source, int slice, struct binary_info *info);

/* NULL: no name. */
const char *binary_elf_machine(const struct binary_info *info);
const char *binary_macho_machine(const struct binary_info *info);

#endif
