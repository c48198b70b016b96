/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * binary-macho.c - what a program file is, from its Mach-O header.  See binary.h.
 *
 * Theory of operation.  A file for several architectures begins with a list of slices, big end first;
 * of those the one for the machine that this file was compiled for is read, or else the first.  A
 * slice has a header and load commands, little end first on every machine served; they are read into
 * memory of a fixed size and walked once.  The code signature, where there is one, is big end first: its
 * index leads to the code directory, whose flags say what the loader forbids, and to the
 * entitlements, a property list, in which a key is looked for as text.
 *
 * What keeps the shim out: a section __RESTRICT,__restrict; the flag that restricts; the hardened
 * runtime without the entitlement that lets the environment in, or with it but without the one
 * that lets other teams' libraries in.
 *
 * Sources: mach-o/loader.h, mach-o/fat.h; XNU osfmk/kern/cs_blobs.h (CS_SuperBlob,
 * CS_CodeDirectory, CS_RESTRICT, CS_REQUIRE_LV, CS_RUNTIME); Apple's documentation of the two entitlements.
 */
#include "cli/binary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAGIC_64 0xfeedfacfu
#define MAGIC_32 0xfeedfaceu
#define FAT_MAGIC 0xcafebabeu
#define FAT_MAGIC_64 0xcafebabfu
#define HEADER_BYTES 32
#define FAT_HEADER_BYTES 8
#define FAT_SLICES_MAX 16
#define COMMANDS_BYTES_MAX 32768
#define TYPE_EXECUTE 2
#define CPU_64 0x01000000u
#define CPU_X86 7
#define CPU_ARM 12
#define COMMAND_SEGMENT_64 0x19
#define COMMAND_DYLINKER 0x0e
#define COMMAND_SIGNATURE 0x1d
#define SEGMENT_BYTES 72
#define SECTION_BYTES 80
#define NAME_BYTES 16

#define BLOB_SIGNATURE 0xfade0cc0u
#define BLOB_DIRECTORY 0xfade0c02u
#define BLOB_ENTITLEMENTS 0xfade7171u
#define BLOBS_MAX 32
#define ENTITLEMENTS_BYTES_MAX 16384
#define CS_RESTRICT 0x0800u
#define CS_REQUIRE_LV 0x2000u
#define CS_RUNTIME 0x10000u

#ifdef __aarch64__
#define OWN_CPU (CPU_64 | CPU_ARM)
#else
#define OWN_CPU (CPU_64 | CPU_X86)
#endif

/* A stranger's file, and where in it the slice begins. */
struct file {
	binary_read_fn read;
	void *context;
	uint64_t slice;
};

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

