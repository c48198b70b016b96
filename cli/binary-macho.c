/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * binary-macho.c - what a program file is, from its Mach-O header.  See binary.h.
 *
 * Theory of operation.  A file for several architectures begins with a list of slices, big end first; the wanted one is read, or
 * that for the machine that this file was compiled for, or else the first.  A slice has a header and load commands, little end
 * first on every machine served; each is looked at where it stands, and no more of it is read than is needed.  The code
 * signature, where there is one, is big end first: its index leads to the code directory, whose flags say what the loader
 * forbids, and to the entitlements, twice: a property list as text, and DER, which macOS 12 and later go by.  In both a key is
 * looked for, and whether it is true; neither is parsed further, and whether the signature is valid is the kernel's business.
 *
 * Sources: mach-o/loader.h, mach-o/fat.h, mach/machine.h; XNU osfmk/kern/cs_blobs.h (CS_SuperBlob, CS_CodeDirectory, slots 5 and
 * 7, CS_ADHOC, CS_RESTRICT, CS_REQUIRE_LV, CS_RUNTIME); Apple's documentation of the two entitlements; X.690 for DER.
 */
#include "cli/binary-format.h"

#include <errno.h>
#include <string.h>

#define MAGIC_64 0xfeedfacfu
#define MAGIC_32 0xfeedfaceu
#define FAT_MAGIC 0xcafebabeu
#define FAT_MAGIC_64 0xcafebabfu
#define HEADER_BYTES 32
#define FAT_HEADER_BYTES 8
/* Some hundreds of commands take 30 KiB; the linker's own room for more is less than this. */
#define COMMANDS_BYTES_MAX 262144
#define COMMAND_BYTES 8
#define TYPE_EXECUTE 2
#define CPU_64 0x01000000u
#define CPU_X86 7
#define CPU_ARM 12
#define CPU_PPC 18
#define SUBTYPE_MASK 0x00ffffffu /* the byte above has features */
#define SUBTYPE_ARM64E 2
#define COMMAND_SEGMENT_64 0x19
#define COMMAND_VERSION_MACOS 0x24
#define COMMAND_VERSION_IOS 0x25
#define COMMAND_BUILD_VERSION 0x32
#define PLATFORM_IOS 2
#define COMMAND_DYLINKER 0x0e
#define COMMAND_SIGNATURE 0x1d
#define SEGMENT_BYTES 72
#define SECTION_BYTES 80
#define NAME_BYTES 16

#define BLOB_SIGNATURE 0xfade0cc0u
#define BLOB_DIRECTORY 0xfade0c02u
#define BLOB_ENTITLEMENTS 0xfade7171u
#define BLOB_ENTITLEMENTS_DER 0xfade7172u
#define BLOBS_MAX 32
#define ENTITLEMENTS_BYTES_MAX 32768
#define CS_ADHOC 0x2u
#define CS_RESTRICT 0x0800u
#define CS_REQUIRE_LV 0x2000u
#define CS_RUNTIME 0x10000u

#define KEY_ENVIRONMENT "com.apple.security.cs.allow-dyld-environment-variables"
#define KEY_LIBRARIES "com.apple.security.cs.disable-library-validation"

#ifdef __aarch64__
#define OWN_CPU (CPU_64 | CPU_ARM)
#else
#define OWN_CPU (CPU_64 | CPU_X86)
#endif

static uint32_t
little(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t
big(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];
}

