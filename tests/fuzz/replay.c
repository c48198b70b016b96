/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c - runs a fuzz target on each file of its corpus, as TAP: replay-TARGET CORPUS-DIRECTORY
 *
 * For the ordinary test run, which needs no libFuzzer.  What a fuzzer found once is tested for ever by a file in the corpus.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_BYTES_MAX (1u << 20)

static int
run_file(const char *directory, const char *name)
{
	static uint8_t buffer[INPUT_BYTES_MAX];
	char path[4096];
	uint8_t *exact;
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "rb");
	if (f == NULL) {
		printf("# %s: %s\n", path, strerror(errno));
		return -1;
	}
	size = fread(buffer, 1, sizeof(buffer), f);
	if (ferror(f) != 0 || size == sizeof(buffer)) {
		printf("# %s: not read whole\n", path);
		fclose(f);
		return -1;
	}
	fclose(f);
	/* Of exactly its size, so that the sanitizers see a look past the end. */
	exact = malloc(size > 0 ? size : 1);
	if (exact == NULL) {
		return -1;
	}
	memcpy(exact, buffer, size);
	(void)LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 0;
}

int
main(int argc, char **argv)
{
	struct dirent **files;
	unsigned number = 0, failed = 0;
	int count;

	if (argc != 2 || (count = scandir(argv[1], &files, NULL, alphasort)) < 0) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* a target that aborts leaves what was said so far */
	for (int i = 0; i < count; i++) {
		if (files[i]->d_name[0] != '.') {
			int result = run_file(argv[1], files[i]->d_name);

			printf("%sok %u - %s\n", result == 0 ? "" : "not ", ++number, files[i]->d_name);
			failed += result != 0;
		}
		free(files[i]);
	}
	free(files);
	printf("%sok %u - %lu times past the checks in %u inputs\n", fuzz_accepted > 0 ? "" : "not ", number + 1, fuzz_accepted,
	    number);
	failed += fuzz_accepted == 0;
	printf("1..%u\n", number + 1);
	return failed == 0 ? 0 : 1;
}
