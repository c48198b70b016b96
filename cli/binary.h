/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * binary.h - what a program file is: read from its header before it is run.
 *
 * One file per format fills this in (binary-elf.c, binary-macho.c); meson takes the platform's own.  The file is a
 * stranger's: every offset and size in it is checked before it is followed, and a reader never
 * allocates.
 */
#ifndef TUNTAPD_CLI_BINARY_H
#define TUNTAPD_CLI_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum binary_libc {
	BINARY_LIBC_UNKNOWN = 0,
	BINARY_LIBC_GLIBC,
	BINARY_LIBC_MUSL,
	BINARY_LIBC_SYSTEM, /* macOS's one */
};

/*
 * PATH_MAX, which the kernel sets for an interpreter's path, with its NUL (fs/binfmt_elf.c
 * load_elf_binary).
 */
#define BINARY_INTERPRETER_SIZE 4096

struct binary_info {
	uint16_t machine;   /* the format's own number */
	uint8_t bits;       /* 32 or 64 */
	bool big_endian;
	bool program;       /* not an object file, a core file */
	bool dynamic;       /* names an interpreter, which loads libraries into it */
	enum binary_libc libc;
	/*
	 * NULL, or why the loader keeps libraries out of it, whoever runs it: "has the hardened
	 * runtime ...".  A constant.
	 */
	const char *refuses;
	char interpreter[BINARY_INTERPRETER_SIZE]; /* "" if not dynamic */
};

/*
 * Reads size bytes at offset, all or as many as there are, as pread(2) does.  -1 with errno.
 */
typedef ssize_t (*binary_read_fn)(void *context, void *data, size_t size, uint64_t offset);

/*
 * 0; or -1 with errno: ENOEXEC (not of this format), EBADMSG (of this format, and damaged: cut
 * short, or an offset or size in it points outside), or as read.
 */
int binary_read_from(binary_read_fn read, void *context, struct binary_info *info);

/* The same for an open file. */
int binary_read(int fd, struct binary_info *info);

/* "x86-64", "arm64", ...; "machine N" for others: for messages.  Lives until the next call. */
const char *binary_machine_name(const struct binary_info *info);

#endif
