/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loader.c - runs a Mach-O program in a Linux process of the same processor.  Usage: loader [-p FILE NAME | PROGRAM] ARGUMENT...
 *
 * Theory of operation.  macOS and Linux call functions alike, nearly (machine.h), so a program of one runs in a process of the other, once
 * its segments are mapped, its pointers put right and the functions that it imports are there.  The functions are the stand-in's
 * (standin.h), which takes Darwin's numbers and layouts and knows no others: what it does not have ends the program, by name, when it is
 * called.
 *
 * -p: as execve(2) has it, the file, and then the arguments with what the program is called first.  DYLD_INSERT_LIBRARIES names a library
 * that is put into it, one, as dyld does it (darwin.md 7): a library that cannot be loaded ends the program.
 *
 * Program and inserted library stand wherever there is room.  The library is bound first, to the stand-in; the pairs of its interposing
 * section then hold for the program: what it imports is replaced where the stand-in's function is a pair's second.  Initialisers run before
 * main, the library's before the program's.
 *
 * Only what the files of macOS 11 have is read: bind and rebase opcodes, no chained fixups.
 *
 * Sources: mach-o/loader.h, mach-o/fat.h; dyld's mach_o/ for the opcodes; docs/macos.md for what this can prove.
 */
#include "standin.h"

#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"

#define SEGMENTS_MAX 16
#define PAIRS_MAX 512

/* mach-o/loader.h */
struct header {
	uint32_t magic, cpu, subcpu, type, command_count, commands_bytes, flags, reserved;
};
struct command {
	uint32_t kind, bytes;
};
struct segment {
	struct command command;
	char name[16];
	uint64_t address, size, offset, file_bytes;
	uint32_t most, first, section_count, flags;
};
struct section {
	char name[16], segment[16];
	uint64_t address, size;
	uint32_t offset, align, relocations, relocation_count, flags, reserved[3];
};
struct dyld_info {
	struct command command;
	uint32_t rebase, rebase_bytes, bind, bind_bytes, weak, weak_bytes, lazy, lazy_bytes, exports, exports_bytes;
};
struct entry_point {
	struct command command;
	uint64_t offset, stack;
};

struct pair {
	uint64_t ours, theirs;
};

struct image {
	const char *path;
	const uint8_t *file;
	uint64_t slide, text; /* text: where its first segment is, slid */
	uint64_t segments[SEGMENTS_MAX];
	unsigned segment_count;
	const struct dyld_info *info;
	const struct entry_point *entry;
	struct pair *pairs;
	size_t pair_count;
	uint64_t *initialisers;
	size_t initialiser_count;
};

static uint32_t
big(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static const uint8_t *
map_slice(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *file;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err(126, "%s", path);
	}
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED) {
		err(126, "%s", path);
	}
	if (big(file) != 0xcafebabe) {
		return file;
	}
	for (uint32_t i = 0; i < big(file + 4); i++) {
		if (big(file + 8 + 20 * (size_t)i) == machine_cpu) {
			return file + big(file + 16 + 20 * (size_t)i);
		}
	}
	errx(126, "%s: nothing for %s", path, machine_name);
}

static void
take_sections(struct image *image, const struct segment *segment)
{
	const struct section *section = (const struct section *)(segment + 1);

	for (uint32_t i = 0; i < segment->section_count; i++) {
		void *at = (void *)(section[i].address + image->slide);

		if (strncmp(section[i].name, "__interpose", 16) == 0) {
			image->pairs = at;
			image->pair_count = section[i].size / sizeof(struct pair);
		} else if ((section[i].flags & 0xff) == 9) { /* S_MOD_INIT_FUNC_POINTERS */
			image->initialisers = at;
			image->initialiser_count = section[i].size / sizeof(uint64_t);
		}
	}
}

/* Room for all of an image, from 0 on: how far from there. */
static uint64_t
find_room(const struct header *header)
{
	const uint8_t *at = (const uint8_t *)(header + 1);
	uint64_t end = 0;
	void *room;

	for (uint32_t i = 0; i < header->command_count; i++) {
		const struct segment *segment = (const void *)at;

		if (segment->command.kind == 0x19 && segment->address + segment->size > end) {
			end = segment->address + segment->size;
		}
		at += segment->command.bytes;
	}
	room = mmap(NULL, end, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED) {
		err(126, "mmap");
	}
	return (uint64_t)room;
}

