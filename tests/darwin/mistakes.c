/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mistakes.c - mistakes [heap | stack | freed | overflow]: makes one, which the sanitizers that it is compiled with must find (checked.py).
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What the compiler cannot know. */
static volatile int nine = 9, most = INT_MAX;

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	char *heap = malloc(8), stack[8] = {0}, *in_stack = stack;
	int result = 0;

	if (heap == NULL) {
		return 64;
	}
	memset(heap, 0, 8);
	if (strcmp(word, "heap") == 0) {
		result = heap[nine];
	} else if (strcmp(word, "stack") == 0) {
		in_stack[nine] = 1;
		result = stack[1];
	} else if (strcmp(word, "overflow") == 0) {
		result = most + nine;
	}
	free(heap);
	if (strcmp(word, "freed") == 0) {
		result = *(volatile char *)heap;
	}
	return result == 0 ? 0 : 1;
}
