/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conftext.h - the text of a configuration file: its words and where they stand, and all that is wrong with it.
 */
#ifndef TUNTAPD_DAEMON_CONFTEXT_H
#define TUNTAPD_DAEMON_CONFTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file that is larger is refused, bytes. */
#define CONFTEXT_BYTES_MAX (256u * 1024)
/* Errors that are kept; a file with more has said enough. */
#define CONFTEXT_ERRORS_MAX 32
#define CONFTEXT_ERROR_SIZE 256

struct conftext_token {
	char mark;       /* '{', '}', '(', ')', '=', ',', '+' for "+="; 'w': a word; '"': a quoted string */
	uint32_t start;  /* in the text; of a string: its first quote */
	uint32_t length; /* bytes, quotes included */
	uint32_t line;   /* from 1 */
	uint32_t column; /* from 1, bytes */
};

struct conftext_error {
	uint32_t line, column;
	char text[CONFTEXT_ERROR_SIZE];
};

struct conftext {
	char *text; /* NUL-terminated; comments are blanked */
	size_t length;
	struct conftext_token *tokens; /* ended by one with mark '\0', at the end of the text */
	uint32_t token_count;          /* without that one */
	unsigned error_count;          /* all that there were; the first CONFTEXT_ERRORS_MAX are kept */
	struct conftext_error errors[CONFTEXT_ERRORS_MAX];
};

/*
 * Takes in a text and finds its tokens.  What is no token is an error in *t.  0, or -1 with errno ENOMEM, EFBIG, or EINVAL (a NUL byte
 * is in it).  conftext_free() in any case.
 */
int conftext_read(struct conftext *t, const char *text, size_t length);
void conftext_free(struct conftext *t);

/* Whether a token is text, without its quotes, with nothing escaped in it. */
bool conftext_is(const struct conftext *t, const struct conftext_token *token, const char *text);

/* Copies a token without its quotes into out, cut to size. */
const char *conftext_copy(const struct conftext *t, const struct conftext_token *token, char *out, size_t size);

/* Overwrites tokens first ... last - 1, so that a parser does not see them. */
void conftext_blank(struct conftext *t, uint32_t first, uint32_t last);

void conftext_error(struct conftext *t, uint32_t line, uint32_t column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts the errors into the order of the file. */
void conftext_sort_errors(struct conftext *t);

/* The one of words (ended by NULL) that text most likely stands for; NULL: none is near. */
const char *conftext_nearest(const char *text, const char *const *words);

#endif