static void
map_image(struct image *image, const char *path)
{
	const struct header *header;
	const uint8_t *at;

	image->path = path;
	image->file = map_slice(path);
	header = (const void *)image->file;
	if (header->magic != 0xfeedfacf || header->cpu != machine_cpu) {
		errx(126, "%s: no Mach-O file for %s", path, machine_name);
	}
	if (header->type != 6 && (header->flags & 0x200000) == 0) {
		errx(126, "%s: not position-independent", path);
	}
	image->slide = find_room(header);
	at = (const uint8_t *)(header + 1);
	for (uint32_t i = 0; i < header->command_count; i++) {
		const struct segment *segment = (const void *)at;

		switch (segment->command.kind & 0x7fffffff) {
		case 0x19:
			if (image->segment_count == SEGMENTS_MAX) {
				errx(126, "%s: too many segments", path);
			}
			image->segments[image->segment_count++] = segment->address + image->slide;
			if (strncmp(segment->name, "__PAGEZERO", 16) == 0 || segment->size == 0) {
				break;
			}
			if (mmap((void *)(segment->address + image->slide), segment->size, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
				err(126, "%s: %.16s", path, segment->name);
			}
			memcpy((void *)(segment->address + image->slide), image->file + segment->offset, segment->file_bytes);
			if (strncmp(segment->name, "__TEXT", 16) == 0) {
				image->text = segment->address + image->slide;
			}
			take_sections(image, segment);
			break;
		case 0x22: /* LC_DYLD_INFO */
			image->info = (const void *)at;
			break;
		case 0x28: /* LC_MAIN */
			image->entry = (const void *)at;
			break;
		case 0x34: /* LC_DYLD_CHAINED_FIXUPS */
			errx(126, "%s: chained fixups: link it for macOS 11", path);
		default:
			break;
		}
		at += segment->command.bytes;
	}
	if (image->info == NULL) {
		errx(126, "%s: no LC_DYLD_INFO", path);
	}
}

static uint64_t
take_uleb(const uint8_t **at)
{
	uint64_t value = 0;
	unsigned shift = 0;

	do {
		value |= (uint64_t)(**at & 0x7f) << shift;
		shift += 7;
	} while ((*(*at)++ & 0x80) != 0);
	return value;
}

static void
rebase_some(const struct image *image, uint64_t *place, uint64_t count, uint64_t skip)
{
	for (uint64_t i = 0; i < count; i++) {
		*(uint64_t *)*place += image->slide;
		*place += sizeof(uint64_t) + skip;
	}
}

static void
rebase(const struct image *image)
{
	const uint8_t *at = image->file + image->info->rebase, *end = at + image->info->rebase_bytes;
	uint64_t place = 0, count;

	while (at < end) {
		uint8_t code = *at & 0xf0, value = *at & 0x0f;

		at++;
		switch (code) {
		case 0x00:
			return;
		case 0x10:
			break; /* the type: a pointer */
		case 0x20:
			place = image->segments[value] + take_uleb(&at);
			break;
		case 0x30:
			place += take_uleb(&at);
			break;
		case 0x40:
			place += (uint64_t)value * sizeof(uint64_t);
			break;
		case 0x50:
			rebase_some(image, &place, value, 0);
			break;
		case 0x60:
			rebase_some(image, &place, take_uleb(&at), 0);
			break;
		case 0x70:
			rebase_some(image, &place, 1, take_uleb(&at));
			break;
		case 0x80:
			count = take_uleb(&at);
			rebase_some(image, &place, count, take_uleb(&at));
			break;
		default:
			errx(126, "%s: rebase opcode %#x", image->path, code);
		}
	}
}

/* What the checked files want of their sanitizer's runtime: a loader that was linked with it has it (checked.py). */
static uint64_t
find_runtime(const char *symbol)
{
	void *found = dlsym(RTLD_DEFAULT, symbol + 1);

	if (found == NULL) {
		errx(126, "%s: this loader has no sanitizer", symbol);
	}
	return (uint64_t)found;
}

/* What a symbol is, for an image: the library's own replacement, where there is one. */
static uint64_t
resolve(const char *symbol, const struct image *interposer)
{
	uint64_t found = strncmp(symbol, "___asan_", 8) == 0 ? find_runtime(symbol) : (uint64_t)standin_find(symbol);

	for (size_t i = 0; interposer != NULL && i < interposer->pair_count; i++) {
		if (interposer->pairs[i].theirs == found) {
			return interposer->pairs[i].ours;
		}
	}
	return found;
}

static void
bind(const struct image *image, const uint8_t *at, uint32_t bytes, const struct image *interposer)
{
	const uint8_t *end = at + bytes;
	const char *symbol = "";
	uint64_t place = 0, count, skip;
	int64_t addend = 0;

	while (at < end) {
		uint8_t code = *at & 0xf0, value = *at & 0x0f;

		at++;
		switch (code) {
		case 0x00: /* the end of one, among lazy binds; of all, else */
		case 0x10: /* the library: there is one */
		case 0x30:
		case 0x50: /* the type: a pointer */
			break;
		case 0x20:
			(void)take_uleb(&at);
			break;
		case 0x40:
			symbol = (const char *)at;
			at += strlen(symbol) + 1;
			break;
		case 0x60:
			addend = (int64_t)take_uleb(&at);
			break;
		case 0x70:
			place = image->segments[value] + take_uleb(&at);
			break;
		case 0x80:
			place += take_uleb(&at);
			break;
		case 0x90:
		case 0xa0:
		case 0xb0:
			*(uint64_t *)place = resolve(symbol, interposer) + (uint64_t)addend;
			place += sizeof(uint64_t) + (code == 0xa0 ? take_uleb(&at) : code == 0xb0 ? value * sizeof(uint64_t) : 0);
			break;
		case 0xc0:
			count = take_uleb(&at);
			skip = take_uleb(&at);
			for (uint64_t i = 0; i < count; i++) {
				*(uint64_t *)place = resolve(symbol, interposer) + (uint64_t)addend;
				place += sizeof(uint64_t) + skip;
			}
			break;
		default:
			errx(126, "%s: bind opcode %#x", image->path, code);
		}
	}
}

static void
bind_all(const struct image *image, const struct image *interposer)
{
	const struct dyld_info *info = image->info;

	bind(image, image->file + info->bind, info->bind_bytes, interposer);
	bind(image, image->file + info->weak, info->weak_bytes, interposer);
	bind(image, image->file + info->lazy, info->lazy_bytes, interposer);
}

static void
initialise(const struct image *image, int argc, char **argv)
{
	for (size_t i = 0; i < image->initialiser_count; i++) {
		((void (*)(int, char **, char **))image->initialisers[i])(argc, argv, environ);
	}
}

int
main(int argc, char **argv)
{
	static struct image library, program;
	int (*entry)(int, char **, char **);
	const char *inserted = getenv("DYLD_INSERT_LIBRARIES"), *file;

	if (argc > 3 && strcmp(argv[1], "-p") == 0) {
		file = argv[2];
		argv += 3;
		argc -= 3;
	} else if (argc > 1) {
		file = *++argv;
		argc--;
	} else {
		errx(64, "usage: loader [-p FILE NAME | PROGRAM] ARGUMENT...");
	}
	/* err(3) says who speaks. */
	program_invocation_name = program_invocation_short_name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
	standin_start(file);
	if (inserted != NULL) {
		map_image(&library, inserted);
		rebase(&library);
		bind_all(&library, NULL);
	}
	map_image(&program, file);
	if (program.entry == NULL) {
		errx(126, "%s: no program", file);
	}
	rebase(&program);
	bind_all(&program, inserted != NULL ? &library : NULL);
	initialise(&library, argc, argv);
	initialise(&program, argc, argv);
	entry = (int (*)(int, char **, char **))(program.text + program.entry->offset);
	exit(entry(argc, argv, environ));
}
