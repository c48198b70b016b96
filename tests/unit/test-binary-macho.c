/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-binary-macho.c - suite "binary-macho": the reader of Mach-O headers and code signatures, on files made byte by byte.
 *
 * What the cross-compiler makes is read by the suite "darwin" (tests/darwin/doctor.py).  With FUZZ_TARGET defined this file is a
 * libFuzzer target and nothing else.
 */
#include "cli/binary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a reader takes at once. */
#define READ_BYTES_MAX 32768

struct bytes {
	const uint8_t *data;
	size_t size;
	unsigned reads;
	bool bad_request;
};

static ssize_t
read_bytes(void *context, void *data, size_t size, uint64_t offset)
{
	struct bytes *b = context;
	size_t n;

	b->reads++;
	if (offset > INT64_MAX || offset + size > INT64_MAX || size > READ_BYTES_MAX) {
		b->bad_request = true;
		errno = EINVAL;
		return -1;
	}
	if (offset >= b->size) {
		return 0;
	}
	n = b->size - (size_t)offset < size ? b->size - (size_t)offset : size;
	memcpy(data, b->data + offset, n);
	return (ssize_t)n;
}

/* What holds for every file, however broken: libFuzzer's entry, and replayed below.  Aborts where it does not hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For tests/fuzz/replay.c: inputs that were read as a program. */
extern unsigned long fuzz_accepted;
unsigned long fuzz_accepted;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int slice = BINARY_OWN_SLICE; slice <= BINARY_SLICES_MAX; slice++) {
		struct bytes source = {.data = data, .size = size};
		struct binary_info info;
		int result = binary_read_from(read_bytes, &source, slice, &info);

		if (source.bad_request || memchr(info.interpreter, '\0', sizeof(info.interpreter)) == NULL ||
		    binary_machine_name(&info)[0] == '\0' || info.slices == 0 || info.slices > BINARY_SLICES_MAX) {
			abort();
		}
		if (result < 0 ? errno != ENOEXEC && errno != EBADMSG && errno != ERANGE
			       : info.dynamic != (info.interpreter[0] != '\0') || info.slice >= info.slices) {
			abort();
		}
		if (result < 0 && errno == ERANGE && slice < info.slices) {
			abort();
		}
		/* However many commands it says it has, it has their bytes. */
		if (source.reads > 64 + size) {
			abort();
		}
		fuzz_accepted += result == 0;
	}
	return 0;
}

#ifndef FUZZ_TARGET

#include <check.h>

#include "cli/obstacle.h"
#include "tests/unit/suite.h"

#define FILE_BYTES 4096
#define SIGNATURE_AT 1024
#define DYLD "/usr/lib/dyld"
#define X86_64 0x01000007u
#define ARM64 0x0100000cu
#define RUNTIME 0x10000u
#define REQUIRE_LV 0x2000u
#define RESTRICT 0x800u
#define AD_HOC 0x2u

#define KEY(name) "<key>com.apple.security.cs." name "</key>\n\t<true/>\n"
#define LETS_ENVIRONMENT KEY("allow-dyld-environment-variables")
#define LETS_LIBRARIES KEY("disable-library-validation")

static uint8_t file[FILE_BYTES];
static size_t file_bytes;

static void
put_little(size_t at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++) {
		file[at + i] = (uint8_t)(value >> 8 * i);
	}
}

static void
put_big(size_t at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++) {
		file[at + i] = (uint8_t)(value >> 8 * (3 - i));
	}
}

/* A program of that machine at an offset of the file: __PAGEZERO or another segment with one section, the loader's name, a signature. */
static void
make_program(size_t at, uint32_t cpu, const char *segment, const char *section)
{
	size_t command = at + 32;

	put_little(at, 0xfeedfacf);
	put_little(at + 4, cpu);
	put_little(at + 12, 2);
	put_little(at + 16, 3);
	put_little(at + 20, 72 + 80 + 32 + 16);
	put_little(command, 0x19);
	put_little(command + 4, 72 + 80);
	strncpy((char *)file + command + 8, segment, 16);
	put_little(command + 64, 1);
	strncpy((char *)file + command + 72, section, 16);
	command += 72 + 80;
	put_little(command, 0x0e);
	put_little(command + 4, 32);
	put_little(command + 8, 12);
	strcpy((char *)file + command + 12, DYLD);
	command += 32;
	put_little(command, 0x1d);
	put_little(command + 4, 16);
	put_little(command + 8, SIGNATURE_AT);
	put_little(command + 12, 1024);
}

