/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * binary-elf.c - what a program file is, from its ELF header.  See binary.h.
 *
 * Theory of operation.  The identification bytes say class and byte order; fields are then taken
 * byte by byte at the offsets of that class, so a file of another machine reads as well as one of
 * ours, and no struct of the system's is laid over a stranger's bytes.  The program headers are
 * read one at a time; the first PT_INTERP's path tells the C library by name: musl's loader
 * is called ld-musl-ARCH.so.1, glibc's ld-linux*.so.N, ld64.so.N or ld.so.N.
 *
 * A program without PT_INTERP is static, or a static position-independent one: nobody loads a
 * library into it.
 *
 * Sources: elf(5); fs/binfmt_elf.c (load_elf_phdrs: headers of exactly the class' size, at most 64
 * KiB of them; load_elf_binary: an interpreter's path of 2 to PATH_MAX bytes that ends with NUL).
 */
#include "cli/binary-format.h"

#include <errno.h>
#include <string.h>

#define IDENT_BYTES 16
#define HEADER_BYTES_MAX 64 /* of class 64; class 32 has 52 */
#define PROGRAM_HEADER_BYTES_MAX 56
#define PROGRAM_HEADERS_BYTES_MAX 65536u
#define TYPE_EXEC 2
#define TYPE_DYN 3
#define SEGMENT_INTERP 3
#define SEGMENT_NOTE 4
#define GO_NOTE_TYPE 4
#define GO_NOTE_BYTES 16 /* a note's header and its name */

/* Offsets of the fields that are needed, by class. */
struct layout {
	uint8_t bits;
	uint8_t header_bytes;
	uint8_t phoff, phentsize, phnum;
	uint8_t program_header_bytes;
	uint8_t p_offset, p_filesz;
	uint8_t word; /* bytes of an offset */
};

static const struct layout layout_32 = {
	.bits = 32, .header_bytes = 52, .phoff = 28, .phentsize = 42, .phnum = 44,
	.program_header_bytes = 32, .p_offset = 4, .p_filesz = 16, .word = 4,
};

static const struct layout layout_64 = {
	.bits = 64, .header_bytes = 64, .phoff = 32, .phentsize = 54, .phnum = 56,
	.program_header_bytes = 56, .p_offset = 8, .p_filesz = 32, .word = 8,
};

static uint64_t
take(const uint8_t *bytes, unsigned count, bool big_endian)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < count; i++) {
		value = value << 8 | bytes[big_endian ? i : count - 1 - i];
	}
	return value;
}

static enum binary_libc
libc_of(const char *interpreter)
{
	const char *slash = strrchr(interpreter, '/');
	const char *name = slash != NULL ? slash + 1 : interpreter;

	if (strncmp(name, "ld-musl-", 8) == 0) {
		return BINARY_LIBC_MUSL;
	}
	if (strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld64.so.", 8) == 0 ||
	    strncmp(name, "ld.so.", 6) == 0) {
		return BINARY_LIBC_GLIBC;
	}
	return BINARY_LIBC_UNKNOWN;
}

static int
read_interpreter(const struct binary_source *source, struct binary_info *info, uint64_t offset, uint64_t bytes)
{
	if (bytes < 2 || bytes > sizeof(info->interpreter)) {
		return binary_damaged();
	}
	if (binary_take(source, info->interpreter, (size_t)bytes, offset) < 0) {
		info->interpreter[0] = '\0';
		return -1;
	}
	if (info->interpreter[bytes - 1] != '\0' || info->interpreter[0] == '\0') {
		info->interpreter[0] = '\0';
		return binary_damaged();
	}
	info->dynamic = true;
	info->libc = libc_of(info->interpreter);
	return 0;
}

/*
 * Whether a segment of notes begins with the Go linker's (cmd/link/internal/ld/elf.go: name "Go", type 4, always a segment of its
 * own).  What cannot be read is no note of Go's: nothing depends on it.
 */
static bool
is_go_note(const struct binary_source *source, const struct binary_info *info, uint64_t offset, uint64_t bytes)
{
	uint8_t note[GO_NOTE_BYTES];

	if (bytes < sizeof(note) || binary_take(source, note, sizeof(note), offset) < 0) {
		return false;
	}
	return take(note, 4, info->big_endian) == 4 && take(note + 8, 4, info->big_endian) == GO_NOTE_TYPE &&
	    memcmp(note + 12, "Go\0", 4) == 0;
}

static int
walk_segments(const struct binary_source *source, struct binary_info *info, const struct layout *l, const uint8_t *header)
{
	uint64_t table = take(header + l->phoff, l->word, info->big_endian);
	unsigned count = (unsigned)take(header + l->phnum, 2, info->big_endian);

	if (count == 0 || take(header + l->phentsize, 2, info->big_endian) != l->program_header_bytes ||
	    count * l->program_header_bytes > PROGRAM_HEADERS_BYTES_MAX || table > INT64_MAX - PROGRAM_HEADERS_BYTES_MAX) {
		return binary_damaged(); /* the kernel refuses such a program, too */
	}
	for (unsigned i = 0; i < count; i++) {
		uint8_t segment[PROGRAM_HEADER_BYTES_MAX];
		uint64_t type, offset, bytes;

		if (binary_take(source, segment, l->program_header_bytes, table + (uint64_t)i * l->program_header_bytes) < 0) {
			return -1;
		}
		type = take(segment, 4, info->big_endian);
		offset = take(segment + l->p_offset, l->word, info->big_endian);
		bytes = take(segment + l->p_filesz, l->word, info->big_endian);
		if (type == SEGMENT_INTERP && !info->dynamic && read_interpreter(source, info, offset, bytes) < 0) {
			return -1;
		}
		if (type == SEGMENT_NOTE && is_go_note(source, info, offset, bytes)) {
			info->go = true;
		}
	}
	return 0;
}

int
binary_elf_read(const struct binary_source *source, struct binary_info *info)
{
	uint8_t header[HEADER_BYTES_MAX];
	const struct layout *l;
	unsigned type;
	ssize_t n = source->read(source->context, header, IDENT_BYTES, source->base);

	if (n < 0) {
		return -1;
	}
	if (n < 4 || memcmp(header, "\177ELF", 4) != 0) {
		errno = ENOEXEC;
		return -1;
	}
	if (n != IDENT_BYTES || (header[4] != 1 && header[4] != 2) || (header[5] != 1 && header[5] != 2)) {
		return binary_damaged();
	}
	l = header[4] == 2 ? &layout_64 : &layout_32;
	info->bits = l->bits;
	info->big_endian = header[5] == 2;
	if (binary_take(source, header, l->header_bytes, 0) < 0) {
		return -1;
	}
	type = (unsigned)take(header + 16, 2, info->big_endian);
	info->machine = (uint16_t)take(header + 18, 2, info->big_endian);
	info->program = type == TYPE_EXEC || type == TYPE_DYN;
	return info->program ? walk_segments(source, info, l, header) : 0;
}

const char *
binary_elf_machine(const struct binary_info *info)
{
	/* elf(5), e_machine; EM_* of linux/elf-em.h. */
	static const struct {
		uint16_t machine;
		const char *name;
	} names[] = {
		{3, "x86"}, {8, "MIPS"}, {20, "PowerPC"}, {21, "PowerPC 64"}, {22, "S/390"},
		{40, "arm"}, {62, "x86-64"}, {183, "arm64"}, {243, "RISC-V"}, {258, "LoongArch"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].machine == info->machine) {
			return names[i].name;
		}
	}
	return NULL;
}
