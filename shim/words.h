/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * words.h - which words of a command name a device: what the configuration programs take for an interface.
 *
 * Pure functions: no system call, no allocation, errno untouched.
 */
#ifndef TUNTAPD_SHIM_WORDS_H
#define TUNTAPD_SHIM_WORDS_H

#include <stdint.h>

/* Names found in one command; what comes after is left.  No command line that was seen has more than three. */
#define WORDS_NAMES_MAX 64
/* Words of a command that are looked at.  A longer one is left as it is. */
#define WORDS_MAX 4096

/* A name in a word: its first byte, and how many. */
struct words_name {
	uint16_t word;
	uint16_t at;
	uint16_t bytes;
};

struct words_found {
	unsigned count;
	int script; /* the word that is a shell's command line ("sh -c ..."); -1: none is */
	struct words_name names[WORDS_NAMES_MAX];
};

/*
 * program: the file that is run, by path or name; words: the command with the word that stands for its program first, count of them, at
 * most WORDS_MAX.  A word that is NULL is one whose text is not known.  Fills *found, in the order of the words.
 */
void words_search(const char *program, const char *const words[], unsigned count, struct words_found *found);

#endif
