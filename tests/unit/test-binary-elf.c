/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-binary-elf.c - the reader of ELF headers, on files made byte by byte.
 *
 * Each hostile file is a good one with one field changed; a table names the field, its offset in
 * each class and the value.  The source of bytes fails a test that asks outside of what an honest
 * pread(2) could be asked (a negative offset).  With FUZZ_TARGET defined this file is a libFuzzer
 * target and nothing else.
 */
#include "cli/binary.h"
#include "tests/unit/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a reader takes at once, of either format. */
#define READ_BYTES_MAX 32768

struct bytes {
	const uint8_t *data;
	size_t size;
	unsigned reads;
	bool bad_request;
	int fail_at; /* 0: never; n: the n-th read fails with EIO */
};

static ssize_t
read_bytes(void *context, void *data, size_t size, uint64_t offset)
{
	struct bytes *b = context;
	size_t n;

	b->reads++;
	if (b->fail_at != 0 && b->reads == (unsigned)b->fail_at) {
		errno = EIO;
		return -1;
	}
	if (offset > INT64_MAX || offset + size > INT64_MAX || size > READ_BYTES_MAX) {
		b->bad_request = true;
		errno = EINVAL;
		return -1;
	}
	if (offset >= b->size) {
		return 0;
	}
	n = b->size - (size_t)offset;
	n = n < size ? n : size;
	memcpy(data, b->data + offset, n);
	return (ssize_t)n;
}

/*
 * What holds for every file, however broken: libFuzzer's entry, and replayed below.  Aborts where
 * it does not hold.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For tests/fuzz/replay.c: inputs that were read as a program. */
extern unsigned long fuzz_accepted;
unsigned long fuzz_accepted;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes source = {.data = data, .size = size};
	struct binary_info info;
	int result = binary_read_from(read_bytes, &source, BINARY_OWN_SLICE, &info);

	if (source.bad_request ||
	    memchr(info.interpreter, '\0', sizeof(info.interpreter)) == NULL) {
		abort();
	}
	if (result < 0 ? errno != ENOEXEC && errno != EBADMSG
		       : info.dynamic != (info.interpreter[0] != '\0')) {
		abort();
	}
	if (binary_machine_name(&info)[0] == '\0') {
		abort();
	}
	fuzz_accepted += result == 0;
	return 0;
}

#ifndef FUZZ_TARGET

#include <check.h>

#define FILE_BYTES 512
#define GLIBC_LOADER "/lib64/ld-linux-x86-64.so.2"
#define MUSL_LOADER "/lib/ld-musl-x86_64.so.1"

struct shape {
	unsigned bits;
	bool big_endian;
	uint16_t type;
	uint16_t machine;
	const char *loader; /* NULL: static */
};

struct file {
	uint8_t data[FILE_BYTES];
	size_t size;
	unsigned table;   /* offset of the program headers */
	unsigned segment; /* offset of PT_INTERP's header */
};

static void
put(uint8_t *at, unsigned count, uint64_t value, bool big_endian)
{
	for (unsigned i = 0; i < count; i++) {
		at[big_endian ? count - 1 - i : i] = (uint8_t)(value >> (8 * i));
	}
}

/* Header, a PT_LOAD, PT_INTERP unless static, then the loader's path. */
static void
make_file(struct file *f, const struct shape *s)
{
	bool wide = s->bits == 64, big = s->big_endian;
	unsigned header = wide ? 64 : 52, entry = wide ? 56 : 32, word = wide ? 8 : 4;
	unsigned count = s->loader != NULL ? 2 : 1, text;

	memset(f, 0, sizeof(*f));
	memcpy(f->data, "\177ELF", 4);
	f->data[4] = wide ? 2 : 1;
	f->data[5] = big ? 2 : 1;
	f->data[6] = 1;
	put(f->data + 16, 2, s->type, big);
	put(f->data + 18, 2, s->machine, big);
	put(f->data + 20, 4, 1, big);
	put(f->data + (wide ? 32 : 28), word, header, big);
	put(f->data + (wide ? 54 : 42), 2, entry, big);
	put(f->data + (wide ? 56 : 44), 2, count, big);
	f->table = header;
	f->segment = header + entry;
	put(f->data + header, 4, 1, big);
	text = header + count * entry;
	f->size = text;
	if (s->loader != NULL) {
		put(f->data + f->segment, 4, 3, big);
		put(f->data + f->segment + (wide ? 8 : 4), word, text, big);
		put(f->data + f->segment + (wide ? 32 : 16), word, strlen(s->loader) + 1, big);
		memcpy(f->data + text, s->loader, strlen(s->loader) + 1);
		f->size += strlen(s->loader) + 1;
	}
}