/* All of size bytes at offset of the slice.  0, or -1 with errno: EBADMSG where the file ends before. */
static int
read_exactly(const struct file *f, void *data, size_t size, uint64_t offset)
{
	ssize_t n;

	if (offset > INT64_MAX - f->slice || f->slice + offset > INT64_MAX - size) {
		errno = EBADMSG;
		return -1;
	}
	n = f->read(f->context, data, size, f->slice + offset);
	if (n < 0) {
		return -1;
	}
	if ((size_t)n != size) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

static int
damaged(void)
{
	errno = EBADMSG;
	return -1;
}

/* Chooses the slice of a file for several architectures. */
static int
choose_slice(struct file *f, bool wide)
{
	uint8_t entries[FAT_SLICES_MAX * 32] = {0}, header[FAT_HEADER_BYTES] = {0};
	size_t entry_bytes = wide ? 32 : 20;
	uint64_t chosen = 0;
	uint32_t count;

	if (read_exactly(f, header, sizeof(header), 0) < 0) {
		return -1;
	}
	count = big(header + 4);
	if (count == 0 || count > FAT_SLICES_MAX) {
		errno = ENOEXEC; /* a Java class has the same magic, and a version of 45 or more there */
		return -1;
	}
	if (read_exactly(f, entries, count * entry_bytes, FAT_HEADER_BYTES) < 0) {
		return -1;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *entry = entries + i * entry_bytes;

		if (i == 0 || big(entry) == OWN_CPU) {
			chosen = wide ? (uint64_t)big(entry + 8) << 32 | big(entry + 12) : big(entry + 8);
		}
	}
	f->slice = chosen;
	return 0;
}

/* Whether a key of the property list is true there.  text is ended by a NUL. */
static bool
entitles(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	if (at == NULL) {
		return false;
	}
	at += strlen(key);
	if (strncmp(at, "</key>", 6) != 0) {
		return false;
	}
	at += 6;
	at += strspn(at, " \t\r\n");
	return strncmp(at, "<true/>", 7) == 0;
}

/* What the flags and entitlements of a signature mean for us. */
static const char *
judge_signature(uint32_t flags, const char *entitlements)
{
	if ((flags & CS_RESTRICT) != 0) {
		return "is signed as restricted, and the loader keeps libraries out of such programs: use another "
		       "build of it";
	}
	if ((flags & CS_RUNTIME) != 0 && !entitles(entitlements, "com.apple.security.cs.allow-dyld-environment-variables")) {
		return "has the hardened runtime, in which the loader ignores the environment: use another build of it, 'tuntapd fd' "
		       "if it takes an open descriptor, or a copy of it that is signed anew ('codesign --force --sign - COPY')";
	}
	if ((flags & (CS_RUNTIME | CS_REQUIRE_LV)) != 0 &&
	    !entitles(entitlements, "com.apple.security.cs.disable-library-validation")) {
		return "takes only libraries of those who signed it, and would end with another: use another build of it, or a copy "
		       "of it that is signed anew ('codesign --force --sign - COPY')";
	}
	return NULL;
}

static int
read_signature(const struct file *f, uint64_t offset, uint32_t size, struct binary_info *info)
{
	static const size_t index_bytes = 8;
	char entitlements[ENTITLEMENTS_BYTES_MAX + 1] = "";
	uint8_t header[12] = {0}, index[BLOBS_MAX * 8] = {0}, blob[16] = {0};
	uint32_t count, flags = 0;

	if (read_exactly(f, header, sizeof(header), offset) < 0) {
		return -1;
	}
	count = big(header + 8);
	if (big(header) != BLOB_SIGNATURE || count > BLOBS_MAX) {
		return damaged();
	}
	if (read_exactly(f, index, count * index_bytes, offset + sizeof(header)) < 0) {
		return -1;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = big(index + i * index_bytes + 4), length;

		if (at > size || size - at < sizeof(blob)) {
			continue; /* a small one: none of those that matter */
		}
		if (read_exactly(f, blob, sizeof(blob), offset + at) < 0) {
			return -1;
		}
		length = big(blob + 4);
		if (big(blob) == BLOB_DIRECTORY) {
			flags |= big(blob + 12);
		} else if (big(blob) == BLOB_ENTITLEMENTS && length > 8 && length <= size - at && length - 8 <= ENTITLEMENTS_BYTES_MAX) {
			if (read_exactly(f, entitlements, length - 8, offset + at + 8) < 0) {
				return -1;
			}
			entitlements[length - 8] = '\0';
		}
	}
	if (info->refuses == NULL) {
		info->refuses = judge_signature(flags, entitlements);
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
static bool
is_restricting(const uint8_t *segment, uint32_t bytes)
{
	uint32_t sections = little(segment + 64);

	if (!is_named(segment + 8, "__RESTRICT")) {
		return false;
	}
	for (uint32_t i = 0; i < sections && SEGMENT_BYTES + (i + 1) * SECTION_BYTES <= bytes; i++) {
		if (is_named(segment + SEGMENT_BYTES + (size_t)i * SECTION_BYTES, "__restrict")) {
			return true;
		}
	}
	return false;
}

static int
take_dylinker(const uint8_t *command, uint32_t bytes, struct binary_info *info)
{
	uint32_t at = bytes >= 12 ? little(command + 8) : 0;
	size_t length;

	if (at < 12 || at >= bytes) {
		return damaged();
	}
	length = strnlen((const char *)command + at, bytes - at);
	if (length == bytes - at || length == 0 || length >= sizeof(info->interpreter)) {
		return damaged();
	}
	memcpy(info->interpreter, command + at, length + 1);
	info->dynamic = true;
	info->libc = BINARY_LIBC_SYSTEM;
	return 0;
}

static int
walk_commands(const struct file *f, uint32_t count, uint32_t bytes, struct binary_info *info)
{
	uint8_t commands[COMMANDS_BYTES_MAX];
	uint32_t at = 0;

	if (bytes > sizeof(commands)) {
		return damaged();
	}
	if (read_exactly(f, commands, bytes, info->bits == 64 ? HEADER_BYTES : HEADER_BYTES - 4) < 0) {
		return -1;
	}
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *command = commands + at;
		uint32_t size = bytes - at >= 8 ? little(command + 4) : 0;
		int result = 0;

		if (size < 8 || size > bytes - at) {
			return damaged();
		}
		switch (little(command)) {
		case COMMAND_DYLINKER:
			result = take_dylinker(command, size, info);
			break;
		case COMMAND_SEGMENT_64:
			if (size >= SEGMENT_BYTES && is_restricting(command, size)) {
				info->refuses = "is restricted, and the loader keeps libraries out of such programs: use "
						"another build of it";
			}
			break;
		case COMMAND_SIGNATURE:
			result = size >= 16 ? read_signature(f, little(command + 8), little(command + 12), info) : damaged();
			break;
		default:
			break;
		}
		if (result < 0) {
			return -1;
		}
		at += size;
	}
	return 0;
}

int
binary_read_from(binary_read_fn read, void *context, struct binary_info *info)
{
	struct file f = {.read = read, .context = context};
	uint8_t header[HEADER_BYTES] = {0};
	ssize_t n = read(context, header, 4, 0);

	memset(info, 0, sizeof(*info));
	if (n < 0) {
		return -1;
	}
	if (n == 4 && (big(header) == FAT_MAGIC || big(header) == FAT_MAGIC_64) && choose_slice(&f, big(header) == FAT_MAGIC_64) < 0) {
		return -1;
	}
	if (n < 4 || (f.slice == 0 && little(header) != MAGIC_64 && little(header) != MAGIC_32)) {
		errno = ENOEXEC;
		return -1;
	}
	if (read_exactly(&f, header, sizeof(header), 0) < 0) {
		return -1;
	}
	if (little(header) != MAGIC_64 && little(header) != MAGIC_32) {
		return damaged();
	}
	info->bits = little(header) == MAGIC_64 ? 64 : 32;
	info->machine = (uint16_t)little(header + 4);
	info->program = little(header + 12) == TYPE_EXECUTE;
	return walk_commands(&f, little(header + 16), little(header + 20), info);
}

static ssize_t
read_file(void *context, void *data, size_t size, uint64_t offset)
{
	const int *fd = context;
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(*fd, (char *)data + done, size - done, (off_t)(offset + done));

		if (n == 0) {
			break;
		}
		if (n > 0) {
			done += (size_t)n;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return (ssize_t)done;
}

int
binary_read(int fd, struct binary_info *info)
{
	return binary_read_from(read_file, &fd, info);
}

const char *
binary_machine_name(const struct binary_info *info)
{
	static char other[24];

	switch (info->machine) {
	case CPU_X86:
		return info->bits == 64 ? "x86-64" : "x86";
	case CPU_ARM:
		return info->bits == 64 ? "arm64" : "arm";
	case 18:
		return "PowerPC";
	default:
		snprintf(other, sizeof(other), "machine %u", info->machine);
		return other;
	}
}