/* Chooses the slice of a file for several architectures. */
static int
choose_slice(struct binary_source *f, bool wide, int wanted, struct binary_info *info)
{
	uint8_t entries[BINARY_SLICES_MAX * 32] = {0}, header[FAT_HEADER_BYTES] = {0};
	size_t entry_bytes = wide ? 32 : 20;
	const uint8_t *entry;
	uint32_t count;

	if (binary_take(f, header, sizeof(header), 0) < 0) {
		return -1;
	}
	count = big(header + 4);
	if (count == 0 || count > BINARY_SLICES_MAX) {
		errno = ENOEXEC; /* a Java class has the same magic, and a version of 45 or more there */
		return -1;
	}
	if (binary_take(f, entries, count * entry_bytes, FAT_HEADER_BYTES) < 0) {
		return -1;
	}
	info->slices = (uint8_t)count;
	if (wanted >= (int)count) {
		errno = ERANGE;
		return -1;
	}
	info->slice = (uint8_t)(wanted >= 0 ? wanted : 0);
	for (uint32_t i = 0; wanted < 0 && i < count; i++) {
		if (big(entries + i * entry_bytes) == OWN_CPU) {
			info->slice = (uint8_t)i;
			break;
		}
	}
	entry = entries + info->slice * entry_bytes;
	f->base = wide ? (uint64_t)big(entry + 8) << 32 | big(entry + 12) : big(entry + 8);
	return f->base >= FAT_HEADER_BYTES ? 0 : binary_damaged();
}

/* Whether a key of the property list is true there.  text is ended by a NUL. */
static bool
entitles_in_text(const char *text, const char *key)
{
	static const char begins[] = "<key>", ends[] = "</key>", is_true[] = "<true/>";
	const size_t begin_bytes = sizeof(begins) - 1;

	for (const char *at = text; (at = strstr(at, key)) != NULL; at++) {
		const char *after = at + strlen(key);

		if ((size_t)(at - text) < begin_bytes || strncmp(at - begin_bytes, begins, begin_bytes) != 0 ||
		    strncmp(after, ends, sizeof(ends) - 1) != 0) {
			continue;
		}
		after += sizeof(ends) - 1;
		after += strspn(after, " \t\r\n");
		return strncmp(after, is_true, sizeof(is_true) - 1) == 0;
	}
	return false;
}

/* Whether a key is true in DER: a UTF8String of just that length, then BOOLEAN true. */
static bool
entitles_in_der(const uint8_t *der, size_t bytes, const char *key)
{
	static const uint8_t is_true[] = {0x01, 0x01, 0xff};
	const size_t length = strlen(key);

	for (size_t at = 0; at + 2 + length + sizeof(is_true) <= bytes; at++) {
		if (der[at] == 0x0c && der[at + 1] == length && memcmp(der + at + 2, key, length) == 0) {
			return memcmp(der + at + 2 + length, is_true, sizeof(is_true)) == 0;
		}
	}
	return false;
}

static int
read_entitlements(const struct binary_source *f, uint64_t offset, size_t bytes, bool der, struct binary_info *info)
{
	char text[ENTITLEMENTS_BYTES_MAX + 1] = "";
	bool environment, libraries;

	if (binary_take(f, text, bytes, offset) < 0) {
		return -1;
	}
	text[bytes] = '\0';
	environment = der ? entitles_in_der((uint8_t *)text, bytes, KEY_ENVIRONMENT) : entitles_in_text(text, KEY_ENVIRONMENT);
	libraries = der ? entitles_in_der((uint8_t *)text, bytes, KEY_LIBRARIES) : entitles_in_text(text, KEY_LIBRARIES);
	info->signature |= BINARY_ENTITLED | (environment ? BINARY_LETS_ENVIRONMENT : 0u) | (libraries ? BINARY_LETS_LIBRARIES : 0u);
	return 0;
}

static unsigned
signature_of(uint32_t flags)
{
	return ((flags & CS_ADHOC) != 0 ? BINARY_AD_HOC : 0u) | ((flags & CS_RUNTIME) != 0 ? BINARY_HARDENED : 0u) |
	    ((flags & CS_RESTRICT) != 0 ? BINARY_RESTRICTED : 0u) | ((flags & CS_REQUIRE_LV) != 0 ? BINARY_VALIDATES : 0u);
}