/* A signature with those flags and entitlements, at its place in a program at an offset of the file. */
static void
sign(size_t at, uint32_t flags, const char *entitlements)
{
	size_t start = at + SIGNATURE_AT, directory = start + 28, text = directory + 44;

	put_big(start, 0xfade0cc0);
	put_big(start + 4, 1024);
	put_big(start + 8, 2);
	put_big(start + 12, 0);
	put_big(start + 16, 28);
	put_big(start + 20, 5);
	put_big(start + 24, 28 + 44);
	put_big(directory, 0xfade0c02);
	put_big(directory + 4, 44);
	put_big(directory + 12, flags);
	put_big(text, 0xfade7171);
	put_big(text + 4, (uint32_t)(8 + strlen(entitlements)));
	memcpy(file + text + 8, entitlements, strlen(entitlements));
}

static void
an_ordinary_program(void)
{
	memset(file, 0, sizeof(file));
	file_bytes = 2048;
	make_program(0, X86_64, "__TEXT", "__text");
	sign(0, AD_HOC, "");
}

static void
nothing(void)
{
}

static int
look_at_slice(int slice, struct binary_info *info)
{
	struct bytes source = {.data = file, .size = file_bytes};
	int result = binary_read_from(read_bytes, &source, slice, info), saved = errno;

	ck_assert(!source.bad_request);
	LLVMFuzzerTestOneInput(file, file_bytes);
	errno = saved;
	return result;
}

static int
look(struct binary_info *info)
{
	return look_at_slice(BINARY_OWN_SLICE, info);
}

/* The first reason why the library cannot go in, "" if there is none. */
static const char *
judge(const struct binary_info *info)
{
	static struct obstacles obstacles;
	const struct obstacle_facts facts = {.path = "/opt/program", .info = info, .system = BINARY_MACHO, .has_loader = true};

	obstacles.count = 0;
	obstacles_judge(&obstacles, &facts);
	return obstacles_first(&obstacles) != NULL ? obstacles_first(&obstacles)->id : "";
}

START_TEST(an_ordinary_one_is_taken)
{
	struct binary_info info;

	ck_assert_int_eq(look(&info), 0);
	ck_assert_uint_eq(info.bits, 64);
	ck_assert(info.program && info.dynamic && !info.big_endian);
	ck_assert_int_eq(info.libc, BINARY_LIBC_SYSTEM);
	ck_assert_str_eq(info.interpreter, DYLD);
	ck_assert_str_eq(binary_machine_name(&info), "x86-64");
	ck_assert_str_eq(judge(&info), "");
}
END_TEST

START_TEST(of_several_slices_the_machine_s_own_is_read)
{
	struct binary_info info;
#ifdef __aarch64__
	const char *own = "arm64", *first = "x86-64";
	uint32_t own_cpu = ARM64, first_cpu = X86_64;
#else
	const char *own = "x86-64", *first = "arm64";
	uint32_t own_cpu = X86_64, first_cpu = ARM64;
#endif

	memset(file, 0, sizeof(file));
	file_bytes = sizeof(file);
	put_big(0, 0xcafebabe);
	put_big(4, 2);
	put_big(8, first_cpu);
	put_big(8 + 8, 512);
	put_big(28, own_cpu);
	put_big(28 + 8, 1024);
	make_program(512, first_cpu, "__TEXT", "__text");
	make_program(1024, own_cpu, "__TEXT", "__text");
	sign(1024, RUNTIME, "");
	ck_assert_int_eq(look(&info), 0);
	ck_assert_str_eq(binary_machine_name(&info), own);
	ck_assert_str_eq(judge(&info), "hardened-runtime"); /* offsets count from the slice */
	ck_assert_uint_eq(info.slices, 2);
	sign(512, AD_HOC, "");
	ck_assert_int_eq(look_at_slice(0, &info), 0);
	ck_assert_str_eq(binary_machine_name(&info), first);
	ck_assert_int_eq(look_at_slice(1, &info), 0);
	ck_assert_str_eq(binary_machine_name(&info), own);
	ck_assert(look_at_slice(2, &info) == -1 && errno == ERANGE);
	put_big(28, 0x12); /* PowerPC in its place: the first is what there is to say something about */
	sign(512, AD_HOC, "");
	ck_assert_int_eq(look(&info), 0);
	ck_assert_str_eq(binary_machine_name(&info), first);
}
END_TEST

