/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * binary.c - what a program file is: chooses the reader of its format.  See binary.h.
 */
#include "cli/binary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/binary-format.h"

int
binary_damaged(void)
{
	errno = EBADMSG;
	return -1;
}

int
binary_take(const struct binary_source *source, void *data, size_t size, uint64_t offset)
{
	ssize_t n;

	if (offset > INT64_MAX - source->base || source->base + offset > INT64_MAX - size) {
		return binary_damaged(); /* past what a file can be */
	}
	n = source->read(source->context, data, size, source->base + offset);
	if (n < 0) {
		return -1;
	}
	return (size_t)n == size ? 0 : binary_damaged();
}

int
binary_read_from(binary_read_fn read, void *context, int slice, struct binary_info *info)
{
	struct binary_source source = {.read = read, .context = context};

	*info = (struct binary_info){.format = BINARY_ELF, .slices = 1};
	if (binary_elf_read(&source, info) == 0) {
		if (slice > 0) {
			errno = ERANGE;
			return -1;
		}
		return 0;
	}
	if (errno != ENOEXEC) {
		return -1;
	}
	*info = (struct binary_info){.format = BINARY_MACHO, .slices = 1};
	return binary_macho_read(&source, slice, info);
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
binary_read(int fd, int slice, struct binary_info *info)
{
	return binary_read_from(read_file, &fd, slice, info);
}

const char *
binary_machine_name(const struct binary_info *info)
{
	static char other[24];
	const char *name = info->format == BINARY_ELF ? binary_elf_machine(info) : binary_macho_machine(info);

	if (name != NULL) {
		return name;
	}
	snprintf(other, sizeof(other), "machine %u", info->machine);
	return other;
}