static int
read_signature(const struct binary_source *f, uint64_t offset, uint32_t size, struct binary_info *info)
{
	static const size_t index_bytes = 8;
	uint8_t header[12] = {0}, index[BLOBS_MAX * 8] = {0}, blob[16] = {0};
	uint32_t count;

	if ((info->signature & BINARY_SIGNED) != 0) {
		return 0; /* the first one is the one */
	}
	info->signature = BINARY_SIGNED;
	if (binary_take(f, header, sizeof(header), offset) < 0) {
		return -1;
	}
	count = big(header + 8);
	if (big(header) != BLOB_SIGNATURE || count > BLOBS_MAX) {
		return binary_damaged();
	}
	if (binary_take(f, index, count * index_bytes, offset + sizeof(header)) < 0) {
		return -1;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = big(index + i * index_bytes + 4), length, kind;

		if (at > size || size - at < sizeof(blob)) {
			continue; /* a small one: none of those that matter */
		}
		if (binary_take(f, blob, sizeof(blob), offset + at) < 0) {
			return -1;
		}
		kind = big(blob);
		length = big(blob + 4);
		if (kind == BLOB_DIRECTORY) {
			info->signature |= signature_of(big(blob + 12));
		} else if ((kind == BLOB_ENTITLEMENTS || kind == BLOB_ENTITLEMENTS_DER) && length > 8 && length <= size - at &&
		    length - 8 <= ENTITLEMENTS_BYTES_MAX &&
		    read_entitlements(f, offset + at + 8, length - 8, kind == BLOB_ENTITLEMENTS_DER, info) < 0) {
			return -1;
		}
	}
	return 0;
}

/* Names fill their field, or end in it. */
static bool
is_named(const uint8_t *field, const char *name)
{
	char text[NAME_BYTES + 1] = "";

	memcpy(text, field, NAME_BYTES);
	return strcmp(text, name) == 0;
}

/* A segment's section __RESTRICT,__restrict. */
static int
read_segment(const struct binary_source *f, uint64_t at, uint32_t bytes, struct binary_info *info)
{
	uint8_t segment[SEGMENT_BYTES] = {0}, section[SECTION_BYTES] = {0};
	uint32_t sections;

	if (bytes < sizeof(segment)) {
		return binary_damaged();
	}
	if (binary_take(f, segment, sizeof(segment), at) < 0) {
		return -1;
	}
	if (!is_named(segment + 8, "__RESTRICT")) {
		return 0;
	}
	sections = little(segment + 64);
	for (uint32_t i = 0; i < sections && SEGMENT_BYTES + (i + 1) * SECTION_BYTES <= bytes; i++) {
		if (binary_take(f, section, sizeof(section), at + SEGMENT_BYTES + (uint64_t)i * SECTION_BYTES) < 0) {
			return -1;
		}
		if (is_named(section, "__restrict")) {
			info->restrict_segment = true;
		}
	}
	return 0;
}

static int
read_dylinker(const struct binary_source *f, uint64_t at, uint32_t bytes, struct binary_info *info)
{
	uint8_t head[12] = {0};
	uint32_t begin, size;

	if (info->dynamic) {
		return 0;
	}
	if (bytes < sizeof(head)) {
		return binary_damaged();
	}
	if (binary_take(f, head, sizeof(head), at) < 0) {
		return -1;
	}
	begin = little(head + 8);
	if (begin < sizeof(head) || begin >= bytes) {
		return binary_damaged();
	}
	size = bytes - begin <= sizeof(info->interpreter) ? bytes - begin : (uint32_t)sizeof(info->interpreter);
	if (binary_take(f, info->interpreter, size, at + begin) < 0) {
		info->interpreter[0] = '\0';
		return -1;
	}
	if (info->interpreter[0] == '\0' || memchr(info->interpreter, '\0', size) == NULL) {
		info->interpreter[0] = '\0';
		return binary_damaged();
	}
	info->dynamic = true;
	info->libc = BINARY_LIBC_SYSTEM;
	return 0;
}