static int
read_file(const struct file *f, struct binary_info *info)
{
	struct bytes source = {.data = f->data, .size = f->size};
	int result = binary_read_from(read_bytes, &source, BINARY_OWN_SLICE, info), saved = errno;

	ck_assert_msg(!source.bad_request, "asked for bytes that no file can have");
	errno = saved;
	return result;
}

static const struct {
	const char *name;
	struct shape shape;
	bool program;
	enum binary_libc libc;
} good[] = {
	{"x86-64, glibc, pie", {64, false, 3, 62, GLIBC_LOADER}, true, BINARY_LIBC_GLIBC},
	{"x86-64, glibc, not pie", {64, false, 2, 62, GLIBC_LOADER}, true, BINARY_LIBC_GLIBC},
	{"x86-64, musl", {64, false, 3, 62, MUSL_LOADER}, true, BINARY_LIBC_MUSL},
	{"arm64", {64, false, 3, 183, "/lib/ld-linux-aarch64.so.1"}, true, BINARY_LIBC_GLIBC},
	{"x86, glibc", {32, false, 2, 3, "/lib/ld-linux.so.2"}, true, BINARY_LIBC_GLIBC},
	{"power, big end", {64, true, 2, 21, "/lib64/ld64.so.1"}, true, BINARY_LIBC_GLIBC},
	{"mips, 32, big end", {32, true, 2, 8, "/lib/ld.so.1"}, true, BINARY_LIBC_GLIBC},
	{"musl elsewhere", {64, false, 3, 62, "/x/ld-musl-x86_64.so.1"}, true, BINARY_LIBC_MUSL},
	{"musl directory", {64, false, 3, 62, "/ld-musl-x/ld-linux.so.2"}, true, BINARY_LIBC_GLIBC},
	{"android", {64, false, 3, 183, "/system/bin/linker64"}, true, BINARY_LIBC_UNKNOWN},
	{"loader without a slash", {64, false, 3, 62, "ld-linux.so.2"}, true, BINARY_LIBC_GLIBC},
	{"loader that is a directory", {64, false, 3, 62, "/lib/"}, true, BINARY_LIBC_UNKNOWN},
	{"static", {64, false, 2, 62, NULL}, true, BINARY_LIBC_UNKNOWN},
	{"static pie", {64, false, 3, 62, NULL}, true, BINARY_LIBC_UNKNOWN},
	{"static, 32", {32, false, 2, 3, NULL}, true, BINARY_LIBC_UNKNOWN},
	{"object file", {64, false, 1, 62, NULL}, false, BINARY_LIBC_UNKNOWN},
	{"core file", {64, false, 4, 62, NULL}, false, BINARY_LIBC_UNKNOWN},
};

START_TEST(good_file_is_told)
{
	const struct shape *s = &good[_i].shape;
	struct binary_info info;
	struct file f;

	make_file(&f, s);
	ck_assert_msg(read_file(&f, &info) == 0, "%s: %s", good[_i].name, strerror(errno));
	ck_assert_msg(
	    info.bits == s->bits && info.machine == s->machine && info.big_endian == s->big_endian,
	    "%s", good[_i].name);
	ck_assert_msg(info.program == good[_i].program, "%s", good[_i].name);
	ck_assert_msg(info.dynamic == (s->loader != NULL), "%s", good[_i].name);
	ck_assert_msg(info.libc == good[_i].libc, "%s: %d", good[_i].name, info.libc);
	ck_assert_str_eq(info.interpreter, s->loader != NULL ? s->loader : "");
}
END_TEST