static const struct {
	uint32_t flags;
	const char *entitlements;
	const char *first; /* obstacle; "": the shim can go in */
} signatures[] = {
	{AD_HOC, "", ""},
	{0x20002, "", ""}, /* by the linker */
	{RUNTIME, "", "hardened-runtime"},
	{RUNTIME, LETS_LIBRARIES, "hardened-runtime"},
	{RUNTIME, LETS_ENVIRONMENT, "library-validation"},
	{RUNTIME, LETS_ENVIRONMENT LETS_LIBRARIES, ""},
	{RUNTIME, "<key>com.apple.security.cs.allow-dyld-environment-variables</key><false/>" LETS_LIBRARIES, "hardened-runtime"},
	{RUNTIME, "<key>com.apple.security.cs.allow-dyld-environment-variables-not</key><true/>" LETS_LIBRARIES, "hardened-runtime"},
	{RUNTIME, "<key>not.com.apple.security.cs.allow-dyld-environment-variables</key><true/>" LETS_LIBRARIES, "hardened-runtime"},
	{RUNTIME, "<string>com.apple.security.cs.allow-dyld-environment-variables</string>" LETS_ENVIRONMENT LETS_LIBRARIES, ""},
	{REQUIRE_LV, "", "library-validation"},
	{REQUIRE_LV, LETS_LIBRARIES, ""},
	{RESTRICT, LETS_ENVIRONMENT LETS_LIBRARIES, "restricted"},
};

START_TEST(a_signature_says_what_the_loader_will_do)
{
	struct binary_info info;

	sign(0, signatures[_i].flags, signatures[_i].entitlements);
	ck_assert_int_eq(look(&info), 0);
	ck_assert_str_eq(judge(&info), signatures[_i].first);
	ck_assert_uint_eq(info.signature & BINARY_SIGNED, BINARY_SIGNED);
	ck_assert_uint_eq((info.signature & BINARY_AD_HOC) != 0, (signatures[_i].flags & AD_HOC) != 0);
	ck_assert_uint_eq((info.signature & BINARY_ENTITLED) != 0, signatures[_i].entitlements[0] != '\0');
}
END_TEST

/* In DER a key is a string with its length before it, and what follows it is its value. */
static size_t
append_der(char *to, const char *key, int value)
{
	size_t length = strlen(key);

	to[0] = 0x0c;
	to[1] = (char)length;
	memcpy(to + 2, key, length);
	memcpy(to + 2 + length, "\1\1", 2);
	to[length + 4] = (char)value;
	return length + 5;
}

START_TEST(entitlements_in_der_count_too)
{
	static const char environment[] = "com.apple.security.cs.allow-dyld-environment-variables";
	static const char libraries[] = "com.apple.security.cs.disable-library-validation";
	const size_t text = SIGNATURE_AT + 28 + 44;
	struct binary_info info;
	size_t length;

	for (int value = 0; value <= 0xff; value += 0xff) {
		sign(0, RUNTIME, "");
		put_big(text, 0xfade7172);
		length = append_der((char *)file + text + 8, environment, value);
		length += append_der((char *)file + text + 8 + length, libraries, value);
		put_big(text + 4, (uint32_t)(8 + length));
		ck_assert_int_eq(look(&info), 0);
		ck_assert_str_eq(judge(&info), value != 0 ? "" : "hardened-runtime");
		put_big(text + 4, (uint32_t)(8 + length - 1)); /* the last value is cut off */
		ck_assert_int_eq(look(&info), 0);
		ck_assert_str_eq(judge(&info), value != 0 ? "library-validation" : "hardened-runtime");
	}
}
END_TEST

START_TEST(a_section_can_restrict_too)
{
	struct binary_info info;

	make_program(0, X86_64, "__RESTRICT", "__restrict");
	ck_assert_int_eq(look(&info), 0);
	ck_assert_str_eq(judge(&info), "restrict-segment");
	make_program(0, X86_64, "__RESTRICT", "__other");
	ck_assert_int_eq(look(&info), 0);
	ck_assert_str_eq(judge(&info), "");
}
END_TEST

START_TEST(a_platform_and_a_subtype_are_told)
{
	struct binary_info info;

	/* In place of the segment. */
	put_little(32, 0x32);
	for (uint32_t platform = 0; platform < 8; platform++) {
		put_little(32 + 8, platform);
		ck_assert_int_eq(look(&info), 0);
		ck_assert_uint_eq(info.platform, platform);
		ck_assert_str_eq(judge(&info), platform == 0 || platform == 1 || platform == 6 ? "" : "system");
	}
	make_program(0, ARM64, "__TEXT", "__text");
	put_little(8, 0x80000002);
	ck_assert_int_eq(look(&info), 0);
	ck_assert_str_eq(binary_machine_name(&info), "arm64e");
	ck_assert_str_eq(judge(&info), "machine");
	put_little(8, 0);
	ck_assert_int_eq(look(&info), 0);
	ck_assert_str_eq(judge(&info), "");
}
END_TEST

