/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conftext.c - the text of a configuration file.  See conftext.h.
 *
 * Theory of operation.  The parser is libconfuse.  It tells lines only, and wrong ones after a comment; it takes comments between
 * statements alone; it drops in silence the characters that it has no use for (the '*' of an unquoted "vpn*"), and a block that is not
 * closed; and it puts variables of the environment into values.  So the text is read here before: tokens by the same rules, each with
 * its place; comments are blanked, and what libconfuse would pass over is an error.  The parser then sees only what has one meaning.
 *
 * Sources: libconfuse's own rules of tokens (src/lexer.l).
 */
#include "conftext.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest word that is compared with others. */
#define NEAR_LENGTH_MAX 31

struct reader {
	struct conftext *t;
	size_t at;
	uint32_t line;
	size_t line_start;
	uint32_t capacity;
};

void
conftext_error(struct conftext *t, uint32_t line, uint32_t column, const char *format, ...)
{
	struct conftext_error *e;
	va_list args;

	t->error_count++;
	if (t->error_count > CONFTEXT_ERRORS_MAX) {
		return;
	}
	e = &t->errors[t->error_count - 1];
	e->line = line;
	e->column = column;
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	/* It goes to terminals and logs, and a part of it is the file's. */
	for (unsigned char *c = (unsigned char *)e->text; *c != '\0'; c++) {
		if (*c < ' ' || *c == 0x7f) {
			*c = '?';
		}
	}
}

static uint32_t
column_of(const struct reader *r, size_t at)
{
	return (uint32_t)(at - r->line_start) + 1;
}

static void
next_line(struct reader *r)
{
	r->line++;
	r->line_start = r->at;
}

static int
add_token(struct reader *r, char mark, size_t start, uint32_t line, uint32_t column)
{
	struct conftext *t = r->t;

	if (t->token_count == r->capacity) {
		uint32_t capacity = r->capacity > 0 ? 2 * r->capacity : 64;
		struct conftext_token *tokens = realloc(t->tokens, capacity * sizeof(*tokens));

		if (tokens == NULL) {
			return -1;
		}
		t->tokens = tokens;
		r->capacity = capacity;
	}
	t->tokens[t->token_count++] = (struct conftext_token){
		.mark = mark,
		.start = (uint32_t)start,
		.length = (uint32_t)(r->at - start),
		.line = line,
		.column = column,
	};
	return 0;
}

/* Blanks to the end of the line. */
static void
skip_line_comment(struct reader *r)
{
	while (r->at < r->t->length && r->t->text[r->at] != '\n') {
		r->t->text[r->at++] = ' ';
	}
}

static void
skip_block_comment(struct reader *r)
{
	char *text = r->t->text;
	uint32_t line = r->line, column = column_of(r, r->at);

	text[r->at] = text[r->at + 1] = ' ';
	r->at += 2;
	while (r->at < r->t->length) {
		if (text[r->at] == '*' && text[r->at + 1] == '/') {
			text[r->at] = text[r->at + 1] = ' ';
			r->at += 2;
			return;
		}
		if (text[r->at++] == '\n') {
			next_line(r);
		} else {
			text[r->at - 1] = ' ';
		}
	}
	conftext_error(r->t, line, column, "this comment has no end");
}

static int
read_string(struct reader *r)
{
	const char *text = r->t->text;
	uint32_t line = r->line, column = column_of(r, r->at);
	size_t start = r->at;
	char quote = text[r->at++];

	while (r->at < r->t->length && text[r->at] != quote) {
		if (quote == '"' && text[r->at] == '$' && text[r->at + 1] == '{') {
			conftext_error(r->t, r->line, column_of(r, r->at), "variables of the environment are not looked up here: "
			    "write the value");
		}
		if (text[r->at] == '\\' && r->at + 1 < r->t->length) {
			r->at++;
		}
		if (text[r->at++] == '\n') {
			next_line(r);
		}
	}
	if (r->at >= r->t->length) {
		conftext_error(r->t, line, column, "this string has no end");
		return 0;
	}
	r->at++;
	return add_token(r, '"', start, line, column);
}

/* What ends a word. */
static bool
is_word(char c)
{
	return c != '\0' && strchr(" #\"'\t\n\r={}()+,*", c) == NULL;
}

static int
read_word(struct reader *r)
{
	const char *text = r->t->text;
	size_t start = r->at;

	if (text[start] == '$' && text[start + 1] == '{') {
		conftext_error(r->t, r->line, column_of(r, start), "variables of the environment are not looked up here: write the value");
	}
	while (r->at < r->t->length && is_word(text[r->at])) {
		r->at++;
	}
	return add_token(r, 'w', start, r->line, column_of(r, start));
}

