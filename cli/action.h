/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * action.h - what a command does to the system as a whole: runs one of its programs, writes a file,
 * removes one.  Or, in a dry run, says it on standard output, in words that sh(1) takes.
 *
 * Functions that return an exit status have said on standard error what is wrong.
 */
#ifndef TUNTAPD_CLI_ACTION_H
#define TUNTAPD_CLI_ACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* What is kept of a program's words. */
#define ACTION_TEXT_SIZE 16384

struct action_answer {
	int status;                  /* its exit status; 128 + the signal's number if one ended it */
	char text[ACTION_TEXT_SIZE]; /* standard output and standard error, as they came */
};

/* Whether the system has that program, where its own programs are. */
bool action_has(const char *name);

/*
 * Asks a program of the system's, by its plain name (argv[0]): in a dry run, too.  0 with *answer, or
 * -1 with errno: ENOENT (there is none), ETIMEDOUT (it was ended), or as fork(2).  Nothing is said.
 */
int action_ask(const char *const argv[], struct action_answer *answer);

/*
 * Has one do something.  In a dry run the words are written and the answer is status 0 with no text.
 * As action_ask().
 */
int action_do(bool dry, const char *const argv[], struct action_answer *answer);

/* The same, for what must succeed: EXIT_CODE_OK, or EXIT_CODE_SYSTEM with the program's own words. */
int action_must(bool dry, const char *const argv[]);

/*
 * Makes a file be of that text, root's and for others to read: EXIT_CODE_OK; *changed: it was not
 * before.  The file is replaced as a whole.  Its directory is made if it is missing.  Or
 * EXIT_CODE_FILE.
 */
int action_write(bool dry, const char *path, const char *text, bool *changed);

/* Removes a file that may be missing.  EXIT_CODE_OK, or EXIT_CODE_FILE. */
int action_remove(bool dry, const char *path);

/* Whether a file has exactly that text. */
bool action_file_is(const char *path, const char *text);

/* A word as sh(1) reads it. */
void action_print_word(FILE *out, const char *word);

/* Waits, as between two questions. */
void action_pause(unsigned ms);

#endif