START_TEST(other_files_are_not_of_this_format)
{
	static const char *const starts[] = {"", "#!/bin/sh\n", "\xca\xfe\xba\xbe\0\0\0\x34" /* Java */, "\xcf\xfa"};
	static const size_t bytes[] = {0, 10, 64, 2};
	struct binary_info info;

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		memset(file, 0, 64);
		memcpy(file, starts[i], bytes[i] < 8 ? bytes[i] : 8);
		file_bytes = bytes[i];
		ck_assert_msg(look(&info) == -1 && errno == ENOEXEC, "file %zu", i);
	}
}
END_TEST

START_TEST(every_cut_is_damage)
{
	struct binary_info info;

	sign(0, RUNTIME, LETS_ENVIRONMENT LETS_LIBRARIES);
	for (file_bytes = 4; file_bytes < SIGNATURE_AT + 28 + 44 + 8 + strlen(LETS_ENVIRONMENT LETS_LIBRARIES); file_bytes++) {
		ck_assert_msg(look(&info) == -1 && errno == EBADMSG, "%zu bytes", file_bytes);
	}
}
END_TEST

/* Fields of 32 bits that lead somewhere. */
static const struct {
	size_t at;
	bool is_big;
	uint32_t value;
	int error; /* 0: it is read all the same */
} fields[] = {
	{16, false, UINT32_MAX, EBADMSG}, {16, false, 4, EBADMSG}, {20, false, 262145, EBADMSG}, {20, false, UINT32_MAX, EBADMSG},
	{32 + 4, false, 0, EBADMSG}, {32 + 4, false, 7, EBADMSG}, {32 + 4, false, UINT32_MAX, EBADMSG},
	{32 + 64, false, UINT32_MAX, 0},
	{184 + 8, false, 11, EBADMSG}, {184 + 8, false, 32, EBADMSG}, {184 + 8, false, UINT32_MAX, EBADMSG},
	{216 + 8, false, UINT32_MAX, EBADMSG}, {216 + 8, false, 4090, EBADMSG}, {216 + 4, false, 8, EBADMSG},
	{SIGNATURE_AT, true, 0, EBADMSG}, {SIGNATURE_AT + 8, true, 33, EBADMSG}, {SIGNATURE_AT + 8, true, UINT32_MAX, EBADMSG},
	{SIGNATURE_AT + 16, true, UINT32_MAX, 0}, {SIGNATURE_AT + 16, true, 1020, 0}, {SIGNATURE_AT + 24, true, UINT32_MAX - 8, 0},
	{SIGNATURE_AT + 28 + 44 + 4, true, UINT32_MAX, 0}, {SIGNATURE_AT + 28 + 44 + 4, true, 0, 0},
};

START_TEST(no_field_leads_outside)
{
	struct binary_info info;
	int result;

	(fields[_i].is_big ? put_big : put_little)(fields[_i].at, fields[_i].value);
	result = look(&info);
	ck_assert_int_eq(result, fields[_i].error == 0 ? 0 : -1);
	if (result < 0) {
		ck_assert_int_eq(errno, fields[_i].error);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("binary-macho");
	TCase *tcase = tcase_create("binary-macho");

	tcase_add_checked_fixture(tcase, an_ordinary_program, nothing);
	tcase_add_test(tcase, an_ordinary_one_is_taken);
	tcase_add_test(tcase, of_several_slices_the_machine_s_own_is_read);
	tcase_add_loop_test(tcase, a_signature_says_what_the_loader_will_do, 0, (int)(sizeof(signatures) / sizeof(signatures[0])));
	tcase_add_test(tcase, entitlements_in_der_count_too);
	tcase_add_test(tcase, a_section_can_restrict_too);
	tcase_add_test(tcase, a_platform_and_a_subtype_are_told);
	tcase_add_test(tcase, other_files_are_not_of_this_format);
	tcase_add_test(tcase, every_cut_is_damage);
	tcase_add_loop_test(tcase, no_field_leads_outside, 0, (int)(sizeof(fields) / sizeof(fields[0])));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}

#endif
