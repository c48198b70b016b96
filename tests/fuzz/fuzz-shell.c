/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-shell.c - any bytes as the command line of system(3).
 *
 * What is found is names of devices, one after another, as they stand in the line; with other names in their places, nothing is found.
 */
#include <string.h>

#include "fuzz.h"
#include "protocol/devname.h"
#include "shim/shell.h"

unsigned long fuzz_accepted;

static void
names_must_hold(const char *line, size_t length, const struct shell_name *names, unsigned count)
{
	char *other = malloc(length + 1);
	struct shell_name again[SHELL_NAMES_MAX];
	size_t end = 0;

	if (other == NULL) {
		return;
	}
	memcpy(other, line, length + 1);
	for (unsigned i = 0; i < count; i++) {
		char name[DEVNAME_SIZE] = {0};
		struct device_id id;

		fuzz_must(names[i].at >= end && names[i].at + names[i].bytes <= length, "one after another");
		end = (size_t)names[i].at + names[i].bytes;
		fuzz_must(names[i].bytes < sizeof(name), "size");
		memcpy(name, line + names[i].at, names[i].bytes);
		fuzz_must(devname_parse(name, &id) && device_id_valid(id), "a device's name");
		memset(other + names[i].at, 'x', names[i].bytes);
	}
	if (count < SHELL_NAMES_MAX) {
		fuzz_must(shell_search(other, again) == 0, "nothing else becomes a name");
	}
	free(other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shell_name names[SHELL_NAMES_MAX];
	char *line = malloc(size + 1);
	unsigned count;

	if (line == NULL) {
		return 0;
	}
	memcpy(line, data, size);
	line[size] = '\0';
	count = shell_search(line, names);
	if (count > 0) {
		fuzz_accepted++;
		names_must_hold(line, strlen(line), names, count);
	}
	free(line);
	return 0;
}