/* The two numbers that follow a command's header. */
static int
read_pair(const struct binary_source *f, uint64_t at, uint32_t bytes, uint32_t pair[2])
{
	uint8_t command[16] = {0};

	if (bytes < sizeof(command)) {
		return binary_damaged();
	}
	if (binary_take(f, command, sizeof(command), at) < 0) {
		return -1;
	}
	pair[0] = little(command + 8);
	pair[1] = little(command + 12);
	return 0;
}

static int
read_command(const struct binary_source *f, uint32_t kind, uint64_t at, uint32_t bytes, struct binary_info *info)
{
	uint32_t pair[2] = {0};

	switch (kind) {
	case COMMAND_DYLINKER:
		return read_dylinker(f, at, bytes, info);
	case COMMAND_SEGMENT_64:
		return read_segment(f, at, bytes, info);
	case COMMAND_SIGNATURE:
		return read_pair(f, at, bytes, pair) < 0 ? -1 : read_signature(f, pair[0], pair[1], info);
	case COMMAND_BUILD_VERSION:
		if (read_pair(f, at, bytes, pair) < 0) {
			return -1;
		}
		info->platform = pair[0];
		return 0;
	case COMMAND_VERSION_MACOS:
		info->platform = BINARY_PLATFORM_MACOS;
		return 0;
	case COMMAND_VERSION_IOS:
		info->platform = PLATFORM_IOS;
		return 0;
	default:
		return 0;
	}
}

static int
walk_commands(const struct binary_source *f, uint32_t count, uint32_t bytes, struct binary_info *info)
{
	const uint64_t start = info->bits == 64 ? HEADER_BYTES : HEADER_BYTES - 4;
	uint32_t at = 0;

	if (bytes > COMMANDS_BYTES_MAX) {
		return binary_damaged();
	}
	for (uint32_t i = 0; i < count; i++) {
		uint8_t command[COMMAND_BYTES] = {0};
		uint32_t size;

		if (bytes - at < sizeof(command)) {
			return binary_damaged();
		}
		if (binary_take(f, command, sizeof(command), start + at) < 0) {
			return -1;
		}
		size = little(command + 4);
		if (size < sizeof(command) || size > bytes - at) {
			return binary_damaged();
		}
		if (read_command(f, little(command), start + at, size, info) < 0) {
			return -1;
		}
		at += size;
	}
	return 0;
}

int
binary_macho_read(const struct binary_source *source, int slice, struct binary_info *info)
{
	struct binary_source f = *source;
	uint8_t header[HEADER_BYTES] = {0};
	ssize_t n = f.read(f.context, header, 4, f.base);
	bool fat;

	if (n < 0) {
		return -1;
	}
	fat = n == 4 && (big(header) == FAT_MAGIC || big(header) == FAT_MAGIC_64);
	if (fat && choose_slice(&f, big(header) == FAT_MAGIC_64, slice, info) < 0) {
		return -1;
	}
	if (!fat && (n < 4 || (little(header) != MAGIC_64 && little(header) != MAGIC_32))) {
		errno = ENOEXEC;
		return -1;
	}
	if (!fat && slice > 0) {
		errno = ERANGE;
		return -1;
	}
	if (binary_take(&f, header, sizeof(header), 0) < 0) {
		return -1;
	}
	if (little(header) != MAGIC_64 && little(header) != MAGIC_32) {
		return binary_damaged();
	}
	info->bits = little(header) == MAGIC_64 ? 64 : 32;
	info->machine = (uint16_t)little(header + 4);
	info->submachine = little(header + 8) & SUBTYPE_MASK;
	info->program = little(header + 12) == TYPE_EXECUTE;
	return walk_commands(&f, little(header + 16), little(header + 20), info);
}

const char *
binary_macho_machine(const struct binary_info *info)
{
	switch (info->machine) {
	case CPU_X86:
		return info->bits == 64 ? "x86-64" : "x86";
	case CPU_ARM:
		if (info->bits == 64) {
			return info->submachine == SUBTYPE_ARM64E ? "arm64e" : "arm64";
		}
		return "arm";
	case CPU_PPC:
		return "PowerPC";
	default:
		return NULL;
	}
}