static int
read_one(struct reader *r)
{
	const char *text = r->t->text; /* ends with NUL: the look at the next character is always there */
	size_t start = r->at;
	char c = text[start];

	switch (c) {
	case '\n':
		r->at++;
		next_line(r);
		return 0;
	case ' ':
	case '\t':
		r->at++;
		return 0;
	case '#':
		skip_line_comment(r);
		return 0;
	case '{':
	case '}':
	case '(':
	case ')':
	case '=':
	case ',':
		r->at++;
		return add_token(r, c, start, r->line, column_of(r, start));
	case '"':
	case '\'':
		return read_string(r);
	default:
		break;
	}
	if (c == '\r' && text[start + 1] == '\n') {
		r->at++;
		return 0;
	}
	if (c == '/' && text[start + 1] == '/') {
		skip_line_comment(r);
		return 0;
	}
	if (c == '/' && text[start + 1] == '*') {
		skip_block_comment(r);
		return 0;
	}
	if (c == '+' && text[start + 1] == '=') {
		r->at += 2;
		return add_token(r, '+', start, r->line, column_of(r, start));
	}
	if (is_word(c)) {
		return read_word(r);
	}
	conftext_error(r->t, r->line, column_of(r, start), "'%c' has no meaning here: put the value in quotes", c);
	r->at++;
	return 0;
}

int
conftext_read(struct conftext *t, const char *text, size_t length)
{
	struct reader r = {.t = t, .line = 1};

	memset(t, 0, sizeof(*t));
	if (length > CONFTEXT_BYTES_MAX) {
		errno = EFBIG;
		return -1;
	}
	if (memchr(text, '\0', length) != NULL) {
		errno = EINVAL;
		return -1;
	}
	t->text = malloc(length + 1);
	if (t->text == NULL) {
		return -1;
	}
	memcpy(t->text, text, length);
	t->text[length] = '\0';
	t->length = length;
	while (r.at < length) {
		if (read_one(&r) < 0) {
			return -1;
		}
	}
	if (add_token(&r, '\0', length, r.line, column_of(&r, length)) < 0) {
		return -1;
	}
	t->token_count--;
	return 0;
}

void
conftext_free(struct conftext *t)
{
	free(t->text);
	free(t->tokens);
	t->text = NULL;
	t->tokens = NULL;
	t->token_count = 0;
}

const char *
conftext_copy(const struct conftext *t, const struct conftext_token *token, char *out, size_t size)
{
	size_t start = token->start, length = token->length;

	if (token->mark == '"') {
		start++;
		length -= 2;
	}
	if (length > size - 1) {
		length = size - 1;
	}
	memcpy(out, t->text + start, length);
	out[length] = '\0';
	return out;
}

bool
conftext_is(const struct conftext *t, const struct conftext_token *token, const char *text)
{
	size_t quote = token->mark == '"', length = token->length - 2 * quote;

	return strlen(text) == length && memcmp(t->text + token->start + quote, text, length) == 0;
}

void
conftext_blank(struct conftext *t, uint32_t first, uint32_t last)
{
	size_t end = last < t->token_count ? t->tokens[last].start : t->length;

	for (size_t at = t->tokens[first].start; at < end; at++) {
		if (t->text[at] != '\n') {
			t->text[at] = ' ';
		}
	}
}

static int
compare_errors(const void *a, const void *b)
{
	const struct conftext_error *x = a, *y = b;

	if (x->line != y->line) {
		return x->line < y->line ? -1 : 1;
	}
	return x->column < y->column ? -1 : x->column > y->column;
}

void
conftext_sort_errors(struct conftext *t)
{
	size_t kept = t->error_count < CONFTEXT_ERRORS_MAX ? t->error_count : CONFTEXT_ERRORS_MAX;

	qsort(t->errors, kept, sizeof(t->errors[0]), compare_errors);
}

/* Changes of one character, or of two neighbours for each other, that make b of a (the optimal string alignment distance). */
static unsigned
distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[3][NEAR_LENGTH_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];

	for (unsigned j = 0; j <= b_length; j++) {
		last[j] = j;
		before[j] = 0;
	}
	for (unsigned i = 1; i <= a_length; i++) {
		unsigned *spare = before;

		now[0] = i;
		for (unsigned j = 1; j <= b_length; j++) {
			unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = last[j] + 1 < best ? last[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best) {
				best = before[j - 2] + 1;
			}
			now[j] = best;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b_length];
}

const char *
conftext_nearest(const char *text, const char *const *words)
{
	size_t length = strlen(text);
	const char *nearest = NULL;
	/* A third of a word wrong, and it is another word. */
	unsigned least = (unsigned)(length < 3 ? 1 : length / 3) + 1;

	if (length > NEAR_LENGTH_MAX) {
		return NULL;
	}
	for (; *words != NULL; words++) {
		size_t word_length = strlen(*words);
		unsigned changes;

		if (word_length > NEAR_LENGTH_MAX) {
			continue;
		}
		changes = distance(text, length, *words, word_length);
		if (changes < least) {
			least = changes;
			nearest = *words;
		}
	}
	return nearest;
}