static const struct {
	const char *name;
	unsigned bits;
	int in_segment;  /* offset is in PT_INTERP's header; else in the file */
	unsigned offset, count;
	uint64_t value;
	int error;
} hostile[] = {
	{"magic", 64, 0, 1, 1, 'M', ENOEXEC},
	{"class 0", 64, 0, 4, 1, 0, EBADMSG},
	{"class 3", 64, 0, 4, 1, 3, EBADMSG},
	{"byte order 0", 64, 0, 5, 1, 0, EBADMSG},
	{"byte order 3", 64, 0, 5, 1, 3, EBADMSG},
	{"the other byte order", 64, 0, 5, 1, 2, 0}, /* then no program: its type reads 0x0300 */
	{"e_phoff past the end", 64, 0, 32, 8, 100000, EBADMSG},
	{"e_phoff at the end", 64, 0, 32, 8, 204, EBADMSG},
	{"e_phoff -1", 64, 0, 32, 8, UINT64_MAX, EBADMSG},
	{"e_phoff largest", 64, 0, 32, 8, INT64_MAX, EBADMSG},
	{"e_phoff just wraps", 64, 0, 32, 8, UINT64_MAX - 55, EBADMSG},
	{"e_phoff 32 past the end", 32, 0, 28, 4, 100000, EBADMSG},
	{"e_phoff 32 -1", 32, 0, 28, 4, UINT32_MAX, EBADMSG},
	{"e_phentsize 0", 64, 0, 54, 2, 0, EBADMSG},
	{"e_phentsize of the other class", 64, 0, 54, 2, 32, EBADMSG},
	{"e_phentsize 65535", 64, 0, 54, 2, 65535, EBADMSG},
	{"e_phentsize 32 0", 32, 0, 42, 2, 0, EBADMSG},
	{"e_phnum 0", 64, 0, 56, 2, 0, EBADMSG},
	{"e_phnum too many for the kernel", 64, 0, 56, 2, 1171, EBADMSG},
	{"e_phnum 65535", 64, 0, 56, 2, 65535, EBADMSG},
	{"e_phnum 32 65535", 32, 0, 44, 2, 65535, EBADMSG},
	{"p_offset past the end", 64, 1, 8, 8, 100000, EBADMSG},
	{"p_offset one too far", 64, 1, 8, 8, 177, EBADMSG},
	{"p_offset -1", 64, 1, 8, 8, UINT64_MAX, EBADMSG},
	{"p_offset largest", 64, 1, 8, 8, INT64_MAX, EBADMSG},
	{"p_offset sign bit", 64, 1, 8, 8, (uint64_t)1 << 63, EBADMSG},
	{"p_offset 32 past the end", 32, 1, 4, 4, 100000, EBADMSG},
	{"p_offset 32 -1", 32, 1, 4, 4, UINT32_MAX, EBADMSG},
	{"p_filesz 0", 64, 1, 32, 8, 0, EBADMSG},
	{"p_filesz 1", 64, 1, 32, 8, 1, EBADMSG},
	{"p_filesz without the NUL", 64, 1, 32, 8, sizeof(GLIBC_LOADER) - 1, EBADMSG},
	{"p_filesz one too many", 64, 1, 32, 8, sizeof(GLIBC_LOADER) + 1, EBADMSG},
	{"p_filesz 4096", 64, 1, 32, 8, 4096, EBADMSG},
	{"p_filesz 4097", 64, 1, 32, 8, 4097, EBADMSG},
	{"p_filesz -1", 64, 1, 32, 8, UINT64_MAX, EBADMSG},
	{"p_filesz 2^32 + 28", 64, 1, 32, 8, ((uint64_t)1 << 32) + sizeof(GLIBC_LOADER), EBADMSG},
	{"p_filesz 32 -1", 32, 1, 16, 4, UINT32_MAX, EBADMSG},
	{"empty path", 64, 0, 176, 1, 0, EBADMSG},
};

START_TEST(hostile_field_is_refused)
{
	const struct shape s = {hostile[_i].bits, false, 3, 62, GLIBC_LOADER};
	struct binary_info info;
	struct file f;
	int result;

	make_file(&f, &s);
	put(f.data + (hostile[_i].in_segment ? f.segment : 0) + hostile[_i].offset,
	    hostile[_i].count, hostile[_i].value, false);
	errno = 0;
	result = read_file(&f, &info);
	if (hostile[_i].error == 0) {
		ck_assert_msg(result == 0 && !info.program, "%s", hostile[_i].name);
	} else {
		ck_assert_msg(result == -1 && errno == hostile[_i].error, "%s: %d, %s",
		    hostile[_i].name, result, strerror(errno));
	}
	ck_assert_msg(!info.dynamic && info.interpreter[0] == '\0', "%s", hostile[_i].name);
}
END_TEST

