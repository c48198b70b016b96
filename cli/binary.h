/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * binary.h - what a program file is: read from its header before it is run.
 *
 * Both formats are read on every system, so that a program of macOS can be looked at on Linux: binary-elf.c and
 * binary-macho.c fill the same description in, and binary.c chooses between them.  The file is a stranger's: every offset and
 * size in it is checked before it is followed, and a reader never allocates.  What is read are facts; what they mean for the
 * library is said in obstacle.c.
 */
#ifndef TUNTAPD_CLI_BINARY_H
#define TUNTAPD_CLI_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum binary_format {
	BINARY_ELF = 1,
	BINARY_MACHO,
};

enum binary_libc {
	BINARY_LIBC_UNKNOWN = 0,
	BINARY_LIBC_GLIBC,
	BINARY_LIBC_MUSL,
	BINARY_LIBC_SYSTEM, /* macOS's one */
};

/* What a code signature says, as far as it matters to who would load a library into the program. */
enum binary_signature {
	BINARY_SIGNED = 1,
	BINARY_AD_HOC = 2,            /* by nobody in particular */
	BINARY_HARDENED = 4,          /* the hardened runtime */
	BINARY_RESTRICTED = 8,
	BINARY_VALIDATES = 16,        /* library validation, asked for by itself */
	BINARY_ENTITLED = 32,         /* has any entitlements */
	BINARY_LETS_ENVIRONMENT = 64, /* the two entitlements that undo what the hardened runtime does */
	BINARY_LETS_LIBRARIES = 128,
};

/* PATH_MAX, which the kernel sets for an interpreter's path, with its NUL (fs/binfmt_elf.c load_elf_binary). */
#define BINARY_INTERPRETER_SIZE 4096
/* Architectures in one file; the linker makes three at most. */
#define BINARY_SLICES_MAX 16

/* Platforms in mach-o/loader.h's numbers. */
#define BINARY_PLATFORM_MACOS 1
#define BINARY_PLATFORM_CATALYST 6

struct binary_info {
	enum binary_format format;
	uint16_t machine;   /* the format's own number */
	uint32_t submachine; /* Mach-O: its subtype, without the bits of features */
	uint8_t bits;       /* 32 or 64 */
	bool big_endian;
	bool program;       /* not an object file, a library by itself, a core file */
	bool dynamic;       /* names an interpreter, which loads libraries into it */
	enum binary_libc libc;
	bool go;            /* ELF: the Go tool chain made it, whose programs make their own system calls */
	bool restrict_segment; /* Mach-O: a section __RESTRICT,__restrict */
	unsigned signature; /* of enum binary_signature */
	uint32_t platform;  /* Mach-O: BINARY_PLATFORM_..., 0 where it does not say */
	uint8_t slices;     /* architectures in the file */
	uint8_t slice;      /* which of them this is */
	char interpreter[BINARY_INTERPRETER_SIZE]; /* "" if not dynamic */
};

/* Reads size bytes at offset, all or as many as there are, as pread(2) does.  -1 with errno. */
typedef ssize_t (*binary_read_fn)(void *context, void *data, size_t size, uint64_t offset);

/* In place of a slice's number: the one for the machine that this was compiled for, else the first. */
#define BINARY_OWN_SLICE (-1)

/*
 * 0; or -1 with errno: ENOEXEC (of neither format), EBADMSG (of one, and damaged: cut short, or an offset or size in it points
 * outside), ERANGE (it has no such slice), or as read.
 */
int binary_read_from(binary_read_fn read, void *context, int slice, struct binary_info *info);

/* The same for an open file. */
int binary_read(int fd, int slice, struct binary_info *info);

/* "x86-64", "arm64", ...; "machine N" for others: for messages.  Lives until the next call. */
const char *binary_machine_name(const struct binary_info *info);

#endif