START_TEST(file_cut_anywhere_is_refused)
{
	const struct shape shapes[] = {
	    {64, false, 3, 62, GLIBC_LOADER}, {32, true, 2, 8, "/lib/ld.so.1"}};
	struct binary_info info;
	struct file f;
	size_t whole;

	make_file(&f, &shapes[_i]);
	whole = f.size;
	for (f.size = 0; f.size < whole; f.size++) {
		ck_assert_msg(read_file(&f, &info) == -1, "cut to %zu bytes", f.size);
		ck_assert_msg(errno == (f.size < 4 ? ENOEXEC : EBADMSG), "cut to %zu bytes: %s",
		    f.size, strerror(errno));
		ck_assert(!info.dynamic && info.interpreter[0] == '\0');
	}
	f.size = whole;
	ck_assert_int_eq(read_file(&f, &info), 0);
}
END_TEST

START_TEST(other_formats_are_not_ours)
{
	static const char *const texts[] = {
	    "", "#!/bin/sh\n", "\xcf\xfa\xed\xff\x07\x00\x00\x01", "\177EL", "MZ"};
	struct bytes source = {.data = (const uint8_t *)texts[_i], .size = strlen(texts[_i])};
	struct binary_info info;

	ck_assert_int_eq(binary_read_from(read_bytes, &source, BINARY_OWN_SLICE, &info), -1);
	ck_assert_int_eq(errno, ENOEXEC);
}
END_TEST

START_TEST(read_error_is_handed_on)
{
	const struct shape s = {64, false, 3, 62, GLIBC_LOADER};
	struct bytes source;
	struct binary_info info;
	struct file f;

	make_file(&f, &s);
	/* Identification, header, two program headers, path: five reads. */
	for (int n = 1; n <= 5; n++) {
		source = (struct bytes){.data = f.data, .size = f.size, .fail_at = n};
		ck_assert_int_eq(binary_read_from(read_bytes, &source, BINARY_OWN_SLICE, &info), -1);
		ck_assert_int_eq(errno, EIO);
		ck_assert(!info.dynamic && info.interpreter[0] == '\0');
	}
	source = (struct bytes){.data = f.data, .size = f.size, .fail_at = 6};
	ck_assert_int_eq(binary_read_from(read_bytes, &source, BINARY_OWN_SLICE, &info), 0);
	ck_assert_uint_eq(source.reads, 5);
}
END_TEST

START_TEST(longest_path_fits_and_one_more_does_not)
{
	const struct shape s = {64, false, 3, 62, GLIBC_LOADER};
	static uint8_t big[176 + BINARY_INTERPRETER_SIZE + 1];
	struct bytes source = {.data = big, .size = sizeof(big)};
	struct binary_info info;
	struct file f;

	make_file(&f, &s);
	memcpy(big, f.data, 176);
	memset(big + 176, 'x', BINARY_INTERPRETER_SIZE - 1);
	big[176 + BINARY_INTERPRETER_SIZE - 1] = '\0';
	put(big + f.segment + 32, 8, BINARY_INTERPRETER_SIZE, false);
	ck_assert_int_eq(binary_read_from(read_bytes, &source, BINARY_OWN_SLICE, &info), 0);
	ck_assert_uint_eq(strlen(info.interpreter), BINARY_INTERPRETER_SIZE - 1);

	memset(big + 176, 'x', BINARY_INTERPRETER_SIZE);
	put(big + f.segment + 32, 8, BINARY_INTERPRETER_SIZE + 1, false);
	ck_assert_int_eq(binary_read_from(read_bytes, &source, BINARY_OWN_SLICE, &info), -1);
	ck_assert_int_eq(errno, EBADMSG);
}
END_TEST

START_TEST(this_program_is_read_from_its_file)
{
	char path[] = "/tmp/test-binary-elf-XXXXXX";
	const struct shape s = {64, false, 3, 62, MUSL_LOADER};
	struct binary_info info;
	struct file f;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	(void)unlink(path);
	make_file(&f, &s);
	ck_assert_int_eq(write(fd, f.data, f.size), (ssize_t)f.size);
	ck_assert_int_eq(binary_read(fd, BINARY_OWN_SLICE, &info), 0);
	ck_assert_int_eq(info.libc, BINARY_LIBC_MUSL);
	ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), (off_t)f.size); /* the position is the caller's */
	close(fd);
	ck_assert_int_eq(binary_read(fd, BINARY_OWN_SLICE, &info), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

/* The Go linker's note, in a segment of its own; whatever is wrong with it, the file is read. */
static const struct {
	const char *name;
	uint32_t field[3]; /* length of the name, of what follows, type */
	char text[5];
	uint32_t bytes; /* of the segment */
	bool go;
} notes[] = {
	{"the linker's", {4, 83, 4}, "Go\0", 99, true}, {"GNU's", {4, 16, 3}, "GNU", 32, false},
	{"another type", {4, 83, 5}, "Go\0", 99, false},
	{"another name", {4, 83, 4}, "Gox", 99, false}, {"too short", {4, 83, 4}, "Go\0", 15, false},
	{"another length", {5, 83, 4}, "Go\0", 99, false},
};

START_TEST(programs_in_go_are_told)
{
	const struct shape shapes[] = {{64, false, 3, 62, GLIBC_LOADER}, {32, true, 2, 8, "/lib/ld.so.1"}};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		bool wide = shapes[i].bits == 64, big = shapes[i].big_endian;
		struct binary_info info;
		struct file f;

		make_file(&f, &shapes[i]);
		put(f.data + f.table, 4, 4, big);
		put(f.data + f.table + (wide ? 8 : 4), wide ? 8 : 4, f.size, big);
		put(f.data + f.table + (wide ? 32 : 16), wide ? 8 : 4, notes[_i].bytes, big);
		for (size_t field = 0; field < 3; field++) {
			put(f.data + f.size + 4 * field, 4, notes[_i].field[field], big);
		}
		memcpy(f.data + f.size + 12, notes[_i].text, 4);
		f.size += 16;
		ck_assert_int_eq(read_file(&f, &info), 0);
		ck_assert_msg(info.go == notes[_i].go, "%s", notes[_i].name);
		ck_assert(info.dynamic);
		f.size -= 1; /* cut off within the note */
		ck_assert_int_eq(read_file(&f, &info), 0);
		ck_assert(!info.go);
	}
}
END_TEST

START_TEST(machines_have_names)
{
	struct binary_info info = {.format = BINARY_ELF, .machine = 62};

	ck_assert_str_eq(binary_machine_name(&info), "x86-64");
	info.machine = 183;
	ck_assert_str_eq(binary_machine_name(&info), "arm64");
	info.machine = 65535;
	ck_assert_str_eq(binary_machine_name(&info), "machine 65535");
}
END_TEST

/*
 * Every byte of a good file set to each of a few values, alone and with a second one: what must
 * hold for every file holds.
 */
START_TEST(changed_bytes_break_no_promise)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
	const struct shape shapes[] = {
	    {64, false, 3, 62, GLIBC_LOADER}, {32, true, 2, 8, "/lib/ld.so.1"}};
	struct file f;
	unsigned random = 1;

	make_file(&f, &shapes[_i]);
	for (size_t at = 0; at < f.size; at++) {
		for (size_t v = 0; v < sizeof(values); v++) {
			struct file g = f;

			g.data[at] = values[v];
			LLVMFuzzerTestOneInput(g.data, g.size);
			random = random * 1103515245u + 12345u;
			g.data[random / 65536u % g.size] = (uint8_t)(random >> 8);
			LLVMFuzzerTestOneInput(g.data, g.size);
		}
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("binary-elf");
	TCase *tcase = tcase_create("header");

	tcase_add_loop_test(tcase, good_file_is_told, 0, (int)(sizeof(good) / sizeof(good[0])));
	tcase_add_loop_test(
	    tcase, hostile_field_is_refused, 0, (int)(sizeof(hostile) / sizeof(hostile[0])));
	tcase_add_loop_test(tcase, file_cut_anywhere_is_refused, 0, 2);
	tcase_add_loop_test(tcase, other_formats_are_not_ours, 0, 5);
	tcase_add_test(tcase, read_error_is_handed_on);
	tcase_add_test(tcase, longest_path_fits_and_one_more_does_not);
	tcase_add_test(tcase, this_program_is_read_from_its_file);
	tcase_add_loop_test(tcase, programs_in_go_are_told, 0, (int)(sizeof(notes) / sizeof(notes[0])));
	tcase_add_test(tcase, machines_have_names);
	tcase_add_loop_test(tcase, changed_bytes_break_no_promise, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}

#endif
